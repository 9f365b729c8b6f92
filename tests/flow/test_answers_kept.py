"""What households answered is destroyed in its time, by two people; score, band and reasons stay, and still agree."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, insert, select, text
from sqlalchemy.orm import Session

from cbi import clock, offices, wrapping
from cbi.access.actor import Actor
from cbi.access.permissions import Role
from cbi.keys import seal
from cbi.offices import office_of
from cbi.proofs import assessments as proofs
from cbi.protection import erasing, key_files, retention
from cbi.protection.models import Erasure
from cbi.registry.models import Household, Person
from cbi.registry.scorecards import assessing
from cbi.registry.scorecards.definition import Form
from cbi.registry.scorecards.landing import note_bands
from cbi.registry.scorecards.models import AnswerKey, Assessment
from cbi.registry.scorecards.sealing import AnswerSealer, place
from cbi.settings import settings
from cbi.wrapping import WrappingKey
from tests.factories import Colleague
from tests.flow.signing import colleague
from tests.flow.tampering import intruding
from tests.scorecard_factory import CALM, NEEDY, in_use, made, officer

DUE = timedelta(days=731)
WHY = "Kept as long as it may be."


@pytest.fixture
def who(session: Session, monkeypatch: pytest.MonkeyPatch) -> Colleague:
    """Somebody who assesses, in an office whose people's own data stays longer than what they answered."""
    monkeypatch.setenv("CBI_KEEP_HOUSEHOLDS_DAYS", "9999")
    settings.cache_clear()
    in_use(session)
    return officer(session)


def assess(
    session: Session, actor: Actor, household: Household, answers: dict[str, Any], after: int = 0
) -> int:
    """An assessment so many days after now; returns its number."""
    with clock.frozen(clock.now() + timedelta(days=after)):
        return assessing.assess(session, actor, household, "need", Form.LONG, answers).id


def destroy(session: Session, at: datetime) -> Erasure:
    with clock.frozen(at):
        asker = colleague(session, Role.REGISTRATION_OFFICER)
        confirmer = colleague(session, Role.PROTECTION_OFFICER)
        proposal = retention.ask_for_what_is_due(session, asker.actor, WHY)
        return erasing.confirm(session, confirmer.actor, proposal.number, confirmer.code())


def due(session: Session, at: datetime) -> int:
    with clock.frozen(at):
        return retention.due(session, colleague(session, Role.REGISTRATION_OFFICER).actor).answers


def contents(session: Session, who: Colleague, *numbers: int) -> list[set[str]]:
    """What can still be opened of each assessment."""
    opened = [assessing.open_(session, who.actor, each).content for each in numbers]
    return [set(each or ()) for each in opened]


def breaches(session: Session) -> list[str]:
    session.expire_all()
    return [breach for check in proofs.as_answered for breach in check(session)]


ALL, REASONS = {"answers", "facts", "reasons"}, {"reasons"}


def test_answers_go_in_their_time_but_for_those_that_an_active_household_receives_by(
    session: Session, who: Colleague
) -> None:
    household, gone = made(session, 2)
    first = assess(session, who.actor, household, NEEDY)
    latest = assess(session, who.actor, household, CALM, after=100)
    left = assess(session, who.actor, gone, NEEDY, after=1)
    session.execute(text("UPDATE households SET status = 'closed' WHERE id = :h"), {"h": gone.id})
    at = clock.now() + DUE + timedelta(days=200)
    assert due(session, clock.now() + timedelta(days=729)) == 0
    assert due(session, at) == 2
    done = destroy(session, at)
    assert done.certificate is not None
    assert done.certificate["answers"] == 2
    assert contents(session, who, first, latest, left) == [REASONS, ALL, REASONS]
    row = session.get_one(Assessment, first)
    assert (row.score_hundredths, row.band) == (1500, "high")
    assert breaches(session) == []
    (note,) = proofs.cannot_be_worked_out(session)
    assert note.startswith("2 assessments were compared with their reasons only")
    assert due(session, at) == 0


def test_answers_stay_while_something_about_them_is_open(session: Session, who: Colleague) -> None:
    appealed, waiting = made(session, 2)
    for household in (appealed, waiting):
        assess(session, who.actor, household, NEEDY)
    session.execute(text("UPDATE households SET status = 'closed'"))
    appeal(session, appealed)
    at = clock.now() + DUE
    assert due(session, at) == 1
    destroy(session, at)
    assert due(session, at) == 0
    session.execute(
        text("UPDATE appeals SET outcome = 'stands', decided_by = :u, decided_at = lodged_at, answer = 'So.'"),
        {"u": who.actor.id},
    )  # fmt: skip
    assert due(session, at) == 1


def appeal(session: Session, household: Household) -> None:
    session.execute(
        text(
            "INSERT INTO appeals (household_id, assessment_id, says, lodged_at)"
            " SELECT household_id, id, 'No.', noted_at FROM assessments WHERE household_id = :h ORDER BY id LIMIT 1"
        ),
        {"h": household.id},
    )


