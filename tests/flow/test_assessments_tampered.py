"""`cbi verify` works every assessment out again, and names what somebody did to one; of two at once, one is first."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import URL, Connection, text
from sqlalchemy.orm import Session

from cbi import clock, offices
from cbi.access.actor import Actor
from cbi.access.permissions import Role
from cbi.proofs import assessments
from cbi.registry.models import Household
from cbi.registry.scorecards import assessing, versions
from cbi.registry.scorecards.definition import Form
from tests.factories import colleague
from tests.flow.tampering import Tampering, intruding
from tests.scorecard_factory import CALM, CARD, NEEDY, in_use, made, officer

ASSESSMENT = "SELECT 'assessment ' || min(id) || ' ' FROM assessments"
CORRECTION = "SELECT 'assessment ' || max(id) || ' ' FROM assessments"
TAMPERINGS = (
    Tampering(
        8, "a score is raised", ASSESSMENT,
        "UPDATE assessments SET score_hundredths = 2000 WHERE id = (SELECT min(id) FROM assessments)",
    ),
    Tampering(
        8, "a band is raised, and where programmes read it, too", ASSESSMENT,
        """UPDATE assessments SET band = 'high' WHERE id = (SELECT min(id) FROM assessments);
        UPDATE household_bands SET band = 'high', word = 'high'
        WHERE assessment_id = (SELECT min(id) FROM assessments)""",
    ),
    Tampering(
        8, "the needy household's answers are copied to another", ASSESSMENT,
        """UPDATE assessments SET (content, person_id, score_hundredths, band) =
        (SELECT content, person_id, score_hundredths, band FROM assessments WHERE band = 'high' LIMIT 1)
        WHERE id = (SELECT min(id) FROM assessments)""",
    ),
    Tampering(
        8, "an answer is altered", ASSESSMENT,
        """UPDATE assessments SET content = set_byte(content, 40, get_byte(content, 40) # 1)
        WHERE id = (SELECT min(id) FROM assessments)""",
    ),
    Tampering(
        8, "points are changed in an accepted scorecard", "SELECT 'version 1 of the scorecard need'",
        "UPDATE scorecard_versions SET text = replace(text, 'points: 9', 'points: 90')",
    ),
    Tampering(
        8, "points are changed with the digest", ASSESSMENT,
        """UPDATE scorecard_versions SET text = replace(text, 'from: 2, points: 5', 'from: 0, points: 90');
        UPDATE scorecard_versions SET digest = sha256(convert_to(text, 'UTF8'));
        UPDATE audit_entries SET details = jsonb_set(details, '{digest}',
          to_jsonb((SELECT encode(digest, 'hex') FROM scorecard_versions))) WHERE act = 'scorecard.accepted'""",
    ),
    Tampering(
        8, "a scorecard was never accepted by anybody", "SELECT 'version 1 of the scorecard need'",
        "DELETE FROM audit_entries WHERE act = 'scorecard.accepted'",
    ),
    Tampering(
        8, "a band is written by hand", "SELECT 'band ' || (max(id) + 1) FROM household_bands",
        """INSERT INTO household_bands
        (household_id, scorecard, scorecard_version, band, word, assessed_on, source, noted_at)
        SELECT household_id, scorecard, version, 'high', 'high', assessed_on, 'a friend', now() FROM assessments LIMIT 1""",
    ),
    Tampering(
        8, "a band is taken away", ASSESSMENT,
        "DELETE FROM household_bands WHERE assessment_id = (SELECT min(id) FROM assessments)",
    ),
    Tampering(
        2, "a late correction counts by one person's word", CORRECTION,
        """DELETE FROM assessment_decisions;
        UPDATE assessments SET needs_second = false WHERE id = (SELECT max(id) FROM assessments)""",
    ),
    Tampering(
        2, "whoever made a correction accepted it", CORRECTION,
        """ALTER TABLE assessment_decisions DROP CONSTRAINT ck_assessment_decisions_decided_by_another;
        UPDATE assessment_decisions SET decided_by = proposed_by""",
    ),
    Tampering(
        2, "a scorecard is accepted by whoever proposed it",
        "SELECT 'version 1 of the scorecard need was accepted by whoever'",
        """ALTER TABLE scorecard_versions DROP CONSTRAINT ck_scorecard_versions_accepted_by_another;
        UPDATE scorecard_versions SET decided_by = proposed_by""",
    ),
)  # fmt: skip


@pytest.fixture(scope="module")
def assessed(own_database: URL) -> URL:
    """Two households with assessments; one was put right late, by two people."""
    start = clock.now()
    with clock.frozen(start), offices.transaction("dz") as session:
        in_use(session)
        who, other = officer(session), officer(session)
        calm, needy = (each.id for each in made(session, 2))
        for household, answers in ((calm, CALM), (needy, NEEDY)):
            _assess(session, who.actor, household, answers)
    with clock.frozen(start + timedelta(days=20)), offices.transaction("dz") as session:
        late = _assess(session, who.actor, needy, NEEDY | {"hunger": 6}, reason="visited again")
        assessing.confirm(session, other.actor, late)
    return own_database


def _assess(
    session: Session,
    actor: Actor,
    household: UUID,
    answers: dict[str, Any],
    reason: str | None = None,
) -> int:
    this = session.get_one(Household, household)
    return assessing.assess(session, actor, this, "need", Form.LONG, answers, reason=reason).id


@pytest.fixture
def intruder(assessed: URL) -> Iterator[Connection]:
    """The owner of that database, whose deeds are undone after each test."""
    with intruding(assessed) as connection:
        yield connection


def test_assessments_that_nobody_touched_keep_every_promise(intruder: Connection) -> None:
    intruder.execute(text("SET LOCAL ROLE cbi_dz"))
    with Session(intruder) as session:
        checks = assessments.as_answered + assessments.by_two
        assert [breach for check in checks for breach in check(session)] == []


@pytest.mark.parametrize("tampering", TAMPERINGS, ids=lambda each: each.what.replace(" ", "-"))
def test_what_was_done_to_an_assessment_is_found_and_named(
    intruder: Connection, tampering: Tampering
) -> None:
    victim = intruder.scalar(text(tampering.victim))
    intruder.execute(text(tampering.deeds))
    intruder.execute(text("SET LOCAL ROLE cbi_dz"))
    checks = assessments.as_answered if tampering.promise == 8 else assessments.by_two
    with Session(intruder) as session:  # as `cbi verify` asks, of this promise alone
        named = [f"{breach} " for check in checks for breach in check(session)]
    assert any(str(victim) in breach for breach in named), named


def test_of_two_who_assess_a_household_at_once_one_does(assessed: URL) -> None:
    with offices.transaction("dz") as session:
        both = [officer(session).actor for _ in range(2)]
        (household,) = (each.id for each in made(session))

    def assess(who: Actor) -> bool:
        try:
            with offices.transaction("dz") as session:
                _assess(session, who, household, NEEDY)
        except assessing.UnusableAssessment:
            return False
        return True

    with ThreadPoolExecutor() as pool:
        assert sorted(pool.map(assess, both)) == [False, True]


def test_of_two_who_decide_at_once_one_does(assessed: URL) -> None:
    start = clock.now()
    with clock.frozen(start), offices.transaction("dz") as session:
        (household,) = (each.id for each in made(session))
        who = officer(session).actor
        both = [officer(session).actor for _ in range(2)]
        _assess(session, who, household, CALM)
    with clock.frozen(start + timedelta(days=20)), offices.transaction("dz") as session:
        late = _assess(session, who, household, NEEDY, reason="visited again")

    def confirm(other: Actor) -> bool:
        try:
            with offices.transaction("dz") as session:
                assessing.confirm(session, other, late)
        except assessing.AssessmentDecided:
            return False
        return True

    with ThreadPoolExecutor() as pool:
        assert sorted(pool.map(confirm, both)) == [False, True]


def test_of_two_who_accept_a_version_at_once_one_does(assessed: URL) -> None:
    with offices.transaction("dz") as session:
        first, *both = (colleague(session, Role.PROGRAMME_MANAGER).actor for _ in range(3))
        number = versions.propose(session, first, CARD.replace("points: 9", "points: 8")).version

    def accept(who: Actor) -> bool:
        try:
            with offices.transaction("dz") as session:
                versions.accept(session, who, "need", number)
        except versions.ScorecardDecided:
            return False
        return True

    with ThreadPoolExecutor() as pool:
        assert sorted(pool.map(accept, both)) == [False, True]
