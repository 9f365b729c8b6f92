"""A database restored from a backup has forgotten what left since: the office stands still until statements have told."""

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TypeVar

import pytest
from sqlalchemy import URL, Engine, select, text
from sqlalchemy.orm import Session

from adapters.sandbox.adapter import SandboxAdapter
from adapters.sandbox.client import SandboxProvider
from cbi import clock, db, jobs, offices
from cbi.access.actor import SYSTEM
from cbi.access.permissions import Role
from cbi.audit import standstill, witness
from cbi.audit.record import record
from cbi.errors import CbiError
from cbi.payments.sending import sending
from cbi.payments.states import PaymentState
from cbi.proofs import restored
from cbi.proofs.verify import verify
from cbi.reconciliation import going_on, line_findings, matching, statements
from cbi.reconciliation.line_findings import Said
from cbi.reconciliation.models import StatementLine, Verdict
from cbi.refusals import refusing
from cbi.registry import personal
from tests.databases import copied
from tests.factories import EVERYTHING, Colleague, colleague, office_day
from tests.flow.people import refused
from tests.flow.sending import (
    SIZES,
    STORIES,
    PointAt,
    Waiting,
    assert_every_promise_is_kept,
    disputes,
    payments,
    states,
    told,
)
from tests.reconciliation_factory import Line, settlement

Found = TypeVar("Found")


@pytest.fixture
def template(server: URL, template: str, point_at: PointAt) -> str:
    return told(server, template, point_at)


@pytest.fixture
def waiting(database: URL, template: str) -> Waiting:
    """Runs that a worker may send."""
    return STORIES[template]


@pytest.fixture
def restore(server: URL, database: URL, template: str) -> Callable[[], None]:
    """Reads the backup back that was made before anything was sent."""

    def back() -> None:
        db.disconnect()
        copied(server, template, str(database.database))

    return back


def send(provider: SandboxProvider, waiting: Waiting) -> int:
    adapter = SandboxAdapter(provider)
    sent = sending.send("dz", waiting.by_sandbox, "sandbox", adapter, personal.accounts)
    return sent.submitted


def looked() -> int:
    """What is done each minute."""
    jobs.seal("dz")
    return jobs.watch("dz")


def people() -> tuple[Colleague, Colleague]:
    with offices.transaction("dz") as session:
        return colleague(session, Role.TREASURER), colleague(session, Role.AUTHORISER)


def with_office(work: Callable[[Session], Found]) -> Found:
    return offices.transact("dz", work)


def gist(work: Callable[[Session], object]) -> str:
    """With which words it is refused."""
    with pytest.raises(CbiError) as why:
        with_office(work)
    return why.value.message


def take_in(provider: SandboxProvider, first: int = 1, last: int | None = None) -> None:
    content = provider.statement("DZD", first, last)
    with_office(lambda s: statements.take_in(s, EVERYTHING, "sandbox", content, "s.txt"))
    with_office(lambda s: matching.reconcile(s, EVERYTHING, "sandbox"))


def take_in_none_of_the_post_office() -> None:
    none = settlement([])
    with_office(lambda s: statements.take_in(s, EVERYTHING, "post_office", none, "none.csv"))
    with_office(lambda s: matching.reconcile(s, EVERYTHING, "post_office"))


def test_what_a_backup_has_forgotten_is_not_sent_again(
    waiting: Waiting, restore: Callable[[], None]
) -> None:
    provider = SandboxProvider(opening_float=lambda _: 10**9)
    assert looked() == 0
    assert send(provider, waiting) == len(SIZES)
    jobs.release("dz", waiting.by_codes)
    assert (looked(), looked()) == (0, 0)
    restore()
    assert (looked(), looked(), looked()) == (1, 0, 0), "it is found once"
    assert send(provider, waiting) == 0
    assert jobs.release("dz", waiting.by_codes).payments == 0
    treasurer, authoriser = people()
    assert refused(lambda s: going_on.ask(s, treasurer.actor, "All is well")) is going_on.NotYet
    for first, last in ((1, 2), (5, 6)):
        take_in(provider, first, last)
    lines_lack = gist(lambda s: going_on.ask(s, treasurer.actor, "Two statements are in"))
    assert "the statements of sandbox lack lines" in lines_lack
    take_in(provider)
    assert states(waiting.by_sandbox) == [PaymentState.PAID] * len(SIZES), "by its own lines"
    assert refused(lambda s: going_on.ask(s, treasurer.actor, "All is well")) is going_on.NotYet
    take_in_none_of_the_post_office()
    with_office(lambda s: going_on.ask(s, treasurer.actor, "Both statements agree"))
    assert (
        refused(lambda s: going_on.confirm(s, treasurer.actor, treasurer.code()))
        is going_on.OwnAsking
    )
    with_office(lambda s: going_on.confirm(s, authoriser.actor, authoriser.code()))
    assert (looked(), looked()) == (0, 0), "what is settled is not found again"
    assert send(provider, waiting) == 0
    assert jobs.release("dz", waiting.by_codes).payments == len(SIZES), "nobody had sent these"
    assert_every_promise_is_kept()
    restore()
    assert looked() == 1, "the same backup once more is another loss"


