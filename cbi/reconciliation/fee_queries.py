"""Fees against tariffs: what providers took, what their tariffs say, and what nothing explains."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import Select, exists, func, literal, null, or_, select, union_all
from sqlalchemy.orm import Session

from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.ledger.chart import FEE_RESERVE
from cbi.ledger.models import Account
from cbi.money import Money
from cbi.payments.fees.fee_models import FeeCharge, MonthlyFee
from cbi.reconciliation.models import FOUND, LineFinding, StatementFile, StatementLine, Verdict
from cbi.reconciliation.rules import DiscrepancyKind as Kind

ABOUT_FEES = (
    Kind.FEE_LINE, Kind.FEE_ABOVE_TARIFF, Kind.FEE_BELOW_TARIFF, Kind.FEES_NOT_RESERVED,
)  # fmt: skip
"""The discrepancies that say that fees and tariffs do not agree."""


@dataclass(frozen=True, slots=True)
class Compared:
    """A provider's fees of some days in one currency, all together or those of one statement (`file`).

    `charged` less `by_tariff` is `above` less `below`, which are added up line by line, so that they do not cancel out.
    `unexplained` is not in them: fees that name no payment which was made, or for which there is no tariff or no money.
    """

    provider: str
    statement_id: UUID | None
    file: str | None
    fees: int
    charged: Money
    by_tariff: Money
    above: Money
    below: Money
    unexplained_fees: int
    unexplained: Money


def compare(
    session: Session, actor: Actor, first: date, last: date, provider: str | None = None
) -> list[Compared]:
    """The fees that bear a day from `first` to `last`, by provider and currency."""
    actor.require(Permission.DISCREPANCY_READ)
    return compared(session, first, last, provider)


def by_statement(
    session: Session, actor: Actor, first: date, last: date, provider: str | None = None
) -> list[Compared]:
    """The same, statement by statement."""
    actor.require(Permission.DISCREPANCY_READ)
    return compared(session, first, last, provider, by_statement=True)


def compared(
    session: Session, first: date, last: date, provider: str | None = None, *, by_statement: bool = False
) -> list[Compared]:  # fmt: skip
    """The same, for other stages, which ask for the permission themselves."""
    lines = union_all(
        _explained(first, last), _of_months(first, last), _unexplained(first, last)
    ).subquery("lines")
    of = lines.c
    file = (of.statement_id, StatementFile.filename) if by_statement else (null(), null())
    groups = (of.provider, of.currency, *(file if by_statement else ()))
    found = select(
        of.provider, *file, of.currency, func.count(of.charged), *(
            func.coalesce(func.sum(each), 0)
            for each in (
                of.charged, of.expected, func.greatest(of.charged - of.expected, 0),
                func.greatest(of.expected - of.charged, 0),
            )
        ),
        func.count(of.unexplained), func.coalesce(func.sum(of.unexplained), 0),
    ).group_by(*groups)  # fmt: skip
    if by_statement:
        found = found.join(StatementFile, StatementFile.id == of.statement_id)
    if provider is not None:
        found = found.where(of.provider == provider)
    rows = session.execute(found.order_by(*groups))
    return [
        Compared(
            name, statement_id, filename, fees, Money(int(charged), currency), Money(int(by_tariff), currency),
            Money(int(above), currency), Money(int(below), currency), left_fees, Money(int(left), currency),
        )
        for name, statement_id, filename, currency, fees, charged, by_tariff, above, below, left_fees, left in rows
    ]  # fmt: skip


def _explained(first: date, last: date) -> Select[str, str, UUID, int, int, int]:
    return (
        select(
            FeeCharge.provider, FeeCharge.currency, StatementLine.statement_id,
            FeeCharge.charged_minor.label("charged"), FeeCharge.expected_minor.label("expected"),
            literal(None, FeeCharge.charged_minor.type).label("unexplained"),
        )
        .join(StatementLine, StatementLine.id == FeeCharge.line_id)
        .where(FeeCharge.value_date.between(first, last))
    )  # fmt: skip


def _of_months(first: date, last: date) -> Select[str, str, UUID, int, int, int]:
    """Fees for a month, which are the tariff's."""
    return (
        select(
            MonthlyFee.provider, MonthlyFee.currency, StatementLine.statement_id, MonthlyFee.amount_minor,
            MonthlyFee.amount_minor, literal(None, MonthlyFee.amount_minor.type),
        )
        .join(StatementLine, StatementLine.id == MonthlyFee.line_id)
        .where(StatementLine.value_date.between(first, last))
    )  # fmt: skip


_SAYS_NOTHING = (
    Verdict.UNMATCHED.value, Verdict.MISTAKEN.value, Verdict.FIRST_STORY.value, Verdict.LATER_STORY.value,
)  # fmt: skip
"""What two people may find of a line without saying what it is."""


def _unexplained(first: date, last: date) -> Select[str, str, UUID, int, int, int]:
    """Fees that are not booked as such; what two people found one to be is explained."""
    booked = or_(
        exists().where(FeeCharge.line_id == StatementLine.id),
        exists().where(MonthlyFee.line_id == StatementLine.id),
    )
    found = select(LineFinding.id).where(
        LineFinding.line_id == StatementLine.id, FOUND, LineFinding.verdict.not_in(_SAYS_NOTHING)
    )
    return select(
        StatementLine.provider, StatementLine.currency, StatementLine.statement_id,
        literal(None, FeeCharge.charged_minor.type), literal(None, FeeCharge.charged_minor.type),
        StatementLine.amount_minor,
    ).where(
        StatementLine.kind == "fee", StatementLine.value_date.between(first, last), ~booked, ~found.exists()
    )  # fmt: skip


def set_aside(
    session: Session, providers: Collection[str] | None = None
) -> dict[tuple[str, str], Money]:
    """By provider and currency, what is set aside now for fees that no statement has listed yet."""
    found = (
        select(Account.provider, Account.currency, func.sum(Account.credits_minor - Account.debits_minor))
        .where(Account.code == FEE_RESERVE.code)
        .group_by(Account.provider, Account.currency)
        .order_by(Account.provider, Account.currency)
    )  # fmt: skip
    if providers is not None:
        found = found.where(Account.provider.in_(providers))
    return {
        (name or "", currency): Money(int(minor), currency)
        for name, currency, minor in session.execute(found)
        if minor
    }
