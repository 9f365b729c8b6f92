"""What waits for a second person, on pages: of every kind, for whoever may see it, decided once and by somebody else."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import URL, Engine, event, select
from sqlalchemy.orm import Session

from cbi import clock, offices
from cbi.access import totp, users
from cbi.access.permissions import Role
from cbi.app import create_app
from cbi.console import waiting
from cbi.console.waiting_proposals import Decide, Proposal, Typed, counted, listed
from cbi.errors import CbiError
from cbi.ledger import reference_rates
from cbi.ledger.queries import available, fund_positions
from cbi.money import Money
from cbi.programmes import queries
from cbi.programmes.models import Entitlement
from cbi.proofs import refusals
from tests.factories import EVERYTHING, PASSWORD, Colleague, colleague
from tests.flow.browsing import Browsing
from tests.flow.people import token_for
from tests.flow.proposing import STORIES, Office, told
from tests.flow.sending import PointAt, assert_every_promise_is_kept, at_once
from tests.flow.signing import later

FOR_FINANCE = {
    "fund-request", "deal", "exchange-rate", "tariff", "transfer-value", "top-up", "approval-policy", "waiver",
}  # fmt: skip
"""What the head of finance decides about; the delegation is of their own making."""
SEEN = FOR_FINANCE | {"delegation", "condition"}


@pytest.fixture(scope="module")
def template(server: URL, template: str, point_at: PointAt) -> str:
    return told(server, template, point_at)


@pytest.fixture
def office(database: URL, template: str) -> Office:
    """An office in which everything waits."""
    return STORIES[template]


Come = Callable[[Colleague], Browsing]


@pytest.fixture
def at_browser(office: Office) -> Come:
    """Somebody signs in at a browser: `at_browser(office.finance)`."""
    app = create_app()

    def come(who: Colleague) -> Browsing:
        assert who.actor.id is not None
        return Browsing(app, token_for(who.actor.id))

    return come


def waits(who: Colleague) -> dict[str, Proposal]:
    """What this person finds on the page, by kind."""
    with offices.transaction("dz") as session:
        return {each.kind: each for each in listed(session, who.actor, waiting.KINDS, limit=100)}


@contextmanager
def statements() -> Iterator[list[str]]:
    """What is asked of the database within the block."""
    asked: list[str] = []

    def note(_c: object, _cursor: object, text: str, *_rest: object) -> None:
        asked.append(text)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def test_every_kind_is_listed_and_can_be_looked_at_by_whoever_may_see_it(
    office: Office, at_browser: Come
) -> None:
    with later():
        finance = at_browser(office.finance)
        finance.get("/")
        assert "8 proposals wait for your decision." in finance.words
        page = finance.get("/waiting")
        assert set(re.findall(r'data-kind="([a-z-]+)"', page.text)) == SEEN
        assert page.text.index("transfer-value/") < page.text.index("waiver/")
        for kind, each in waits(office.finance).items():
            page = finance.get(f"/waiting/{kind}/{each.key}")
            assert page.status_code == 200, kind
            assert ("/waiting/accept/" in page.text) == (kind in FOR_FINANCE), kind
            assert "What it would change" in finance.words
        page = finance.get("/waiting?who=me&kind=deal")
        assert page.text.count("data-kind") == 1
        supervisor = at_browser(office.supervisor)
        supervisor.get("/waiting")
        assert "1,200" not in supervisor.words
        sheet = waits(office.supervisor)["work-sheet"]
        page = supervisor.get(f"/waiting/work-sheet/{sheet.key}")
        assert "7,200.00" in supervisor.words


def test_however_many_kinds_there_are_the_list_takes_two_statements(office: Office) -> None:
    with offices.transaction("dz") as session, statements() as asked:
        counts = counted(session, office.finance.actor, waiting.KINDS)
        lines = listed(session, office.finance.actor, waiting.KINDS, limit=100)
    assert sum(each.all for each in counts) == len(lines) == len(SEEN)
    assert sum(each.mine for each in counts) == sum(each.mine for each in lines) == len(FOR_FINANCE)
    assert sum("UNION ALL" in text for text in asked) == 2
    assert len([text for text in asked if "SET " not in text and "BEGIN" not in text]) <= 4


def test_whoever_may_decide_accepts_each_with_a_code_of_their_own_and_it_happens(
    office: Office, at_browser: Come
) -> None:
    assert unallocated("eu-26") == {"EUR": "20000.00"}
    for kind, each in waits(office.finance).items():
        if kind in FOR_FINANCE:
            with later():
                finance = at_browser(office.finance)
                finance.get(f"/waiting/{kind}/{each.key}")
                finance.send(f"/waiting/accept/{kind}/{each.key}", code=office.finance.code())
                assert "Accepted:" in finance.words, (kind, finance.words)
                assert finance.get(f"/waiting/{kind}/{each.key}").status_code == 404
    assert set(waits(office.finance)) == SEEN - FOR_FINANCE
    assert unallocated("eu-26") == {"EUR": "10000.00", "DZD": "1452000.00"}, "as the page had said"
    with offices.transaction("dz") as session:
        winter = queries.find(session, "winter")
        left = available(session, winter.id, winter.fund_id, "DZD")
        assert left == Money.parse("499000.00", "DZD")
        assert queries.find(session, "families-2026").version == 2
        owed = select(Entitlement).where(Entitlement.top_up_id.is_not(None))
        assert len(session.scalars(owed).all()) == 1
    assert_every_promise_is_kept()


def unallocated(code: str) -> dict[str, str]:
    """What a fund has not given to a programme, by currency."""
    with offices.transaction("dz") as session:
        return {
            each.received.currency: each.unallocated.decimal
            for each in fund_positions(session)
            if each.code == code
        }


def test_nobody_accepts_their_own_proposal_and_whoever_proposed_takes_it_back(
    office: Office, at_browser: Come
) -> None:
    own = waits(office.treasurer)
    assert {kind for kind, each in own.items() if each.is_own} == {
        "fund-request", "deal", "exchange-rate", "tariff", "approval-policy", "waiver",
    }  # fmt: skip
    assert not any(each.mine for each in own.values() if each.is_own)
    assert not own["delegation"].mine, "the treasurer is the one who would stand in"
    with later():
        treasurer = at_browser(office.treasurer)
        deal, request = own["deal"], own["fund-request"]
        treasurer.get(f"/waiting/deal/{deal.key}")
        assert "/waiting/accept/" not in str(treasurer.forms)
        form = treasurer.filled(f"/waiting/refuse/deal/{deal.key}", code=office.treasurer.code())
        treasurer._read(
            treasurer.ask("POST", f"/waiting/accept/deal/{deal.key}", data=form), follow=True
        )
        assert "so somebody else confirms it" in treasurer.words
        treasurer.send(f"/waiting/refuse/deal/{deal.key}", reason="The ticket is another.")
        assert "Taken back: Changing money at the bank" in treasurer.words
        treasurer.get(f"/waiting/fund-request/{request.key}")
        treasurer.send(
            f"/waiting/refuse/fund-request/{request.key}", reason="It is needed after all."
        )
        assert "Taken back:" in treasurer.words
        treasurer.get(f"/waiting/tariff/{own['tariff'].key}")
        treasurer.send(f"/waiting/refuse/tariff/{own['tariff'].key}", reason="It is a draft.")
        treasurer.get("/waiting/refused")
        assert treasurer.words.count("taken back") == 3
    assert {"deal", "fund-request"}.isdisjoint(waits(office.finance))


def test_a_refusal_says_why_and_the_same_form_twice_is_one(
    office: Office, at_browser: Come
) -> None:
    found = waits(office.finance)["transfer-value"]
    with later():
        finance = at_browser(office.finance)
        path = f"/waiting/refuse/transfer-value/{found.key}"
        finance.get(f"/waiting/transfer-value/{found.key}")
        form = finance.filled(path, reason="The rice at the port is a slip.")
        for _ in range(2):
            finance.ask("POST", path, data=form)
        finance.get("/finance/values")
        assert "refused" in finance.words
        finance.get(f"/waiting/top-up/{waits(office.finance)['top-up'].key}")
        finance.send(
            f"/waiting/refuse/top-up/{waits(office.finance)['top-up'].key}",
            reason="Call +213 550 12 34 56.",
        )
        assert "Refused:" not in finance.words, "a reason holds no telephone number"
    assert "top-up" in waits(office.finance)


def test_a_role_for_one_programme_sees_and_decides_what_concerns_that_alone(
    office: Office, at_browser: Come
) -> None:
    with offices.transaction("dz") as session:
        roles = {
            code: colleague_for(session, Role.AUTHORISER, code)
            for code in ("winter", "families-2026")
        }
    assert set(waits(roles["winter"])) == {"fund-request", "top-up", "waiver"}
    assert set(waits(roles["families-2026"])) == {"transfer-value"}
    assert all(each.mine for who in roles.values() for each in waits(who).values())
    with later():
        visitor = at_browser(roles["winter"])
        assert visitor.get("/waiting/transfer-value/1").status_code == 404
        assert visitor.get("/waiting/nothing/1").status_code == 404
        assert visitor.get("/waiting/deal/x").status_code == 404


def colleague_for(session: Session, role: Role, programme: str) -> Colleague:
    """A member of staff with a role for one programme."""
    user = users.create_user(
        session, EVERYTHING, username=f"only.{programme}", full_name="A B", password=PASSWORD, roles=[role],
        programme=programme,
    )  # fmt: skip
    return Colleague(users.actor_of_user(session, user.id), totp.enrol(session, user.id))


def test_a_sheet_a_condition_and_a_delegation_are_for_those_whom_they_concern(
    office: Office, at_browser: Come
) -> None:
    with offices.transaction("dz") as session:
        other = colleague(session, Role.PROGRAMME_MANAGER)
    found = waits(office.supervisor) | waits(office.authoriser) | waits(other)
    deciding = {
        "work-sheet": office.supervisor, "condition": other, "delegation": office.authoriser,
    }  # fmt: skip
    with later():
        for kind, who in deciding.items():
            path = f"/waiting/accept/{kind}/{found[kind].key}"
            visitor = at_browser(who)
            visitor.get(f"/waiting/{kind}/{found[kind].key}")
            typed: dict[str, Any] = {} if kind == "condition" else {"code": who.code()}
            if kind == "work-sheet":
                altered = visitor.filled(path, seen="00", **typed)
                visitor.ask("POST", path, data=altered)
                assert waits(who)[kind].mine, "what was not shown is not signed"
                visitor.get(f"/waiting/{kind}/{found[kind].key}")
            visitor.send(path, **typed)
            assert "Accepted:" in visitor.words, visitor.words
            assert kind not in waits(who)
    assert_every_promise_is_kept()


def test_a_rate_written_the_other_way_round_is_typed_again_by_its_second_person(
    office: Office, at_browser: Come
) -> None:
    with later(), offices.transaction("dz") as session:
        actor, day = office.treasurer.actor, clock.now().date() - timedelta(days=1)
        made = reference_rates.propose(session, actor, "EUR", "DZD", "0.0068", "Bank of Algeria", day)  # fmt: skip
        path = f"exchange-rate/{made.id}"
    with later():
        finance = at_browser(office.finance)
        finance.get(f"/waiting/{path}")
        assert "Type the rate yourself" in finance.words
        finance.send(f"/waiting/accept/{path}", code=office.finance.code(), again="")
        assert "Is it written the other way round?" in finance.words
    with later():
        finance = at_browser(office.finance)
        finance.get(f"/waiting/{path}")
        finance.send(f"/waiting/accept/{path}", code=office.finance.code(), again="0.0068")
        assert "Accepted:" in finance.words


def test_of_accepting_and_taking_back_at_once_exactly_one_holds(office: Office) -> None:
    people = (office.finance, office.authoriser, office.treasurer, office.manager)
    everybody = [(who, waits(who)) for who in people]
    raced = set()
    for kind in waiting.KINDS:
        with later():
            seen = [(who, found[kind.code]) for who, found in everybody if kind.code in found]
            own = next(((who, found) for who, found in seen if found.is_own), None)
            other = next(((who, found) for who, found in seen if found.mine), None)
            if own is None or other is None or kind.take_back is None:
                continue
            no = (*own, kind.take_back)
            if kind.code == "waiver" and kind.refuse:  # one that was granted is taken back, too
                no = (*other, kind.refuse)
            acts = (
                (*other, kind.accept, Typed(code=other[0].code())),
                (*no, Typed(reason="It was a slip.")),
            )
            assert sorted(at_once(_holds, acts)) == [False, True], kind.code
        raced.add(kind.code)
    assert raced >= {"deal", "exchange-rate", "tariff", "approval-policy", "delegation", "top-up"}
    with offices.transaction("dz") as session:
        assert [breach for check in refusals.append_only for breach in check(session)] == []


def _holds(act: tuple[Colleague, Proposal, Decide, Typed]) -> bool:
    """Whether what this person does with a proposal is done."""
    who, found, deed, typed = act
    try:
        offices.transact("dz", lambda session: deed(session, who.actor, found, typed))
    except CbiError:
        return False
    return True
