"""A new code for the same payment, and the old one dead at that moment; or no code at all until somebody has asked."""

from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID, uuid4

from sqlalchemy import exists, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit import reasons
from cbi.audit.record import record
from cbi.errors import Conflict, NotFound
from cbi.messaging import choices
from cbi.messaging.choices import Level
from cbi.messaging.outbox import date_in_sql, withdraw
from cbi.offices import office_of
from cbi.payments.models import Payment
from cbi.payments.sending.recipients import goes_where_approved
from cbi.payments.states import PaymentState
from cbi.programmes.models import Programme
from cbi.redemption import locators, notices
from cbi.redemption.counters import rules_of
from cbi.redemption.models import CodeIssue
from cbi.redemption.states import CODE, CodeState
from cbi.registry.models import PaymentAccount
from cbi.registry.privacy import levels

_LONGEST_REASON = 200


class NoCode(NotFound):
    """The payment has no code."""

    code = "redemption.no_code"


class CodeInUse(Conflict):
    """A teller holds the code at this moment and may be paying it."""

    code = "redemption.code_in_use"


class CodeOver(Conflict):
    """The code is paid or expired."""

    code = "redemption.code_over"


class ReissuedEnough(Conflict):
    """The payment had a new code too recently, or too often."""

    code = "redemption.reissued_enough"


class TelephoneChanged(Conflict):
    """The telephone on record is not, or only since lately, the one that the code would go to."""

    code = "redemption.telephone_changed"


class NotByText(Conflict):
    """No text may go to the telephone on record, so a new code would reach nobody."""

    code = "redemption.not_by_text"


@dataclass(frozen=True, slots=True)
class Reissued:
    """The new code issue: its public locator and its last day. The code itself goes to the telephone on record only."""

    code_issue_id: UUID
    locator: str
    expires_on: date
    reissues: int


def reissue(session: Session, actor: Actor, payment_id: UUID, reason: str) -> Reissued:
    """Send a new code to the telephone on record; the old one is dead from now on.

    The provider's rules limit how often, except for a counter supervisor, who has the person before them. Raises
    NotPermitted, UnusableReason, NoCode, CodeInUse, CodeOver, TelephoneChanged, NotByText, ReissuedEnough.
    """
    why = plain_reason(reason)
    issue, payment = _current(session, actor, payment_id)
    now = clock.now()
    if issue.held_until is not None and issue.held_until > now:
        raise CodeInUse(
            "A teller holds this code at this moment.",
            next_step="Wait until the money is paid or the teller gives the code up.",
        )
    _check_payable(session, issue, payment)
    check_telephone(session, payment)
    if not actor.may(Permission.COUNTER_MANAGE):
        _check_limits(issue, payment)
    CODE.check(issue.state, CodeState.REPLACED)
    issue.state, issue.current, issue.closed_at = CodeState.REPLACED, False, now
    session.flush()
    withdraw(session, payment_id=issue.payment_id, code_issue_id=issue.id)
    new = issue_after(session, issue)
    notices.tell(
        session, "REISSUED", CodeIssue.id == new.code_issue_id, about="code", tells_code=True,
        date=date_in_sql(CodeIssue.expires_on.expression),
    )  # fmt: skip
    record(
        session, actor, "code.reissued", "payment", payment_id, reason=why, reissues=new.reissues
    )
    return new


def lock_code(
    session: Session, actor: Actor, payment_id: UUID, reason: str, *, tell: bool = True
) -> None:
    """Block a code that was lost, stolen or seen by others, even while a teller holds it. Locking again does nothing.

    `tell` sends the text about it to the telephone on record, which may be the wrong one. Raises NotPermitted,
    UnusableReason, NoCode, CodeOver.
    """
    why = plain_reason(reason)
    issue, payment = _current(session, actor, payment_id)
    _check_payable(session, issue, payment)
    if issue.state is CodeState.LOCKED:
        return
    CODE.check(issue.state, CodeState.LOCKED)
    issue.state = CodeState.LOCKED
    session.flush()
    withdraw(session, payment_id=issue.payment_id, code_issue_id=issue.id)
    if tell:
        notices.tell(session, "LOST_ACK", CodeIssue.id == issue.id, about="lost")
    record(session, actor, "code.locked", "payment", payment_id, reason=why)


def plain_reason(reason: str) -> str:
    """The reason on one line: about a code no number at all belongs in it. Raises UnusableReason."""
    return reasons.plain(reason, longest=_LONGEST_REASON, longest_number=4)


