"""Nobody outside is told about people but by the legal officer's word; the people can see who was told."""

from dataclasses import replace
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor, NotPermitted
from cbi.access.permissions import STAFF_ROLES, Role, RolesNotAllowed, check_roles
from cbi.access.totp import WrongCode
from cbi.protection.exporting import asking, fetching
from cbi.protection.exporting.models import ExportPerson
from cbi.protection.exporting.outside import BeyondDisclosure
from cbi.registry import viewing
from cbi.registry.consent import recording
from cbi.registry.consent.models import Answer, How, Scope
from cbi.registry.consent.recording import Word
from cbi.registry.disclosing import disclosing
from cbi.registry.disclosing.disclosing import (
    NothingAllowsIt,
    OwnDisclosure,
    Proposal,
    UnknownDisclosure,
    UnusableDisclosure,
)
from cbi.registry.disclosing.models import Disclosure, DisclosureDecision, Form
from cbi.registry.models import Household
from cbi.registry.view_models import PersonView
from tests.exporting import placed, wish
from tests.factories import EVERYTHING, Colleague, colleague, office_day

WHY = "The agreement asks for it."


@pytest.fixture
def proposer(session: Session) -> Colleague:
    return colleague(session, Role.PROTECTION_OFFICER)


@pytest.fixture
def legal(session: Session) -> Colleague:
    return colleague(session, Role.LEGAL_OFFICER)


def proposal(**other: object) -> Proposal:
    said = Proposal(
        "auditor", "National audit office", "Grant agreement, article 11", "A sample on the spot",
        "They visit people at home", "It could be passed on", "file", 5, clock.now().date() + timedelta(days=20),
        ("number", "name"), area="Oran",
    )  # fmt: skip
    return replace(said, **other)  # type: ignore[arg-type]


def approved(
    session: Session, proposer: Colleague, legal: Colleague, **other: object
) -> Disclosure:
    made = disclosing.propose(session, proposer.actor, proposal(**other))
    return disclosing.approve(session, legal.actor, made.number, WHY, legal.code())


def outside(
    number: int, columns: tuple[str, ...] = ("number", "name"), area: str = "Oran"
) -> asking.Wish:
    return wish(columns, area, disclosure=number)


def test_a_list_goes_outside_under_an_approved_disclosure_and_the_people_can_see_it(
    session: Session, proposer: Colleague, legal: Colleague
) -> None:
    numbers = placed(session, 3)
    allowed = approved(session, proposer, legal)
    made = asking.ask(session, proposer.actor, outside(allowed.number))
    fetching.fetch(session, proposer.actor, made.number)
    (seen,) = viewing.seen(session, EVERYTHING, numbers[0], names=False)
    assert (seen.told_to, seen.left_house, seen.who) == ("National audit office", True, None)
    views = session.scalars(select(PersonView)).all()
    assert {view.disclosure_id for view in views} == {allowed.id}


def test_a_partner_is_not_told_of_those_who_said_no_to_it_since(
    session: Session, proposer: Colleague, legal: Colleague
) -> None:
    placed(session, 3)
    partner = approved(session, proposer, legal, requester_kind="partner")
    auditor = approved(session, proposer, colleague(session, Role.LEGAL_OFFICER))
    lists = [
        asking.ask(session, proposer.actor, outside(one.number)).number
        for one in (partner, auditor)
    ]
    against = session.scalars(select(ExportPerson.person_id).limit(1)).one()
    word = Word([Scope.REFERRAL], Answer.WITHDRAWN, How.IN_PERSON)
    recording.say(session, EVERYTHING, against, word)
    told = [fetching.fetch(session, proposer.actor, number).people for number in lists]
    assert told == [2, 3]


def test_nobody_outside_is_told_without_the_legal_officers_word(
    session: Session, proposer: Colleague, legal: Colleague
) -> None:
    placed(session, 2)
    waiting, refused = (disclosing.propose(session, proposer.actor, proposal()) for _ in range(2))
    disclosing.refuse(session, legal.actor, refused.number, "The letter names no law.")
    for number in (waiting.number, refused.number, 99):
        with pytest.raises(NothingAllowsIt):
            asking.ask(session, proposer.actor, outside(number))
    assert (refused.decision, refused.remark) == (
        DisclosureDecision.REFUSED,
        "The letter names no law.",
    )
    with pytest.raises(UnknownDisclosure):
        disclosing.approve(session, legal.actor, refused.number, WHY, legal.code())


def test_nobody_approves_their_own_and_only_the_legal_officer_with_a_fresh_code_does(
    session: Session, proposer: Colleague, legal: Colleague
) -> None:
    both = colleague(session, Role.LEGAL_OFFICER, Role.PROTECTION_OFFICER)
    own = disclosing.propose(session, both.actor, proposal())
    with pytest.raises(OwnDisclosure):
        disclosing.approve(session, both.actor, own.number, WHY, both.code())
    for role in (Role.COUNTRY_DIRECTOR, Role.PROTECTION_OFFICER, Role.PROGRAMME_MANAGER):
        with pytest.raises(NotPermitted):
            disclosing.approve(session, colleague(session, role).actor, own.number, WHY, "1")
    with pytest.raises(WrongCode):
        disclosing.approve(session, legal.actor, own.number, WHY, "000000")
    disclosing.approve(session, legal.actor, own.number, WHY, legal.code())
    own.decided_by = own.proposed_by
    with pytest.raises(IntegrityError, match="two_people"):
        session.flush()


