"""Against a truth that only the test knows: no line is ever matched wrongly, whatever the order that lines come in."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from cbi import clock
from cbi.payments.models import Discrepancy, Payment
from cbi.payments.states import PaymentState
from cbi.reconciliation.matching import reconcile
from cbi.reconciliation.models import Match, StatementLine
from cbi.reconciliation.statements import take_in
from tests.reconciliation_factory import (
    TREASURER,
    Sent,
    change,
    movements,
    name,
    open_kinds,
    pay,
    send,
    settled_by,
)

Row = dict[str, object]


@pytest.fixture(autouse=True)
def _today() -> Iterator[None]:
    with clock.frozen(datetime(2026, 3, 12, 9, 0, tzinfo=UTC)):
        yield


@dataclass
class World:
    """What really happened, and how a careless provider tells it."""

    rows: list[Row] = field(default_factory=list)
    truth: dict[str, UUID] = field(default_factory=dict)
    """The payment that a line is really about, for every line that is about one and may settle it."""

    def add(self, sent: Sent, **row: object) -> str:
        line_id = f"{len(self.rows):05d}"
        self.rows.append({"id": line_id, "minor": -sent.amount * 100, **row})
        return line_id

    def tell(self, sent: Sent, **row: object) -> None:
        """A line that tells the truth about a payment."""
        self.truth[self.add(sent, **row)] = sent.id


KINDS = 12


def careless(session: Session, count: int, seed: int) -> World:
    """Mostly equal payments, and a statement about them with every fault that we know of, several times each."""
    dice, world = random.Random(seed), World()
    sent = send(
        session, [dice.choice([500, 500, 500, 700]) for _ in range(count)], provider="sandbox"
    )
    for number, one in enumerate(sent):
        kind, transaction = number % KINDS, f"T{number}"
        if kind == 10:
            change(session, one, PaymentState.ACCEPTED, PaymentState.UNKNOWN)
        elif kind != 11:
            pay(session, one, None if kind in (1, 2) else transaction)
        if kind in (0, 1, 10):
            world.tell(one, reference=one.key)
        elif kind == 2:
            world.tell(one, reference=one.key.upper(), transaction=transaction)
        elif kind in (3, 4, 7):
            world.tell(one, transaction=transaction)
        lie(world, kind, one, number)
    return world


def lie(world: World, kind: int, one: Sent, number: int) -> None:
    """What else the statement says of it; of kinds 9 and 11 it says nothing at all."""
    if kind == 4:  # the same once more
        world.add(one, transaction=f"T{number}")
    elif kind == 5:  # another amount
        world.add(one, minor=-one.amount * 100 - 100, reference=one.key)
    elif kind == 6:  # the key of one payment and the reference of another
        world.add(one, reference=one.key, transaction=f"T{number - 1}")
    elif kind == 7:  # a name that is almost right
        world.add(one, transaction=f"T{number}x")
    elif kind == 8:  # an equal amount without a name
        world.add(one)


def shuffled(world: World, order: random.Random) -> list[Row]:
    rows = list(world.rows)
    order.shuffle(rows)
    return rows


def outcome(session: Session) -> tuple[dict[str, UUID], list[tuple[str, str]]]:
    """What is settled by what, and what is open about what; lines by the provider's name for them."""
    open_now = session.execute(
        select(Discrepancy.kind, StatementLine.line_id, Discrepancy.payment_id)
        .outerjoin(StatementLine, StatementLine.id == Discrepancy.line_id)
        .where(Discrepancy.settled_at.is_(None))
    )
    return settled_by(session), sorted(
        (row.kind, row.line_id or str(row.payment_id)) for row in open_now
    )


def test_no_line_of_a_careless_statement_is_matched_wrongly(session: Session) -> None:
    each = 20
    world = careless(session, each * KINDS, seed=7)
    rows = shuffled(world, random.Random(1))
    take_in(session, TREASURER, "sandbox", movements(*rows), "statement.jsonl")
    done = reconcile(session, TREASURER, "sandbox")
    matched = settled_by(session)
    wrong = {line for line, payment in matched.items() if world.truth.get(line) != payment}
    missed = set(world.truth) - set(matched)
    assert (wrong, missed) == (set(), set())
    assert done.confirmed == each
    states = select(Payment.state).join(Match, Match.payment_id == Payment.id).distinct()
    assert session.scalars(states).all() == [PaymentState.PAID]
    # Every line that is not matched has exactly one discrepancy; so has every payment that no line is about.
    kinds = open_kinds(session)
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {
        "duplicate_line": each,
        "amount_differs": each,
        "contradictory_line": each,
        "unknown_line": 2 * each,
        "paid_not_settled": 3 * each,
        "not_collected": each,
    }


def test_the_order_of_the_lines_changes_nothing(session: Session) -> None:
    world = careless(session, 96, seed=3)

    def told(rows: list[Row]) -> tuple[dict[str, UUID], list[tuple[str, str]]]:
        with session.begin_nested() as step:
            take_in(session, TREASURER, "sandbox", movements(*rows), "statement.jsonl")
            reconcile(session, TREASURER, "sandbox")
            seen = outcome(session)
            step.rollback()
        return seen

    expected = told(world.rows)

    @given(st.randoms(use_true_random=False))
    @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
    def in_any_order(order: random.Random) -> None:
        assert told(shuffled(world, order)) == expected

    in_any_order()


