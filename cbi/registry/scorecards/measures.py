"""The field's published measures of need, as a scorecard may name them: numbers in, an exact number or a word out.

Each says where it is published. What is our own says so.
"""

from collections.abc import Callable, Mapping
from fractions import Fraction

Number = int | Fraction

DAYS = 7
"""Days in the week that the food questions ask about."""


def rcsi(
    *,
    less_preferred: Number,
    borrowed: Number,
    smaller_portions: Number,
    adults_less: Number,
    fewer_meals: Number,
) -> Number:
    """The reduced Coping Strategies Index, 0 to 56: days of the last seven on which each of five strategies was used.

    Source: Maxwell and Caldwell, The Coping Strategies Index: Field Methods Manual, 2nd edition, CARE 2008, "The
    context-comparable (reduced) CSI": weights 1, 2, 1, 3, 1. The manual's own tables could not be opened; checked against
    the published range, the formula of WFP's standard scripts (WFP-VAM/RAMResourcesScripts, rCSI) and the worked
    households of another implementation (wfp-survey-toolbox).
    """
    return (
        _days(less_preferred)
        + 2 * _days(borrowed)
        + _days(smaller_portions)
        + 3 * _days(adults_less)
        + _days(fewer_meals)
    )


def rcsi_phase(*, rcsi: Number) -> Number:
    """The phase that an rCSI points to: 1 up to 3, 2 up to 18, 3 up to 42, 4 above.

    Source: Global Food Security Cluster, Indicator Handbook, section two, rCSI: 0-3, 4-18, 19-42 and 43 and above
    correspond to the IPC's phases 1, 2, 3 and 4 and higher; the last cut-off is tentative, says the same source.
    """
    return next((phase for phase, most in ((1, 3), (2, 18), (3, 42)) if rcsi <= most), 4)


def fcs(
    *,
    staples: Number,
    pulses: Number,
    vegetables: Number,
    fruit: Number,
    meat_fish_eggs: Number,
    milk: Number,
    sugar: Number,
    oil: Number,
) -> Number:
    """The Food Consumption Score, 0 to 112: days of the last seven on which each of eight groups was eaten.

    Several foods of one group add up to at most seven days. Source: WFP VAM, Food Consumption Analysis: Calculation and
    Use of the Food Consumption Score, version 1, February 2008, section 5: weights 2, 3, 1, 1, 4, 4, 0.5, 0.5. Checked
    against the published maximum, WFP's standard scripts and the worked households of another implementation
    (wfp-survey-toolbox); what the cut-offs stand for (section 9.7) was computed by hand.
    """
    return (
        2 * _week(staples)
        + 3 * _week(pulses)
        + _week(vegetables)
        + _week(fruit)
        + 4 * _week(meat_fish_eggs)
        + 4 * _week(milk)
        + Fraction(_week(sugar), 2)
        + Fraction(_week(oil), 2)
    )


def fcs_group(*, fcs: Number, sugar_and_oil_daily: bool = False) -> str:
    """`poor`, `borderline` or `acceptable`: up to 21, up to 35, above; 28 and 42 where all eat sugar and oil daily.

    Source: WFP VAM 2008 (see `fcs`), sections 5 and 9.8.
    """
    poor, borderline = (28, 42) if sugar_and_oil_daily else (21, 35)
    if fcs <= poor:
        return "poor"
    return "borderline" if fcs <= borderline else "acceptable"


def hdds(
    *,
    cereals: bool,
    roots: bool,
    vegetables: bool,
    fruit: bool,
    meat: bool,
    eggs: bool,
    fish: bool,
    pulses: bool,
    milk: bool,
    oil: bool,
    sugar: bool,
    other: bool,
) -> Number:
    """The Household Dietary Diversity Score, 0 to 12: how many of twelve groups anybody ate yesterday.

    Source: Swindale and Bilinsky, Household Dietary Diversity Score for Measurement of Household Food Access: Indicator
    Guide, version 2, FANTA 2006, section IV: the sum of A to L. It publishes no cut-offs and no worked household; the
    examples of the tests were computed by hand.
    """
    groups = cereals, roots, vegetables, fruit, meat, eggs, fish, pulses, milk, oil, sugar, other
    return sum(map(bool, groups))


def lcs(*, stress: Number, crisis: Number, emergency: Number) -> str:
    """`none`, `stress`, `crisis` or `emergency`: the worst kind of livelihood coping strategy that was used.

    Each number is how many strategies of its kind were used in the last 30 days, or cannot be used any more because
    they were within twelve months (`used` counts them). Source: WFP, Livelihood Coping Strategies for food security
    (LCS-FS), VAM Resource Centre; checked against the rule of WFP's standard scripts (WFP-VAM/RAMResourcesScripts,
    LCS-FS: answers 20 and 30 count, 10 and 9999 do not).
    """
    kinds = (("emergency", emergency), ("crisis", crisis), ("stress", stress))
    return next((kind for kind, strategies in kinds if strategies > 0), "none")


def used(*answers: str) -> Number:
    """How many of these livelihood strategies were used (`yes`), or cannot be used any more (`exhausted`); see `lcs`."""
    return sum(answer in {"yes", "exhausted"} for answer in answers)


def dependency_ratio(*, dependants: Number, workers: Number) -> Number:
    """Those who depend on others for each one of working age: (0 to 14 and 65 and above) ÷ (15 to 64).

    Source: United Nations, World Population Prospects, glossary, "dependency ratio" (there for a hundred people). Which
    ages count is for the scorecard to say. Our own: where nobody is of working age, one is taken to be, because no
    number says what is divided by nothing.
    """
    return Fraction(Fraction(dependants), max(Fraction(workers), Fraction(1)))


def rent_insecurity(*, share: Number, weeks_behind: Number, eviction_notice: bool) -> Number:
    """How insecure the rent is, 0 to 6. Our own scale, published nowhere else.

    `share`: rent in per cent of income: 1 from 30, 2 from 50. `weeks_behind`: 1 from one week in arrears, 2 from
    four. A notice to leave adds 2. What each adds shows in the scorecard's documentation.
    """
    return (
        (share >= 30) + (share >= 50) + (weeks_behind >= 1) + (weeks_behind >= 4)
        + 2 * bool(eviction_notice)
    )  # fmt: skip


def health_needs(
    *,
    chronic: Number = 0,
    disability: Number = 0,
    pregnant: Number = 0,
    serious: Number = 0,
) -> Number:
    """How many specific health needs the household has, each member's counted by its kind. Our own: a plain sum."""
    return sum(max(needs, 0) for needs in (chronic, disability, pregnant, serious))


MEASURES: Mapping[str, Callable[..., Number | str]] = {
    measure.__name__: measure
    for measure in (
        rcsi, rcsi_phase, fcs, fcs_group, hdds, lcs, dependency_ratio, rent_insecurity, health_needs,
    )
}  # fmt: skip
"""What a scorecard may call by its name, giving each number by the name it has here."""


def _days(days: Number) -> Number:
    if not 0 <= days <= DAYS:
        raise ValueError(f"{days} days of a week")
    return days


def _week(days: Number) -> Number:
    return min(max(days, 0), DAYS)