def test_two_people_find_whose_code_was_cashed_after_the_backup(waiting: Waiting) -> None:
    with_office(lambda s: standstill.begin(s, SYSTEM))
    treasurer, authoriser = people()
    cashed, *others = payments(waiting.by_codes)
    content = settlement([Line("4711000001", cashed.amount_minor // 100, office_day())])
    with_office(lambda s: statements.take_in(s, EVERYTHING, "post_office", content, "one.csv"))
    with_office(lambda s: matching.reconcile(s, EVERYTHING, "post_office"))
    assert disputes() == ["unknown_line"], "a receipt alone does not say whose it is"
    line = with_office(lambda s: s.scalars(select(StatementLine.id)).one())
    said = Said(Verdict.ATTEMPT, payment_id=cashed.id, attempt=1)
    report = with_office(
        lambda s: line_findings.report(s, treasurer.actor, line, said, "Their receipt book, page 7")
    )
    assert states(waiting.by_codes) == [PaymentState.READY] * len(SIZES), "a report moves nothing"
    with_office(lambda s: line_findings.confirm(s, authoriser.actor, report.id, authoriser.code()))
    assert states(waiting.by_codes)[0] is PaymentState.PAID
    take_in(SandboxProvider())
    with_office(lambda s: going_on.ask(s, treasurer.actor, "The receipt is explained"))
    with clock.frozen(clock.now() + timedelta(minutes=1)):
        with_office(lambda s: going_on.confirm(s, authoriser.actor, authoriser.code()))
    assert jobs.release("dz", waiting.by_codes).payments == len(others)
    assert_every_promise_is_kept()


def test_a_database_that_lives_elsewhere_is_noticed_by_a_machine_that_never_saw_it(
    waiting: Waiting, restore: Callable[[], None]
) -> None:
    assert looked() == 0
    shutil.rmtree(witness.folder())
    assert looked() == 0, "another machine, the same database"
    copied_home = with_office(restored.home)
    shutil.rmtree(witness.folder())
    with_office(lambda s: record(s, SYSTEM, "office.lives_at", "home", f"elsewhere {copied_home}"))
    assert (looked(), looked(), looked()) == (1, 0, 0)


def broken() -> list[str]:
    with offices.transaction("dz") as session:
        return [breach for verdict in verify(session) for breach in verdict.breaches]


def test_nothing_leaves_an_office_that_was_stopped_and_one_person_cannot_let_it_go_on(
    waiting: Waiting, owner: Engine
) -> None:
    treasurer, authoriser = people()
    who = sorted([treasurer, authoriser], key=lambda each: str(each.actor.id))
    with ThreadPoolExecutor(2) as threads:
        begun = list(
            threads.map(
                lambda each: with_office(lambda s: going_on.stop(s, each.actor, "A new disk").id),
                who,
            )
        )
    assert begun[0] == begun[1], "one of the two began it"
    assert jobs.release("dz", waiting.by_codes).payments == 0
    provider = SandboxProvider()
    assert send(provider, waiting) == 0
    assert jobs.hand_over("dz") == 0
    take_in(provider)
    take_in_none_of_the_post_office()
    still = with_office(lambda s: going_on.ask(s, treasurer.actor, "The disk is as it was"))
    with_office(
        lambda s: refusing.refuse(
            s, authoriser.actor, "standstill-end", str(still.id), "Not so fast"
        )
    )
    code = authoriser.code()
    assert refused(lambda s: going_on.confirm(s, authoriser.actor, code)) is going_on.NobodyAsked
    with_office(lambda s: going_on.ask(s, treasurer.actor, "The disk is as it was, really"))
    anew = with_office(lambda s: going_on.stop(s, authoriser.actor, "Another disk"))
    assert (anew.id, anew.reason) == (still.id, "A new disk")
    assert refused(lambda s: going_on.confirm(s, authoriser.actor, code)) is going_on.NobodyAsked
    assert refused(lambda s: going_on.ask(s, treasurer.actor, "All is well")) is going_on.NotYet
    take_in(provider)
    take_in_none_of_the_post_office()
    with_office(lambda s: going_on.ask(s, treasurer.actor, "The same files say so again"))
    with_office(lambda s: going_on.confirm(s, authoriser.actor, code))
    assert refused(lambda s: going_on.ask(s, treasurer.actor, "Again")) is going_on.NotStill
    assert jobs.release("dz", waiting.by_codes).payments == len(SIZES)
    assert_every_promise_is_kept()
    with owner.begin() as connection:
        forged = text(
            "UPDATE standstills SET began_at = began_at - interval '1 day', ended_at = ended_at + interval '1 day',"
            " ended_by = (SELECT id FROM users u WHERE u.id NOT IN (asked_by, ended_by) LIMIT 1)"
        )
        connection.execute(forged)
    assert {each[:8] for each in broken()} == {"payment ", "standsti"}