def test_the_files_that_the_lines_come_in_change_nothing(session: Session) -> None:
    world = careless(session, 96, seed=5)

    def told(*files: list[Row]) -> tuple[set[UUID], list[tuple[str, str]]]:
        with session.begin_nested() as step:
            for number, rows in enumerate(files):
                take_in(session, TREASURER, "sandbox", movements(*rows), f"{number}.jsonl")
                reconcile(session, TREASURER, "sandbox")
            settled, open_now = outcome(session)
            step.rollback()
        # Which of two copies came first is for the files to say; that one settles and one waits is not.
        return set(settled.values()), [
            (kind, "a copy" if kind == "duplicate_line" else about) for kind, about in open_now
        ]

    expected = told(world.rows)

    @given(st.randoms(use_true_random=False), st.integers(0, len(world.rows)))
    @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
    def in_any_files(order: random.Random, cut: int) -> None:
        rows = shuffled(world, order)
        assert told(rows[:cut], rows[cut:]) == expected

    in_any_files()


def test_payments_of_equal_amounts_are_told_apart_by_their_names_alone(session: Session) -> None:
    one, other, unlisted = send(session, [500, 500, 500], provider="sandbox")
    for number, sent in enumerate((one, other, unlisted)):
        pay(session, sent, f"T{number}")
    rows: list[Row] = [
        {"id": "a", "minor": -50000, "transaction": "T1"},
        {"id": "b", "minor": -50000, "transaction": "T0"},
        {"id": "c", "minor": -50000, "transaction": "T1"},
        {"id": "d", "minor": -50000},
    ]
    take_in(session, TREASURER, "sandbox", movements(*rows), "statement.jsonl")
    reconcile(session, TREASURER, "sandbox")
    assert settled_by(session) == {"a": other.id, "b": one.id}
    assert open_kinds(session) == ["duplicate_line", "paid_not_settled", "unknown_line"]


def test_a_reference_that_another_provider_gave_too_names_nobody_else(session: Session) -> None:
    (ours,) = send(session, [500], provider="sandbox")
    (theirs,) = send(session, [500], provider="post_office")
    pay(session, ours, "SAME")
    pay(session, theirs, "SAME")
    take_in(
        session, TREASURER, "sandbox", movements({"id": "a", "minor": -50000, "transaction": "SAME"}), "a.jsonl"
    )  # fmt: skip
    reconcile(session, TREASURER, "sandbox")
    assert settled_by(session) == {"a": ours.id}
    assert session.execute(text("SELECT count(*) FROM discrepancies")).scalar() == 0


def test_a_copy_of_a_line_settles_nothing_even_when_the_payment_is_named_late(
    session: Session,
) -> None:
    (sent,) = send(session, [500], provider="sandbox")
    pay(session, sent, None)
    rows: list[Row] = [{"id": each, "minor": -50000, "transaction": "T1"} for each in ("b", "a")]
    take_in(session, TREASURER, "sandbox", movements(*rows), "statement.jsonl")
    reconcile(session, TREASURER, "sandbox")
    assert open_kinds(session) == ["paid_not_settled", "unknown_line", "unknown_line"]
    name(session, sent, "T1")
    reconcile(session, TREASURER, "sandbox")
    assert settled_by(session) == {"a": sent.id}
    assert open_kinds(session) == ["duplicate_line"]


def test_a_line_whose_two_names_are_of_two_payments_settles_neither(session: Session) -> None:
    one, other, third = send(session, [500, 500, 500], provider="sandbox")
    pay(session, one, "T1")
    pay(session, other, "T2")
    pay(session, third, "T3")
    content = movements(
        {"id": "swapped 1", "minor": -50000, "reference": one.key, "transaction": "T2"},
        {"id": "swapped 2", "minor": -50000, "reference": other.key, "transaction": "T1"},
        {"id": "foreign", "minor": -50000, "reference": third.key, "transaction": "T99"},
    )
    take_in(session, TREASURER, "sandbox", content, "statement.jsonl")
    reconcile(session, TREASURER, "sandbox")
    assert settled_by(session) == {}
    assert open_kinds(session) == ["contradictory_line"] * 3


def test_two_movements_under_one_key_settle_nothing(session: Session) -> None:
    (sent,) = send(session, [500], provider="sandbox")
    pay(session, sent, None)
    content = movements(
        {"id": "a", "minor": -50000, "reference": sent.key, "transaction": "T1"},
        {"id": "b", "minor": -50000, "reference": sent.key, "transaction": "T2"},
    )
    take_in(session, TREASURER, "sandbox", content, "statement.jsonl")
    reconcile(session, TREASURER, "sandbox")
    assert (settled_by(session), open_kinds(session)) == ({}, ["ambiguous_line", "ambiguous_line"])
    # Once the provider's answer names the true one, the other is a second payment of ours that it made.
    name(session, sent, "T2")
    reconcile(session, TREASURER, "sandbox")
    assert (settled_by(session), open_kinds(session)) == ({"b": sent.id}, ["contradictory_line"])


def test_an_unknown_payment_claimed_by_two_movements_stays_unknown(session: Session) -> None:
    (sent,) = send(session, [500], provider="sandbox")
    change(session, sent, PaymentState.ACCEPTED, PaymentState.UNKNOWN)
    content = movements(
        {"id": "a", "minor": -50000, "reference": sent.key, "transaction": "T1"},
        {"id": "b", "minor": -50000, "reference": sent.key, "transaction": "T2"},
    )
    take_in(session, TREASURER, "sandbox", content, "statement.jsonl")
    assert reconcile(session, TREASURER, "sandbox").confirmed == 0
    state = select(Payment.state).where(Payment.id == sent.id)
    assert session.scalars(state).one() is PaymentState.UNKNOWN
