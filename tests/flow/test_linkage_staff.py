"""Staff and tellers who may be recipients: somebody else is told, and they do nothing on that record themselves."""

from uuid import UUID

import pytest
from sqlalchemy import URL, Engine, select
from sqlalchemy.orm import Session

from cbi import clock, jobs, offices
from cbi.access import users
from cbi.access.models import User
from cbi.access.permissions import Role
from cbi.errors import CbiError
from cbi.payments.models import Payment
from cbi.redemption.models import CounterOffice, Teller
from cbi.registry import viewing
from cbi.registry.households import requests
from cbi.registry.households.asked import UnusableChange
from cbi.registry.linkage import finding, staff
from cbi.registry.linkage.models import StaffMatch
from cbi.registry.linkage.staff import Colleague, OwnRecord, StaffMatchDecided
from tests.factories import EVERYTHING, PASSWORD, colleague
from tests.flow.people import ADMINISTRATOR, actor_of
from tests.flow.test_linkage import KARIM, MOHAMED, NAMESAKE, register
from tests.household_factory import ASKER, CONFIRMER, asked, change, family, fresh
from tests.redemption_factory import (
    code_of,
    confirm,
    hold,
    in_parts,
    pay_part,
    refused,
    teller,
    try_code,
)


def officer_called(session: Session, name: str, username: str = "own") -> UUID:
    return users.create_user(
        session, ADMINISTRATOR, username=username, full_name=name, password=PASSWORD,
        roles=[Role.REGISTRATION_OFFICER],
    ).id  # fmt: skip


def test_a_colleague_who_may_be_a_recipient_is_told_to_others_only(session: Session) -> None:
    other = colleague(session, Role.REGISTRATION_OFFICER).actor
    register(session, other, MOHAMED.format("A1"), KARIM.format("A3"))
    finding.catch_up(session)
    own = officer_called(session, "Mohammed BEN ALI")
    asked = [
        Colleague("user", own, "Mohammed BEN ALI"),
        Colleague("teller", UUID(int=7), "Somebody Else"),
    ]
    assert staff.look(session, asked) == 1
    assert staff.look(session, asked) == 0
    myself = users.actor_of_user(session, own)
    assert staff.listed(session, myself) == []
    (told,) = staff.listed(session, other)
    assert (told.household, told.match.staff_id) == ("A1", own)
    with pytest.raises(OwnRecord):
        viewing.opened(session, myself, "A1", ["name"], "registration")
    assert viewing.opened(session, myself, "A3", ["name"], "registration")
    with pytest.raises(OwnRecord):
        staff.decide(session, myself, told.match.id, "different", "Not me at all")
    staff.decide(session, other, told.match.id, "different", "A namesake, I know both")
    with pytest.raises(StaffMatchDecided):
        staff.decide(session, other, told.match.id, "same", "Or is it")
    assert viewing.opened(session, myself, "A1", ["name"], "registration")


def test_a_colleague_has_no_say_about_a_pair_of_their_own(session: Session) -> None:
    other = colleague(session, Role.REGISTRATION_OFFICER).actor
    register(session, other, MOHAMED.format("A1"), NAMESAKE.format("A4"))
    finding.catch_up(session)
    own = officer_called(session, "محمد بن علي")
    assert staff.look(session, [Colleague("user", own, "محمد بن علي")]) == 2, (
        "whoever of the two it is"
    )
    myself = users.actor_of_user(session, own)
    for number in ("A1", "A4"):
        with pytest.raises(OwnRecord):
            viewing.opened(session, myself, number, ["name"], "registration")


def test_a_teller_who_may_be_the_payee_is_found_by_the_worker(
    database: URL,
) -> None:
    with offices.transaction("dz") as session:
        register(session, EVERYTHING, KARIM.format("A3"))
        post = CounterOffice(
            provider="post_office", code="A1", name="Main office", created_at=clock.now()
        )
        session.add(post)
        session.flush()
        teller = Teller(
            office_id=post.id,
            username="karim",
            full_name="Haddad, Karim",
            password_hash="",
            created_at=clock.now(),
        )
        session.add(teller)
        session.flush()
        teller_id = teller.id
        officer_called(session, "Nobody Of These")
    jobs.linking("dz")
    with offices.transaction("dz") as session:
        (match,) = session.scalars(select(StaffMatch)).all()
        assert (match.staff_kind, match.staff_id) == ("teller", teller_id)
        officer = session.scalars(select(User.id).where(User.username == "own")).one()
    with offices.transaction("dz") as session:
        assert len(staff.listed(session, actor_of(officer))) == 1


def test_a_teller_who_may_be_the_payee_cannot_pay_it_and_another_can(
    database: URL, owner: Engine
) -> None:
    (payment,) = in_parts(owner, [4]).payments
    own, other = teller(), teller("Hydra")
    held = hold(own, code_of(payment))
    with offices.transaction("dz") as session:
        person = session.get_one(Payment, payment).person_id
        session.add(
            StaffMatch(staff_kind="teller", staff_id=own.id, person_id=person, found_at=clock.now())
        )
    with pytest.raises(CbiError):
        confirm(own, held.authorisation_id)
    with pytest.raises(CbiError, match="suspended"):
        pay_part(own, held.authorisation_id, 1000)
    assert refused(try_code(own, code_of(payment), at=30))
    assert confirm(other, hold(other, code_of(payment), at=31).authorisation_id, at=32)


def test_nobody_confirms_a_merge_with_their_own_household_whichever_of_the_two_it_is(
    session: Session,
) -> None:
    (home, _), (other, theirs) = family(session), family(session)
    session.add(
        StaffMatch(
            staff_kind="user", staff_id=CONFIRMER.id, person_id=theirs["head"], found_at=clock.now()
        )
    )
    session.flush()
    with pytest.raises(OwnRecord):
        change(session, "merged", home, other=other)


def test_a_merge_is_undone_by_naming_one_of_its_households(session: Session) -> None:
    (home, _), (other, _), (stranger, _) = (family(session) for _ in range(3))
    merge = change(session, "merged", home, other=other)
    undo = asked(session, "unmerged", stranger, other=merge)
    with pytest.raises(UnusableChange, match="not of this household"):
        requests.ask(session, ASKER, undo)
    change(session, "unmerged", other, other=merge)
    assert {fresh(session, each).status for each in (home, other)} == {"active"}
