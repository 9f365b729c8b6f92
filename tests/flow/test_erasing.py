"""Somebody's data is destroyed by two people, the books stay to the cent, and no old backup brings it back."""

import io
from datetime import timedelta
from pathlib import Path
from threading import Thread
from uuid import uuid4

import pytest
from sqlalchemy import URL, Engine, insert, select, text
from sqlalchemy.orm import Session

from cbi import clock, health, offices, wrapping
from cbi.access.actor import NotPermitted
from cbi.access.permissions import Role
from cbi.access.totp import WrongCode
from cbi.audit import refusing
from cbi.audit.models import AuditEntry
from cbi.helpline import complaints
from cbi.helpline.models import Complaint, ComplaintEvent
from cbi.helpline.states import Category, ComplaintState, Outcome
from cbi.keys import Unreadable
from cbi.ledger.queries import trial_balance
from cbi.proofs import refusals
from cbi.proofs.protection import destroyed_by_two
from cbi.protection import certificates, erasing, key_files, retention, rotating
from cbi.protection.erasing import NobodyErasable, NothingToErase, OwnErasure, UnknownErasure
from cbi.protection.models import Erasure
from cbi.registry import personal, viewing
from cbi.registry.households.models import (
    ChangedHousehold,
    Guardianship,
    HouseholdChange,
    HouseholdRequest,
)
from cbi.registry.import_models import RejectedRow
from cbi.registry.intake import correcting, importing, rejected
from cbi.registry.intake.rejected import RowDestroyed
from cbi.registry.linkage import finding
from cbi.registry.linkage.memory import Memory
from cbi.registry.linkage.models import LinkKey
from cbi.registry.models import Household, PaymentAccount, Person
from cbi.registry.purposes import Purpose
from cbi.registry.referrals import deciding, receiving, remarks
from cbi.registry.referrals.models import Referral
from cbi.registry.referrals.receiving import Asked
from cbi.settings import settings
from cbi.wrapping import WrappingKey, WrappingKeyInUse
from tests import made_up
from tests.factories import EVERYTHING, Colleague, households, office_day
from tests.flow.signing import colleague

WHY = "They asked for it in a letter."


@pytest.fixture
def asker(session: Session) -> Colleague:
    return colleague(session, Role.REGISTRATION_OFFICER)


@pytest.fixture
def confirmer(session: Session) -> Colleague:
    return colleague(session, Role.PROTECTION_OFFICER)


def closed(session: Session, sizes: list[int]) -> list[str]:
    """Households that take no part any more."""
    numbers = households(session, sizes)
    session.execute(
        text("UPDATE households SET status = 'closed' WHERE source_id = ANY(:n)"), {"n": numbers}
    )
    return numbers


def people_of(session: Session, number: str) -> list[Person]:
    session.expire_all()
    return list(
        session.scalars(
            select(Person).join(Household, Household.id == Person.household_id)
            .where(Household.source_id == number)
        )
    )  # fmt: skip


def breaches(session: Session) -> list[str]:
    session.flush()
    return [breach for check in destroyed_by_two for breach in check(session)]


WRITTEN = (
    ("household_changes", "reason"), ("household_changes", "evidence"),
    ("household_requests", "reason"), ("household_requests", "evidence"),
    ("guardianships", "reference"), ("refusals", "said"), ("refusals", "reason"),
)  # fmt: skip
"""Where colleagues write freely about changes of households."""


def write_about_changes(session: Session, number: str) -> None:
    """A change that somebody asked for and another confirmed, and a guardian, each with words that name somebody."""
    words = f"Amina, {number}, 120934511."
    (person,) = people_of(session, number)
    (child,) = people_of(session, *closed(session, [1]))
    home, change = person.household_id, uuid4()
    today, now, who = office_day(), clock.now(), uuid4()
    session.execute(
        insert(HouseholdChange).values(
            id=change,
            kind="corrected",
            happened_on=today,
            reason=words,
            evidence=words,
            details={},
            recorded_at=now,
        )
    )
    session.execute(
        insert(ChangedHousehold).values(
            change_id=change, household_id=home, version_before=1, version_after=2, status_after="active",
            size_after=1, language_after="ar",
        )
    )  # fmt: skip
    request = session.scalar(
        insert(HouseholdRequest)
        .values(
            kind="corrected", household_id=home, version=1, happened_on=today, reason=words, evidence=words, details={},
            asked_by=who, asked_at=now, lapses_at=now, decision="lapsed", decided_at=now,
        )
        .returning(HouseholdRequest.id)
    )  # fmt: skip
    other = colleague(session, Role.PROTECTION_OFFICER).actor
    refusing.note(session, other, ("household", request), words, by=who, at=now, said=words)
    session.execute(
        insert(Guardianship).values(
            id=uuid4(), child_id=child.id, guardian_id=person.id, reference=words, decided_on=today,
            decided_by="The court", begun_by=change,
        )
    )  # fmt: skip


