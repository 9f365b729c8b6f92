"""Findings about payments and statements that wait for a second person: lost money, amounts, lines, what is taken back."""

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from cbi.access.permissions import Permission
from cbi.console.languages import N_
from cbi.console.overview_line_words import VERDICTS
from cbi.console.overview_words import STATES
from cbi.console.waiting_funds import IN_BUDGET
from cbi.console.waiting_proposals import (
    Column,
    Kind,
    Looking,
    Sheet,
    of_day,
    of_money,
    refused,
    row,
)
from cbi.ledger.queries import available
from cbi.money import Money
from cbi.payments.models import MAKER, Discrepancy, Payment, PaymentRun, RunPart, UnpaidFinding
from cbi.payments.outcomes.known import known_paid, sent_minor
from cbi.payments.outcomes.suspense_models import SuspendedLine, Withdrawal
from cbi.payments.recovery import amounts, recovering
from cbi.payments.recovery.amount_models import AmountFinding
from cbi.payments.recovery.receivable_models import Receivable, WriteOff
from cbi.payments.states import PaymentState, ReceivableState, RunState
from cbi.payments.unpaid import unpaid, withdrawing
from cbi.programmes.models import Programme
from cbi.reconciliation import line_findings, line_more
from cbi.reconciliation.models import STANDS, LineFinding, Match, StatementLine, Verdict

_OF_A_STORY = (Verdict.FIRST_STORY, Verdict.LATER_STORY)
_IN_SUSPENSE = [
    each for each in Verdict if each not in {Verdict.UNMATCHED, Verdict.MISTAKEN, *_OF_A_STORY}
]
_paid_for, _other, _mistaken = aliased(Programme), aliased(AmountFinding), aliased(LineFinding)


def _of_payment(found: Select[Any], payment_id: Column) -> Select[Any]:
    """With the payment, its run and its programme."""
    return (
        found.join(Payment, Payment.id == payment_id)
        .join(PaymentRun, PaymentRun.id == Payment.run_id)
        .join(Programme, Programme.id == Payment.programme_id)
    )


def _write_off(looking: Looking) -> Sheet:
    session, gettext = looking.session, looking.visit.gettext
    owed = session.get_one(Receivable, UUID(looking.proposal.key))
    payment = session.get_one(Payment, owed.payment_id)
    code = session.get_one(Programme, payment.programme_id).code
    amount = Money(owed.amount_minor, owed.currency)
    held = available(session, payment.programme_id, payment.fund_id, owed.currency)
    return Sheet(
        [
            (gettext("Owed back by %(provider)s", provider=owed.provider), amount, Money.zero(amount.currency)),
            (gettext(IN_BUDGET, programme=code), held, held - amount),
        ],
        facts=[(gettext("Evidence"), _written_off(session, owed.id).evidence)],
        link=(f"/payments/{payment.id}", N_("The payment's story")),
    )  # fmt: skip


def _written_off(session: Session, receivable_id: UUID) -> WriteOff:
    return session.scalars(
        select(WriteOff).where(
            WriteOff.receivable_id == receivable_id, WriteOff.refusal_id.is_(None)
        )
    ).one()


def _amount(looking: Looking) -> Sheet:
    session = looking.session
    finding = session.get_one(AmountFinding, UUID(looking.proposal.key))
    payment = session.get_one(Payment, finding.payment_id)
    booked = 0
    if known_paid(session, payment.id, finding.attempt):
        booked = sent_minor(session, payment, finding.attempt)
    before, after = (Money(minor, finding.currency) for minor in (booked, finding.paid_minor))
    label = looking.visit.gettext("What this attempt took from our account, by our books")
    return Sheet([(label, before, after)], link=(f"/payments/{payment.id}", N_("The payment's story")))  # fmt: skip


def _unpaid(looking: Looking) -> Sheet:
    gettext = looking.visit.gettext
    payment = looking.session.get_one(Payment, UUID(looking.proposal.key))
    before, after = (gettext(STATES[each][0]) for each in (payment.state, PaymentState.FAILED))
    link = (f"/payments/{payment.id}", N_("The payment's story"))
    return Sheet([(gettext("The payment"), before, after)], link=link)


