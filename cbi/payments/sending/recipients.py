"""Whether, at the moment of sending, a payment still goes where its approvers saw it go; and what if not."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    String,
    Uuid,
    and_,
    any_,
    bindparam,
    case,
    exists,
    func,
    literal,
    or_,
    select,
    union,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Session, aliased

from cbi import clock
from cbi.payments.models import Payment, PaymentRun
from cbi.payments.moves import move
from cbi.payments.outcomes.discrepancies import open_set
from cbi.payments.runs.sheet_models import FindingKind, RunFinding
from cbi.payments.sending import consented
from cbi.payments.sending.elsewhere import PAID_ELSEWHERE, paid_elsewhere
from cbi.payments.states import PaymentState
from cbi.registry.linkage.queries import in_question, is_uncompared
from cbi.registry.models import Household, PaymentAccount, Person
from cbi.registry.queries import ACTIVE, shares_a_document

ACCOUNT_CHANGED, PAYEE_GONE = "account_changed", "payee_gone"


def goes_where_approved() -> ColumnElement[bool]:
    """Whether a payment's account is in use and has the number that it had when the run was made."""
    return exists().where(
        PaymentAccount.id == Payment.account_id,
        PaymentAccount.value_index == Payment.account_index,
        PaymentAccount.replaced_at.is_(None),
    )


def payee_stands() -> ColumnElement[bool]:
    """Whether cash may be handed over: the person collects, the household receives, and nobody of it may be there twice.

    Whoever was never compared with the others as they are on record now may be. Who was is paid with one household.
    """
    home = Payment.household_id
    once = and_(~in_question(home), ~is_uncompared(home), ~shares_a_document(home))
    return and_(payee_collects(), once, ~paid_elsewhere())


def payee_collects() -> ColumnElement[bool]:
    """Whether a payment's person still collects for its household, and the household still receives.

    A household that was not active when the run was locked was shown to everybody who signed, and let pass by a waiver.
    """
    return and_(_is_recipient(), _home_receives())


def _is_recipient() -> ColumnElement[bool]:
    payee = aliased(Person)
    return exists().where(
        payee.id == Payment.person_id,
        payee.household_id == Payment.household_id,
        payee.is_recipient,
    )


def _home_receives() -> ColumnElement[bool]:
    home = aliased(Household)
    active = exists().where(home.id == Payment.household_id, home.status == ACTIVE)
    waived = exists().where(
        RunFinding.run_id == Payment.run_id,
        RunFinding.kind == FindingKind.INACTIVE,
        RunFinding.household_id == Payment.household_id,
    )
    return or_(active, waived)


def hold_back(
    session: Session, run: PaymentRun, within: ColumnElement[bool], *, provider: str, source: str
) -> int:
    """Fail what is about to be sent and may not be, each with a discrepancy; returns how many there were.

    What is sent to a number that nobody approved could reach somebody else; what is sent to who died or left, too. Who has
    said no to what it takes is not sent anything, nor who is paid with another household. Whose
    household may be on record twice does not come so far: it waits (`outcomes/holding`).
    """
    return sum(
        _hold_back(session, run, and_(within, ~and_(*may)), kind, provider=provider, source=source)
        for kind, may in _stops(run)
    )


def to_hold_back(session: Session, run: PaymentRun, going: ColumnElement[bool]) -> Sequence[UUID]:
    """Which of these payments `hold_back` would fail if they were being sent."""
    # Each by itself: of two together, the planner reads everybody who may collect in the registry, for each chunk again.
    each = [
        select(Payment.id).where(Payment.run_id == run.id, going, ~may)
        for _, all_of in _stops(run)
        for may in all_of
    ]
    return session.scalars(union(*each)).all()


def _stops(run: PaymentRun) -> Sequence[tuple[str, Sequence[ColumnElement[bool]]]]:
    """Why a payment would be held back, and all that has to hold for it to go."""
    return (
        (ACCOUNT_CHANGED, (goes_where_approved(),)),
        (PAYEE_GONE, (_is_recipient(), _home_receives())),
        (PAID_ELSEWHERE, (~paid_elsewhere(),)),
        *((kind, (may,)) for kind, may in consented.stops(run)),
    )


def _hold_back(
    session: Session, run: PaymentRun, chosen: ColumnElement[bool], kind: str, *, provider: str, source: str
) -> int:  # fmt: skip
    found = session.scalars(
        select(Payment.id).where(
            Payment.run_id == run.id, Payment.state == PaymentState.SENDING, chosen
        )
    ).all()
    if found:
        these = Payment.id == any_(bindparam(None, list(found), ARRAY(Uuid)))
        _tell(session, kind, provider, these)
        move(
            session, run, these, PaymentState.SENDING, PaymentState.FAILED, provider=provider, source=source,
            failure=kind,
        )  # fmt: skip
    return len(found)


def _tell(session: Session, kind: str, provider: str, these: ColumnElement[bool]) -> None:
    """Open a discrepancy for each of these payments: one for each attempt that was held back."""
    again = case((Payment.attempts > 1, func.concat(":", Payment.attempts)), else_="")
    open_set(
        session,
        select(
            literal(kind, String).label("kind"), func.concat("payment:", Payment.id, again).label("subject"),
            literal(provider, String).label("provider"), Payment.id.label("payment_id"),
            literal(None, Uuid).label("line_id"), Payment.rest_minor.label("amount_minor"), Payment.currency,
            literal({}, JSONB).label("details"), literal(clock.now()).label("since"),
            literal(None, Uuid).label("owner_id"),
        ).where(these),
    )  # fmt: skip