def words_about_changes(session: Session, number: str) -> list[str | None]:
    """What is left of them."""
    (person,) = people_of(session, number)
    home = {"h": person.household_id, "p": person.id}
    where = {
        "household_changes": "id IN (SELECT change_id FROM changed_households WHERE household_id = :h)",
        "household_requests": "household_id = :h",
        "guardianships": "guardian_id = :p",
        "refusals": "key IN (SELECT id::text FROM household_requests WHERE household_id = :h)",
    }
    return [
        session.scalar(text(f"SELECT {column} FROM {table} WHERE {where[table]}"), home)
        for table, column in WRITTEN
    ]


def test_two_people_destroy_what_identifies_a_household_and_the_rest_stays(
    session: Session, asker: Colleague, confirmer: Colleague
) -> None:
    gone, stays = closed(session, [3, 2])
    for number in (gone, stays):
        write_about_changes(session, number)
    before = trial_balance(session)
    made = erasing.ask(session, asker.actor, [gone], WHY)
    assert people_of(session, gone)[0].data_key is not None, "asking destroys nothing"
    done = erasing.confirm(session, confirmer.actor, made.number, confirmer.code())
    (person,) = people_of(session, gone)
    assert (
        person.data_key,
        person.name,
        person.document,
        person.document_index,
        person.factor,
    ) == (None,) * 5
    account = session.scalars(
        select(PaymentAccount).where(PaymentAccount.person_id == person.id)
    ).one()
    assert account.value == b""
    assert account.replaced_at is not None
    assert done.certificate is not None
    assert (done.certificate["people"], done.certificate["households"]) == (1, 1)
    assert certificates.is_sealed(session, done)
    assert personal.names(session, [person.id]) == {}
    assert personal.names(session, [people_of(session, stays)[0].id])
    assert words_about_changes(session, gone) == ["", None, "", None, "", "", ""]
    assert words_about_changes(session, stays) == [f"Amina, {stays}, 120934511."] * 7
    assert [breach for check in refusals.append_only for breach in check(session)] == []
    kept = session.scalars(select(AuditEntry).where(AuditEntry.subject_kind == "proposal")).all()
    assert kept
    assert "Amina" not in f"{[each.details for each in kept]}"
    assert trial_balance(session) == before
    assert breaches(session) == []


def test_nobody_confirms_what_they_proposed_nor_without_a_fresh_code(
    session: Session, confirmer: Colleague
) -> None:
    (number,) = closed(session, [1])
    made = erasing.ask(session, confirmer.actor, [number], WHY)
    with pytest.raises(OwnErasure):
        erasing.confirm(session, confirmer.actor, made.number, confirmer.code())
    other = colleague(session, Role.COUNTRY_DIRECTOR)
    with pytest.raises(WrongCode):
        erasing.confirm(session, other.actor, made.number, "000000")
    with pytest.raises(NotPermitted):
        erasing.confirm(
            session, colleague(session, Role.REGISTRATION_OFFICER).actor, made.number, "1"
        )
    assert people_of(session, number)[0].data_key is not None


def test_a_household_that_would_be_paid_is_kept_and_the_reason_said(
    session: Session, asker: Colleague, confirmer: Colleague
) -> None:
    (active,) = households(session, [2])
    (gone,) = closed(session, [1])
    made = erasing.ask(session, asker.actor, [active, gone], WHY)
    assert [(each.people, "active" in each.why) for each in erasing.obstacles(session, made)] == [
        (1, True)
    ]
    done = erasing.confirm(session, confirmer.actor, made.number, confirmer.code())
    assert done.certificate is not None
    assert (done.certificate["people"], done.certificate["kept"]) == (1, 1)
    assert people_of(session, active)[0].data_key is not None
    assert breaches(session) == []


def test_where_everybody_must_stay_nothing_is_decided(
    session: Session, asker: Colleague, confirmer: Colleague
) -> None:
    (active,) = households(session, [2])
    made = erasing.ask(session, asker.actor, [active], WHY)
    with pytest.raises(NobodyErasable, match="active"):
        erasing.confirm(session, confirmer.actor, made.number, confirmer.code())