def test_answers_that_are_older_than_keys_of_their_own_go_as_well(
    session: Session, who: Colleague
) -> None:
    (household,) = made(session, 1)
    number = older(session, who, assess(session, who.actor, household, NEEDY))
    assert contents(session, who, number) == [ALL]
    assert breaches(session) == []
    session.execute(text("UPDATE households SET status = 'merged'"))
    at = clock.now() + DUE
    assert due(session, at) == 2
    destroy(session, at)
    session.expire_all()
    assert contents(session, who, number) == [REASONS]
    assert breaches(session) == []
    assert due(session, at) == 0


def older(session: Session, who: Colleague, number: int) -> int:
    """The same once more, sealed as it was done before answers had keys of their own."""
    row = session.get_one(Assessment, number)
    content = assessing.open_(session, who.actor, number).content
    data_key = session.scalar(select(Person.data_key).where(Person.id == row.person_id))
    assert data_key
    key = AnswerSealer(office_of(session).keys)._key(row.person_id, data_key)
    where = place(row.household_id, row.scorecard, row.version, row.form, row.assessed_on)
    columns = {each.name: getattr(row, each.name) for each in Assessment.__table__.columns}
    columns |= {"content": seal(key, json.dumps(content), where)}
    del columns["id"]
    copy = session.scalars(insert(Assessment).values(**columns).returning(Assessment.id)).one()
    note_bands(session, "need", [columns | {"id": copy}])
    return copy


@pytest.mark.parametrize(
    ("deed", "named"),
    [
        ("UPDATE answer_keys SET data_key = NULL WHERE assessment_id = :kept", "no certificate says so"),
        ("UPDATE answer_keys SET data_key = NULL; UPDATE erasures SET answers_before = now()", "no certificate says so"),
        ("DELETE FROM answer_keys WHERE assessment_id = :kept", "nothing says that they were destroyed"),
        ("UPDATE answer_keys SET data_key = set_byte(data_key, 40, get_byte(data_key, 40) # 1)", "does not hold"),
        ("UPDATE assessments SET score_hundredths = 2000 WHERE id = :gone", "than its reasons give"),
        ("UPDATE assessments SET band = 'low' WHERE id = :gone", "than its reasons give"),
    ],
)  # fmt: skip
def test_what_an_intruder_changes_of_it_is_named(
    story: tuple[URL, int, int], deed: str, named: str
) -> None:
    address, gone, kept = story
    with intruding(address) as intruder:
        told = {name: at for name, at in (("gone", gone), ("kept", kept)) if f":{name}" in deed}
        for each in deed.split(";"):
            intruder.execute(text(each), told)
        intruder.execute(text("SET LOCAL ROLE cbi_dz"))
        with Session(intruder) as session:
            assert any(named in breach for breach in breaches(session))


@pytest.fixture(scope="module")
def story(own_database: URL) -> tuple[URL, int, int]:
    """Two assessments of a household: the answers of the first were destroyed."""
    start = clock.now()
    with offices.transaction("dz") as session:
        in_use(session)
        who = officer(session)
        (household,) = made(session, 1)
        gone = assess(session, who.actor, household, NEEDY)
        kept = assess(session, who.actor, household, CALM, after=100)
        destroy(session, start + DUE)
    return own_database, gone, kept


@pytest.fixture
def wrapping_key(session: Session, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> WrappingKey:
    """The wrapping key of a deployment, in a file that its settings name."""
    monkeypatch.setenv("CBI_WRAPPING_KEYS_FILE", str(tmp_path / "wrapping.keys"))
    settings.cache_clear()
    made_now = wrapping.fresh(clock.now())
    wrapping.write([made_now])
    return made_now


def test_an_old_backup_gives_no_answers_back_that_were_destroyed_since(
    wrapping_key: WrappingKey, session: Session, who: Colleague, tmp_path: Path
) -> None:
    file, at = tmp_path / "keys.json", clock.now() + DUE
    (household,) = made(session, 1)
    first = assess(session, who.actor, household, NEEDY)
    latest = assess(session, who.actor, household, CALM, after=100)
    keys = session.execute(select(AnswerKey.id, AnswerKey.data_key)).all()
    assert {wrapping.name_in(key or b"") for _, key in keys} == {wrapping_key.name}
    destroy(session, at)
    key_files.export(session, file)
    for key_id, key in keys:
        back = {"k": key, "id": key_id}
        session.execute(text("UPDATE answer_keys SET data_key = :k WHERE id = :id"), back)
    appeal(session, household)  # which the backup still has as an open one
    assert key_files.read_back(session, file) == (0, 0)
    assert contents(session, who, first, latest) == [REASONS, ALL]
    assert breaches(session) == []
