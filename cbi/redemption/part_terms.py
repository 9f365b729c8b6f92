"""Whether and how a payment may be handed over in parts: what the programme's file says, as the payment's cycle has it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_

from cbi.errors import Conflict, Invalid
from cbi.money import Money
from cbi.payments.models import Payment
from cbi.programmes.fields import Reading
from cbi.programmes.models import Cycle, ProgrammeVersion
from cbi.programmes.terms import Partial


class NoParts(Conflict):
    """The programme pays all of it at once, or has paid as many parts as it may."""

    code = "redemption.no_parts"


class UnusablePart(Invalid):
    """A part that is too small, not in whole notes, or not less than what is left."""

    code = "redemption.unusable_part"


@dataclass(frozen=True, slots=True)
class PartTerms:
    """Every part but the last is of `smallest` at least and a multiple of `note`; `most` counts all of them."""

    smallest: Money
    note: Money
    most: int

    def largest(self, rest: Money) -> Money | None:
        """The largest part of this rest that leaves something; None where there is none."""
        minor = (rest.minor - 1) // self.note.minor * self.note.minor
        return Money(minor, rest.currency) if minor >= self.smallest.minor else None

    def check(self, part: Money, rest: Money, paid_parts: int) -> None:
        """Refuse a part of this rest after so many parts. Raises NoParts, UnusablePart."""
        if paid_parts + 2 > self.most:
            raise NoParts(
                f"This payment was handed over in {paid_parts} parts already.",
                next_step="Pay all that is left, or nothing.",
            )
        fits = part.currency == rest.currency and self.smallest.minor <= part.minor < rest.minor
        if not fits or part.minor % self.note.minor:
            raise self.unusable(rest)

    def unusable(self, rest: Money) -> UnusablePart:
        """The refusal of an amount that is no part of this rest."""
        return UnusablePart(
            f"A part is at least {self.smallest}, in whole notes of {self.note}, and less than {rest};"
            " and the provider pays such amounts.",
            next_step="Type another amount.",
            smallest=str(self.smallest), note=str(self.note), rest=str(rest),
        )  # fmt: skip


PARTIAL: ColumnElement[Any] = ProgrammeVersion.definition["delivery"]["partial"]
"""What the programme's file says of parts, where `with_rules` has joined it; NULL where it says nothing."""


def with_rules(query: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    """Join the rules under which a payment's cycle was decided to a query that has the payment."""
    return query.outerjoin(
        Cycle,
        and_(Cycle.programme_id == Payment.programme_id, Cycle.period == Payment.period),
    ).outerjoin(
        ProgrammeVersion,
        and_(
            ProgrammeVersion.programme_id == Cycle.programme_id,
            ProgrammeVersion.version == Cycle.version,
        ),
    )


def read(partial: Mapping[str, Any] | None, currency: str) -> PartTerms | None:
    """The terms, from what the file says; None where it allows no parts."""
    if partial is None:
        return None
    terms = Partial.model_validate(partial, context=Reading.of(currency, None))
    return PartTerms(terms.smallest, terms.note, terms.parts)
