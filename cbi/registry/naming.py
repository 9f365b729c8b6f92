"""Finds households by the registration numbers that people know them by."""

from collections.abc import Iterable

from sqlalchemy import any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session
from sqlalchemy.types import Text

from cbi.errors import NotFound
from cbi.registry.models import Household


class UnknownHousehold(NotFound):
    """No household has this number, or several have."""

    code = "registry.unknown_household"


def by_number(session: Session, numbers: Iterable[str]) -> dict[str, Household | str]:
    """The household of each number, or why none is meant; in one query however many there are.

    A number that two sources use is written with its source: `partner-oran-2026/0042`.
    """
    wanted = list(dict.fromkeys(numbers))
    tails = {number.partition("/")[2] for number in wanted if "/" in number}
    found = session.scalars(
        select(Household).where(
            Household.source_id == any_(bindparam(None, sorted({*wanted, *tails}), ARRAY(Text)))
        )
    ).all()
    known: dict[str, list[Household]] = {}
    for household in found:
        known.setdefault(household.source_id, []).append(household)
        known.setdefault(f"{household.source}/{household.source_id}", []).append(household)
    return {number: _the_one(number, known.get(number, [])) for number in wanted}


def named(session: Session, number: str) -> Household:
    """The household of that number. Raises UnknownHousehold."""
    found = by_number(session, [number])[number]
    if isinstance(found, str):
        raise UnknownHousehold(found, next_step="Check the number in the registration list.")
    return found


def _the_one(number: str, found: list[Household]) -> Household | str:
    if len(found) == 1:
        return found[0]
    if not found:
        return f"No household has the number {number[:100]!r}."
    sources = ", ".join(sorted(f"{household.source}/{number}" for household in found))
    return f"Households of several sources have the number {number[:100]!r}: write {sources[:300]}."
