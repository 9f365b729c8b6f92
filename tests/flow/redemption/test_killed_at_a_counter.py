"""kill -9 while a part is handed over, a code is renewed, blocked or runs out: all of it has happened, or nothing."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from cbi import clock, jobs, offices
from cbi.messaging.models import Message
from cbi.payments.outcomes.part_models import PaymentPart
from cbi.redemption import reissuing
from cbi.redemption.models import CodeIssue, Payout
from cbi.redemption.states import CodeState
from tests.factories import EVERYTHING
from tests.flow.killing import killed
from tests.flow.sending import assert_every_promise_is_kept
from tests.redemption_factory import (
    LAST_DAY,
    OPEN,
    InParts,
    Issued,
    code_of,
    confirm,
    hold,
    pay_part,
    refused,
    teller,
    try_code,
)

AT = OPEN + timedelta(minutes=1)
OVER = OPEN + timedelta(days=(LAST_DAY - OPEN.date()).days + 2)


def counted(model: type[object], *which: object) -> int:
    with offices.transaction("dz") as session:
        return session.scalar(select(func.count()).select_from(model).where(*which)) or 0  # type: ignore[arg-type]


def codes(run: Issued) -> list[CodeState]:
    """Every code that the first payment ever had, in order."""
    with offices.transaction("dz") as session:
        of_first = CodeIssue.payment_id == run.payments[0]
        return list(
            session.scalars(select(CodeIssue.state).where(of_first).order_by(CodeIssue.issued_at))
        )


@pytest.mark.parametrize(
    ("step", "done"),
    [("before the rest has its code", 0), ("before it is saved", 0), ("after it is saved", 1)],
)
def test_a_part_is_handed_over_once_and_its_rest_has_one_code(
    parted: InParts, tmp_path: Path, step: str, done: int
) -> None:
    who = teller()
    held = hold(who, code_of(parted.payments[0]))
    given = f"{AT.isoformat()}/{who.id}/{held.authorisation_id}/1500"
    assert killed(step, tmp_path, "part", given)
    assert (counted(Payout), counted(PaymentPart)) == (done, done)
    assert_every_promise_is_kept()
    assert pay_part(who, held.authorisation_id, 1500, at=2).receipt == held.receipt
    rest = hold(who, code_of(parted.payments[0]), at=3)
    assert (rest.amount.minor, confirm(who, rest.authorisation_id, at=4).amount.minor) == (
        250_000,
    ) * 2
    assert (counted(Payout), codes(parted)) == (2, [CodeState.PAID, CodeState.PAID])
    assert_every_promise_is_kept()


@pytest.mark.parametrize(
    ("step", "done"),
    [("before there is a new one", 0), ("before it is saved", 0), ("after it is saved", 1)],
)
def test_a_new_code_is_sent_whole_or_the_old_one_stays_good(
    run: Issued, tmp_path: Path, step: str, done: int
) -> None:
    old = code_of(run.payments[0])
    assert killed(step, tmp_path, "renew", f"{AT.isoformat()}/{run.payments[0]}")
    assert codes(run) == [CodeState.REPLACED, CodeState.ISSUED][1 - done :]
    assert (code_of(run.payments[0]) == old) is not bool(done)
    who = teller()
    confirm(who, hold(who, code_of(run.payments[0]), at=2).authorisation_id, at=3)
    assert counted(Payout) == 1
    assert_every_promise_is_kept()


@pytest.mark.parametrize(
    ("step", "done"),
    [("before it is told", False), ("before it is saved", False), ("after it is saved", True)],
)
def test_a_code_is_blocked_and_told_so_or_neither(
    run: Issued, tmp_path: Path, step: str, *, done: bool
) -> None:
    assert killed(step, tmp_path, "block", f"{AT.isoformat()}/{run.payments[0]}")
    assert codes(run) == [CodeState.LOCKED if done else CodeState.ISSUED]
    assert counted(Message, Message.template == "LOST_ACK") == done
    with clock.frozen(AT), offices.transaction("dz") as session:
        reissuing.lock_code(session, EVERYTHING, run.payments[0], "stolen")
    assert refused(try_code(teller(), code_of(run.payments[0]), at=2)) == "redemption.locked"
    assert counted(Message, Message.template == "LOST_ACK") == 1
    assert_every_promise_is_kept()


@pytest.mark.parametrize(
    ("step", "passage", "over"),
    [
        ("before the payments expire", 1, 0),
        ("before the payments expire", 2, 2),
        ("before it is saved", 2, 2),
        ("before it is saved", 3, 4),
    ],
)
def test_codes_run_out_two_at_a_time_and_each_once(
    run: Issued, tmp_path: Path, step: str, passage: int, over: int
) -> None:
    assert killed(step, tmp_path, "expire", OVER.isoformat(), passage=passage)
    assert counted(CodeIssue, CodeIssue.state == CodeState.EXPIRED) == over
    assert_every_promise_is_kept()
    with clock.frozen(OVER):
        assert jobs.expire("dz") == len(run.payments) - over
    assert counted(Message, Message.template == "EXPIRED") == len(run.payments)
    assert_every_promise_is_kept()
