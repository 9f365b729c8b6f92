"""Offices belong to a provider, tellers to an office, and each teller signs in alone and in one place."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from uuid import UUID, uuid4

import pytest
from sqlalchemy import URL, select

from cbi import clock, offices
from cbi.access import tokens
from cbi.access.actor import Actor, NotPermitted
from cbi.access.passwords import UnusablePassword
from cbi.access.permissions import Permission
from cbi.access.users import SignInRefused
from cbi.audit.models import AuditEntry
from cbi.errors import Conflict
from cbi.money import Money
from cbi.redemption import counter, counters, queries, tellers
from cbi.redemption.models import CounterOffice, Teller
from cbi.redemption.till import NotAtACounter
from tests.factories import EVERYTHING, PASSWORD
from tests.redemption_factory import OPEN, Issued, code_of, confirm, hold, minutes
from tests.redemption_factory import teller as new_teller


@pytest.fixture
def place(database: URL) -> CounterOffice:
    """An office of the post office."""
    with offices.transaction("dz") as session:
        return counters.create_office(
            session,
            EVERYTHING,
            provider="post_office",
            code="16001",
            name="Alger Centre",
            area="Alger",
        )


@pytest.fixture
def amel(place: CounterOffice) -> Teller:
    """A teller there."""
    return register("amel")(place.id)


def register(username: str, password: str = PASSWORD) -> Callable[[UUID], Teller]:
    """Registers a teller of that name at an office."""

    def at(office_id: UUID) -> Teller:
        with offices.transaction("dz") as session:
            return counters.create_teller(
                session, EVERYTHING, office_id=office_id, username=username, full_name="Amel B.", password=password
            )  # fmt: skip

    return at


def sign_in(username: str = "amel", password: str = PASSWORD) -> str:
    """A token, committed."""
    with offices.transaction("dz") as session:
        return tellers.sign_in(session, username, password)


def holder(token: str) -> Actor | None:
    """Whoever holds the token."""
    with offices.transaction("dz") as session:
        return tokens.resolve(session, token, {"teller": tellers.actor_of_teller})


def test_a_teller_signs_in_and_may_pay_but_nothing_else(amel: Teller) -> None:
    actor = holder(sign_in())
    assert actor is not None
    assert (actor.kind, actor.id) == ("teller", amel.id)
    assert actor.grants == {(Permission.REDEMPTION_PERFORM, None)}


def test_a_second_sign_in_ends_the_first(amel: Teller) -> None:
    first, second = sign_in(), sign_in(" AMEL ")
    assert holder(first) is None
    assert holder(second) is not None


def test_five_wrong_passwords_pause_the_sign_in_even_for_the_right_one(amel: Teller) -> None:
    for _ in range(5):
        with pytest.raises(SignInRefused):
            sign_in(password="wrong horse battery")
    with pytest.raises(SignInRefused):
        sign_in()
    with clock.frozen(clock.now() + timedelta(minutes=16)):
        assert sign_in()


def test_a_wrong_password_before_does_not_count_after_a_right_one(amel: Teller) -> None:
    for _ in range(2):
        for _ in range(4):
            with pytest.raises(SignInRefused):
                sign_in(password="wrong horse battery")
        assert sign_in()


def test_an_unknown_teller_gets_the_same_refusal(amel: Teller) -> None:
    with pytest.raises(SignInRefused) as unknown:
        sign_in("nobody")
    with pytest.raises(SignInRefused) as wrong:
        sign_in(password="wrong horse battery")
    assert str(unknown.value) == str(wrong.value)


def test_a_disabled_teller_and_a_closed_office_let_nobody_in(
    amel: Teller, place: CounterOffice
) -> None:
    karim = register("karim")(place.id)
    token, other = sign_in(), sign_in("karim")
    with offices.transaction("dz") as session:
        counters.disable_teller(session, EVERYTHING, karim.id)
    assert holder(other) is None
    with pytest.raises(SignInRefused):
        sign_in("karim")
    with offices.transaction("dz") as session:
        counters.close_office(session, EVERYTHING, place.id)
        counters.close_office(session, EVERYTHING, place.id)
    assert holder(token) is None
    with pytest.raises(SignInRefused):
        sign_in()


def test_a_teller_moves_to_another_office_of_the_provider_and_signs_in_again(
    amel: Teller, place: CounterOffice
) -> None:
    token = sign_in()
    with offices.transaction("dz") as session:
        oran = counters.create_office(
            session, EVERYTHING, provider="post_office", code="31000", name="Oran"
        )
        assert counters.move_teller(session, EVERYTHING, amel.id, oran.id).office_id == oran.id
        session.add(strange := CounterOffice(provider="other", code="1", name="X", created_at=OPEN))
        session.flush()
        with pytest.raises(Conflict):
            counters.move_teller(session, EVERYTHING, amel.id, strange.id)
    assert holder(token) is None
    assert holder(sign_in()) is not None


def test_what_cannot_be_a_counter_is_refused_with_the_reason(
    amel: Teller, place: CounterOffice
) -> None:
    with offices.transaction("dz") as session:

        def office(code: str, provider: str = "post_office", name: str = "Oran") -> None:
            counters.create_office(session, EVERYTHING, provider=provider, code=code, name=name)

        with pytest.raises(counters.NameTaken):
            office("16001")
        with pytest.raises(counters.UnusableName):
            office("16 001")
        with pytest.raises(counters.UnusableName):
            office("16002", name=" ")
        with pytest.raises(counters.NoCounters):
            office("1", provider="sandbox")
        with pytest.raises(counters.UnknownCounterOffice):
            counters.close_office(session, EVERYTHING, uuid4())
        with pytest.raises(counters.UnknownTeller):
            counters.disable_teller(session, EVERYTHING, uuid4())
        counters.close_office(session, EVERYTHING, place.id)
    with pytest.raises(counters.OfficeClosed):
        register("karim")(place.id)


def test_a_user_name_is_taken_once_and_a_password_is_not_weak(
    amel: Teller, place: CounterOffice
) -> None:
    with pytest.raises(counters.NameTaken):
        register("amel")(place.id)
    with pytest.raises(counters.UnusableName):
        register("Karim B")(place.id)
    with pytest.raises(UnusablePassword):
        register("karim", "short")(place.id)


def change_password(actor: Actor, old: str, new: str) -> None:
    """The teller changes the own password, committed; a wrong try stays counted."""
    with offices.transaction("dz") as session:
        tellers.change_password(session, actor, old, new)


NEW = "nine ladders against the moon"


def test_a_teller_who_forgot_the_password_gets_a_new_one_from_the_supervisor(amel: Teller) -> None:
    token = sign_in()
    for _ in range(5):
        with pytest.raises(SignInRefused):
            sign_in(password="forgotten by heart")
    with pytest.raises(SignInRefused):
        sign_in()
    with offices.transaction("dz") as session:
        counters.set_password(session, EVERYTHING, amel.id, NEW)
        said = session.scalars(
            select(AuditEntry).where(AuditEntry.act == "teller.password_set")
        ).one()
        assert (said.subject_id, said.details) == (str(amel.id), {})
    assert holder(token) is None
    assert holder(sign_in(password=NEW)) is not None
    with pytest.raises(SignInRefused):
        sign_in()


def test_a_password_is_not_set_for_nobody_nor_for_one_who_may_not_come_in(amel: Teller) -> None:
    with offices.transaction("dz") as session:
        with pytest.raises(UnusablePassword):
            counters.set_password(session, EVERYTHING, amel.id, "amel amel amel")
        with pytest.raises(counters.UnknownTeller):
            counters.set_password(session, EVERYTHING, uuid4(), NEW)
        with pytest.raises(counters.UnknownTeller):
            queries.teller_named(session, EVERYTHING, "nobody")
        assert queries.teller_named(session, EVERYTHING, " AMEL ").id == amel.id
        with pytest.raises(NotPermitted):
            counters.set_password(session, Actor("user", None, "an auditor"), amel.id, NEW)
        counters.disable_teller(session, EVERYTHING, amel.id)
        with pytest.raises(counters.TellerDisabled):
            counters.set_password(session, EVERYTHING, amel.id, NEW)


def test_a_teller_changes_the_own_password_and_every_sign_in_ends(amel: Teller) -> None:
    token = sign_in()
    actor = holder(token)
    assert actor is not None
    change_password(actor, PASSWORD, NEW)
    assert holder(token) is None
    assert holder(sign_in(password=NEW)) is not None
    with pytest.raises(SignInRefused):
        change_password(actor, PASSWORD, "another lantern of mine")
    for _ in range(4):
        with pytest.raises(SignInRefused):
            change_password(actor, "a guess of somebody else", NEW)
    with pytest.raises(SignInRefused):
        change_password(actor, NEW, PASSWORD)
    with pytest.raises(NotPermitted):
        change_password(Actor("user", amel.id, "an auditor"), NEW, PASSWORD)
    with pytest.raises(NotAtACounter):
        change_password(EVERYTHING, NEW, PASSWORD)


def test_a_password_is_changed_once_by_two_who_know_the_old_one(amel: Teller) -> None:
    actor = holder(sign_in())
    assert actor is not None
    start = Barrier(2)

    def change(new: str) -> bool:
        start.wait(timeout=60)
        try:
            change_password(actor, PASSWORD, new)
        except SignInRefused:
            return False
        return True

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(change, (NEW, "four brooms behind a door"))) == [False, True]


def test_counters_are_kept_by_whoever_has_the_permission(place: CounterOffice) -> None:
    auditor = Actor("user", None, "an auditor")
    with offices.transaction("dz") as session:
        for act in (
            lambda: counters.create_office(
                session, auditor, provider="post_office", code="1", name="X"
            ),
            lambda: counters.close_office(session, auditor, place.id),
            lambda: counters.unlock_teller(session, auditor, uuid4()),
            lambda: queries.counter_offices(auditor),
            lambda: queries.tellers(auditor),
            lambda: queries.teller_day(session, auditor),
        ):
            with pytest.raises(NotPermitted):
                act()


def test_a_teller_sees_the_day_with_its_totals_and_what_was_left_open(run: Issued) -> None:
    who, other = new_teller(), new_teller("Oran")
    first = confirm(who, hold(who, code_of(run.payments[0])).authorisation_id, at=1)
    second = confirm(who, hold(who, code_of(run.payments[1]), at=2).authorisation_id, at=3)
    left = hold(who, code_of(run.payments[2]), at=4)
    with clock.frozen(minutes(30)), offices.transaction("dz") as session:
        day = queries.teller_day(session, who)
        assert [paid.receipt for paid in day.paid] == [first.receipt, second.receipt]
        assert day.totals == [Money(800_000, "DZD")]
        assert [each.authorisation_id for each in day.unanswered] == [left.authorisation_id]
        assert queries.teller_day(session, other).paid == []
    with clock.frozen(OPEN + timedelta(days=1)), offices.transaction("dz") as session:
        assert queries.teller_day(session, who).paid == []
        assert len(queries.teller_day(session, who, OPEN.date()).paid) == 2
        counter.release_hold(session, who, left.authorisation_id)
        assert queries.teller_day(session, who, OPEN.date()).unanswered == []
