"""What one record of a person said, and who was appointed for it, holds for the other once both are found to be one."""

from datetime import date, timedelta
from uuid import UUID

import pytest
from sqlalchemy import bindparam, func, select, text
from sqlalchemy.orm import Session
from sqlalchemy.types import Uuid

from cbi import clock
from cbi.messaging.choices import Level
from cbi.proofs.consent import against_nobodys_word
from cbi.registry import privacy, queries
from cbi.registry.consent import standing
from cbi.registry.consent.models import Answer, Scope
from cbi.registry.consent.recording import SaidLater, UnusableWord
from cbi.registry.households import merging
from cbi.registry.households.models import Guardianship
from cbi.registry.households.troubles import troubles
from cbi.registry.models import PaymentAccount, PrivacyChoice
from cbi.registry.personal import UnknownPerson
from tests.consenting import accepted, notice_file, says
from tests.factories import office_day
from tests.household_factory import ASKER, CONFIRMER, change, family


@pytest.fixture
def notice(session: Session) -> str:
    return accepted(session, notice_file())


def against(session: Session, person: UUID, scope: Scope) -> bool:
    which = bindparam(None, person, Uuid)
    return bool(session.scalar(select(standing.said_no(which, scope))))


def breaches(session: Session) -> list[str]:
    return [breach for check in against_nobodys_word for breach in check(session)]


def one(session: Session, kept: UUID, other: UUID, same: dict[UUID, UUID]) -> UUID:
    return merging.merge(
        session,
        CONFIRMER,
        kept,
        other,
        reason="one family, registered twice",
        same=same,
        asked_by=ASKER.id,
    )


def undone(session: Session, merge: UUID) -> None:
    merging.undo_merge(session, CONFIRMER, merge, reason="they are two", asked_by=ASKER.id)


@pytest.mark.usefixtures("notice")
def test_a_no_is_not_lost_when_the_record_that_said_it_is_used_no_more(session: Session) -> None:
    (home, ours), (other, theirs) = family(session), family(session)
    says(session, ours["head"], Answer.GIVEN, Scope.TEXTS, Scope.PROVIDER, on=date(2026, 1, 1))
    says(session, theirs["head"], Answer.REFUSED, Scope.TEXTS, on=date(2026, 2, 1))
    says(session, theirs["head"], Answer.REFUSED, Scope.PROVIDER, on=date(2025, 12, 1))
    says(session, theirs["head"], Answer.WITHDRAWN, Scope.DUPLICATES, on=date(2026, 2, 1))
    says(session, theirs["head"], Answer.GIVEN, Scope.REFERRAL, on=date(2026, 2, 1))
    merge = one(session, home, other, {theirs["head"]: ours["head"]})
    assert [against(session, ours["head"], each) for each in (Scope.TEXTS, Scope.DUPLICATES)] == [
        True,
        True,
    ]
    assert not against(session, ours["head"], Scope.PROVIDER), "they said yes later than no"
    said = standing.latest(session, [ours["head"]])[ours["head"]]
    assert {scope: (row.answer, row.said_on) for scope, row in said.items() if row.carried_by} == {
        Scope.TEXTS: (Answer.REFUSED, date(2026, 2, 1)), Scope.DUPLICATES: (Answer.WITHDRAWN, date(2026, 2, 1)),
        Scope.REFERRAL: (Answer.GIVEN, date(2026, 2, 1)),
    }  # fmt: skip
    assert breaches(session) == []
    undo = session.begin_nested()
    session.execute(
        text(
            "INSERT INTO consents (id, person_id, scope, answer, said_on, how, recorded_at, carried_from, carried_by)"
            " SELECT gen_random_uuid(), person_id, scope, 'given', said_on, how, recorded_at, carried_from, carried_by"
            " FROM consents WHERE carried_by IS NOT NULL AND scope = 'texts'"
        )
    )
    assert any("not said by the record" in each for each in breaches(session))
    undo.rollback()
    says(session, ours["head"], Answer.GIVEN, Scope.DUPLICATES)
    assert not against(session, ours["head"], Scope.DUPLICATES), "their own later word counts"
    undone(session, merge)
    assert not any(against(session, ours["head"], scope) for scope in Scope)
    assert against(session, theirs["head"], Scope.TEXTS)


@pytest.mark.usefixtures("notice")
def test_a_yes_of_one_record_does_not_take_back_a_no_of_the_other(session: Session) -> None:
    _, people = family(session, "Omar")
    says(session, people["head"], Answer.REFUSED, Scope.RESEARCH, on=date(2026, 1, 1))
    says(session, people["Omar"], Answer.GIVEN, Scope.RESEARCH, on=date(2026, 2, 1))
    merging.retire(
        session, CONFIRMER, people["Omar"], people["head"], reason="one man", asked_by=ASKER.id
    )
    assert against(session, people["head"], Scope.RESEARCH)