def test_whoever_makes_users_lets_no_data_out(session: Session, proposer: Colleague) -> None:
    with pytest.raises(RolesNotAllowed):
        check_roles({Role.ADMINISTRATOR, Role.LEGAL_OFFICER}, STAFF_ROLES)
    made = disclosing.propose(session, proposer.actor, proposal())
    someone = colleague(session, Role.LEGAL_OFFICER)
    # Had somebody both, in whatever way, it would still be refused.
    actor = Actor("user", someone.actor.id, "both", EVERYTHING.grants)
    with pytest.raises(OwnDisclosure, match="makes users"):
        disclosing.approve(session, actor, made.number, WHY, someone.code())


def test_a_list_tells_no_more_than_was_approved(
    session: Session, proposer: Colleague, legal: Colleague
) -> None:
    placed(session, 6)
    placed(session, 1, "Algiers")
    allowed = approved(session, proposer, legal)
    for more, why in (
        (outside(allowed.number, ("number", "phone"), "Algiers"), "it has no phone"),
        (outside(allowed.number, area="Algiers"), "its area is Oran"),
        (outside(allowed.number), "5 people at most"),
    ):
        with pytest.raises(BeyondDisclosure, match=why):
            asking.ask(session, proposer.actor, more)
    hashes = approved(
        session,
        proposer,
        colleague(session, Role.LEGAL_OFFICER),
        form="hashes",
        columns=(),
        area=None,
    )
    with pytest.raises(NothingAllowsIt, match="for hashes"):
        asking.ask(session, proposer.actor, outside(hashes.number))


def test_what_is_revoked_or_over_lets_nothing_out_not_even_what_was_asked_for(
    session: Session, proposer: Colleague, legal: Colleague
) -> None:
    placed(session, 2)
    allowed = approved(session, proposer, legal)
    over = approved(session, proposer, colleague(session, Role.LEGAL_OFFICER), until=office_day())
    made, late = (
        asking.ask(session, proposer.actor, outside(each.number)) for each in (allowed, over)
    )
    with pytest.raises(NotPermitted):
        disclosing.revoke(
            session, colleague(session, Role.AUDITOR).actor, allowed.number, "Not theirs."
        )
    disclosing.revoke(session, proposer.actor, allowed.number, "They need it no more.")
    with pytest.raises(NothingAllowsIt, match="revoked"):
        fetching.fetch(session, proposer.actor, made.number)
    midnight = datetime.combine(
        office_day() + timedelta(days=1), time(), ZoneInfo("Africa/Algiers")
    )
    with (
        clock.frozen(midnight),
        pytest.raises(NothingAllowsIt, match="last day"),
    ):
        fetching.fetch(session, proposer.actor, late.number)
    with pytest.raises(UnknownDisclosure):
        disclosing.revoke(session, legal.actor, allowed.number, "Again.")


def test_where_the_law_forbids_to_say_so_the_people_are_not_told_and_the_auditor_is(
    session: Session, proposer: Colleague, legal: Colleague
) -> None:
    numbers = placed(session, 1)
    secret = approved(session, proposer, legal, silence="The court's order forbids it")
    made = asking.ask(session, proposer.actor, outside(secret.number))
    fetching.fetch(session, proposer.actor, made.number)
    assert viewing.seen(session, EVERYTHING, numbers[0], names=False) == []
    (seen,) = viewing.seen(session, EVERYTHING, numbers[0], names=True)
    assert (seen.told_to, seen.who) == ("National audit office", "A Colleague")


def test_a_disclosure_says_all_that_it_must(session: Session, proposer: Colleague) -> None:
    today = office_day()
    for wrong in (
        {"requester_kind": "police"}, {"form": "letter"}, {"columns": ("nationality",)}, {"columns": ()},
        {"area": None}, {"period": "2026-01"}, {"most_people": 0}, {"until": today - timedelta(days=2)},
        {"until": today + timedelta(days=400)}, {"form": "hashes"},
    ):  # fmt: skip
        with pytest.raises(UnusableDisclosure):
            disclosing.propose(session, proposer.actor, proposal(**wrong))
    with pytest.raises(NotPermitted):
        disclosing.propose(session, colleague(session, Role.REGISTRATION_OFFICER).actor, proposal())
    everybody = proposal(form=Form.HASHES, columns=(), area=None)
    assert disclosing.propose(session, proposer.actor, everybody).number == 1


def test_the_register_holds_every_disclosure_that_was_ever_proposed(
    session: Session, proposer: Colleague, legal: Colleague
) -> None:
    approved(session, proposer, legal)
    disclosing.propose(session, proposer.actor, proposal(requester="A court"))
    for who in (
        proposer,
        legal,
        colleague(session, Role.AUDITOR),
        colleague(session, Role.COUNTRY_DIRECTOR),
    ):
        assert [each.requester for each in disclosing.listed(session, who.actor)] == [
            "A court", "National audit office",
        ]  # fmt: skip
    with pytest.raises(NotPermitted):
        disclosing.listed(session, colleague(session, Role.TREASURER).actor)


def test_many_short_lists_tell_no_more_than_one_long_one(
    session: Session, proposer: Colleague, legal: Colleague
) -> None:
    first = placed(session, 4)
    allowed = approved(session, proposer, legal)
    made = asking.ask(session, proposer.actor, outside(allowed.number))
    again = asking.ask(session, proposer.actor, outside(allowed.number))
    assert again.people == 4, "the same people once more are no more people"
    fetching.fetch(session, proposer.actor, made.number)
    for home in session.scalars(select(Household).where(Household.source_id.in_(first))):
        home.area = "Algiers"
    placed(session, 2)
    with pytest.raises(
        BeyondDisclosure, match="Other lists under it tell about 4, and this one about 2"
    ):
        asking.ask(session, proposer.actor, outside(allowed.number))
    asking.revoke(session, proposer.actor, again.number, "Not needed any more")
    with pytest.raises(BeyondDisclosure):
        asking.ask(session, proposer.actor, outside(allowed.number))
