"""Each statement is taken in once, each line once, and no line is ever changed by a later file."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from io import BytesIO
from uuid import UUID

import pytest
from sqlalchemy import URL, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from adapters.sandbox.adapter import SandboxAdapter
from adapters.sandbox.client import SandboxProvider
from cbi import clock, db, offices
from cbi.access.actor import Actor, NotPermitted
from cbi.fsp.errors import AdapterUnavailable, UnreadableStatement
from cbi.money import Money
from cbi.payments.models import Discrepancy, Payment
from cbi.payments.outcomes import outcomes
from cbi.payments.states import PaymentState
from cbi.reconciliation.matching import reconcile
from cbi.reconciliation.models import Match, StatementFile, StatementLine
from cbi.reconciliation.statements import TakenIn, take_in
from tests.reconciliation_factory import (
    DAY,
    TREASURER,
    Line,
    movements,
    open_kinds,
    send,
    send_many,
    settlement,
)

TODAY = datetime(2026, 3, 12, 9, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _today() -> Iterator[None]:
    with clock.frozen(TODAY):
        yield


def count(
    session: Session, table: type[StatementFile | StatementLine | Match | Discrepancy]
) -> int:
    return session.scalar(select(func.count()).select_from(table)) or 0


def together(*works: Callable[[Session], object]) -> list[object]:
    """Do each work in its own committed transaction, all at once; their results."""
    gate = threading.Barrier(len(works))
    results: list[object] = [None] * len(works)
    failures: list[BaseException] = []

    def run(place: int, work: Callable[[Session], object]) -> None:
        def attempt() -> object:
            with clock.frozen(TODAY), offices.transaction("dz") as session:
                return work(session)

        try:
            gate.wait(timeout=30)
            results[place] = db.repeatable(attempt)
        except BaseException as error:  # noqa: BLE001 - the test's own thread raises it
            failures.append(error)

    threads = [threading.Thread(target=run, args=each) for each in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    if failures:
        raise failures[0]
    return results


def test_a_statement_is_kept_line_by_line(session: Session) -> None:
    content = settlement([Line("R1", 500, date(2026, 3, 8)), Line("R2", 700), Line("R2", -700)])
    taken = take_in(session, TREASURER, "post_office", content, "C:\\from post\\mars 2026.csv")
    file = session.get_one(StatementFile, taken.statement_id)
    assert (taken.lines, taken.new_lines, taken.already) == (3, 3, False)
    assert taken.total == Money(120000, "DZD")
    assert (file.filename, file.first_day, file.last_day) == (
        "mars 2026.csv",
        date(2026, 3, 8),
        DAY,
    )
    assert file.imported_by == TREASURER.id
    lines = session.scalars(select(StatementLine).order_by(StatementLine.number)).all()
    assert [
        (line.number, line.kind, line.amount_minor, line.provider_reference) for line in lines
    ] == [
        (2, "payment", 50000, "R1"),
        (3, "payment", 70000, "R2"),
        (4, "return", 70000, "R2"),
    ]
    assert {line.office for line in lines} == {"Main office"}


def test_balances_are_kept_where_the_provider_gives_them(session: Session) -> None:
    content = movements({"id": "a", "minor": -50000}, opening=90000)
    taken = take_in(session, TREASURER, "sandbox", content, "statement.jsonl")
    file = session.get_one(StatementFile, taken.statement_id)
    assert (file.opening_minor, file.closing_minor) == (90000, 40000)


def test_the_same_file_twice_changes_nothing(session: Session) -> None:
    content = settlement([Line("R1", 500), Line("R1", 500)])
    first = take_in(session, TREASURER, "post_office", content, "march.csv")
    again = take_in(session, TREASURER, "post_office", content, "march (1).csv")
    assert again == TakenIn(first.statement_id, 2, 0, already=True, total=Money(100000, "DZD"))
    assert (count(session, StatementFile), count(session, StatementLine)) == (1, 2)


def test_an_overlapping_file_adds_only_its_new_lines(session: Session) -> None:
    take_in(
        session, TREASURER, "post_office", settlement([Line("R1", 500), Line("R2", 500)]), "a.csv"
    )
    later = settlement([Line("R3", 500), Line("R2", 500), Line("R2", 500)])
    taken = take_in(session, TREASURER, "post_office", later, "b.csv")
    assert (taken.lines, taken.new_lines) == (3, 2)
    assert count(session, StatementLine) == 4
    assert count(session, Discrepancy) == 0


def test_a_line_told_otherwise_later_is_a_discrepancy_and_stays_as_it_was(session: Session) -> None:
    row: dict[str, object] = {"id": "a", "minor": -50000, "transaction": "T1"}
    take_in(session, TREASURER, "sandbox", movements(row), "a.jsonl")
    for filename, fee in (("b.jsonl", -1), ("c.jsonl", -2)):
        # The second file tells the changed line in the same way: that is the same discrepancy.
        fees: dict[str, object] = {"id": filename, "minor": fee, "type": "CHARGE"}
        take_in(session, TREASURER, "sandbox", movements({**row, "minor": -60000}, fees), filename)
    assert open_kinds(session) == ["line_changed"]
    found = session.scalars(select(Discrepancy)).one()
    assert (found.amount_minor, found.details["before"]["amount_minor"]) == (60000, 50000)
    assert session.scalars(
        select(StatementLine.amount_minor).where(StatementLine.line_id == "a")
    ).all() == [50000]
    take_in(session, TREASURER, "sandbox", movements({**row, "date": "2026-03-09"}), "d.jsonl")
    assert open_kinds(session) == ["line_changed", "line_changed"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"date,office,receipt,amount,currency\n2026-03-10,A,R1,500,DZD\n",
        settlement([Line("R1", 500)]).replace(b"TOTAL,1", b"TOTAL,2"),
        settlement([Line("R1", 500)], currency="XXX"),
        settlement([Line("R1", 500)]).replace(b"R1", b"R\x001"),
        settlement([Line(f"R{n}", 10**12) for n in range(2000)]),
    ],
    ids=["empty", "cut short", "miscounted", "no currency", "a NUL", "a sum beyond belief"],
)
def test_a_statement_that_cannot_be_read_keeps_nothing(session: Session, content: bytes) -> None:
    with pytest.raises(UnreadableStatement):
        take_in(session, TREASURER, "post_office", content, "bad.csv")
    assert (count(session, StatementFile), count(session, StatementLine)) == (0, 0)


@pytest.mark.parametrize("strange", ["b\0", "b\ud800"])
def test_what_is_no_character_is_refused_with_its_line(session: Session, strange: str) -> None:
    content = movements({"id": "a", "minor": -500}, {"id": strange, "minor": -500})
    with pytest.raises(UnreadableStatement, match="Line 3 "):
        take_in(session, TREASURER, "sandbox", content, "strange.jsonl")


class ReadInPieces(BytesIO):
    """A file of which nobody may ask for all at once."""

    def read(self, size: int | None = -1, /) -> bytes:
        assert size is not None
        assert 0 < size <= 1 << 20
        return super().read(size)


def test_a_file_is_read_in_pieces_and_left_open(session: Session) -> None:
    file = ReadInPieces(settlement([Line("R1", 500), Line("R2", 700)]))
    file.seek(20)
    first = take_in(session, TREASURER, "post_office", file, "march.csv")
    again = take_in(session, TREASURER, "post_office", file, "march.csv")
    assert (first.new_lines, first.already, again.already) == (2, False, True)
    assert not file.closed


def parsed_as(monkeypatch: pytest.MonkeyPatch, *names: str) -> bytes:
    """A statement for an adapter that reads no files, checks nothing, and calls its two lines by these names."""
    content = movements({"id": "a", "minor": -500}, {"id": "b", "minor": -500})
    read = SandboxAdapter(SandboxProvider()).parse_statement(content)
    called = zip(read.lines, names, strict=True)
    held = replace(read, lines=tuple(replace(line, line_id=name) for line, name in called))
    monkeypatch.delattr(SandboxAdapter, "read_statement", raising=False)
    monkeypatch.setattr(SandboxAdapter, "parse_statement", lambda self, content: held)
    return content


def test_an_adapter_that_reads_no_files_is_given_the_bytes(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = BytesIO(parsed_as(monkeypatch, "a", "b"))
    taken = take_in(session, TREASURER, "sandbox", content, "statement.jsonl")
    assert (taken.lines, taken.new_lines) == (2, 2)


def test_lines_that_an_adapter_names_alike_are_refused_never_merged(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = parsed_as(monkeypatch, "a", "a")
    with pytest.raises(UnreadableStatement, match=r"Line 3 .* name of its own"):
        take_in(session, TREASURER, "sandbox", content, "statement.jsonl")
    assert (count(session, StatementFile), count(session, StatementLine)) == (0, 0)


def test_only_a_provider_that_the_deployment_uses_is_read(session: Session) -> None:
    with pytest.raises(AdapterUnavailable):
        take_in(session, TREASURER, "another_post", settlement([Line("R1", 500)]), "a.csv")


def test_taking_in_and_reconciling_need_the_permission(session: Session) -> None:
    nobody = Actor("user", None, "nobody")
    with pytest.raises(NotPermitted):
        take_in(session, nobody, "post_office", settlement([Line("R1", 500)]), "a.csv")
    with pytest.raises(NotPermitted):
        reconcile(session, nobody, "post_office")


def test_a_line_cannot_be_changed_afterwards(session: Session) -> None:
    take_in(session, TREASURER, "post_office", settlement([Line("R1", 500)]), "a.csv")
    line = session.scalars(select(StatementLine)).one()
    line.amount_minor = 1
    with pytest.raises(DBAPIError, match="permission denied"):
        session.flush()


def test_of_the_same_file_taken_in_by_several_at_once_one_is_kept(database: URL) -> None:
    content = settlement([Line(f"R{n}", 500) for n in range(200)])
    taken = together(
        *[lambda session: take_in(session, TREASURER, "post_office", content, "a.csv")] * 4
    )
    assert sorted(one.already for one in taken if isinstance(one, TakenIn)) == [
        False,
        True,
        True,
        True,
    ]
    with offices.transaction("dz") as session:
        assert (count(session, StatementFile), count(session, StatementLine)) == (1, 200)


def test_overlapping_files_taken_in_at_once_keep_each_line_once(database: URL) -> None:
    lines = [Line(f"R{n}", 500) for n in range(200)]

    def some(first: int, last: int) -> Callable[[Session], object]:
        content = settlement(lines[first:last][::-1] if first else lines[first:last])
        return lambda session: take_in(session, TREASURER, "post_office", content, "part.csv")

    together(some(0, 150), some(50, 200), some(100, 200))
    with offices.transaction("dz") as session:
        assert (count(session, StatementFile), count(session, StatementLine)) == (3, 200)


def test_reconciling_at_once_does_everything_once(database: URL) -> None:
    with offices.transaction("dz") as session:
        send_many(session, 300, 500, paid=True)
        send(session, [500])
        wrong = [Line("R1", 500), Line("R2", 400), Line("nobody", 500)]
        content = settlement([*(Line(f"R{n}", 500) for n in range(1, 291)), *wrong])
        take_in(session, TREASURER, "post_office", content, "a.csv")
    together(*[lambda session: reconcile(session, TREASURER, "post_office")] * 3)
    with offices.transaction("dz") as session:
        assert count(session, Match) == 290
        assert open_kinds(session) == [
            "duplicate_line",
            "duplicate_line",
            *["paid_not_settled"] * 10,
            "unknown_line",
        ]


def test_a_statement_and_a_provider_that_answer_at_once_pay_once(database: URL) -> None:
    with offices.transaction("dz") as session:
        sent = send(session, [500] * 40, provider="sandbox")
        rows: list[dict[str, object]] = [
            {"id": str(n), "minor": -50000, "reference": one.key} for n, one in enumerate(sent)
        ]
        take_in(session, TREASURER, "sandbox", movements(*rows), "a.jsonl")

    def answer(payment_id: UUID) -> Callable[[Session], object]:
        return lambda session: outcomes.confirm_paid(
            session, payment_id, 1, provider_reference=None, source="a callback"
        )

    together(
        lambda session: reconcile(session, TREASURER, "sandbox"),
        *(answer(one.id) for one in sent[:8]),
    )
    with offices.transaction("dz") as session:
        reconcile(session, TREASURER, "sandbox")
        assert session.scalars(select(Payment.state).distinct()).all() == [PaymentState.PAID]
        assert count(session, Match) == 40
        assert open_kinds(session) == []
