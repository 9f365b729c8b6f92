"""Appeals are decided by somebody who did not make what they are about; scores that cluster are shown."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor, NotPermitted
from cbi.access.permissions import Role
from cbi.programmes import appealing, applying, cycles, replaying
from cbi.proofs import assessments
from cbi.registry import bands
from cbi.registry.models import Household
from cbi.registry.scorecards import appeal_words, appeals, assessing, clustering, forgetting
from cbi.registry.scorecards.definition import Form
from cbi.registry.scorecards.models import Appeal, Assessment
from cbi.registry.view_models import PersonView
from tests.factories import Colleague, colleague
from tests.kinds_factory import kind_file, owed
from tests.scorecard_factory import CALM, NEEDY, in_use, made, officer


def band(session: Session, household: Household) -> list[str]:
    """What programmes read of a household."""
    return [word for _, _, word, _ in bands.words_of(session, household.id)]


def assessed(
    session: Session, who: Colleague, household: Household, answers: dict[str, Any], **more: Any
) -> int:
    """The number of a household's assessment."""
    return assessing.assess(session, who.actor, household, "need", Form.LONG, answers, **more).id


def handler(session: Session) -> Colleague:
    """Somebody who hears complaints."""
    return colleague(session, Role.COMPLAINT_HANDLER)


def decider(session: Session, *more: Role) -> Colleague:
    """Somebody who decides about appeals."""
    return colleague(session, Role.PROTECTION_OFFICER, *more)


def test_an_appeal_leads_to_another_band_by_another_person(session: Session) -> None:
    in_use(session)
    (household,) = made(session)
    number = assessed(session, officer(session), household, CALM)
    lodged = appeals.lodge(
        session, handler(session).actor, household, "They did not ask about food."
    )
    assert (lodged.assessment_id, lodged.outcome) == (number, None)
    with pytest.raises(appeals.AppealOpen):
        appeals.lodge(session, handler(session).actor, household, "The same again.")
    other = decider(session)
    with pytest.raises(appeals.UnusableOutcome):
        appeals.decide(session, other.actor, lodged.id, "changed", "We agree.")
    done = appeals.decide(
        session, other.actor, lodged.id, "changed", "We visited again.", answers=NEEDY
    )
    assert (done.outcome, band(session, household)) == ("changed", ["high"])
    assert done.reassessment_id is not None
    new = assessing.find(session, done.reassessment_id)
    assert (new.corrects, new.noted_by, new.needs_second) == (number, other.actor.id, False)
    with pytest.raises(appeals.AppealDecided):
        appeals.decide(session, decider(session).actor, lodged.id, "stands", "No.......")
    assert [
        b for check in assessments.as_answered + assessments.by_two for b in check(session)
    ] == []


def test_whoever_made_accepted_or_lodged_it_cannot_decide(session: Session) -> None:
    in_use(session)
    (household,) = made(session)
    maker = colleague(session, Role.REGISTRATION_OFFICER, Role.PROTECTION_OFFICER)
    accepter, lodger = decider(session), decider(session)
    start = clock.now()
    with clock.frozen(start):
        assessed(session, officer(session), household, CALM)
    with clock.frozen(start + timedelta(days=20)):
        late = assessed(session, maker, household, CALM | {"hunger": 1}, reason="visited again")
        assessing.confirm(session, accepter.actor, late)
        lodged = appeals.lodge(session, lodger.actor, household, "That is too low.")
        for who in (maker, accepter, lodger):
            with pytest.raises(appeals.OwnDecision):
                appeals.decide(session, who.actor, lodged.id, "stands", "It is right.")
        with pytest.raises(NotPermitted):
            appeals.decide(session, handler(session).actor, lodged.id, "stands", "It is right.")
        appeals.decide(session, decider(session).actor, lodged.id, "stands", "It is right.")


def test_an_appeal_may_rest_on_an_assessment_that_another_officer_made_since(
    session: Session,
) -> None:
    in_use(session)
    (household,) = made(session)
    first, second = officer(session), officer(session)
    assessed(session, first, household, CALM)
    lodged = appeals.lodge(session, handler(session).actor, household, "That is too low.")
    own = assessed(session, first, household, NEEDY, reason="we agree")
    other = decider(session)
    with pytest.raises(appeals.UnusableOutcome):  # the same officer again is nobody else
        appeals.decide(
            session, other.actor, lodged.id, "changed", "Visited again.", reassessment=own
        )
    new = assessed(session, second, household, NEEDY, reason="visited it myself")
    done = appeals.decide(
        session, other.actor, lodged.id, "changed", "Visited again.", reassessment=new
    )
    assert done.reassessment_id == new


