"""What does not agree is kept until somebody explains it, in words, once; and everybody sees how long it has waited."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import SYSTEM, Actor, NotPermitted, grants_of
from cbi.access.models import User
from cbi.access.permissions import Role
from cbi.audit.models import AuditEntry
from cbi.audit.reasons import UnusableReason
from cbi.money import Money
from cbi.payments.models import Discrepancy, Payment
from cbi.payments.outcomes.discrepancies import open_discrepancy
from cbi.payments.outcomes.settling import (
    AlreadySettled,
    NoSuchOwner,
    UnknownDiscrepancy,
    assign,
    settle,
)
from cbi.programmes.models import Programme
from cbi.reconciliation import queries
from tests.reconciliation_factory import TREASURER, Sent, send

NOW = datetime(2026, 3, 12, 9, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _now() -> Iterator[None]:
    with clock.frozen(NOW):
        yield


def opened(
    session: Session, subject: str = "payment:1", days: int = 0, **options: Any
) -> Discrepancy:
    open_discrepancy(
        session, "not_collected", subject, provider="post_office", amount=Money(50000, "DZD"),
        since=NOW - timedelta(days=days), **options,
    )  # fmt: skip
    return session.scalars(select(Discrepancy).where(Discrepancy.subject == subject)).one()


def programme_of(session: Session, sent: Sent) -> str:
    return session.scalars(
        select(Programme.code)
        .join(Payment, Payment.programme_id == Programme.id)
        .where(Payment.id == sent.id)
    ).one()


def a_user(session: Session, *, disabled: bool = False) -> User:
    user = User(
        username=uuid4().hex,
        full_name="A B",
        password_hash="",
        created_at=NOW,
        disabled_at=NOW if disabled else None,
    )
    session.add(user)
    session.flush()
    return user


def test_a_discrepancy_is_opened_once(session: Session) -> None:
    first = opened(session, days=3, reason="first")
    assert opened(session, reason="second").id == first.id
    assert (first.details, first.owner_id, first.settled_at) == ({"reason": "first"}, None, None)
    assert (first.since, first.opened_at) == (NOW - timedelta(days=3), NOW)


def test_a_person_settles_it_with_a_reason_and_the_audit_log_says_so(session: Session) -> None:
    found = opened(session)
    settle(session, TREASURER, found.id, "  The post office paid it\n on the 13th.  ")
    session.refresh(found)
    assert found.resolution == "The post office paid it on the 13th."
    assert (found.settled_by, found.settled_at) == (TREASURER.id, NOW)
    entry = session.scalars(select(AuditEntry).where(AuditEntry.act == "discrepancy.settled")).one()
    assert (entry.subject_id, entry.actor_id) == (str(found.id), TREASURER.id)
    with pytest.raises(AlreadySettled):
        settle(session, TREASURER, found.id, "Once more.")


@pytest.mark.parametrize("words", ["", "  \n ", "ok", "x" * 1001])
def test_it_is_not_settled_without_words(session: Session, words: str) -> None:
    found = opened(session)
    with pytest.raises(UnusableReason):
        settle(session, TREASURER, found.id, words)


def test_who_may_not_settle_learns_nothing(session: Session) -> None:
    auditor = Actor("user", uuid4(), "an auditor", grants_of([(Role.AUDITOR, None)]))
    for actor in (auditor, SYSTEM):
        for discrepancy_id in (opened(session).id, uuid4()):
            with pytest.raises(NotPermitted):
                settle(session, actor, discrepancy_id, "It is explained.")
    with pytest.raises(UnknownDiscrepancy):
        settle(session, TREASURER, uuid4(), "It is explained.")


def test_a_treasurer_of_one_programme_settles_and_sees_only_what_is_about_its_payments(
    session: Session,
) -> None:
    (theirs,), (others,) = send(session, [500]), send(session, [500])
    mine, foreign, general = (
        opened(session, "mine", payment_id=theirs.id),
        opened(session, "foreign", payment_id=others.id),
        opened(session, "general"),
    )
    scoped = Actor(
        "user",
        uuid4(),
        "one programme's",
        grants_of([(Role.TREASURER, programme_of(session, theirs))]),
    )
    for refused in (foreign, general):
        with pytest.raises(NotPermitted):
            settle(session, scoped, refused.id, "It is explained.")
    assert session.scalars(queries.discrepancies(scoped)).all() == [mine]
    assert [line.count for line in queries.summary(session, scoped)] == [1]
    settle(session, scoped, mine.id, "It is explained.")
    with pytest.raises(NotPermitted):
        queries.statements(scoped)


def test_it_is_given_to_somebody_who_works_here(session: Session) -> None:
    found, colleague = opened(session), a_user(session)
    assign(session, TREASURER, found.id, colleague.id)
    session.refresh(found)
    assert found.owner_id == colleague.id
    for nobody in (uuid4(), a_user(session, disabled=True).id):
        with pytest.raises(NoSuchOwner):
            assign(session, TREASURER, found.id, nobody)
    settle(session, TREASURER, found.id, "It is explained.")
    with pytest.raises(AlreadySettled):
        assign(session, TREASURER, found.id, colleague.id)


def test_discrepancies_are_found_by_kind_provider_owner_and_whether_they_are_open(
    session: Session,
) -> None:
    colleague = a_user(session)
    first, second = opened(session, "a"), opened(session, "b", owner_id=colleague.id)
    open_discrepancy(session, "unknown_line", "c", provider="sandbox")
    settle(session, TREASURER, first.id, "It is explained.")

    def subjects(**which: object) -> set[str]:
        return {row.subject for row in session.scalars(queries.discrepancies(TREASURER, **which))}  # type: ignore[arg-type]

    assert subjects() == {"a", "b", "c"}
    assert subjects(is_open=True) == {"b", "c"}
    assert subjects(is_open=False) == {"a"}
    assert subjects(kind="not_collected") == {"a", "b"}
    assert subjects(provider="sandbox") == {"c"}
    assert subjects(owner_id=second.owner_id) == {"b"}


def test_the_summary_adds_up_and_moves_with_the_calendar(session: Session) -> None:
    for days in (0, 7, 8, 30, 60, 61, 90, 91, 400):
        opened(session, f"payment:{days}", days)
    open_discrepancy(session, "unknown_payment", "x", provider="post_office")
    collected, unknown = queries.summary(session, TREASURER)
    assert (collected.count, collected.total, collected.oldest_days) == (
        9,
        Money(450000, "DZD"),
        400,
    )
    assert collected.ageing == (2, 2, 1, 2, 2)
    assert (unknown.count, unknown.total, unknown.currency, unknown.ageing) == (
        1,
        None,
        None,
        (1, 0, 0, 0, 0),
    )
    with clock.frozen(NOW + timedelta(days=1)):
        assert queries.summary(session, TREASURER)[0].ageing == (1, 2, 1, 2, 3)
    assert queries.summary(session, TREASURER, provider="sandbox") == []


def test_the_age_stops_when_it_is_settled(session: Session) -> None:
    found = opened(session, days=5)
    assert queries.age_days(session, found) == 5
    settle(session, TREASURER, found.id, "It is explained.")
    session.refresh(found)
    with clock.frozen(NOW + timedelta(days=30)):
        assert queries.age_days(session, found) == 5
