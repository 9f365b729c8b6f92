"""Money placed with a provider: how much of it no payment needs, and how much was given up as lost with it."""

from uuid import UUID

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from cbi.errors import Conflict
from cbi.ledger.chart import CLEARING, DISPUTED, FLOAT, IN_TRANSIT
from cbi.ledger.models import Account
from cbi.ledger.request_models import Decision, FundRequest, RequestKind
from cbi.money import Money


class NotFree(Conflict):
    """The provider does not hold that much which no payment on its way needs."""

    code = "float.not_free"


class MoreThanLost(Conflict):
    """More is said to come back than was given up."""

    code = "float.more_than_lost"


def held(session: Session, provider: str, currency: str) -> Money:
    """What account 1100 holds with the provider."""
    return _sum(session, provider, currency, {FLOAT.code: 1})


def free(session: Session, provider: str, currency: str) -> Money:
    """What of account 1100 no payment on its way needs; below zero where more is on its way than is there.

    What the provider took at acceptance (1200) has left 1100 already, and is needed there no more.
    """
    return _sum(
        session, provider, currency, {FLOAT.code: 1, CLEARING.code: 1, IN_TRANSIT.code: -1, DISPUTED.code: -1},
    )  # fmt: skip


def _sum(session: Session, provider: str, currency: str, signs: dict[str, int]) -> Money:
    debits = Account.debits_minor - Account.credits_minor
    holds = case((Account.normal == "debit", debits), else_=-debits)
    signed = holds * case(signs, value=Account.code)
    minor = session.scalar(
        select(func.coalesce(func.sum(signed), 0)).where(
            Account.code.in_(signs), Account.provider == provider, Account.currency == currency
        )
    )
    return Money(int(minor or 0), currency)


def check_free(provider: str, asked: Money, left: Money) -> None:
    """Refuse to give up more than no payment on its way needs: `left` may not be below zero. Raises NotFree."""
    if left.minor < 0:
        raise NotFree(
            f"{provider} holds {left + asked} that no payment on its way needs, and {asked} is asked for.",
            next_step="Find out first what became of the payments that are on their way with it.",
        )


def given_up(
    session: Session, programme_id: UUID, fund_id: UUID, provider: str, currency: str
) -> Money:
    """What two people gave up as lost with the provider and has not come back, as this programme's budget bore it."""
    lost = FundRequest.kind == RequestKind.WRITE_OFF
    bearer = case((lost, FundRequest.from_programme_id), else_=FundRequest.to_programme_id)
    minor = session.scalar(
        select(
            func.coalesce(func.sum(case((lost, 1), else_=-1) * FundRequest.amount_minor), 0)
        ).where(
            bearer == programme_id, FundRequest.fund_id == fund_id, FundRequest.provider == provider,
            FundRequest.currency == currency, FundRequest.decision == Decision.CONFIRMED,
        )
    )  # fmt: skip
    return Money(int(minor or 0), currency)


def check_lost(provider: str, asked: Money, left: Money) -> None:
    """Refuse that more comes back than was given up: `left` may not be below zero. Raises MoreThanLost."""
    if left.minor < 0:
        raise MoreThanLost(
            f"{left + asked} was given up as lost with {provider} and is not back, and {asked} is asked for.",
            next_step="Book what goes beyond as what it is: cbi fund prefund, or a line of its statement.",
        )