def test_being_left_out_of_a_cycle_can_be_appealed(session: Session) -> None:
    (household,) = made(session)
    manager = colleague(session, Role.PROGRAMME_MANAGER)
    applying.apply(
        session,
        manager.actor,
        kind_file('{base: "100"}', extra="eligibility: {household_size: {max: 2}}\n"),
    )
    cycles.open_cycle(session, manager.actor, "winter-2026", "2026-01")
    lodged = appealing.lodge(
        session,
        handler(session).actor,
        household,
        "winter-2026",
        "2026-01",
        "We are only two by now.",
    )
    assert lodged.against == manager.actor.id
    with pytest.raises(appeals.OwnDecision):
        appeals.decide(session, manager.actor, lodged.id, "stands", "There are four.")
    appeals.decide(session, decider(session).actor, lodged.id, "stands", "There are four.")
    with pytest.raises(appealing.NotDecided):
        appealing.lodge(
            session, handler(session).actor, household, "winter-2026", "2026-02", "And then?"
        )
    with pytest.raises(appeals.NothingToAppeal):
        appeals.lodge(session, handler(session).actor, household, "Nobody ever came.")


def test_whoever_has_put_it_right_since_does_not_decide_it_with_answers_of_their_own(
    session: Session,
) -> None:
    in_use(session)
    (household,) = made(session)
    start = clock.now()
    with clock.frozen(start):
        assessed(session, officer(session), household, NEEDY)
        lodged = appeals.lodge(session, handler(session).actor, household, "That is too high.")
        other = decider(session, Role.REGISTRATION_OFFICER)
        assessed(session, other, household, CALM, reason="visited it")
    with clock.frozen(start + timedelta(days=20)):
        with pytest.raises(appeals.OwnDecision, match="counts now is yours"):
            appeals.decide(session, other.actor, lodged.id, "changed", "No.....", answers=NEEDY)
        appeals.decide(
            session, decider(session).actor, lodged.id, "changed", "No.....", answers=NEEDY
        )
    assert band(session, household) == ["high"]
    assert [b for check in assessments.by_two for b in check(session)] == []


def test_what_is_put_right_is_not_dated_before_what_was_wrong(session: Session) -> None:
    in_use(session)
    (household,) = made(session)
    now = clock.now()
    with clock.frozen(now):
        assessed(session, officer(session), household, NEEDY)
        before = (now - timedelta(days=3)).date()
        with pytest.raises(assessing.UnusableAssessment, match="of a later day"):
            assessed(session, officer(session), household, CALM, on=before, reason="wrong house")
        lodged = appeals.lodge(session, handler(session).actor, household, "That is too high.")
        with pytest.raises(assessing.UnusableAssessment, match="of a later day"):
            appeals.decide(
                session, decider(session).actor, lodged.id, "changed", "Wrong house.",
                answers=CALM, on=before,
            )  # fmt: skip
    assert band(session, household) == ["high"]


def test_who_was_left_out_wrongly_is_paid_for_it_in_the_next_cycle_once(session: Session) -> None:
    wronged, other = made(session, 2)
    manager, rules = (
        colleague(session, Role.PROGRAMME_MANAGER),
        "eligibility: {household_size: {max: 2}}\n",
    )
    part = '{base: "100", arrears: 2}'
    applying.apply(session, manager.actor, kind_file(part, extra=rules))
    cycles.open_cycle(session, manager.actor, "winter-2026", "2026-01")
    said = handler(session).actor
    lodged = [
        appealing.lodge(session, said, each, "winter-2026", "2026-01", "We were counted twice.")
        for each in (wronged, other)
    ]
    with pytest.raises(appeals.UnusableOutcome, match="left out of a cycle"):
        appeals.decide(
            session, decider(session).actor, lodged[0].id, "changed", "Right.", answers=CALM
        )
    appeals.decide(session, decider(session).actor, lodged[0].id, "changed", "They are two.")
    appeals.decide(session, decider(session).actor, lodged[1].id, "stands", "They are four.")
    applying.apply(session, manager.actor, kind_file(part))
    paid = []
    for period in ("2026-02", "2026-03"):
        opened = cycles.open_cycle(session, manager.actor, "winter-2026", period)
        paid.append(owed(session, opened.id))
        assert replaying.replay(session, manager.actor, "winter-2026", period).differing == 0
    assert paid[0][wronged.id, "arrears"] == ("100.00", "2026-01: 100.00 DZD")
    assert {key for each in paid for key in each if key[1] == "arrears"} == {
        (wronged.id, "arrears")
    }
    assert (wronged.id, "arrears") not in paid[1]