def test_a_refused_proposal_is_over(
    session: Session, asker: Colleague, confirmer: Colleague
) -> None:
    (number,) = closed(session, [1])
    made = erasing.ask(session, asker.actor, [number], WHY)
    erasing.refuse(session, confirmer.actor, made.number, "Still needed by an audit.")
    with pytest.raises(UnknownErasure):
        erasing.confirm(session, confirmer.actor, made.number, confirmer.code())
    assert people_of(session, number)[0].data_key is not None


def test_what_was_kept_long_enough_is_due_and_no_sooner(
    session: Session, asker: Colleague, confirmer: Colleague
) -> None:
    (number,) = closed(session, [1])
    # Somebody wrote from a number that nobody on record has: nobody's erasure takes along what was noted about it.
    now = clock.now()
    complaint = Complaint(
        category=Category.COMPLAINT, urgent=False, sensitive=False, state=ComplaintState.CLOSED, number_index=b"unknown",
        language="ar", opened_at=now, due_at=now, closed_at=now, outcome=next(iter(Outcome)),
    )  # fmt: skip
    session.add(complaint)
    session.flush()
    event = complaints.note_down(
        session, complaint.id, None, ComplaintState.CLOSED, "closed", None, "Amina is 120934511."
    )
    assert not retention.due(session, asker.actor).anything
    with clock.frozen(now + timedelta(days=366)):
        assert retention.due(session, asker.actor).texts == 1
    with pytest.raises(NothingToErase):
        retention.ask_for_what_is_due(session, asker.actor, "Kept as long as it may be.")
    with clock.frozen(clock.now() + timedelta(days=731)):
        assert retention.due(session, asker.actor).people == 1
        made = retention.ask_for_what_is_due(session, asker.actor, "Kept as long as it may be.")
        erasing.confirm(session, confirmer.actor, made.number, confirmer.code())
        assert not retention.due(session, asker.actor).anything
    session.expire_all()
    assert session.get_one(ComplaintEvent, event).note is None
    assert people_of(session, number)[0].data_key is None


def test_cells_of_rejected_rows_go_in_their_time_and_so_does_how_they_were_corrected(
    session: Session, asker: Colleague, confirmer: Colleague
) -> None:
    header = "Registration number,Name,Phone,Language,Household size,Document type,Document number"
    good = f"R-0,{made_up.name('R-0')},0550123457,ar,2,passport,D0000001"
    bad = f"{header}\n{good}\nR-1,{made_up.name('R-1')},0550123456,ar,99,passport,D0000002"
    bad += f"\nR-2,{made_up.name('R-2')},0550123458,ar,99,passport,D0000003"
    importing.import_file(session, EVERYTHING, io.BytesIO(bad.encode()), filename="bad.csv")
    row, left = session.scalars(rejected.waiting_rows(EVERYTHING).order_by(RejectedRow.id))
    correcting.correct(session, EVERYTHING, row.id, {"size": "5"})
    kept = text(
        "SELECT (SELECT count(*) FROM rejected_rows WHERE cells <> ''),"
        " (SELECT count(*) FROM rejected_row_ends WHERE cells IS NOT NULL)"
    )
    assert session.execute(kept).one() == (2, 1)
    undo = session.begin_nested()
    session.execute(text("UPDATE households SET status = 'closed' WHERE source_id = 'R-1'"))
    made = erasing.ask(session, asker.actor, ["R-1"], WHY)
    erasing.confirm(session, confirmer.actor, made.number, confirmer.code())
    assert session.execute(kept).one() == (1, 0), "what somebody erased had said stands in no row"
    undo.rollback()
    session.expire_all()
    with clock.frozen(clock.now() + timedelta(days=91)):
        made = retention.ask_for_what_is_due(session, asker.actor, "Kept as long as it may be.")
        assert session.scalars(rejected.waiting_rows(EVERYTHING)).one().id == left.id
        erasing.confirm(session, confirmer.actor, made.number, confirmer.code())
    assert session.execute(kept).one() == (0, 0)
    session.expire_all()
    assert not session.scalars(rejected.waiting_rows(EVERYTHING)).all()
    assert rejected.destroyed_rows(session, EVERYTHING) == 1, "what was put right did end"
    with pytest.raises(RowDestroyed):
        rejected.opened(session, EVERYTHING, [left.id], Purpose.CORRECTION)
    with pytest.raises(RowDestroyed):
        correcting.correct(session, EVERYTHING, left.id, {"size": "5"})


def test_a_look_is_written_down_and_shown_by_role_to_whoever_asks(
    session: Session, asker: Colleague
) -> None:
    (number,) = households(session, [2])
    (one,) = viewing.opened(session, asker.actor, number, ["name", "phone"], "complaint")
    assert one.name
    assert one.name == made_up.name(number)
    assert one.phone
    assert one.document is None, "it was not asked for"
    (look,) = viewing.seen(session, EVERYTHING, number, names=False)
    assert (look.who, look.roles, look.fields, look.purpose) == (
        None, ("registration_officer",), ("name", "phone"), "complaint",
    )  # fmt: skip
    (look,) = viewing.seen(session, EVERYTHING, number, names=True)
    assert look.who == "A Colleague"


