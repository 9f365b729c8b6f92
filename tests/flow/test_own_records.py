"""Staff and tellers who are recipients do not look at, merge, sign or pay their own, and `cbi verify` would name it."""

from uuid import UUID

import pytest
from sqlalchemy import URL, Engine, select
from sqlalchemy.orm import Session

from cbi import clock, offices
from cbi.access import users
from cbi.access.permissions import Role
from cbi.payments.models import Payment
from cbi.payments.signing import approval
from cbi.payments.signing.approval import OwnPayment
from cbi.proofs.linkage import on_record_once
from cbi.proofs.own_records import no_hand_on_their_own
from cbi.registry import duplicates
from cbi.registry.duplicates import OwnProposal
from cbi.registry.linkage import deciding, finding, queries, showing, staff
from cbi.registry.linkage.models import StaffMatch
from cbi.registry.linkage.staff import Colleague, OwnRecord
from tests.factories import START, colleague, funded_programme, locked_run, team
from tests.flow.tampering import Tampering, intruding
from tests.flow.test_linkage import AGAIN, KARIM, MOHAMED, register
from tests.flow.test_linkage_staff import officer_called
from tests.household_factory import CONFIRMER, change
from tests.redemption_factory import OPEN, code_of, confirm, hold, issued, teller

ONE_DOCUMENT = tuple(
    row.format(number).replace(";;lemon", ";AB12345;lemon") for number, row in (("D1", MOHAMED), ("D2", KARIM))
)  # fmt: skip
"""Two people with the same document in two households."""


def breaches(session: Session) -> str:
    """What these promises say is broken."""
    return "\n".join(each for check in (*no_hand_on_their_own, *on_record_once) for each in check(session))  # fmt: skip


def test_nobody_opens_or_decides_a_pair_that_may_be_their_own(session: Session) -> None:
    other = colleague(session, Role.REGISTRATION_OFFICER).actor
    register(session, other, MOHAMED.format("A1"), AGAIN.format("A2"))
    finding.catch_up(session)
    own = officer_called(session, "Mohamed Benali")
    staff.look(session, [Colleague("user", own, "Mohamed Benali")])
    myself = users.actor_of_user(session, own)
    (pair,) = session.scalars(queries.open_pairs()).all()
    with pytest.raises(OwnRecord):
        showing.opened(session, myself, pair)
    with pytest.raises(OwnRecord):
        deciding.say(session, myself, pair.id, "different", "Not me at all")
    assert len(showing.opened(session, other, pair)) == 2
    deciding.say(session, colleague(session, Role.REGISTRATION_OFFICER).actor, pair.id, "different", "Seen")  # fmt: skip
    with pytest.raises(OwnRecord):
        deciding.take_back(session, myself, pair.id, "They are one")


def test_nobody_signs_a_run_that_pays_their_own_household(session: Session) -> None:
    people = team(session)
    with clock.frozen(START):
        programme = funded_programme(session)
        register(session, colleague(session, Role.REGISTRATION_OFFICER).actor, KARIM.format("A3"))
        run = locked_run(session, people, programme)
        person = session.scalars(select(Payment.person_id)).one()
        found = StaffMatch(
            staff_kind="user",
            staff_id=people.certifier.actor.id,
            person_id=person,
            found_at=clock.now(),
        )
        session.add(found)
        session.flush()
        staff.decide(session, colleague(session, Role.REGISTRATION_OFFICER).actor, found.id, "same", "It is he")  # fmt: skip
        with pytest.raises(OwnPayment, match="household that you belong to"):
            approval.certify(session, people.certifier.actor, run.id, people.certifier.code())


