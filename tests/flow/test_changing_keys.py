"""Wrapping keys change while others change them, and a file of keys gives back what is lost and nothing else."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from cbi import clock, offices, wrapping
from cbi.access.permissions import Role
from cbi.audit.models import AuditEntry
from cbi.messaging import inbound
from cbi.proofs.protection import destroyed_by_two
from cbi.protection import destroying, erasing, key_files, rotating
from cbi.protection.key_files import UnusableKeyFile
from cbi.protection.models import Erasure, ErasureDecision
from cbi.registry import personal
from cbi.registry.models import Household, Person
from cbi.registry.scorecards import assessing
from cbi.registry.scorecards.definition import Form
from cbi.settings import settings
from cbi.wrapping import UnusableWrappingKeys, WrappingKey, WrappingKeyInUse
from tests.factories import households, phone_of
from tests.flow.signing import colleague
from tests.scorecard_factory import NEEDY, in_use, officer

WHY = "They asked for it in a letter."
LATER = timedelta(days=1, minutes=1)


@pytest.fixture
def own_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of wrapping keys that the settings name."""
    file = tmp_path / "wrapping.keys"
    monkeypatch.setenv("CBI_WRAPPING_KEYS_FILE", str(file))
    settings.cache_clear()
    return file


@pytest.fixture
def first(own_file: Path) -> WrappingKey:
    made = wrapping.fresh(clock.now())
    wrapping.write([made])
    return made


def person_of(session: Session, number: str) -> Person:
    session.expire_all()
    return session.scalars(
        select(Person)
        .join(Household, Household.id == Person.household_id)
        .where(Household.source_id == number)
    ).one()


def erase(session: Session, number: str) -> int:
    """Two people destroy the household's data; returns the number of the erasure."""
    asker = colleague(session, Role.REGISTRATION_OFFICER)
    confirmer = colleague(session, Role.PROTECTION_OFFICER)
    session.execute(
        text("UPDATE households SET status = 'closed' WHERE source_id = :n"), {"n": number}
    )
    made = erasing.ask(session, asker.actor, [number], WHY)
    return erasing.confirm(session, confirmer.actor, made.number, confirmer.code()).number


def said(session: Session) -> Sequence[str]:
    return session.scalars(
        select(AuditEntry.act)
        .where(AuditEntry.subject_kind == "wrapping_key")
        .order_by(AuditEntry.id)
    ).all()


def names(session: Session, *numbers: str) -> int:
    """How many of these can be called by their name."""
    return len(personal.names(session, [person_of(session, each).id for each in numbers]))


def breaches(session: Session) -> list[str]:
    session.flush()
    return [breach for check in destroyed_by_two for breach in check(session)]


@pytest.mark.usefixtures("own_file")
def test_of_many_who_make_a_key_at_once_nobody_loses_that_of_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(offices, "office_codes", list)  # only the file is shared here
    made = [rotating.rotate(first=True)]
    with ThreadPoolExecutor(8) as crowd:
        made += crowd.map(lambda _: rotating.rotate(), range(24))
    assert {key.name for key in wrapping.kept()} == {key.name for key in made}
    assert len(wrapping.kept()) == 25


def test_destroying_waits_for_a_rotation_under_way_and_leaves_its_key(
    own_file: Path, first: WrappingKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offices, "office_codes", list)
    second, third = wrapping.fresh(clock.now()), wrapping.fresh(clock.now() + LATER)
    wrapping.write([second, first])
    begun = Event()

    def destroy() -> object:
        with clock.frozen(clock.now() + LATER):
            begun.set()
            return rotating.destroy_old()

    with ThreadPoolExecutor(1) as other:
        with wrapping.alone():
            done = other.submit(destroy)
            begun.wait(10)
            with pytest.raises(TimeoutError):
                done.result(timeout=0.2)
            wrapping.write([third, *wrapping.kept()])
        with pytest.raises(WrappingKeyInUse, match="less than a day ago"):
            done.result(10)
    assert list(wrapping.kept()) == [third, second, first]
    assert [each.name for each in own_file.parent.iterdir() if each.suffix not in {".lock"}] == [
        own_file.name
    ], "no draft is left"