@pytest.mark.parametrize(
    ("fields", "purpose"), [(["name"], "curiosity"), (["salary"], "audit"), ([], "audit")]
)
def test_nothing_is_opened_without_a_purpose_of_the_list(
    session: Session, asker: Colleague, fields: list[str], purpose: str
) -> None:
    (number,) = households(session, [1])
    with pytest.raises(viewing.UnusablePurpose):
        viewing.opened(session, asker.actor, number, fields, purpose)
    assert viewing.seen(session, EVERYTHING, number, names=False) == []


@pytest.mark.parametrize(
    ("deed", "named"),
    [
        ("UPDATE persons SET data_key = NULL WHERE id = :kept", "is gone, and no erasure says so"),
        ("UPDATE persons SET data_key = 'x' WHERE id = :gone", "was erased, and has a key"),
        ("UPDATE erasures SET decided_by = asked_by, decision = 'confirmed'", "whoever asked"),
        (
            "UPDATE erasures SET certificate = certificate || '{\"people\": 7}'",
            "not what was certified",
        ),
        (
            "UPDATE erasure_persons SET erased_at = NULL",
            "says that 1 people were erased, and 0 were",
        ),
    ],
)
def test_what_an_intruder_changes_of_it_is_named(
    database: object, owner: Engine, deed: str, named: str
) -> None:
    with offices.transaction("dz") as session:
        asker = colleague(session, Role.REGISTRATION_OFFICER)
        confirmer = colleague(session, Role.PROTECTION_OFFICER)
        gone, kept = closed(session, [1, 1])
        made = erasing.ask(session, asker.actor, [gone], WHY)
        erasing.confirm(session, confirmer.actor, made.number, confirmer.code())
        ids = {"gone": people_of(session, gone)[0].id, "kept": people_of(session, kept)[0].id}
    with owner.begin() as intruder:
        intruder.execute(text("ALTER TABLE erasures DROP CONSTRAINT ck_erasures_two_people"))
        intruder.execute(text(deed), {name: ids[name] for name in ids if f":{name}" in deed})
    with offices.transaction("dz") as session:
        assert any(named in breach for breach in breaches(session))