def test_that_one_document_is_two_peoples_takes_two(session: Session) -> None:
    first, second = (colleague(session, Role.REGISTRATION_OFFICER).actor for _ in range(2))
    register(session, first, *ONE_DOCUMENT)
    ((flag, _),) = [(each.flag.id, each) for each in duplicates.list_flags(session, first)]
    assert duplicates.decide(session, first, flag, "different", "A typing mistake").decision is None
    with pytest.raises(OwnProposal):
        duplicates.decide(session, first, flag, "different", "I said so")
    assert duplicates.withdraw(session, second, flag, "Both papers say so").proposed_by is None
    duplicates.decide(session, second, flag, "different", "A typing mistake after all")
    done = duplicates.decide(session, first, flag, "different", "As I said")
    assert (done.decision, done.proposed_by, done.decided_by) == ("different", second.id, first.id)
    assert not breaches(session)


def test_verify_names_whoever_had_a_hand_on_their_own(database: URL, owner: Engine) -> None:
    run, who = issued(owner, [4]), teller()
    confirm(who, hold(who, code_of(run.payments[0])).authorisation_id)
    with clock.frozen(OPEN), offices.transaction("dz") as session:
        paid = session.get_one(Payment, run.payments[0])
        home, person = paid.household_id, paid.person_id
        change(session, "corrected", home, person=person, told={"name": "Karim Haddad"})
        finding.catch_up(session)
        officers = [colleague(session, Role.REGISTRATION_OFFICER).actor for _ in range(2)]
        own = officer_called(session, "Karim Haddad")
        staff.look(session, [Colleague("user", own, "Karim Haddad")])
        match = session.scalars(select(StaffMatch.id)).one()
        staff.decide(session, officers[0], match, "same", "It is he")
        register(session, officers[0], *ONE_DOCUMENT)
        (flagged,) = duplicates.list_flags(session, officers[0])
        for each in officers:
            duplicates.decide(session, each, flagged.flag.id, "different", "A typing mistake")
        flag = flagged.flag.id

    def planted(kind: str, who: UUID | str, decision: str = "") -> str:
        more = f", '{decision}', gen_random_uuid(), '2020-01-02', 'x'" if decision else ""
        names = ", decision, decided_by, decided_at, reason" if decision else ""
        return (
            f"INSERT INTO staff_matches (id, staff_kind, staff_id, person_id, found_at{names})"
            f" SELECT gen_random_uuid(), '{kind}', ({who}), '{person}', '2020-01-01'{more}"
        )

    flag_, payment, its_match = (f"SELECT '{each}'" for each in (flag, run.payments[0], match))
    tamperings = (
        Tampering(2, "a teller paid their own", payment, planted("teller", f"'{who.id}'")),
        Tampering(
            2, "an approver signed their own", f"SELECT '{run.run_id}'",
            planted("user", "SELECT user_id FROM approvals LIMIT 1", "same"),
        ),
        Tampering(
            2, "an officer changed their own",
            f"SELECT id FROM household_changes WHERE confirmed_by = '{CONFIRMER.id}'",
            planted("user", f"'{CONFIRMER.id}'"),
        ),
        Tampering(
            2, "a finding is turned round", its_match,
            "UPDATE staff_matches SET decision = 'different' WHERE id = :victim",
        ),
        Tampering(2, "a finding is deleted", its_match, "DELETE FROM staff_matches WHERE id = :victim"),
        Tampering(
            2, "a finding is open again", its_match,
            "UPDATE staff_matches SET decision = NULL, decided_by = NULL, decided_at = NULL, reason = NULL"
            " WHERE id = :victim",
        ),
        Tampering(
            1, "one person cleared a document", flag_,
            "UPDATE duplicate_flags SET proposed_by = NULL, proposed_at = NULL, proposed_reason = NULL WHERE id = :victim",
        ),
        Tampering(
            1, "a flag is turned round", flag_, "UPDATE duplicate_flags SET decision = 'same' WHERE id = :victim",
        ),
    )  # fmt: skip
    with intruding(database) as connection:
        assert breaches(Session(connection)) == ""
    for deed in tamperings:
        with intruding(database) as connection:
            victim = connection.exec_driver_sql(deed.victim).scalar()
            connection.exec_driver_sql(deed.deeds.replace(":victim", f"'{victim}'"))
            assert str(victim) in breaches(Session(connection)), deed.what
