"""The published measures of need, against what is published about them."""

from fractions import Fraction

import pytest

from cbi.registry.scorecards import measures
from cbi.registry.scorecards.measures import Number

FCS = ("staples", "pulses", "milk", "meat_fish_eggs", "vegetables", "fruit", "oil", "sugar")
RCSI = ("less_preferred", "borrowed", "fewer_meals", "smaller_portions", "adults_less")
HDDS = (
    "cereals", "roots", "vegetables", "fruit", "meat", "eggs", "fish", "pulses", "milk", "oil", "sugar", "other",
)  # fmt: skip


@pytest.mark.parametrize(
    ("days", "score"),
    [
        # the worked households of wfp-survey-toolbox (AssiALi16 on GitHub), its test of the rCSI
        ((7, 4, 7, 2, 7), 45), ((3, 1, 0, 1, 2), 12), ((0, 0, 0, 0, 1), 3),
        # the published range: 0 to 56
        ((0, 0, 0, 0, 0), 0), ((7, 7, 7, 7, 7), 56),
    ],
)  # fmt: skip
def test_the_rcsi_weighs_five_strategies(days: tuple[int, ...], score: int) -> None:
    assert measures.rcsi(**dict(zip(RCSI, days, strict=True))) == score


def test_a_week_has_seven_days() -> None:
    with pytest.raises(ValueError, match="8 days"):
        measures.rcsi(**dict(zip(RCSI, (8, 0, 0, 0, 0), strict=True)))


@pytest.mark.parametrize(
    ("rcsi", "phase"), [(0, 1), (3, 1), (4, 2), (18, 2), (19, 3), (42, 3), (43, 4), (56, 4)]
)
def test_the_rcsi_points_to_a_phase_as_the_cluster_published(rcsi: int, phase: int) -> None:
    assert measures.rcsi_phase(rcsi=rcsi) == phase


@pytest.mark.parametrize(
    ("days", "score"),
    [
        # the worked households of wfp-survey-toolbox, its test of the FCS
        ((7, 4, 7, 2, 7, 3, 7, 7), 79), ((3, 1, 0, 1, 3, 0, 2, 4), 19), ((0, 0, 0, 0, 1, 0, 1, 0), Fraction(3, 2)),
        # the published maximum: every group every day
        ((7,) * 8, 112),
        # by hand: staples and vegetables every day, then oil and pulses on four days as well
        ((7, 0, 0, 0, 7, 0, 0, 0), 21), ((7, 4, 0, 0, 7, 0, 4, 0), 35),
    ],
)  # fmt: skip
def test_the_fcs_weighs_eight_groups(days: tuple[int, ...], score: Number) -> None:
    assert measures.fcs(**dict(zip(FCS, days, strict=True))) == score


def test_several_foods_of_a_group_fill_a_week_at_most() -> None:
    usual = dict.fromkeys(FCS, 0)
    assert measures.fcs(**usual | {"staples": 10}) == measures.fcs(**usual | {"staples": 7}) == 14


@pytest.mark.parametrize(
    ("fcs", "usual", "sugary"),
    [
        (21, "poor", "poor"), (Fraction(43, 2), "borderline", "poor"), (28, "borderline", "poor"),
        (Fraction(57, 2), "borderline", "borderline"), (35, "borderline", "borderline"),
        (Fraction(71, 2), "acceptable", "borderline"), (42, "acceptable", "borderline"),
        (Fraction(85, 2), "acceptable", "acceptable"),
    ],
)  # fmt: skip
def test_the_groups_of_the_fcs_are_as_published(fcs: Number, usual: str, sugary: str) -> None:
    assert measures.fcs_group(fcs=fcs) == usual
    assert measures.fcs_group(fcs=fcs, sugar_and_oil_daily=True) == sugary


def test_the_hdds_counts_twelve_groups() -> None:
    assert measures.hdds(**dict.fromkeys(HDDS, True)) == 12
    assert measures.hdds(**dict.fromkeys(HDDS, False) | {"cereals": True, "oil": True}) == 2


@pytest.mark.parametrize(
    ("stress", "crisis", "emergency", "worst"),
    [(0, 0, 0, "none"), (4, 0, 0, "stress"), (4, 1, 0, "crisis"), (0, 0, 1, "emergency"), (1, 1, 1, "emergency")],
)  # fmt: skip
def test_the_lcs_names_the_worst_kind(stress: int, crisis: int, emergency: int, worst: str) -> None:
    assert measures.lcs(stress=stress, crisis=crisis, emergency=emergency) == worst


def test_an_exhausted_strategy_counts_as_used() -> None:
    # WFP's scripts: 30 (yes) and 20 (exhausted) count, 10 (no need) and 9999 (not applicable) do not.
    assert measures.used("yes", "exhausted", "no", "not_applicable", "") == 2


def test_dependants_are_counted_for_each_of_working_age() -> None:
    assert measures.dependency_ratio(dependants=3, workers=2) == Fraction(3, 2)
    assert measures.dependency_ratio(dependants=4, workers=0) == 4


@pytest.mark.parametrize(
    ("share", "weeks", "notice", "scale"),
    [(29, 0, False, 0), (30, 0, False, 1), (50, 1, False, 3), (50, 4, True, 6), (0, 0, True, 2)],
)
def test_the_scale_of_rents_is_our_own(share: int, weeks: int, notice: bool, scale: int) -> None:  # noqa: FBT001
    assert (
        measures.rent_insecurity(share=share, weeks_behind=weeks, eviction_notice=notice) == scale
    )


def test_health_needs_are_a_sum() -> None:
    assert measures.health_needs(chronic=2, pregnant=1, serious=-3) == 3
