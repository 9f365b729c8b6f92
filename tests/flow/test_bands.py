"""Amounts that depend on what an assessment made of a household: noted, listed at registration, kept, and replayed."""

import io
from datetime import date
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.programmes import applying, cycles, replaying
from cbi.registry import bands
from cbi.registry.intake import importing
from cbi.registry.intake.results import ImportResult
from cbi.registry.models import Band, Household
from tests.kinds_factory import kind_file, owed
from tests.programme_factory import OFFICER, household

STIPEND = """{base: "100", top_ups: [
  {name: severe, amount: "40", for: {bands: [Severe, "très élevé"]}},
  {name: by protection, amount: "7", per: member, for: {bands: [high], scorecard: Protection}}]}"""
GRANT = '{amount: "900", enhanced: {for: {bands: [severe]}, amount: "1200"}}'


def assessed(session: Session, this: UUID, band: str, scorecard: str = "vulnerability/2") -> UUID:
    """A household that an assessment put into this band."""
    bands.note(session, OFFICER, session.get_one(Household, this), band, scorecard=scorecard)
    return this


def traces(session: Session, code: str, period: str) -> dict[UUID, str]:
    """The calculation of each household in a cycle."""
    opened = cycles.open_cycle(session, OFFICER, code, period)
    return {who: trace for (who, _), (_, trace) in owed(session, opened.id).items()}


def test_a_top_up_is_for_those_whom_an_assessment_put_into_its_band(session: Session) -> None:
    applying.apply(session, OFFICER, kind_file(STIPEND))
    severe, moved, never = (household(session, 3) for _ in range(3))
    assessed(session, severe, "SEVERE")
    assessed(session, moved, "severe")
    assessed(session, moved, "low")  # the latest word of a scorecard counts
    assessed(session, moved, "high", "Protection")
    assessed(session, never, "high", "vulnerability")  # high by another scorecard than is meant
    assert traces(session, "winter-2026", "2026-01") == {
        severe: "100.00 + top-up severe 40.00 = 140.00 DZD",
        moved: "100.00 + top-up by protection 7.00 × 3 = 121.00 DZD",
        never: "100.00 DZD",
    }
    assessed(session, severe, "low")
    assessed(session, never, "Tres Eleve", "other/1")
    assert traces(session, "winter-2026", "2026-02") == {
        severe: "100.00 DZD",
        moved: "100.00 + top-up by protection 7.00 × 3 = 121.00 DZD",
        never: "100.00 + top-up severe 40.00 = 140.00 DZD",
    }
    for period in ("2026-01", "2026-02"):
        assert replaying.replay(session, OFFICER, "winter-2026", period).differing == 0


def test_what_is_written_down_late_says_nothing_of_what_was_found_since(session: Session) -> None:
    this = household(session)
    for band, day in (("low", 10), ("severe", 5), ("high", 10)):
        bands.note(
            session, OFFICER, session.get_one(Household, this), band, scorecard="vulnerability",
            on=date(2026, 1, day),
        )  # fmt: skip
        found = bands.words_of(session, this)
        assert [word for _, _, word, _ in found] == ["high" if band == "high" else "low"]


def test_a_grant_is_enhanced_for_a_band(session: Session) -> None:
    applying.apply(session, OFFICER, kind_file(GRANT, kind="grant"))
    severe, other = assessed(session, household(session), "severe"), household(session)
    assert traces(session, "winter-2026", "2026-01") == {
        severe: "grant, enhanced: 1200.00 DZD", other: "grant: 900.00 DZD",
    }  # fmt: skip


def test_a_registration_list_brings_bands(session: Session) -> None:
    content = """Registration number,Name,Phone,Household size,Niveau,Scorecard
B-1,Somebody One,+213550000101,3,Severe,Vulnerability/2
B-2,Somebody Two,+213550000102,4,high,
B-3,Somebody Three,+213550000103,4,,Vulnerability/2
B-4,Somebody Four,+213550000104,4,low,Vulnerability/two
"""

    def come() -> ImportResult:
        return importing.import_file(
            session, OFFICER, io.BytesIO(content.encode()), filename="bands.csv"
        )

    result = come()
    assert (result.landed, result.rejected) == (3, 1)
    assert [reason.code for note in result.rows for reason in note.reasons] == ["scorecard"]
    assert set(bands.words(session, OFFICER)) >= {
        ("vulnerability", 2, "Severe", 1),
        ("assessment", 1, "high", 1),
    }
    content = content.replace("Severe", "SEVERE")
    assert come().unchanged == 3  # capitals make no difference
    content = content.replace("SEVERE", "low")
    assert come().rejected == 2  # a change is noted, not imported


@pytest.mark.parametrize(
    ("band", "scorecard", "on"),
    [("…", "x", None), ("severe", "x/0", None), ("severe", "/2", None), ("severe", "x", date(2999, 1, 1)),
     ("s" * 41, "x", None)],
)  # fmt: skip
def test_a_band_that_cannot_be_meant_is_refused(
    session: Session, band: str, scorecard: str, on: date | None
) -> None:
    this = session.get_one(Household, household(session))
    with pytest.raises(bands.UnusableBand):
        bands.note(session, OFFICER, this, band, scorecard=scorecard, on=on)


def test_what_was_noted_stays_with_its_day_and_source(session: Session) -> None:
    this = session.get_one(Household, household(session))
    bands.note(
        session, OFFICER, this, "High", scorecard="Vulnerability/3", on=date(2026, 1, 5), source="visit of 5 January",
    )  # fmt: skip
    row = session.scalars(select(Band).where(Band.household_id == this.id)).one()
    assert (row.scorecard, row.scorecard_version, row.band, row.word) == (
        "vulnerability",
        3,
        "high",
        "High",
    )
    assert (row.assessed_on, row.source) == (date(2026, 1, 5), "visit of 5 January")
    assert row.noted_at <= clock.now()
    assert bands.words_of(session, this.id) == [("vulnerability", 3, "High", 1)]