def _line(looking: Looking) -> Sheet:
    session, gettext = looking.session, looking.visit.gettext
    finding = session.get_one(LineFinding, UUID(looking.proposal.key))
    suspense, explained = gettext("in suspense (account 1900)"), gettext("explained in our books")
    before = {Verdict.UNMATCHED: gettext("matched"), Verdict.MISTAKEN: explained}
    after = dict.fromkeys((Verdict.NOT_OURS, Verdict.UNMATCHED, Verdict.MISTAKEN), suspense)
    verdict = Verdict(finding.verdict)
    facts: list[tuple[str, object]] = []
    if finding.finding_id is not None:
        mistaken = session.get_one(LineFinding, finding.finding_id)
        facts.append((gettext("What was found"), gettext(VERDICTS[Verdict(mistaken.verdict)])))
        facts.append((gettext("Evidence"), mistaken.proof))
    if finding.attempt is not None:
        facts.append((gettext("Attempt"), finding.attempt))
    split = line_more.split(session, finding)
    if split is not None:
        facts.append((gettext("Delivered after all"), split.delivered))
        facts.append((gettext("Owed back"), split.owed))
    if finding.programme_id is not None:
        bearer = session.get_one(Programme, finding.programme_id).code
        facts.append((gettext("Borne by the budget of"), bearer))
    link = (f"/lines/{finding.line_id}", N_("Everything that was reported of this line"))
    changes = [(gettext("The line"), before.get(verdict, suspense), after.get(verdict, explained))]
    if verdict in _OF_A_STORY:
        changes = [(gettext("The line"), gettext("told in two ways"), gettext(VERDICTS[verdict]))]
    return Sheet(changes, facts=facts, link=link, seen=split.delivered.decimal if split else "")


def _withdrawal(looking: Looking) -> Sheet:
    session, gettext = looking.session, looking.visit.gettext
    proposal = session.get_one(Withdrawal, UUID(looking.proposal.key))
    count, minor = session.execute(
        select(func.count(), func.coalesce(func.sum(Payment.rest_minor), 0)).where(_waits(proposal))
    ).one()
    total = Money(int(minor), proposal.currency)
    words = gettext("Payments that wait for %(provider)s now", provider=proposal.provider)
    return Sheet(
        [(words, int(count), 0), (gettext("Their amount"), total, Money.zero(total.currency))],
        notes=[gettext("They have certainly not left. They then wait for a decision, as others that failed.")],
        link=(f"/runs/{proposal.run_id}/undecided", N_("What was not paid of the run")),
    )  # fmt: skip


def _waits(proposal: Any) -> ColumnElement[bool]:
    """The payments that wait for the provider of a withdrawal: a row of it, or its columns."""
    return and_(
        Payment.run_id == proposal.run_id, Payment.provider == proposal.provider, Payment.live,
        Payment.state == PaymentState.READY,
        or_(proposal.payment_id == None, Payment.id == proposal.payment_id),  # noqa: E711 - a column, or a value
    )  # fmt: skip


def _reported(_: date) -> Select[Any]:
    said = LineFinding
    bearer = func.coalesce(said.programme_id, _mistaken.programme_id)
    paid = func.coalesce(said.payment_id, _mistaken.payment_id)
    return (
        select(
            *row(
                said.id, said.reported_at, said.reported_by,
                programmes=(func.coalesce(_paid_for.code, Programme.code),),
                amount=(StatementLine.amount_minor, StatementLine.currency), why=said.proof,
                provider=StatementLine.provider, line=StatementLine.line_id, on=of_day(StatementLine.value_date),
                verdict=said.verdict,
            )
        )
        .join(StatementLine, StatementLine.id == said.line_id)
        .outerjoin(_mistaken, _mistaken.id == said.finding_id)
        .outerjoin(Programme, Programme.id == bearer)
        .outerjoin(Payment, Payment.id == paid)
        .outerjoin(_paid_for, _paid_for.id == Payment.programme_id)
        .where(said.confirmed_at.is_(None), said.refusal_id.is_(None), _is_open())
    )  # fmt: skip


def _is_open() -> ColumnElement[bool]:
    """Whether what a report is about has not been found otherwise since."""
    said = LineFinding
    suspended = exists().where(
        SuspendedLine.line_id == said.line_id, SuspendedLine.ended_at.is_(None)
    )
    matched = exists().where(
        Match.line_id == said.line_id,
        Match.payment_id == said.payment_id,
        Match.attempt == said.attempt,
        STANDS,
    )
    told_twice = exists().where(
        Discrepancy.id == said.discrepancy_id, Discrepancy.settled_at.is_(None)
    )
    return or_(
        and_(said.verdict.in_(_IN_SUSPENSE), suspended),
        and_(said.verdict == Verdict.UNMATCHED.value, matched),
        and_(said.verdict == Verdict.MISTAKEN.value, _mistaken.taken_back_by.is_(None)),
        and_(said.verdict.in_(_OF_A_STORY), told_twice),
    )  # fmt: skip


WRITE_OFF = Kind(
    "write-off", N_("Giving up what is owed back"),
    N_("%(provider)s does not give back what it paid too much in run %(run)s of %(programme)s"),
    N_("The programme's budget bears the loss. Should the money come back all the same, it is booked back."),
    Permission.DISCREPANCY_READ, Permission.RUN_AUTHORISE,
    lambda _: _of_payment(
        select(
            *row(
                Receivable.id, WriteOff.proposed_at, WriteOff.proposed_by, programmes=(Programme.code,),
                amount=(Receivable.amount_minor, Receivable.currency), why=WriteOff.reason,
                provider=Receivable.provider, run=PaymentRun.number, programme=Programme.code,
            )
        )
        .select_from(WriteOff)
        .join(Receivable, Receivable.id == WriteOff.receivable_id),
        Receivable.payment_id,
    ).where(WriteOff.confirmed_at.is_(None), WriteOff.refusal_id.is_(None), Receivable.state == ReceivableState.OPEN),
    _write_off,
    lambda session, actor, it, typed: recovering.confirm_write_off(session, actor, UUID(it.key), typed.code),
    refused, refused,
)  # fmt: skip