def _current(session: Session, actor: Actor, payment_id: UUID) -> tuple[CodeIssue, Payment]:
    """The payment's code, locked, for somebody who may change it. Raises NotPermitted, NoCode."""
    found = session.execute(
        select(CodeIssue, Payment, Programme.code)
        .join(Payment, Payment.id == CodeIssue.payment_id)
        .join(Programme, Programme.id == Payment.programme_id)
        .where(CodeIssue.payment_id == payment_id, CodeIssue.current)
        .with_for_update(of=CodeIssue)
        .execution_options(populate_existing=True)
    ).one_or_none()
    actor.require(Permission.CODE_REISSUE, found[2] if found else None)
    if found is None:
        raise NoCode(
            "This payment has no code.", next_step="Codes are made when its run is released."
        )
    return found[0], found[1]


def _check_payable(session: Session, issue: CodeIssue, payment: Payment) -> None:
    today = clock.today(office_of(session).timezone)
    if issue.state is CodeState.PAID:
        raise CodeOver("This payment was paid.", next_step="See its receipt.")
    if issue.state is CodeState.EXPIRED or issue.expires_on < today:
        raise CodeOver(
            f"The last day of this code was {issue.expires_on:%d/%m/%Y}.",
            next_step="The payment needs a new attempt.",
        )
    if payment.state is not PaymentState.ACCEPTED:
        raise CodeOver(f"This payment is {payment.state}.", next_step="Its code cannot be used.")


def check_telephone(session: Session, payment: Payment) -> None:
    """Refuse where a new code would not reach the person on record.

    Whoever has somebody's number changed and asks for a new code at once would get it: so nobody does.
    Raises TelephoneChanged, NotByText.
    """
    hours = rules_of(payment.provider).phone_change_block_hours
    changed = exists().where(
        PaymentAccount.person_id == payment.person_id,
        PaymentAccount.replaced_at > clock.now() - timedelta(hours=hours),
    )
    # A second person had whoever it is before them when the new one was confirmed.
    vouched = exists().where(
        PaymentAccount.id == Payment.account_id, PaymentAccount.vouched_at.is_not(None)
    )
    as_approved, lately = session.execute(
        select(goes_where_approved(), changed & ~vouched).where(Payment.id == payment.id)
    ).one()
    if not as_approved:
        raise TelephoneChanged(
            "The code would go to a telephone that is no longer on record.",
            next_step="Lock this code; after it expires, the payment needs a run of its own.",
        )
    if lately:
        raise TelephoneChanged(
            f"The telephone was changed less than {hours} hours ago.",
            next_step="Wait, and make sure in the meantime that the person asked for the change.",
        )
    level = levels(session, [payment.account_id]).get(payment.account_id)
    chosen = choices.of(session, [payment.account_index]).get(payment.account_index)
    if level is Level.NO_SMS or (chosen and chosen.silent):
        raise NotByText(
            "No text may go to this telephone: its holder or the recipient said so.",
            next_step="Agree with the recipient on another way, and note it before a new code is sent.",
        )


def _check_limits(issue: CodeIssue, payment: Payment) -> None:
    rules = rules_of(payment.provider)
    if issue.reissues >= rules.reissues_allowed:
        raise ReissuedEnough(
            f"This payment had {issue.reissues} new codes already.",
            next_step="The person must come in: a counter supervisor can send another.",
        )
    again_at = issue.issued_at + timedelta(hours=rules.reissue_gap_hours)
    if issue.reissues and clock.now() < again_at:
        raise ReissuedEnough(
            f"A new code was sent less than {rules.reissue_gap_hours} hours ago.",
            next_step="Wait until the message can have arrived.",
        )


def issue_after(session: Session, old: CodeIssue, attempt: int | None = None) -> Reissued:
    """The next code issue, valid as long as the one before it: of the same attempt, or of the one that a rest waits under.

    Only a code that takes another's place counts as a new one sent.
    """
    new_id, reissues = uuid4(), old.reissues + (attempt is None)
    while True:
        locator = session.scalar(
            insert(CodeIssue)
            .values(
                id=new_id, payment_id=old.payment_id, attempt=attempt or old.attempt,
                locator=locators.draw(session, 1, office_of(session).locator_digits)[0], state=CODE.initial,
                reissues=reissues, issued_at=clock.now(), expires_on=old.expires_on,
            )
            .on_conflict_do_nothing(index_elements=["locator"], index_where=CodeIssue.live.expression)
            .returning(CodeIssue.locator)
        )  # fmt: skip
        if locator is not None:
            return Reissued(new_id, locator, old.expires_on, reissues)
