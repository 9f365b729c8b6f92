"""Assessments from the scorecard to the band that programmes read, by two people wherever one could favour somebody."""

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import NotPermitted
from cbi.access.permissions import Role
from cbi.audit.models import AuditEntry
from cbi.audit.reasons import UnusableReason
from cbi.keys import Unreadable
from cbi.programmes import applying
from cbi.registry import bands
from cbi.registry.models import Household, Person
from cbi.registry.scorecards import assessing, telling, versions
from cbi.registry.scorecards.definition import Form
from cbi.registry.scorecards.landing import Landed
from cbi.registry.scorecards.models import Assessment
from cbi.registry.view_models import PersonView
from tests.factories import Colleague, colleague
from tests.flow.test_bands import traces
from tests.kinds_factory import kind_file
from tests.programme_factory import OFFICER
from tests.scorecard_factory import CALM, CARD, NEEDY, in_use, made, officer

LONG, SHORT = Form.LONG, Form.SHORT


def assessed(
    session: Session, who: Colleague, household: Household, answers: dict[str, Any], form: Form = LONG, **more: Any
) -> Landed:  # fmt: skip
    """One household with these answers."""
    return assessing.assess(session, who.actor, household, "need", form, answers, **more)


def band(session: Session, household: Household) -> list[str]:
    """What programmes read of a household."""
    return [word for _, _, word, _ in bands.words_of(session, household.id)]


def test_a_version_is_proposed_by_one_and_accepted_by_another(session: Session) -> None:
    manager, other = (colleague(session, Role.PROGRAMME_MANAGER) for _ in range(2))
    first = versions.propose(session, manager.actor, CARD)
    assert (first.version, first.changed) == (1, True)
    assert not versions.propose(session, manager.actor, CARD).changed
    with pytest.raises(versions.UnknownScorecard):
        versions.find(session, "need")
    with pytest.raises(versions.ScorecardWaits):
        versions.propose(session, other.actor, CARD.replace("points: 9", "points: 8"))
    with pytest.raises(versions.OwnScorecard):
        versions.accept(session, manager.actor, "need", 1)
    versions.accept(session, other.actor, "need", 1)
    with pytest.raises(versions.ScorecardDecided):
        versions.refuse(session, other.actor, "need", 1, "too late")
    assert not versions.propose(session, other.actor, "# only a comment\n" + CARD).changed
    second = versions.propose(session, other.actor, CARD.replace("points: 9", "points: 8"))
    versions.refuse(session, manager.actor, "need", second.version, "nobody asked the field")
    assert versions.find(session, "need").version == 1
    with pytest.raises(versions.ScorecardTaken):
        versions.propose(session, other.actor, CARD.replace("scorecard: need", "scorecard: ne-ed"))


def test_an_assessment_becomes_the_band_that_programmes_pay_by(session: Session) -> None:
    in_use(session)
    applying.apply(
        session, OFFICER,
        kind_file('{base: "100", top_ups: [{name: need, amount: "40", for: {bands: [High], scorecard: need}}]}'),
    )  # fmt: skip
    needy, calm = made(session, 2)
    who = officer(session)
    landed = assessed(session, who, needy, NEEDY)
    assert (landed.score, landed.band, landed.waits) == (1500, "high", False)
    assert assessed(session, who, calm, CALM).band == "low"
    paid = traces(session, "winter-2026", "2026-01")
    assert paid[needy.id] == "100.00 + top-up need 40.00 = 140.00 DZD"
    assert paid[calm.id] == "100.00 DZD"


def test_the_short_form_gives_a_band_or_leads_to_the_long_one(session: Session) -> None:
    in_use(session)
    fine, flagged = made(session, 2)
    who = officer(session)
    assert assessed(session, who, fine, {"hunger": 1, "alone": False}, SHORT).band == "low"
    first = assessed(session, who, flagged, {"hunger": 2, "alone": False}, SHORT)
    assert (first.band, band(session, flagged)) == (None, [])
    assert (
        assessed(session, who, flagged, NEEDY).band == "high"
    )  # what the short form asked for is no correction
    assert band(session, flagged) == ["high"]


def test_what_is_answered_is_sealed_and_every_look_is_written_down(session: Session) -> None:
    in_use(session)
    (household,) = made(session)
    who = officer(session)
    number = assessed(session, who, household, NEEDY).id
    row = session.get_one(Assessment, number)
    assert b"chronic" not in row.content
    opened = assessing.open_(session, who.actor, number)
    assert opened.content is not None
    assert opened.content["answers"] == NEEDY
    reasons = list(telling.reasons(opened.scorecard, opened.content["reasons"], "fr"))
    assert reasons == [
        "9 points : Jours de faim: 5",
        "4 points : Loyer: En retard",
        "2 points : Santé: Maladie chronique",
    ]
    look = session.scalars(select(PersonView).where(PersonView.fields == ["answers"])).one()
    assert (look.person_id, look.actor_id, look.purpose) == (
        row.person_id,
        who.actor.id,
        "assessment",
    )
    told = session.scalars(select(AuditEntry).where(AuditEntry.act == "assessment.noted")).one()
    assert set(told.details) == {"assessment", "scorecard", "version", "waits"}
    for role in (Role.CERTIFIER, Role.TREASURER, Role.PROGRAMME_MANAGER, Role.COMPLAINT_HANDLER):
        with pytest.raises(NotPermitted):
            assessing.open_(session, colleague(session, role).actor, number)