AMOUNT = Kind(
    "amount", N_("What an attempt took"),
    N_("Attempt %(attempt)s of a payment in run %(run)s of %(programme)s: %(provider)s took %(taken)s"),
    N_("Our books hold what the attempt took; a rest or an excess is booked beside the payment."),
    Permission.DISCREPANCY_READ, Permission.RUN_AUTHORISE,
    lambda _: _of_payment(
        select(
            *row(
                AmountFinding.id, AmountFinding.reported_at, AmountFinding.reported_by, programmes=(Programme.code,),
                amount=(AmountFinding.paid_minor, AmountFinding.currency), why=AmountFinding.proof,
                provider=Payment.provider, run=PaymentRun.number, programme=Programme.code,
                attempt=AmountFinding.attempt, taken=of_money(AmountFinding.paid_minor, AmountFinding.currency),
            )
        ).select_from(AmountFinding),
        AmountFinding.payment_id,
    ).where(
        AmountFinding.confirmed_at.is_(None), AmountFinding.refusal_id.is_(None),
        ~exists().where(
            _other.payment_id == AmountFinding.payment_id, _other.attempt == AmountFinding.attempt,
            _other.confirmed_at >= AmountFinding.reported_at,
        ),
    ),
    _amount,
    lambda session, actor, it, typed: amounts.confirm(session, actor, UUID(it.key), typed.code),
    refused, refused,
)  # fmt: skip

UNPAID = Kind(
    "unpaid", N_("A payment of which nobody knows"),
    N_("%(provider)s says in writing that it did not pay a payment in run %(run)s of %(programme)s"),
    N_("The payment has failed: it can be tried again or given up."),
    Permission.DISCREPANCY_READ, Permission.RUN_AUTHORISE,
    lambda _: _of_payment(
        select(
            *row(
                UnpaidFinding.payment_id, UnpaidFinding.reported_at, UnpaidFinding.reported_by,
                programmes=(Programme.code,), amount=(Payment.rest_minor, Payment.currency),
                why=UnpaidFinding.proof, provider=Payment.provider, run=PaymentRun.number, programme=Programme.code,
            )
        ).select_from(UnpaidFinding),
        UnpaidFinding.payment_id,
    ).where(
        UnpaidFinding.confirmed_at.is_(None), UnpaidFinding.refusal_id.is_(None), UnpaidFinding.attempt == Payment.attempts,
        Payment.state.in_(sorted(unpaid.MAY_BE_FOUND)),
    ),
    _unpaid,
    lambda session, actor, it, typed: unpaid.confirm(session, actor, UUID(it.key), typed.code),
    refused, refused,
)  # fmt: skip

LINE = Kind(
    "statement-line", N_("A line that nothing explains"),
    N_("Line %(line)s of %(provider)s, %(on)s: %(verdict)s"),
    N_("Our books hold what the line is."),
    Permission.DISCREPANCY_READ, Permission.RUN_AUTHORISE, _reported, _line,
    lambda session, actor, it, typed: line_findings.confirm(session, actor, UUID(it.key), typed.code, typed.seen),
    refused, refused,
    words={"verdict": VERDICTS},
)  # fmt: skip

WITHDRAWAL = Kind(
    "withdrawal", N_("Taking back what waits to be sent"),
    N_("What waits for %(provider)s in run %(run)s of %(programme)s is not sent: %(count)s when it was proposed"),
    N_("These payments have failed before anything left; then they are tried again or given up."),
    Permission.PAYMENT_READ, Permission.RUN_AUTHORISE,
    lambda _: select(
        *row(
            Withdrawal.id, Withdrawal.proposed_at, Withdrawal.proposed_by, programmes=(Programme.code,),
            barred=func.array(
                select(RunPart.user_id)
                .where(RunPart.run_id == Withdrawal.run_id, RunPart.part == MAKER)
                .scalar_subquery()
            ),
            amount=(Withdrawal.total_minor, Withdrawal.currency), why=Withdrawal.reason, provider=Withdrawal.provider,
            run=PaymentRun.number, programme=Programme.code, count=Withdrawal.payment_count,
        )
    )
    .join(PaymentRun, PaymentRun.id == Withdrawal.run_id)
    .join(Programme, Programme.id == PaymentRun.programme_id)
    .where(
        Withdrawal.confirmed_at.is_(None), Withdrawal.refusal_id.is_(None), PaymentRun.state == RunState.RELEASING,
        exists().where(_waits(Withdrawal)),
    ),
    _withdrawal,
    lambda session, actor, it, typed: withdrawing.confirm(session, actor, UUID(it.key), typed.code),
    refused, refused,
)  # fmt: skip