@pytest.mark.usefixtures("database")
def test_every_office_writes_down_that_keys_were_made_and_destroyed(first: WrappingKey) -> None:
    with offices.transaction("dz") as session:
        numbers = households(session, [1, 2])
        in_use(session)
        household = session.scalars(select(Household).limit(1)).one()
        assessed = assessing.assess(
            session, officer(session).actor, household, "need", Form.LONG, NEEDY
        ).id
    second = rotating.rotate()
    with clock.frozen(clock.now() + LATER):
        assert list(rotating.destroy_old()) == [first]
        assert rotating.destroy_old() == []
    with offices.transaction("dz") as session:
        assert said(session) == [
            "wrapping_key.made", "person_keys.sealed_anew", "wrapping_key.to_be_destroyed",
            "wrapping_key.destroyed",
        ]  # fmt: skip
        assert names(session, *numbers) == 2
        entry = session.scalars(
            select(AuditEntry).where(AuditEntry.act == "person_keys.sealed_anew")
        ).one()
        assert (entry.subject_id, entry.details) == (second.name.hex(), {"keys": 3})
    with ThreadPoolExecutor(2) as both:
        at_once = list(both.map(lambda _: rotating.rotate(), range(2)))
    assert {key.name for key in wrapping.kept()} == {key.name for key in (second, *at_once)}
    assert [each.keys for each in rotating.in_use()] == [3, 0, 0]
    with offices.transaction("dz") as session:
        assert names(session, *numbers) == 2
        opened = assessing.open_(session, officer(session).actor, assessed).content
        assert opened
        assert opened["answers"] == NEEDY


