"""Money that is lost with a provider is given up by two people, and so is it taken back into the books if it returns."""

from datetime import date

from sqlalchemy.orm import Session

from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.ledger import floats, value_dates
from cbi.ledger.request_models import RequestKind
from cbi.money import Money
from cbi.programmes import budget, fund_requests, queries
from cbi.programmes.fund_requests import Request


def ask_loss(
    session: Session, actor: Actor, programme: str, provider: str, amount: str, reference: str, reason: str, *,
    fund: str | None = None,
) -> Request:  # fmt: skip
    """Ask to give up money that is lost with a provider (in the programme's currency): the programme's budget bears it.

    `reference`: that of the evidence, such as a court's or the police's paper. At most what no payment on its way needs.
    Raises UnknownProgramme, WhichFund, UnusableRequest, UnusableAmount, UnusableReason, PaperUsed, NotFree.
    """
    bearer = queries.find(session, programme)
    actor.require(Permission.FUND_MOVE, bearer.code)
    source, money = budget.fund_of(session, bearer, fund), Money.parse(amount, bearer.currency)
    asked = fund_requests.ask(
        session,
        actor,
        RequestKind.WRITE_OFF,
        source,
        money,
        reference,
        reason,
        bearer,
        provider=provider,
    )
    if asked.decision is None:
        left = floats.free(session, provider, money.currency) - money
        floats.check_free(provider, money, left)
    return asked


def ask_recovery(
    session: Session, actor: Actor, programme: str, provider: str, amount: str, reference: str, reason: str, *,
    fund: str | None = None, to_bank: bool = False, value_date: date | None = None,
) -> Request:  # fmt: skip
    """Ask to take back into the books what was given up and came back after all: to our account with the provider, or
    to our bank, on the day that the paper says, else when it is confirmed. The programme that bore the loss has it in
    its budget again.

    Raises UnknownProgramme, WhichFund, UnusableRequest, UnusableAmount, UnusableReason, PaperUsed, MoreThanLost,
    UnusableValueDate, MonthClosed.
    """
    bearer = queries.find(session, programme)
    actor.require(Permission.FUND_MOVE, bearer.code)
    source, money = budget.fund_of(session, bearer, fund), Money.parse(amount, bearer.currency)
    kind = RequestKind.BANK_RECOVERY if to_bank else RequestKind.RECOVERY
    asked = fund_requests.ask(
        session, actor, kind, source, money, reference, reason, None, bearer, provider=provider, value_date=value_date
    )  # fmt: skip
    if asked.decision is None:
        value_dates.check(session, value_date)
        lost = floats.given_up(session, bearer.id, source.id, provider, money.currency)
        floats.check_lost(provider, money, lost - money)
    return asked