def guardian_of(session: Session, child: UUID) -> UUID | None:
    return session.scalar(
        select(Guardianship.guardian_id).where(
            Guardianship.child_id == child, Guardianship.ended_by.is_(None)
        )
    )


def test_a_child_that_was_registered_twice_keeps_its_guardian(session: Session) -> None:
    (home, ours), (other, theirs) = family(session, "Lina 7"), family(session, "Lina 7", "Salma 40")
    change(
        session, "guardian", other, person=theirs["Lina"], other=theirs["Salma"], reference="TR-17",
        decided_on=date(2026, 1, 1), decided_by="juvenile court",
    )  # fmt: skip
    assert guardian_of(session, ours["Lina"]) is None
    merge = one(session, home, other, {theirs["Lina"]: ours["Lina"]})
    assert guardian_of(session, ours["Lina"]) == theirs["Salma"]
    undone(session, merge)
    assert (guardian_of(session, ours["Lina"]), guardian_of(session, theirs["Lina"])) == (
        None,
        theirs["Salma"],
    )
    found = session.execute(
        select(func.count()).select_from(troubles(CONFIRMER).subquery())
    ).scalar_one()
    assert found == 0, "nobody has to look for a guardian of a child that never had one"


def test_a_guardian_who_was_registered_twice_answers_under_the_record_that_stays(
    session: Session,
) -> None:
    (home, ours), (other, theirs) = (
        family(session, "Salma 40"),
        family(session, "Lina 7", "Salma 40"),
    )
    change(
        session, "guardian", other, person=theirs["Lina"], other=theirs["Salma"], reference="TR-17",
        decided_on=date(2026, 1, 1), decided_by="juvenile court",
    )  # fmt: skip
    merge = one(session, home, other, {theirs["Salma"]: ours["Salma"]})
    assert guardian_of(session, theirs["Lina"]) == ours["Salma"]
    undone(session, merge)
    assert guardian_of(session, theirs["Lina"]) == theirs["Salma"]


def test_what_is_said_later_is_recorded_for_the_record_that_stays(
    session: Session, notice: str
) -> None:
    (home, ours), (other, theirs) = family(session), family(session)
    one(session, home, other, {theirs["head"]: ours["head"]})
    with pytest.raises(UnusableWord, match="used no more"):
        says(session, theirs["head"], Answer.REFUSED, Scope.TEXTS, notice=notice)
    with pytest.raises(UnknownPerson):
        privacy.choose(session, CONFIRMER, theirs["head"], Level.NO_SMS)
    says(session, ours["head"], Answer.REFUSED, Scope.TEXTS)
    both = select(PaymentAccount.id).where(
        PaymentAccount.person_id.in_([ours["head"], theirs["head"]])
    )
    accounts = session.scalars(both).all()
    assert privacy.levels(session, accounts) == dict.fromkeys(accounts, Level.NO_SMS)
    third, people = family(session)
    one(session, third, home, {ours["head"]: people["head"]})
    assert queries.who_stays(session, [theirs["head"], ours["head"], people["head"]]) == dict.fromkeys(
        (theirs["head"], ours["head"], people["head"]), people["head"]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("mine", "minutes_later", "now"),
    [
        (None, 1, Level.NO_SMS),
        (Level.NORMAL, 1, Level.NO_SMS),
        (Level.NORMAL, -1, Level.NORMAL),
    ],
)
def test_whoever_wants_to_be_told_less_is_told_less_under_the_record_that_stays(
    session: Session, mine: Level | None, minutes_later: int, now: Level
) -> None:
    (home, ours), (other, theirs) = family(session), family(session)
    if mine:
        privacy.choose(session, CONFIRMER, ours["head"], mine)
    with clock.frozen(clock.now() + timedelta(minutes=minutes_later)):
        privacy.choose(session, CONFIRMER, theirs["head"], Level.NO_SMS)
    one(session, home, other, {theirs["head"]: ours["head"]})
    chosen = select(PrivacyChoice.level).where(PrivacyChoice.person_id == ours["head"])
    assert session.scalar(chosen) is now


@pytest.mark.usefixtures("notice")
def test_whoever_says_no_on_the_day_they_are_made_collector_has_said_no(session: Session) -> None:
    home, people = family(session, "Omar")
    today = office_day()

    def made(on: date) -> UUID:
        return change(session, "alternate", home, person=people["Omar"], consent_on=on)

    says(session, people["Omar"], Answer.REFUSED, Scope.ASSISTANCE, on=today - timedelta(days=1))
    with pytest.raises(SaidLater):
        made(today - timedelta(days=1))
    assert against(session, people["Omar"], Scope.ASSISTANCE)
    made(today)
    assert not against(session, people["Omar"], Scope.ASSISTANCE)
    assert breaches(session) == [], "the audit log says that somebody said so"
