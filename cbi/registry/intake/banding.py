"""Keeps bands out of lists where the office keeps the scorecard itself: there only answers make a band."""

from collections.abc import Mapping

from sqlalchemy.orm import Session

from cbi.registry.intake.checks import Reason
from cbi.registry.intake.facts import Candidate
from cbi.registry.scorecards import versions

_KEPT = Reason(
    "scorecard_kept",
    "",
    "The band is of a scorecard that this office keeps, so it must come of what the household answered.",
    "Leave the band out of the list, and assess the household: cbi scorecard form",
)


def banded(session: Session, found: Mapping[str, Candidate]) -> dict[str, Candidate]:
    """The households whose band may come with a list; the others are rejected."""
    kept: dict[str, bool] = {}
    standing = {}
    for number, candidate in found.items():
        band = candidate.facts.band if candidate.facts else None
        if band and band[0] not in kept:
            kept[band[0]] = versions.is_kept(session, band[0])
        if band and kept[band[0]]:
            candidate.reject(_KEPT)
        else:
            standing[number] = candidate
    return standing
