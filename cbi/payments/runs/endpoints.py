"""Payment runs over HTTP: build, lock, sign, return, cancel, release, and look."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query
from sqlalchemy import select

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.http.pages import Page
from cbi.http.requests import OfficeSession
from cbi.http.routing import Router
from cbi.ledger.schemas import Amount
from cbi.money import Money
from cbi.payments.models import Payment, PaymentRun
from cbi.payments.runs import queries, runs
from cbi.payments.runs.schemas import (
    BuildRun,
    BuiltOut,
    EventOut,
    PaymentOut,
    Reason,
    RunOut,
    RunSheetOut,
    Signature,
    StateTotalOut,
    StepSignature,
    UnpaidReport,
)
from cbi.payments.sending import dispatch
from cbi.payments.signing import approval, openings, recall
from cbi.payments.unpaid import unpaid

router = Router(tags=["payments"])
Reader = Annotated[Actor, Depends(may(Permission.RUN_READ))]


def _out(session: OfficeSession, run: PaymentRun) -> RunOut:
    return RunOut.of(queries.runs(session, PaymentRun.id == run.id)[0])


@router.get("/payment-runs", summary="Payment runs, newest first")
def list_runs(session: OfficeSession, actor: Reader) -> list[RunOut]:
    return [RunOut.of(line) for line in queries.runs(session, *queries.visible(actor))]


@router.post(
    "/payment-runs",
    status_code=201,
    summary="Build draft runs for a cycle, one for each fund that pays",
)
def build(
    session: OfficeSession,
    actor: Annotated[Actor, Depends(may(Permission.RUN_BUILD))],
    body: BuildRun,
) -> BuiltOut:
    first, *others = (
        _out(session, run) for run in runs.build_all(session, actor, body.cycle_id, body.top_up_id)
    )
    return BuiltOut(**first.model_dump(), others=others)


@router.get(
    "/payment-runs/{run_id}", summary="The run sheet: what an approver signs, and what changed"
)
def show(session: OfficeSession, actor: Reader, run_id: UUID) -> RunSheetOut:
    run = runs.find_for(session, actor, run_id, Permission.RUN_READ)
    openings.note(session, actor, run)
    return RunSheetOut.from_sheet(queries.sheet(session, run_id))


@router.get("/payment-runs/{run_id}/totals", summary="The run's payments by state")
def totals(session: OfficeSession, actor: Reader, run_id: UUID) -> list[StateTotalOut]:
    runs.find_for(session, actor, run_id, Permission.RUN_READ)
    return [
        StateTotalOut(
            state=line.state,
            payments=line.payments,
            total=Amount.of(line.total),
            handed_over=Amount.of(line.handed_over),
            rest=Amount.of(line.rest),
        )
        for line in queries.state_totals(session, run_id)
    ]


@router.post(
    "/payment-runs/{run_id}/lock", summary="Fix the run's content so that it can be signed"
)
def lock(
    session: OfficeSession, actor: Annotated[Actor, Depends(may(Permission.RUN_LOCK))], run_id: UUID
) -> RunOut:
    return _out(session, runs.lock(session, actor, run_id))


@router.post(
    "/payment-runs/{run_id}/payments/{payment_id}/exclude",
    summary="Take one payment out of a draft run; what is owed stays owed",
)
def exclude(
    session: OfficeSession,
    actor: Annotated[Actor, Depends(may(Permission.RUN_BUILD))],
    run_id: UUID,
    payment_id: UUID,
    body: Reason,
) -> RunOut:
    return _out(session, runs.exclude(session, actor, run_id, payment_id, body.reason))


@router.post("/payment-runs/{run_id}/certify", summary="Sign as certifier")
def certify(
    session: OfficeSession,
    actor: Annotated[Actor, Depends(may(Permission.RUN_CERTIFY))],
    run_id: UUID,
    body: Signature,
) -> RunOut:
    run = approval.certify(session, actor, run_id, body.one_time_code, seen=body.seen)
    return _out(session, run)


@router.post("/payment-runs/{run_id}/authorise", summary="Sign as authoriser")
def authorise(
    session: OfficeSession,
    actor: Annotated[Actor, Depends(may(Permission.RUN_AUTHORISE))],
    run_id: UUID,
    body: Signature,
) -> RunOut:
    run = approval.authorise(session, actor, run_id, body.one_time_code, seen=body.seen)
    return _out(session, run)


@router.post(
    "/payment-runs/{run_id}/sign",
    summary="Take the run's next step; the last one commits the funds",
)
def sign(
    session: OfficeSession,
    actor: Annotated[Actor, Depends(may(Permission.RUN_SIGN))],
    run_id: UUID,
    body: StepSignature,
) -> RunOut:
    run = approval.sign(session, actor, run_id, body.step, body.one_time_code, seen=body.seen)
    return _out(session, run)


@router.post("/payment-runs/{run_id}/return", summary="Return the run to its maker with a reason")
def send_back(
    session: OfficeSession,
    actor: Annotated[Actor, Depends(may(Permission.RUN_RETURN))],
    run_id: UUID,
    body: Reason,
) -> RunOut:
    return _out(session, recall.send_back(session, actor, run_id, body.reason))


@router.post("/payment-runs/{run_id}/cancel", summary="Call the run off before release")
def cancel(
    session: OfficeSession,
    actor: Annotated[Actor, Depends(may(Permission.RUN_CANCEL))],
    run_id: UUID,
    body: Reason,
) -> RunOut:
    return _out(session, recall.cancel(session, actor, run_id, body.reason))


@router.post(
    "/payment-runs/{run_id}/release", summary="Let an approved run go out; a worker sends it"
)
def release(
    session: OfficeSession,
    actor: Annotated[Actor, Depends(may(Permission.RUN_RELEASE))],
    run_id: UUID,
) -> RunOut:
    return _out(session, dispatch.begin_release(session, actor, run_id))


@router.get(
    "/payment-runs/{run_id}/payments", summary="The run's payments, in the order of the digest"
)
def list_payments(
    session: OfficeSession,
    actor: Annotated[Actor, Depends(may(Permission.PAYMENT_READ))],
    run_id: UUID,
    after: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Page[PaymentOut]:
    runs.find_for(session, actor, run_id, Permission.PAYMENT_READ)
    found = session.scalars(
        select(Payment)
        .where(Payment.run_id == run_id, Payment.number > after)
        .order_by(Payment.number)
        .limit(limit + 1)
    ).all()
    return Page[PaymentOut](
        items=[_payment(payment) for payment in found[:limit]],
        next_cursor=str(found[limit - 1].number) if len(found) > limit else None,
    )


def _payment(payment: Payment) -> PaymentOut:
    return PaymentOut(
        id=payment.id, number=payment.number, household_id=payment.household_id,
        amount=Amount.of(Money(payment.amount_minor, payment.currency)), state=payment.state,
        attempts=payment.attempts,
    )  # fmt: skip


@router.post(
    "/payments/{payment_id}/unpaid-finding",
    status_code=204,
    summary="Report that the provider says in writing that it did not pay; nothing moves before a colleague confirms",
)
def report_unpaid(
    session: OfficeSession,
    actor: Annotated[Actor, Depends(may(Permission.DISCREPANCY_SETTLE))],
    payment_id: UUID,
    body: UnpaidReport,
) -> None:
    unpaid.report(session, actor, payment_id, body.proof)


@router.post(
    "/payments/{payment_id}/unpaid-finding/confirmation",
    status_code=204,
    summary="Confirm a colleague's report: the payment has failed",
)
def confirm_unpaid(
    session: OfficeSession,
    actor: Annotated[Actor, Depends(may(Permission.RUN_AUTHORISE))],
    payment_id: UUID,
    body: Signature,
) -> None:
    unpaid.confirm(session, actor, payment_id, body.one_time_code)


@router.get("/payments/{payment_id}/events", summary="What happened to one payment, in order")
def story(
    session: OfficeSession,
    actor: Annotated[Actor, Depends(may(Permission.PAYMENT_READ))],
    payment_id: UUID,
) -> list[EventOut]:
    runs.find_for(session, actor, queries.run_of(session, payment_id), Permission.PAYMENT_READ)
    return [EventOut(at=at, what=what) for at, what in queries.story(session, payment_id)]
