"""One small story with a payment in every state, told once, in a database that a test may tamper with and restore."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, Engine, select, text
from sqlalchemy.orm import Session

from adapters.sandbox.adapter import SandboxAdapter
from adapters.sandbox.client import Act, Schedule, Step
from cbi import clock, jobs, offices
from cbi.payments.models import Payment
from cbi.payments.sending import dispatch, providers
from cbi.proofs.verify import verify
from cbi.reconciliation import matching, statements
from cbi.redemption import issuing
from tests.factories import START, approved_run, funded_programme, households, phone_of, team
from tests.reconciliation_factory import TREASURER, Line, settlement
from tests.redemption_factory import LAST_DAY, OPEN, code_of, confirm, hold, know_words, teller

LATER = OPEN + timedelta(days=30)
"""When the second half of the codes is issued: they are alive when the first half expires."""
AT_LAST = datetime.combine(LAST_DAY + timedelta(days=1), OPEN.time(), UTC)


def tell(owner: Engine) -> None:
    """Five payments by codes: two paid, one expired, two waiting. Five by the sandbox: three paid, a failure, a doubt."""
    with clock.frozen(START), offices.transaction("dz") as session:
        people = team(session)
        numbers = households(session, [1, 2, 3, 4, 5])
        by_codes = approved_run(session, people, funded_programme(session)).id
    know_words(owner)
    with clock.frozen(START + timedelta(minutes=2)), offices.transaction("dz") as session:
        mobile = funded_programme(
            session, code="mobile", provider="sandbox", mechanism="mobile_money"
        )
        by_sandbox = approved_run(session, people, mobile).id
    with clock.frozen(START + timedelta(hours=1)):
        for run_id in (by_codes, by_sandbox):
            with offices.transaction("dz") as session:
                dispatch.begin_release(session, people.authoriser.actor, run_id)
        with _sandbox_that_fails(numbers):
            jobs.release("dz", by_sandbox)
    for at, size in ((OPEN, 3), (LATER, 5)):
        with clock.frozen(at), offices.transaction("dz") as session:
            issuing.issue_chunk(session, by_codes, "post_office", size)
    with clock.frozen(LATER):
        jobs.release("dz", by_codes)
    _pay_two_and_reconcile(by_codes)
    with clock.frozen(AT_LAST):
        assert jobs.expire("dz") == 1
        jobs.seal("dz")


@contextmanager
def _sandbox_that_fails(numbers: list[str]) -> Iterator[None]:
    """The provider declines the first household's payment, and hangs up on the second's."""
    adapter = providers.adapter("sandbox")
    assert isinstance(adapter, SandboxAdapter)
    script, usual = Schedule(), adapter.provider.script
    script.plan(phone_of(numbers[0]), Step(Act.DECLINE, "BROKEN"))
    script.plan(phone_of(numbers[1]), Step(Act.HANG_UP))
    adapter.provider.script = script
    try:
        yield
    finally:
        adapter.provider.script = usual


def _pay_two_and_reconcile(run_id: object) -> None:
    with offices.transaction("dz") as session:
        first, second = session.scalars(
            select(Payment.id).where(Payment.run_id == run_id, Payment.number < 3)
        )
    who = teller()
    paid = [confirm(who, hold(who, code_of(each)).authorisation_id) for each in (first, second)]
    lines = [Line(each.receipt, each.amount.minor // 100, OPEN.date()) for each in paid]
    lines.append(Line("R-NOBODYS", 1, OPEN.date()))
    with clock.frozen(LATER), offices.transaction("dz") as session:
        statements.take_in(session, TREASURER, "post_office", settlement(lines), "day.csv")
        assert matching.reconcile(session, TREASURER, "post_office").matched == 2


def broken(connection: Connection) -> dict[int, tuple[str, ...]]:
    """What `cbi verify` finds, by the number of the promise, seen as the application from within this transaction."""
    connection.execute(text("SET LOCAL ROLE cbi_dz"))
    with Session(connection) as session:
        verdicts = verify(session)
        return {each.promise.number: each.breaches for each in verdicts if not each.kept}
