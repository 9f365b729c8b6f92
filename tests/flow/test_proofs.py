"""`cbi verify` finds and names whatever an intruder alters, and says nothing against a story that is as it was."""

import os
import re
from collections.abc import Iterator

import pytest
from sqlalchemy import URL, Connection, create_engine, select, text, update
from sqlalchemy.orm import Session

from cbi import offices
from cbi.payments.models import Approval, Payment, PaymentRun
from cbi.payments.runs import digest
from cbi.payments.states import PaymentState
from cbi.proofs import verify as proofs
from cbi.proofs.promise import Promise, Verdict, none_of
from cbi.proofs.verify import PROMISES, verify
from cbi.terminal.deployment import print_verdicts
from tests.flow.proving import broken, tell
from tests.flow.tampering import TAMPERINGS, WAITING, Tampering, intruding
from tests.redemption_factory import code_of


@pytest.fixture(scope="module")
def story(own_database: URL) -> URL:
    """The story's database, to which the process points."""
    owner = create_engine(own_database, connect_args={"options": "-c search_path=dz"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CBI_DATA_DIR", f"/nonexistent/{os.getpid()}")  # nothing here needs files
        tell(owner)
    owner.dispose()
    return own_database


@pytest.fixture
def intruder(story: URL) -> Iterator[Connection]:
    """The owner of the database in a transaction that is undone; foreign keys do not stop them."""
    with intruding(story) as connection:
        yield connection


def test_a_story_that_nobody_touched_keeps_every_promise(story: URL) -> None:
    with offices.transaction("dz") as session:
        verdicts = verify(session)
    assert [verdict.breaches for verdict in verdicts] == [()] * 9
    assert all(verdict.kept for verdict in verdicts)


def test_the_story_has_payments_in_every_state_that_matters(intruder: Connection) -> None:
    states = intruder.execute(text("SELECT state, count(*) FROM payments GROUP BY state"))
    assert dict(states.all()) == {
        "accepted": 2, "paid": 5, "expired": 1, "failed": 1, "unknown": 1
    }  # fmt: skip
    assert broken(intruder) == {}


def test_an_empty_office_keeps_every_promise(database: URL) -> None:
    with offices.transaction("dz") as session:
        assert all(verdict.kept for verdict in verify(session))


@pytest.mark.parametrize(
    "tampering", TAMPERINGS, ids=lambda each: f"{each.promise}-{each.what}".replace(" ", "-")
)
def test_what_an_intruder_did_is_found_and_named(
    intruder: Connection, tampering: Tampering
) -> None:
    victim = intruder.scalar(text(tampering.victim))
    assert victim is not None
    for deed in tampering.deeds.split(";"):
        parameters = {"victim": victim} if ":victim" in deed else {}
        assert intruder.execute(text(deed), parameters).rowcount != 0, deed
    named = broken(intruder).get(tampering.promise, ())
    whole = re.compile(rf"(?<![\w-]){re.escape(str(victim))}(?![\w-])")
    assert any(whole.search(breach) for breach in named), named


def test_a_payment_sent_to_somebody_else_is_found_though_every_digest_was_made_anew(
    intruder: Connection,
) -> None:
    # SHA-256 needs no key, so whoever can write can make the run's own tables agree with one another again.
    with Session(intruder, expire_on_commit=False) as session:
        run = session.scalars(
            select(PaymentRun).where(PaymentRun.providers == ["post_office"])
        ).one()
        mine, theirs = session.scalars(
            select(Payment).where(Payment.run_id == run.id, Payment.state == PaymentState.ACCEPTED)
        )
        theirs.person_id, theirs.account_id = mine.person_id, mine.account_id
        theirs.account_index = mine.account_index
        session.flush()
        session.execute(
            update(Payment).where(Payment.id == theirs.id).values(digest=digest.payment_digest())
        )
        run.digest = digest.run_digest(session, run)
        session.execute(update(Approval).where(Approval.run_id == run.id).values(digest=run.digest))
        session.commit()
    named = broken(intruder).get(2, ())
    assert any(f"run {run.number}:" in breach for breach in named), named


def test_every_promise_is_tampered_with() -> None:
    assert {each.promise for each in TAMPERINGS} == {promise.number for promise in PROMISES}


@pytest.mark.parametrize(
    "place",
    [
        """INSERT INTO audit_entries (at, actor_kind, act, subject_kind, subject_id, details)
        VALUES (now(), 'user', 'a', 's', '1', jsonb_build_object('said', CAST(:code AS text)))""",
        "UPDATE messages SET values = values || jsonb_build_object('note', CAST(:code AS text))",
        "UPDATE run_events SET reason = 'they read out ' || CAST(:code AS text)",
        "UPDATE discrepancies SET details = jsonb_build_object('said', CAST(:code AS text))",
    ],
    ids=["audit", "messages", "reasons", "discrepancies"],
)
@pytest.mark.parametrize("mark", [".", " ", "-", ""], ids=["dotted", "spaced", "hyphened", "plain"])
def test_a_code_that_was_written_down_is_found(intruder: Connection, place: str, mark: str) -> None:
    payment = intruder.scalar(text(WAITING))
    issue = intruder.scalar(
        text("SELECT id FROM code_issues WHERE payment_id = :payment"), {"payment": payment}
    )
    assert payment is not None
    code = code_of(payment).replace(".", mark)
    assert intruder.execute(text(place), {"code": code}).rowcount > 0
    named = broken(intruder).get(6, ())
    assert any(f"holds the code of issue {issue}" in breach for breach in named), named
    assert not any(code in breach for breach in named)


def test_a_promise_that_nothing_checks_is_not_covered_and_never_kept(
    story: URL, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    unchecked = Promise(10, "The moon is round")
    assert not Verdict(unchecked).kept
    monkeypatch.setattr(proofs, "PROMISES", (unchecked,))
    with offices.transaction("dz") as session:
        [verdict] = verify(session)
    assert (verdict.covered, verdict.kept, verdict.breaches) == (False, False, ())
    print_verdicts([verdict])
    assert re.search(r"10\. The moon is round: not covered yet", capsys.readouterr().out)


def test_a_promise_is_broken_by_any_of_its_checks(
    story: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks = (
        none_of("row {n}", "SELECT 1 AS n WHERE false"),
        none_of("row {n}", "SELECT * FROM generate_series(1, 100) n"),
    )
    monkeypatch.setattr(proofs, "PROMISES", (Promise(1, "x", checks),))
    with offices.transaction("dz") as session:
        [verdict] = verify(session)
    assert (verdict.covered, verdict.kept) == (True, False)
    assert verdict.breaches[:2] == ("row 1", "row 2")
    assert len(verdict.breaches) == 20