@pytest.fixture
def wrapping_key(database: object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> WrappingKey:
    """The first wrapping key of a deployment, in a file that its settings name."""
    monkeypatch.setenv("CBI_WRAPPING_KEYS_FILE", str(tmp_path / "wrapping.keys"))
    settings.cache_clear()
    return rotating.rotate(first=True)


def test_an_old_backup_opens_for_everybody_but_whom_we_erased(
    tmp_path: Path, owner: Engine, wrapping_key: WrappingKey
) -> None:
    with offices.transaction("dz") as session:
        asker = colleague(session, Role.REGISTRATION_OFFICER)
        confirmer = colleague(session, Role.PROTECTION_OFFICER)
        gone, kept = closed(session, [1, 1])
        erased, alive = people_of(session, gone)[0].id, people_of(session, kept)[0].id
    first = wrapping_key
    with owner.begin() as backup:
        backup.execute(text("CREATE TABLE backup AS SELECT * FROM persons"))
    with offices.transaction("dz") as session:
        made = erasing.ask(session, asker.actor, [gone], WHY)
        erasing.confirm(session, confirmer.actor, made.number, confirmer.code())
    second = rotating.rotate()
    assert [(each.name, each.keys) for each in rotating.in_use()] == [
        (second.name.hex(), 1), (first.name.hex(), 0),
    ]  # fmt: skip
    assert [finding.grade for finding in health.wrapping_keys()] == ["weak"]
    with pytest.raises(WrappingKeyInUse, match="less than a day ago"):
        rotating.destroy_old()
    with clock.frozen(clock.now() + timedelta(days=1, minutes=1)):
        assert list(rotating.destroy_old()) == [first]
    with offices.transaction("dz") as session:
        assert key_files.export(session, tmp_path / "keys.json") == 1
    with owner.begin() as restored:  # yesterday's backup is read back over today's tables
        restored.execute(text("TRUNCATE erasure_persons, erasures"))
        restored.execute(
            text(
                "UPDATE persons p SET data_key = b.data_key, name = b.name, document_index = b.document_index"
                " FROM backup b WHERE b.id = p.id"
            )
        )
    assert [finding.grade for finding in health.wrapping_keys()] == ["wrong"]
    with offices.transaction("dz") as session, pytest.raises(Unreadable, match="is not kept here"):
        personal.names(session, [erased])
    with offices.transaction("dz") as session:
        assert key_files.read_back(session, tmp_path / "keys.json") == (1, 1)
    with offices.transaction("dz") as session:
        assert set(personal.names(session, [erased, alive])) == {alive}
        assert breaches(session) == []
        assert session.scalars(select(Erasure.number)).all() == [1]
        (again,) = closed(session, [1])
        assert erasing.ask(session, asker.actor, [again], WHY).number == 2


def test_what_somebody_wrote_goes_with_their_household_and_rotation_reaches_what_waits(
    wrapping_key: WrappingKey,
) -> None:
    asked = Asked(name="Amina Haddad", size="2", words="No roof.")
    with offices.transaction("dz") as session:
        asker = colleague(session, Role.REGISTRATION_OFFICER)
        confirmer = colleague(session, Role.PROTECTION_OFFICER)
        first, second = (
            receiving.register(session, asked, language="ar", agreed=True).number for _ in range(2)
        )
        third = receiving.register(session, asked, language="fr", agreed=True).number
        deciding.reject(session, asker.actor, third, "other_service", "Amina is 120934511.")
        kept = session.scalars(select(Referral).where(Referral.number == third)).one()
        assert kept.remark
        assert b"Amina" not in kept.remark
        kept.remark = b"Amina is 120934511."  # as an older version kept it
        session.flush()
        assert deciding.opened(session, asker.actor, third).remark == "Amina is 120934511."
        assert (remarks.seal_older(session), remarks.seal_older(session)) == (1, 0)
        assert b"Amina" not in kept.remark
        household = deciding.accept(session, asker.actor, first)
        session.execute(text("UPDATE households SET status = 'closed'"))
        made = erasing.ask(session, asker.actor, [f"{household.source}/{first}"], WHY)
        done = erasing.confirm(session, confirmer.actor, made.number, confirmer.code())
        assert done.certificate is not None
        assert done.certificate["referrals"] == 1
    newest = rotating.rotate()
    wrapping.write([newest])
    with offices.transaction("dz") as session:
        opened = [deciding.opened(session, asker.actor, number).asked for number in (first, second)]
        assert [each and each.words for each in opened] == [None, "No roof."]
        assert deciding.opened(session, asker.actor, third).remark == "Amina is 120934511."
    with clock.frozen(clock.now() + timedelta(days=366)), offices.transaction("dz") as session:
        old = retention.ask_for_what_is_due(session, asker.actor, WHY)
        code = confirmer.code()
        erasing.confirm(session, confirmer.actor, old.number, code)
        (row,) = session.scalars(select(Referral).where(Referral.number == third))
        assert (row.data_key, row.remark) == (None, None)


@pytest.mark.usefixtures("wrapping_key")
def test_rotation_that_was_interrupted_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotating, "CHUNK", 2)
    with offices.transaction("dz") as session:
        numbers = households(session, [1] * 5)
    chunks: list[int] = []

    def cut(done: int) -> None:
        chunks.append(done)
        if len(chunks) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rotating.rotate(progress=cut)
    with offices.transaction("dz") as session:
        assert len(personal.names(session, [people_of(session, n)[0].id for n in numbers])) == 5
    assert rotating.rewrap() == 1
    assert [each.keys for each in rotating.in_use()] == [5, 0, 0][: len(rotating.in_use())]


def test_whoever_is_being_compared_when_they_are_erased_leaves_no_keys_behind(
    database: URL,
) -> None:
    with offices.transaction("dz") as session:
        closed(session, [2])
        finding.catch_up(session)
        asker, confirmer = (
            colleague(session, role)
            for role in (Role.REGISTRATION_OFFICER, Role.PROTECTION_OFFICER)
        )
        (number,) = session.scalars(select(Household.source_id))
        made = erasing.ask(session, asker.actor, [number], WHY).number
    done: list[Erasure] = []

    def erase() -> None:
        with offices.transaction("dz") as session:
            done.append(erasing.confirm(session, confirmer.actor, made, confirmer.code()))

    eraser = Thread(target=erase)
    with offices.transaction("dz") as session, Memory() as memory:
        finding.compare_again(session, memory)  # its keys are written, and nobody sees them yet
        eraser.start()
        eraser.join(0.4)
        assert eraser.is_alive(), "it waits for who compares"
    eraser.join(10)
    assert done
    with offices.transaction("dz") as session:
        assert session.scalars(select(LinkKey.person_id)).all() == []
