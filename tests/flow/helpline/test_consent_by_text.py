"""A recipient asks by text what they agreed to, and takes back being written to, in four languages."""

from sqlalchemy import select

from cbi import offices
from cbi.registry.consent import standing
from cbi.registry.consent.models import Answer, Consent, How, Scope
from cbi.registry.households import merging
from cbi.registry.models import Person
from tests import consenting
from tests.flow.helpline.recipients import (
    AMAL,
    BRUNO,
    CARLA,
    DAVE,
    HIDDEN,
    NOBODY,
    SHARED,
    Story,
    inbox,
    person_of,
    say,
)
from tests.household_factory import ASKER, CONFIRMER


def _answers(name: str) -> dict[Scope, Answer]:
    with offices.transaction("dz") as session:
        person = person_of(session, name)
        return {
            scope: row.answer for scope, row in standing.latest(session, [person])[person].items()
        }


def test_somebody_is_told_what_is_on_record_of_them(story: Story) -> None:
    with offices.transaction("dz") as session:
        consenting.accepted(session, consenting.notice_file())
        for name in ("A", "B", "C"):
            yes = (Scope.ASSISTANCE, Scope.TEXTS)
            consenting.says(session, person_of(session, name), Answer.GIVEN, *yes)
            consenting.says(session, person_of(session, name), Answer.REFUSED, Scope.RESEARCH)
    told = {
        AMAL: ("موافقة", "نعم مساعدة، رسائل؛ لا بحث"), BRUNO: ("Mes données", "oui aide, SMS; non étude"),
        CARLA: ("mis datos", "si ayuda, SMS; no estudio"), DAVE: ("consent", "not recorded yet"),
        SHARED: ("accord", "Plusieurs personnes"), HIDDEN: ("consent", "no information"),
        NOBODY: ("consent", "no information"),
    }  # fmt: skip
    for at, (number, (asked, _)) in enumerate(told.items()):
        say(number, asked, after=at)
    for number, (_, answer) in told.items():
        assert answer in inbox(number)[-1], number


def test_stop_takes_back_being_written_to_and_start_gives_it_again(story: Story) -> None:
    say(DAVE, "stop")
    assert _answers("D") == {Scope.TEXTS: Answer.WITHDRAWN}
    assert "No more messages" in inbox(DAVE)[-1]
    say(DAVE, "STOP", after=5)
    say(DAVE, "start", after=10)
    assert _answers("D") == {Scope.TEXTS: Answer.GIVEN}
    assert "You will receive messages again" in inbox(DAVE)[-1]
    with offices.transaction("dz") as session:
        rows = session.scalars(select(Consent).order_by(Consent.number)).all()
        assert [(each.answer, each.how) for each in rows] == [
            (Answer.WITHDRAWN, How.TEXT), (Answer.GIVEN, How.TEXT),
        ]  # fmt: skip


def test_of_a_shared_telephone_nobody_knows_who_wrote(story: Story) -> None:
    say(SHARED, "arrêt")
    assert _answers("E1") == _answers("E2") == {}
    with offices.transaction("dz") as session:
        consenting.accepted(session, consenting.notice_file())
        consenting.says(session, person_of(session, "E1"), Answer.REFUSED, Scope.TEXTS)
    say(SHARED, "début", after=5)
    assert "sauf pour qui nous a demandé" in inbox(SHARED)[-1]
    assert _answers("E1") == {Scope.TEXTS: Answer.REFUSED}


def test_who_was_registered_twice_speaks_by_either_number_and_takes_nothing_back_by_an_old_one(
    story: Story,
) -> None:
    with offices.transaction("dz") as session:
        for names in (("E1", "E2"), ("D", "B")):
            stays, goes = (person_of(session, name) for name in names)
            kept, other = (session.get_one(Person, each).household_id for each in (stays, goes))
            merging.merge(
                session, CONFIRMER, kept, other, reason="registered twice", same={goes: stays}, asked_by=ASKER.id
            )  # fmt: skip
    say(SHARED, "arrêt")
    assert _answers("E1") == {Scope.TEXTS: Answer.WITHDRAWN}, "one telephone of one person"
    say(BRUNO, "arrêt", after=5)
    assert _answers("D") == {Scope.TEXTS: Answer.WITHDRAWN}
    say(BRUNO, "début", after=10)
    assert _answers("D") == {Scope.TEXTS: Answer.WITHDRAWN}, "nobody knows who has that number now"
    say(DAVE, "start", after=15)
    assert _answers("D") == {Scope.TEXTS: Answer.GIVEN}