def test_erasing_the_person_erases_what_the_household_answered(session: Session) -> None:
    in_use(session)
    (household,) = made(session)
    who = officer(session)
    number = assessed(session, who, household, NEEDY).id
    person = session.scalars(select(Person).where(Person.household_id == household.id)).one()
    person.data_key = None
    session.flush()
    assert assessing.open_(session, who.actor, number).content is None
    assert band(session, household) == ["high"]
    with pytest.raises(assessing.UnusableAssessment, match="erased"):
        assessed(session, who, household, CALM, reason="a second look")


def test_answers_cannot_be_opened_as_another_households(session: Session) -> None:
    in_use(session)
    one, other = made(session, 2)
    who = officer(session)
    first, second = (assessed(session, who, each, NEEDY).id for each in (one, other))
    rows = [session.get_one(Assessment, number) for number in (first, second)]
    rows[0].content, rows[0].person_id = rows[1].content, rows[1].person_id
    with session.no_autoflush, pytest.raises(Unreadable):
        assessing.open_(session, who.actor, first)
    session.expire_all()


def test_a_slip_is_put_right_alone_for_some_days_and_by_two_people_afterwards(
    session: Session,
) -> None:
    in_use(session)
    (household,) = made(session)
    who, other = officer(session), officer(session)
    start = clock.now()
    with clock.frozen(start):
        first = assessed(session, who, household, CALM)
    with clock.frozen(start + timedelta(days=6)):
        with pytest.raises(assessing.UnusableAssessment, match="short while ago"):
            assessed(session, who, household, NEEDY)
        second = assessed(session, who, household, CALM | {"hunger": 1}, reason="a slip of the pen")
        assert not second.waits
    with clock.frozen(start + timedelta(days=14)):
        raised = assessed(session, who, household, NEEDY, reason="the visit was repeated")
        assert (raised.waits, band(session, household)) == (True, ["low"])
        with pytest.raises(assessing.UnusableAssessment, match="waits for a second person"):
            assessed(session, other, household, NEEDY, reason="again")
        with pytest.raises(assessing.OwnAssessment):
            assessing.confirm(session, who.actor, raised.id)
        assert [row.id for row in session.scalars(assessing.waiting(other.actor))] == [raised.id]
        assessing.confirm(session, other.actor, raised.id)
        assert band(session, household) == ["high"]
        with pytest.raises(assessing.AssessmentDecided):
            assessing.refuse(session, other.actor, raised.id, "changed my mind")
    corrected = [
        session.get_one(Assessment, number).corrects for number in (first.id, second.id, raised.id)
    ]
    assert corrected == [None, first.id, second.id]
    with clock.frozen(start + timedelta(days=105)):  # a new visit, long after, is a new assessment
        assert not assessed(session, who, household, CALM).waits
    assert band(session, household) == ["low"]


def test_a_refused_correction_changes_nothing(session: Session) -> None:
    in_use(session)
    (household,) = made(session)
    who, other = officer(session), officer(session)
    start = clock.now()
    with clock.frozen(start):
        assessed(session, who, household, CALM)
    with clock.frozen(start + timedelta(days=30)):
        late = assessed(session, who, household, NEEDY, reason="as they told us")
        with pytest.raises(UnusableReason):
            assessing.refuse(session, other.actor, late.id, "")
        assessing.refuse(session, other.actor, late.id, "the visit was not made")
        assert band(session, household) == ["low"]
        assert assessed(session, other, household, NEEDY, reason="visited it myself").waits


@pytest.mark.parametrize(
    "wrong",
    [
        {"hunger": 8},
        {"hunger": "5"},
        {"rent": "sometimes"},
        {"alone": "yes"},
        {"size": 9},
        {"health": None},
    ],
)
def test_answers_that_cannot_be_meant_are_refused(session: Session, wrong: dict[str, Any]) -> None:
    in_use(session)
    (household,) = made(session)
    with pytest.raises(assessing.UnusableAssessment):
        assessed(session, officer(session), household, NEEDY | wrong)


def test_an_assessment_has_a_day_and_a_household_that_is_there(session: Session) -> None:
    in_use(session)
    (household,) = made(session)
    who = officer(session)
    with pytest.raises(assessing.UnusableAssessment, match="future"):
        assessed(session, who, household, NEEDY, on=date(2999, 1, 1))
    with pytest.raises(NotPermitted):
        assessed(session, colleague(session, Role.CERTIFIER), household, NEEDY)
    household.status = "inactive"
    session.flush()
    with pytest.raises(assessing.UnusableAssessment, match="inactive"):
        assessed(session, who, household, NEEDY)


def test_a_band_of_a_kept_scorecard_is_not_written_by_hand(session: Session) -> None:
    (household,) = made(session)
    bands.note(session, OFFICER, household, "high", scorecard="need/1")
    in_use(session)
    for spelt in ("need", "Need/1", "N E E D/2"):
        with pytest.raises(bands.UnusableBand, match="kept here"):
            bands.note(session, OFFICER, household, "high", scorecard=spelt)
    bands.note(session, OFFICER, household, "high", scorecard="another")


def test_what_is_typed_at_a_terminal_becomes_what_the_scorecard_means(session: Session) -> None:
    card = in_use(session).scorecard
    said = {"hunger": "٥", "rent": "late", "health": "serious, chronic", "alone": "no"}
    assert assessing.typed(card, LONG, said) == NEEDY | {"health": ["chronic", "serious"]}
