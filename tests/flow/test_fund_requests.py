"""Money that was given out is moved back or on by two people, within what is not committed, and the books agree."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import URL, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from cbi import clock, offices
from cbi.access.actor import NotPermitted
from cbi.access.permissions import Role
from cbi.access.totp import WrongCode
from cbi.app import create_app
from cbi.ledger import funds, past
from cbi.ledger.floats import MoreThanLost, NotFree
from cbi.ledger.posting import NotCovered
from cbi.ledger.queries import FundPosition, available, fund_positions, trial_balance
from cbi.money import Money
from cbi.programmes import budget, float_losses, fund_requests
from cbi.programmes.fund_requests import OwnRequest, PaperUsed, UnknownRequest
from cbi.programmes.queries import find
from cbi.proofs import books, receivables
from tests.factories import (
    EVERYTHING,
    START,
    Colleague,
    Team,
    approved_run,
    funded_programme,
    households,
    team,
)
from tests.flow.browsing import Browsing
from tests.flow.people import Caller, token_for
from tests.flow.several_funds import nothing_is_broken
from tests.flow.signing import colleague

DAY = START.date()


@pytest.fixture
def treasurer(session: Session) -> Colleague:
    return colleague(session, Role.TREASURER)


@pytest.fixture
def finance(session: Session) -> Colleague:
    return colleague(session, Role.HEAD_OF_FINANCE)


def position(session: Session) -> FundPosition:
    session.expire_all()
    (found,) = fund_positions(session)
    return found


def balances(session: Session, *codes: str) -> list[str]:
    return [
        line.balance.decimal
        for line in trial_balance(session)
        for code in codes
        if line.code == code
    ]


def left(session: Session, programme: str) -> str:
    found = find(session, programme)
    return available(session, found.id, found.fund_id, "DZD").decimal


def sound(session: Session) -> None:
    nothing_is_broken(session)
    checks = books.never_overspent + books.in_one_place
    assert [breach for check in checks for breach in check(session)] == []
    now = position(session)
    places = (
        now.unallocated,
        now.available,
        now.committed,
        now.in_transit,
        now.awaiting,
        now.delivered,
    )
    assert sum(place.minor for place in places) == now.received.minor
    (then,) = past.fund_positions(session, through=clock.today(offices.office_of(session).timezone))
    assert (then.received, then.available) == (now.received, now.available)


def test_unspent_budget_goes_back_to_its_fund_when_a_second_person_confirms(
    session: Session, treasurer: Colleague, finance: Colleague
) -> None:
    funded_programme(session, budgeted="500000.00")
    asked = fund_requests.ask_return(
        session, treasurer.actor, "winter", "200000.00", "MEMO-9", "fewer households"
    )
    assert left(session, "winter") == "500000.00"
    done = fund_requests.confirm(session, finance.actor, asked.number, finance.code())
    assert (done.decision, left(session, "winter")) == ("confirmed", "300000.00")
    assert position(session).unallocated.decimal == "1700000.00"
    sound(session)


def test_budget_moves_to_another_programme_on_the_same_fund(
    session: Session, treasurer: Colleague, finance: Colleague
) -> None:
    funded_programme(session, budgeted="500000.00")
    funded_programme(session, code="school", budgeted="1.00")
    asked = fund_requests.ask_return(
        session, treasurer.actor, "winter", "499999.00", "MEMO-9", "winter is over", to="school"
    )
    fund_requests.confirm(session, finance.actor, asked.number, finance.code())
    assert (left(session, "winter"), left(session, "school")) == ("1.00", "500000.00")
    sound(session)


def test_unspent_money_goes_back_to_the_donor_and_may_come_again(
    session: Session, treasurer: Colleague, finance: Colleague
) -> None:
    funded_programme(session, budgeted="500000.00")
    asked = fund_requests.ask_refund(
        session, treasurer.actor, "echo-26", "1500000.00", "LETTER-4", "the grant has ended"
    )
    fund_requests.confirm(session, finance.actor, asked.number, finance.code())
    assert (position(session).received.decimal, position(session).unallocated.minor) == (
        "500000.00",
        0,
    )
    (bank,) = [line for line in trial_balance(session) if line.code == "1000"]
    assert bank.balance.decimal == "-500000.00"  # 1,000,000 of it lie with the provider
    sound(session)
    with clock.frozen(START + timedelta(minutes=2)):
        more = fund_requests.ask_refund(
            session, treasurer.actor, "echo-26", "0.01", "LETTER-5", "too much"
        )
        with pytest.raises(NotCovered, match="Donor fund"), session.begin_nested():
            fund_requests.confirm(session, finance.actor, more.number, finance.code())
    funds.receive(session, EVERYTHING, "echo-26", Money.parse("4500000.00", "DZD"), "BANK-9")
    sound(session)


def test_what_is_committed_to_a_run_is_not_moved(
    session: Session, treasurer: Colleague, finance: Colleague
) -> None:
    people: Team = team(session)
    with clock.frozen(START):
        households(session, [1, 2, 3])
        approved_run(session, people, funded_programme(session, budgeted="10000.00"))
        asked = fund_requests.ask_return(
            session, treasurer.actor, "winter", "4000.01", "MEMO-9", "fewer households"
        )
        with pytest.raises(NotCovered, match=r"4,000\.00"), session.begin_nested():
            fund_requests.confirm(session, finance.actor, asked.number, finance.code())
    assert left(session, "winter") == "4000.00"
    sound(session)


def test_nobody_confirms_their_own_request_and_a_code_must_be_right(
    session: Session, treasurer: Colleague, finance: Colleague
) -> None:
    funded_programme(session)
    asked = fund_requests.ask_return(
        session, treasurer.actor, "winter", "1", "MEMO-9", "not needed"
    )
    with pytest.raises(OwnRequest):
        fund_requests.confirm(session, treasurer.actor, asked.number, treasurer.code())
    with pytest.raises(WrongCode):
        fund_requests.confirm(session, finance.actor, asked.number, "000000")
    with pytest.raises(NotPermitted):
        fund_requests.ask_return(session, finance.actor, "winter", "1", "MEMO-8", "not needed")
    with pytest.raises(IntegrityError), session.begin_nested():
        session.execute(
            text(
                "UPDATE fund_requests SET decision = 'confirmed', decided_by = asked_by, decided_at = now()"
            )
        )
    assert [
        each.number for each in fund_requests.requests(session, finance.actor, waiting=True)
    ] == [asked.number]


def test_a_refused_request_moves_nothing_and_can_be_asked_again(
    session: Session, treasurer: Colleague, finance: Colleague
) -> None:
    funded_programme(session)
    ask = (session, treasurer.actor, "winter", "1.00", "MEMO-9", "not needed")
    first = fund_requests.ask_return(*ask)
    assert fund_requests.ask_return(*ask).number == first.number
    with pytest.raises(PaperUsed):
        fund_requests.ask_return(session, treasurer.actor, "winter", "2.00", "MEMO-9", "not needed")
    refused = fund_requests.refuse(session, finance.actor, first.number, "the memo is not signed")
    assert (refused.decision, refused.remark) == ("refused", "the memo is not signed")
    with pytest.raises(UnknownRequest):
        fund_requests.confirm(session, finance.actor, first.number, finance.code())
    assert fund_requests.ask_return(*ask).number != first.number
    assert left(session, "winter") == "1000000.00"
    sound(session)


def test_what_is_lost_with_a_provider_is_given_up_by_two_and_may_come_back(
    session: Session, treasurer: Colleague, finance: Colleague
) -> None:
    funded_programme(session, budgeted="950000.00")
    lost = ("winter", "post_office", "900000.00", "COURT-12", "it is bankrupt")
    asked = float_losses.ask_loss(session, treasurer.actor, *lost)
    with pytest.raises(OwnRequest):
        fund_requests.confirm(session, treasurer.actor, asked.number, treasurer.code())
    assert balances(session, "1100", "5300", "2920") == ["1000000.00"]
    fund_requests.confirm(session, finance.actor, asked.number, finance.code())
    assert balances(session, "1100", "5300", "2920") == ["100000.00", "900000.00", "900000.00"]
    assert left(session, "winter") == "50000.00"
    assert float_losses.ask_loss(session, treasurer.actor, *lost).decision == "confirmed"
    more = ("winter", "post_office", "100000.01", "COURT-13", "even more")
    with pytest.raises(NotFree), session.begin_nested():
        float_losses.ask_loss(session, treasurer.actor, *more)
    for amount, to_bank in (("600000.00", True), ("300000.00", False)):
        back = ("winter", "post_office", amount, f"SHARE {amount}", "from its estate")
        asked = float_losses.ask_recovery(session, treasurer.actor, *back, to_bank=to_bank)
        other = colleague(session, Role.HEAD_OF_FINANCE)
        fund_requests.confirm(session, other.actor, asked.number, other.code())
        nothing_is_broken(session)
        assert [breach for check in receivables.owed_as_booked for breach in check(session)] == []
    assert balances(session, "1100", "5300", "2920") == ["400000.00", "0.00", "0.00"]
    with pytest.raises(MoreThanLost), session.begin_nested():
        float_losses.ask_recovery(
            session, treasurer.actor, "winter", "post_office", "0.01", "SHARE 3", "more"
        )
    sound(session)


def test_it_works_over_http(database: URL) -> None:
    with offices.transaction("dz") as session:
        treasurer, finance = (
            colleague(session, Role.TREASURER),
            colleague(session, Role.HEAD_OF_FINANCE),
        )
        funded_programme(session)
    app = create_app()
    ids = [each.actor.id for each in (treasurer, finance) if each.actor.id]
    asks, confirms = (Caller(app, token_for(each)) for each in ids)
    body = {"amount": "10.00", "reference": "MEMO-1", "reason": "not needed"}
    asked = asks.post("/programmes/winter/budget-returns", json=body)
    assert (asked.status_code, asked.json()["kind"], asked.json()["decision"]) == (
        201,
        "return",
        None,
    )
    refund = asks.post("/funds/echo-26/refunds", json=body | {"reference": "LETTER-1"})
    number = asked.json()["number"]
    done = confirms.post(
        f"/fund-requests/{number}/confirmation", json={"one_time_code": finance.code()}
    )
    assert (done.status_code, done.json()["decision"]) == (200, "confirmed")
    no = confirms.post(
        f"/fund-requests/{refund.json()['number']}/refusal", json={"reason": "no such letter"}
    )
    assert no.json()["decision"] == "refused"
    assert [each["number"] for each in confirms.get("/fund-requests").json()] == [
        refund.json()["number"], number,
    ]  # fmt: skip
    assert confirms.get("/fund-requests?waiting=true").json() == []
    lost = body | {"provider": "post_office", "reference": "COURT-1"}
    asked = asks.post("/programmes/winter/float-losses", json=lost)
    assert (asked.status_code, asked.json()["provider"]) == (201, "post_office")
    reader = Browsing(app, token_for(ids[1]))
    page = reader.get(f"/waiting/fund-request/{asked.json()['number']}")
    assert page.status_code == 200
    assert "Give up what is lost with post_office" in " ".join(reader.words.split())
    assert "On our account with post office" in reader.words
    back = asks.post("/programmes/winter/float-recoveries", json=lost | {"to_bank": True})
    assert (back.status_code, back.json()["code"]) == (409, "float.more_than_lost")


def test_of_many_who_give_out_and_take_back_at_once_no_cent_is_moved_twice(database: URL) -> None:
    """Sixty-four at once: half confirm that 100 of a budget of 1,000 go back, half give 100 of what the fund has left."""
    with offices.transaction("dz") as session:
        funded_programme(session, budgeted="1000.00")
        asker = colleague(session, Role.TREASURER)
        crowd = [colleague(session, Role.HEAD_OF_FINANCE) for _ in range(32)]
        numbers = [
            fund_requests.ask_return(
                session, asker.actor, "winter", "100.00", f"MEMO-B{at}", "not needed"
            ).number
            for at in range(32)
        ]

    def confirmed(at: int) -> bool:
        try:
            with clock.frozen(START):
                offices.transact(
                    "dz",
                    lambda session: fund_requests.confirm(
                        session, crowd[at].actor, numbers[at], crowd[at].code()
                    ),
                )
        except NotCovered:
            return False
        return True

    def given(at: int) -> bool:
        return offices.transact(
            "dz",
            lambda session: budget.allocate(session, EVERYTHING, "winter", "1.00", f"MEMO-A{at}"),
        )

    jobs: list[tuple[Callable[[int], bool], int]] = [
        (work, at) for at in range(32) for work in (confirmed, given)
    ]
    with ThreadPoolExecutor(64) as pool:
        done = list(pool.map(lambda job: (job[0], job[0](job[1])), jobs))
    taken = sum(went for work, went in done if work is confirmed)
    with offices.transaction("dz") as session:
        assert left(session, "winter") == f"{1000 + 32 - 100 * taken}.00"
        assert taken == 10
        sound(session)


def test_a_refund_takes_its_fund_before_the_accounts_as_a_receipt_does(database: URL) -> None:
    """In the other order, a refund and a receipt of one fund would wait for each other crosswise."""
    with offices.transaction("dz") as session:
        funded_programme(session, budgeted="1000.00")
        asker, confirmer = (
            colleague(session, Role.TREASURER),
            colleague(session, Role.HEAD_OF_FINANCE),
        )
        number = fund_requests.ask_refund(
            session, asker.actor, "echo-26", "1.00", "LETTER-1", "not needed"
        ).number

    def confirmed() -> None:
        offices.transact(
            "dz",
            lambda session: fund_requests.confirm(
                session, confirmer.actor, number, confirmer.code()
            ),
        )

    with ThreadPoolExecutor(1) as pool:
        with offices.transaction("dz") as session:
            session.execute(text("UPDATE funds SET received_minor = received_minor"))
            refund = pool.submit(confirmed)
            while not session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")):
                assert not refund.done()
            session.execute(text("SELECT id FROM accounts ORDER BY id FOR UPDATE NOWAIT"))
        refund.result()
    with offices.transaction("dz") as session:
        sound(session)