def test_an_officer_whose_scores_stand_just_above_the_threshold_is_shown(session: Session) -> None:
    in_use(session)
    honest, generous = officer(session), officer(session)
    people = made(session, 32)
    near = [CALM | {"hunger": 2}, CALM | {"rent": "late"}]  # 5 and 4 points, below 6
    for at, household in enumerate(people[:16]):
        answers = (
            near[at % 2] if at < 10 else CALM | {"rent": "late", "health": ["serious"]}
        )  # 7 points
        assessed(session, honest, household, answers)
    for household in people[16:]:
        assessed(
            session, generous, household, CALM | {"rent": "late", "health": ["chronic"]}
        )  # 6 points
    found = clustering.clusters(session, colleague(session, Role.AUDITOR).actor, "need")
    assert [(each.bins, each.flagged) for each in found] == [
        ((0, 0, 16, 0), True),
        ((5, 5, 0, 6), False),
    ]
    assert (found[1].below, found[1].above) == (10, 6)
    with pytest.raises(NotPermitted):
        clustering.clusters(session, honest.actor, "need")


SAID, TOLD = "Imene, 120934511, has no roof.", "We saw Imene."


def words_of(session: Session, actor: Actor) -> list[tuple[str | None, str | None]]:
    """What can be read of every appeal."""
    session.expire_all()
    rows = session.scalars(appeals.listed(actor, open_only=False).order_by(Appeal.id)).all()
    return [(each.says, each.answer) for each in appeal_words.shown(session, actor, rows).values()]


def test_what_is_said_and_told_is_sealed_the_look_is_noted_and_it_goes_with_the_person(
    session: Session,
) -> None:
    in_use(session)
    (household,) = made(session)
    assessed(session, officer(session), household, CALM)
    lodged = appeals.lodge(session, handler(session).actor, household, SAID)
    session.execute(  # as an older version kept it
        text("UPDATE appeals SET says = convert_to(:said, 'UTF8'), person_id = NULL"),
        {"said": SAID},
    )
    session.refresh(lodged)
    who = decider(session).actor
    appeals.decide(session, who, lodged.id, "changed", TOLD, answers=NEEDY)
    assert words_of(session, who) == [(SAID, TOLD)]
    everything = session.scalar(
        text(
            "SELECT string_agg(t, ' ') FROM (SELECT encode(says, 'escape') || encode(answer, 'escape') t FROM appeals"
            " UNION ALL SELECT a::text FROM assessments a UNION ALL SELECT e::text FROM audit_entries e) kept"
        )
    )
    assert "Imene" not in everything
    (view,) = session.scalars(select(PersonView).where(PersonView.actor_id == who.id)).all()
    assert (view.fields, view.purpose) == ([appeal_words.APPEAL], "complaint")
    appeal_words.destroy(session, [view.person_id])
    assert words_of(session, who) == [(None, None)]
    forgetting.of_erased(session, [view.person_id])
    assert set(session.scalars(select(Assessment.reason))) == {None, ""}


def test_older_appeals_are_sealed_by_the_worker_and_only_once(session: Session) -> None:
    in_use(session)
    households = made(session, 3)
    actor = handler(session).actor
    for each in households:
        assessed(session, officer(session), each, CALM)
        appeals.lodge(session, actor, each, SAID)
    old = "UPDATE appeals SET says = convert_to(:said, 'UTF8'), person_id = NULL"
    session.execute(text(old), {"said": SAID})
    session.execute(
        text("UPDATE persons SET data_key = NULL, name = NULL WHERE household_id = :h"),
        {"h": households[2].id},
    )
    assert words_of(session, actor) == [(SAID, None)] * 3  # until they are sealed
    assert (appeal_words.seal_older(session), appeal_words.seal_older(session)) == (3, 0)
    assert words_of(session, actor) == [(SAID, None), (SAID, None), (None, None)]
    assert SAID.encode() not in b"".join(session.scalars(select(Appeal.says)))
