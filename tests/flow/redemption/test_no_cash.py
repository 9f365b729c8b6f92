"""An office without cash pays nobody, loses nothing, is seen by the treasurer, and is forgotten once it pays again."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Barrier
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, func, select, text
from sqlalchemy.exc import IntegrityError

from cbi import clock, offices
from cbi.access.actor import Actor, NotPermitted, grants_of
from cbi.access.permissions import Role
from cbi.app import create_app
from cbi.audit.models import AuditEntry
from cbi.money import Money
from cbi.payments.models import Payment
from cbi.payments.states import PaymentState
from cbi.redemption import counter, counters, shortages
from cbi.redemption.models import Authorisation, CashShortage, CodeIssue, CounterOffice, Payout
from cbi.redemption.shortages import Shortage
from cbi.redemption.states import CodeState, HoldState
from cbi.reporting.overview import overview
from cbi.reporting.stuck import Reason, Stuck
from tests.factories import EVERYTHING
from tests.flow.people import Caller, make_user, token_for
from tests.flow.sending import assert_every_promise_is_kept
from tests.redemption_factory import (
    WORD,
    Issued,
    code_of,
    confirm,
    hold,
    minutes,
    refused,
    teller,
    try_code,
)

TREASURER = Actor("user", uuid4(), "marc", grants_of([(Role.TREASURER, None)]))
SAMI = Actor("user", uuid4(), "sami", grants_of([(Role.TELLER_SUPERVISOR, None)]))
ASKED = Money(400_000, "DZD")
"""What each payment of the run is."""


@dataclass(frozen=True)
class Post:
    """Offices of one area, as their supervisor opened them."""

    here: CounterOffice
    near: CounterOffice
    far: CounterOffice


@pytest.fixture
def post(run: Issued) -> Post:
    """Three offices: two in Alger, one in Oran."""
    return Post(
        opened("A1", "Alger Centre", "Alger"), opened("A2", "Hydra", "alger"), opened("O1", "Oran", "Oran")
    )  # fmt: skip


def opened(code: str, name: str, area: str | None = None) -> CounterOffice:
    """An office of the post office, committed."""
    with offices.transaction("dz") as session:
        return counters.create_office(
            session, EVERYTHING, provider="post_office", code=code, name=name, area=area
        )


def turn_away(
    who: Actor, held: UUID | None = None, asked: Money | None = None, *, at: float = 0
) -> UUID:
    """The teller says that there is not enough cash, committed."""
    with clock.frozen(minutes(at)), offices.transaction("dz") as session:
        return shortages.turn_away(session, who, authorisation_id=held, asked_for=asked)


def short(actor: Actor = TREASURER) -> list[Shortage]:
    """Which offices are short of cash now."""
    with offices.transaction("dz") as session:
        return shortages.short_of_cash(session, actor)


def stuck(actor: Actor) -> list[Stuck]:
    """What the front page says about cash."""
    with offices.transaction("dz") as session:
        return [each for each in overview(session, actor).stuck if each.reason is Reason.NO_CASH]


def near(office: CounterOffice) -> list[str]:
    """Where people are sent."""
    with offices.transaction("dz") as session:
        return [each.name for each in shortages.elsewhere(session, office.id)]


def test_a_person_is_turned_away_and_nothing_has_changed_but_the_hold(
    run: Issued, post: Post
) -> None:
    lina, code = teller(post.here), code_of(run.payments[0])
    held = hold(lina, code)
    assert turn_away(lina, held.authorisation_id, at=1) == post.here.id
    with offices.transaction("dz") as session:
        payment, issue, kept = (
            session.get_one(Payment, run.payments[0]),
            session.scalars(select(CodeIssue).where(CodeIssue.payment_id == run.payments[0])).one(),
            session.get_one(Authorisation, held.authorisation_id),
        )
        said = session.scalars(select(CashShortage)).one()
        assert (payment.state, issue.state) == (PaymentState.ACCEPTED, CodeState.ISSUED)
        assert (issue.hold_id, issue.wrong_secrets, issue.wrong_factors) == (None, 0, 0)
        assert kept.state is HoldState.RELEASED
        assert (said.office_id, said.teller_id, said.user_id) == (post.here.id, lina.id, None)
        assert (said.amount_minor, said.currency, said.at) == (400_000, "DZD", minutes(1))
        assert session.scalar(select(func.count()).select_from(Payout)) == 0
    karim = teller(post.near)
    confirm(karim, hold(karim, code, at=2).authorisation_id, at=3)
    assert_every_promise_is_kept()


def test_one_hold_is_counted_once_even_when_it_is_said_at_once_from_two_places(
    run: Issued, post: Post
) -> None:
    lina = teller(post.here)
    held = hold(lina, code_of(run.payments[0])).authorisation_id
    start = Barrier(4)

    def say(_: int) -> UUID:
        start.wait(timeout=60)
        return turn_away(lina, held, at=1)

    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(say, range(4))) == {post.here.id}
    assert [(each.times, each.asked_for) for each in short()] == [(1, (ASKED,))]


def test_what_was_paid_cannot_be_turned_away_and_nobody_does_it_for_another(
    run: Issued, post: Post
) -> None:
    lina, karim = teller(post.here), teller(post.here)
    held = hold(lina, code_of(run.payments[0])).authorisation_id
    with pytest.raises(counter.UnknownAuthorisation):
        turn_away(karim, held)
    confirm(lina, held, at=1)
    with pytest.raises(counter.PaidAlready):
        turn_away(lina, held, at=2)
    with pytest.raises(NotPermitted):
        turn_away(SAMI)
    assert short() == []


def test_the_treasurer_sees_how_often_since_when_and_how_much(run: Issued, post: Post) -> None:
    lina, karim = teller(post.here), teller(post.here)
    code = code_of(run.payments[0])
    turn_away(lina, at=0)
    turn_away(lina, hold(lina, code, at=1).authorisation_id, at=2)
    turn_away(karim, hold(karim, code, at=3).authorisation_id, at=4)  # the same person came again
    turn_away(karim, hold(karim, code_of(run.payments[1]), at=5).authorisation_id, at=6)
    turn_away(karim, asked=Money(100, "EUR"), at=7)
    (found,) = short()
    assert (found.code, found.name, found.provider) == ("A1", "Alger Centre", "post_office")
    assert (found.times, found.since, found.last) == (5, minutes(0), minutes(7))
    assert found.asked_for == (Money(800_000, "DZD"), Money(100, "EUR"))
    (line,) = stuck(TREASURER)
    assert (line.office, line.count, line.since, line.total) == (
        "A1 Alger Centre", 5, minutes(0), None,
    )  # fmt: skip
    assert line.link == f"/post-offices/{post.here.id}/cash"
    assert [each.link for each in stuck(SAMI)] == [f"/post-offices/{post.here.id}"]


def test_it_is_no_longer_stuck_when_the_office_pays_again(run: Issued, post: Post) -> None:
    lina, karim, oran = teller(post.here), teller(post.here), teller(post.far)
    turn_away(lina, at=0)
    turn_away(oran, at=0)
    confirm(karim, hold(karim, code_of(run.payments[0]), at=1).authorisation_id, at=2)
    assert [each.name for each in short()] == ["Oran"]
    turn_away(lina, at=3)
    assert [(each.name, each.times) for each in short()] == [("Oran", 1), ("Alger Centre", 1)]
    with offices.transaction("dz") as session:
        counters.close_office(session, EVERYTHING, post.far.id)
        assert len(shortages.lately_said(session, post.here.id, 9)) == 2
    assert [each.name for each in short()] == ["Alger Centre"]


def test_whoever_may_not_see_the_money_does_not_see_who_is_short_of_it(
    run: Issued, post: Post
) -> None:
    turn_away(teller(post.here))
    handler = Actor("user", uuid4(), "nadia", grants_of([(Role.COMPLAINT_HANDLER, None)]))
    one_programme = Actor("user", uuid4(), "marc", grants_of([(Role.TREASURER, "winter")]))
    for actor in (handler, one_programme):
        assert stuck(actor) == []
        with pytest.raises(NotPermitted):
            short(actor)


def test_people_are_sent_to_an_office_near_by_that_has_cash(run: Issued, post: Post) -> None:
    lina, karim = teller(post.here), teller(post.near)
    closed = opened("A3", "Bab Ezzouar", "Alger")
    opened("A4", "Kouba", "Alger")
    with offices.transaction("dz") as session:
        counters.close_office(session, EVERYTHING, closed.id)
    assert near(post.here) == ["Hydra", "Kouba"]
    turn_away(karim, at=0)
    assert near(post.here) == ["Kouba"]
    assert near(post.far) == near(opened("X1", "Nowhere in particular")) == []
    confirm(karim, hold(karim, code_of(run.payments[0]), at=1).authorisation_id, at=2)
    assert near(post.here) == ["Hydra", "Kouba"]
    confirm(lina, hold(lina, code_of(run.payments[1]), at=3).authorisation_id, at=4)
    assert near(post.near) == ["Alger Centre", "Kouba"]


def test_a_supervisor_says_it_for_the_office_and_it_is_in_the_audit_log(
    run: Issued, post: Post
) -> None:
    with offices.transaction("dz") as session:
        shortages.report(session, SAMI, post.here.id, Money(5_000_000, "DZD"))
        said = session.scalars(select(AuditEntry.act).order_by(AuditEntry.id.desc())).first()
        assert said == "counter_office.short_of_cash"
    assert [each.asked_for for each in short(SAMI)] == [(Money(5_000_000, "DZD"),)]
    with offices.transaction("dz") as session:
        with pytest.raises(shortages.NothingAskedFor):
            shortages.report(session, SAMI, post.here.id, Money(0, "DZD"))
        with pytest.raises(NotPermitted):
            shortages.report(session, TREASURER, post.here.id)
        with pytest.raises(counters.UnknownCounterOffice):
            shortages.report(session, SAMI, uuid4())
        counters.close_office(session, EVERYTHING, post.here.id)
        with pytest.raises(counters.OfficeClosed):
            shortages.report(session, SAMI, post.here.id)


def test_what_was_said_is_whole(run: Issued, post: Post, owner: Engine) -> None:
    lina = teller(post.here)
    turn_away(lina, hold(lina, code_of(run.payments[0])).authorisation_id, at=1)
    for broken in (
        "teller_id = NULL", "user_id = gen_random_uuid()", "amount_minor = 0", "currency = NULL",
        "amount_minor = NULL, currency = NULL",
    ):  # fmt: skip
        with pytest.raises(IntegrityError), owner.begin() as connection:
            connection.execute(text(f"UPDATE cash_shortages SET {broken}"))


def test_no_cash_over_http(run: Issued, post: Post) -> None:
    lina = teller(post.here)
    assert lina.id is not None
    caller = Caller(create_app(), token_for(lina.id, "teller"))
    held = caller.post("/redemptions/authorise", {"code": code_of(run.payments[0]), "factor": WORD})
    told = caller.post(
        "/redemptions/no-cash", {"authorisation_id": held.json()["authorisation_id"]}
    )
    assert told.status_code == 200, told.text
    assert told.json() == {"elsewhere": [{"code": "A2", "name": "Hydra"}]}
    asked = {"asked_for": {"amount": "25000", "currency": "DZD"}}
    assert caller.post("/redemptions/no-cash", asked).status_code == 200
    wrong = caller.post("/redemptions/no-cash", {"asked_for": {"amount": "-1", "currency": "DZD"}})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "redemption.nothing_asked_for")
    sami = Caller(create_app(), token_for(make_user("sami", Role.TELLER_SUPERVISOR)))
    assert sami.post(f"/counter-offices/{post.far.id}/no-cash", {}).json() == {"elsewhere": []}
    listed = sami.get("/counter-offices/short-of-cash").json()
    assert [(each["code"], each["times"]) for each in listed] == [("A1", 2), ("O1", 1)]
    assert listed[0]["asked_for"] == [{"amount": "29000.00", "currency": "DZD"}]
    treasurer = Caller(create_app(), token_for(make_user("marc", Role.TREASURER)))
    assert treasurer.get("/counter-offices/short-of-cash").status_code == 403
    lines = [each for each in treasurer.get("/overview").json()["stuck"] if each["office"]]
    assert [(each["reason"], each["count"]) for each in lines] == [("no_cash", 2), ("no_cash", 1)]


def test_a_code_that_was_turned_away_is_held_again_by_its_own_teller(
    run: Issued, post: Post
) -> None:
    lina, code = teller(post.here), code_of(run.payments[0])
    held = hold(lina, code).authorisation_id
    turn_away(lina, held, at=1)
    again = hold(lina, code, at=2)
    assert again.authorisation_id != held
    confirm(lina, again.authorisation_id, at=3)
    assert refused(try_code(lina, code, at=4)) == "redemption.already_paid"