def test_without_a_wrapping_key_there_is_nothing_to_finish(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CBI_DATA_DIR", str(tmp_path))
    settings.cache_clear()
    assert rotating.rewrap() == 0
    settings.cache_clear()


def test_an_old_file_of_keys_changes_nothing_in_a_living_database(
    session: Session, first: WrappingKey, tmp_path: Path
) -> None:
    file = tmp_path / "keys.json"
    gone, stays = households(session, [1, 1])
    key_files.export(session, file)
    erase(session, gone)
    with clock.frozen(clock.now() - timedelta(hours=1)):  # its list was under way meanwhile
        (meanwhile,) = households(session, [3])
    wrapping.write([wrapping.fresh(clock.now()), first])
    before = person_of(session, stays).data_key
    assert key_files.read_back(session, file) == (0, 0)
    assert person_of(session, stays).data_key == before
    assert person_of(session, gone).data_key is None
    assert names(session, stays, meanwhile) == 2
    assert breaches(session) == []


def test_only_what_cannot_be_opened_is_taken_and_under_the_newest_key(
    session: Session, first: WrappingKey, tmp_path: Path
) -> None:
    file = tmp_path / "keys.json"
    lost, stays = households(session, [1, 1])
    key_files.export(session, file)
    second = wrapping.fresh(clock.now())
    wrapping.write([second, first])
    session.execute(
        text("UPDATE persons SET data_key = :k WHERE id = :p"),
        {"k": b"\x02gone" + b"x" * 60, "p": person_of(session, lost).id},
    )
    assert key_files.read_back(session, file) == (1, 0)
    assert [wrapping.name_in(person_of(session, each).data_key or b"") for each in (lost, stays)] == [
        second.name, first.name,
    ]  # fmt: skip
    assert names(session, lost, stays) == 2


def test_a_file_under_keys_that_were_destroyed_is_refused_whole(
    session: Session, first: WrappingKey, tmp_path: Path
) -> None:
    file = tmp_path / "keys.json"
    (number,) = households(session, [1])
    key_files.export(session, file)
    wrapping.write([wrapping.fresh(clock.now())])
    before = person_of(session, number).data_key
    with pytest.raises(UnusableKeyFile, match=first.name.hex()):
        key_files.read_back(session, file)
    assert person_of(session, number).data_key == before


@pytest.mark.usefixtures("first")
def test_an_erasure_that_the_backup_knows_as_asked_for_is_carried_out_again(
    session: Session, tmp_path: Path
) -> None:
    file = tmp_path / "keys.json"
    gone, stays = households(session, [1, 1])
    person, key = person_of(session, gone).id, person_of(session, gone).data_key
    number = erase(session, gone)
    key_files.export(session, file)
    session.execute(
        text("UPDATE persons SET data_key = :k, name = 'x' WHERE id = :p"), {"k": key, "p": person}
    )
    session.execute(
        text(
            "UPDATE erasures SET decision = NULL, decided_by = NULL, decided_at = NULL, certificate = NULL, seal = NULL"
        )
    )
    session.execute(text("UPDATE erasure_persons SET erased_at = NULL"))
    session.expire_all()
    assert key_files.read_back(session, file) == (0, 1)
    session.expire_all()
    again = session.scalars(select(Erasure).where(Erasure.number == number)).one()
    assert again.decision is ErasureDecision.CONFIRMED
    assert person_of(session, gone).data_key is None
    assert names(session, stays) == 1
    assert breaches(session) == []


@pytest.mark.usefixtures("first")
def test_a_file_whose_erasure_has_the_number_of_another_here_is_refused(
    session: Session, tmp_path: Path
) -> None:
    file = tmp_path / "keys.json"
    gone, other = households(session, [1, 1])
    before_backup = session.begin_nested()
    number = erase(session, gone)
    key_files.export(session, file)
    before_backup.rollback()
    assert erase(session, other) == number
    with pytest.raises(UnusableKeyFile, match=f"Erasure {number} was asked for here"):
        key_files.read_back(session, file)


def test_what_somebody_wrote_goes_with_them_and_once_more_after_an_old_backup(
    session: Session,
) -> None:
    (number,) = households(session, [1])
    person = person_of(session, number)
    inbound.receive(session, "gateway", "1", phone_of(number), "BALANCE", clock.now())
    session.execute(text("UPDATE inbound_texts SET handled_at = received_at, outcome = '{}'"))
    rows = session.execute(
        text(
            "SELECT p.data_key, p.name, a.value, a.value_index, a.id, t.words, t.sender, t.sender_index, t.id AS text"
            " FROM persons p JOIN payment_accounts a ON a.person_id = p.id CROSS JOIN inbound_texts t"
        )
    ).one()
    erase(session, number)
    kept = text("SELECT count(*) FROM inbound_texts WHERE words <> ''")
    assert session.scalar(kept) == 0
    for back in (
        "UPDATE persons SET data_key = :data_key, name = :name WHERE id = :person",
        "UPDATE payment_accounts SET value = :value, value_index = :value_index, replaced_at = NULL WHERE id = :id",
        "UPDATE inbound_texts SET words = :words, sender = :sender, sender_index = :sender_index WHERE id = :text",
    ):
        session.execute(text(back), {**rows._mapping, "person": person.id})
    assert destroying.again(session) == 1
    assert session.scalar(kept) == 0
    assert person_of(session, number).data_key is None


@pytest.mark.usefixtures("database")
def test_a_file_of_keys_that_was_altered_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    with offices.transaction("dz") as session:
        households(session, [1])
        key_files.export(session, file)
    file.write_text(file.read_text().replace('"office": "dz"', '"office": "ma"'))
    with offices.transaction("dz") as session, pytest.raises(UnusableKeyFile):
        key_files.read_back(session, file)


def test_where_the_database_is_not_the_embedded_one_the_file_must_be_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CBI_DATABASE_URL", "postgresql://nobody@db.example.org/cbi")
    settings.cache_clear()
    with pytest.raises(UnusableWrappingKeys, match="not said where"):
        rotating.rotate()
    settings.cache_clear()
