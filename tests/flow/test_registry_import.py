"""Lists of households come in: real ones, broken ones, the same one twice, and two at once."""

import io
import re
import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from openpyxl import Workbook, load_workbook
from sqlalchemy import URL, Engine, func, select, text
from sqlalchemy.exc import ProgrammingError

from cbi import db, offices
from cbi.access.actor import Actor, NotPermitted
from cbi.access.permissions import Permission, Role
from cbi.app import create_app
from cbi.audit.models import AuditEntry
from cbi.registry import duplicates, personal, queries
from cbi.registry.duplicates import AlreadyDecided, Decision, Kind, UnknownFlag, UnusableDecision
from cbi.registry.import_models import Import, RejectedRow
from cbi.registry.intake.correcting import correct
from cbi.registry.intake.files import EmptyFile, UnusableHeader
from cbi.registry.intake.importing import NothingUsable, import_file
from cbi.registry.intake.mapping import TEMPLATE, ColumnMapping, MissingColumns
from cbi.registry.intake.mapping_files import load_mapping
from cbi.registry.intake.mapping_parts import UnusableMapping
from cbi.registry.intake.models import Ending
from cbi.registry.intake.reports import write_report
from cbi.registry.intake.results import ImportResult
from cbi.registry.intake.tables import UnusableFile
from cbi.registry.models import DuplicateFlag, Household, PaymentAccount, Person
from tests.flow.people import Caller, make_user, token_for

OFFICER = Actor(
    "user", uuid4(), "officer",
    frozenset((each, None) for each in (Permission.REGISTRY_IMPORT, Permission.REGISTRY_READ, Permission.REGISTRY_DECIDE)),
)  # fmt: skip
KENYA = """
source: kenya
region: KE
columns:
  source_id: {column: nationalId, keyed: true}
  name: fullName
  phone: phoneNumber
  language: preferredLanguage
  size: totalHHSize
  area: scope
  sex: gender
  age: age
  document: nationalId
"""
MANGLED = """
source: mangled
region: KE
columns:
  source_id: referenceId
  name: fullName
  phone: phoneNumber
  language: preferredLanguage
  size: paymentAmountMultiplier
  document: nationalId
"""
SURVEY = """
source: survey
region: AF
consent_notice: survey-notice-1
households:
  sheet: Households
  columns:
    source_id: household_id
    size: {counted: true}
    area: admin2_h_c
    language: {constant: en}
    consent: consent_h_c
    consent_on: first_registration_date_h_c
individuals:
  sheet: Individuals
  household: household_id
  columns:
    name: full_name_i_c
    sex: gender_i_c
    born_on: birth_date_i_c
    document: national_id_no_i_c
    phone: {column: phone_no_i_c, required: false}
  head: {column: relationship_i_c, is: HEAD}
  collector: {column: primary_collector_id, is_filled: true}
"""
HEADER = "Registration number;Name;Phone;Language;Household size;Document number;Memorable word"


def take(
    content: bytes | Path, mapping: str | ColumnMapping = TEMPLATE, **options: Any
) -> ImportResult:
    """Import in a transaction of its own, as a door would."""
    chosen = load_mapping(mapping) if isinstance(mapping, str) else mapping

    def once() -> ImportResult:
        with offices.transaction("dz") as session:
            source = content if isinstance(content, Path) else io.BytesIO(content)
            return import_file(
                session, OFFICER, source, filename="list.csv", mapping=chosen, **options
            )

    return db.repeatable(once)


def rows(*lines: str) -> bytes:
    return "\n".join((HEADER, *lines)).encode()


def everyone(count: int, first: int = 0) -> bytes:
    return rows(
        *(
            f"H{n};Person {'abcdefghij'[n % 10]} Test;0550{n:06d};ar;4;D{n:07d};"
            for n in range(first, first + count)
        )
    )


def contents(owner: Engine) -> dict[str, list[str]]:
    """Every row of every table of the office, as text."""
    with owner.connect() as connection:
        tables = connection.scalars(
            text("SELECT tablename FROM pg_tables WHERE schemaname = 'dz' ORDER BY 1")
        )
        return {
            name: sorted(connection.scalars(text(f"SELECT CAST(t AS text) FROM dz.{name} t")))
            for name in tables.all()
        }


def without_audit(owner: Engine) -> dict[str, list[str]]:
    return {name: found for name, found in contents(owner).items() if name != "audit_entries"}


def codes(result: ImportResult) -> Counter[str]:
    return Counter(reason.code for row in result.rows for reason in row.reasons)


def test_the_kenyan_list_lands_whole_and_nobody_can_be_read_from_the_tables(
    database: URL, owner: Engine, shared_data: Path
) -> None:
    list_file = shared_data / "registrations" / "kenya-households-999.csv"
    done = take(list_file, KENYA)
    assert (done.total, done.landed, done.people, done.rejected) == (999, 999, 999, 0)
    assert done.flags == {"shared_phone": 2, "same_document": 0}
    assert done.warnings > 0
    with offices.transaction("dz") as session:
        assert session.scalar(select(func.sum(Household.size))) == 3955
        assert session.scalar(select(func.count()).select_from(PaymentAccount)) == 999
    lines = [line.split(";") for line in list_file.read_text("utf-8-sig").splitlines()]
    columns = {name: lines[0].index(name) for name in ("fullName", "phoneNumber", "nationalId")}
    secrets = {line[columns[name]] for line in lines[1:] for name in columns}
    dumped = "\n".join(row for found in contents(owner).values() for row in found)
    hexed = {secret.encode().hex() for secret in secrets}
    # Sealed values and keys of rows are random digits and letters, which hold eight given digits now and then.
    readable = re.sub("[0-9a-f-]{32,}", "", dumped)
    assert not [secret for secret in secrets if secret in readable]
    assert not [secret for secret in hexed if secret in dumped]


def test_people_can_be_opened_again_by_those_who_may(database: URL, shared_data: Path) -> None:
    take(shared_data / "registrations" / "kenya-households-999.csv", KENYA)
    with offices.transaction("dz") as session:
        accounts = session.scalars(select(PaymentAccount.id)).all()
        phones = personal.numbers(session, accounts)
        names = personal.names(session, session.scalars(select(Person.id)).all())
    lines = (
        (shared_data / "registrations" / "kenya-households-999.csv")
        .read_text("utf-8-sig")
        .splitlines()[1:]
    )
    assert Counter(phones.values()) == Counter("+" + line.split(";")[1] for line in lines)
    assert Counter(names.values()) == Counter(line.split(";")[7] for line in lines)


def test_phones_that_a_spreadsheet_mangled_refuse_the_whole_list(
    database: URL, owner: Engine, shared_data: Path
) -> None:
    before = contents(owner)
    with pytest.raises(NothingUsable, match="spreadsheet has shortened") as caught:
        take(shared_data / "registrations" / "mangled-phones-1000.csv", MANGLED)
    assert "as Text" in caught.value.next_step
    assert codes(caught.value.result) == {"spreadsheet_number": 1000}
    (reason,) = caught.value.details["reasons"]  # type: ignore[misc]
    assert (reason["rows"], reason["column"]) == (1000, "phoneNumber")  # type: ignore[has-type]
    assert contents(owner) == before


def test_households_and_people_of_two_sheets_land_linked(database: URL, shared_data: Path) -> None:
    done = take(shared_data / "registrations" / "households-50-individuals-208.xlsx", SURVEY)
    assert (done.total, done.landed, done.people) == (50, 50, 208)
    with offices.transaction("dz") as session:
        counted = select(Household.size, func.count()).join(
            Person, Person.household_id == Household.id
        )
        assert all(
            size == people for size, people in session.execute(counted.group_by(Household.id))
        )
        recipients = select(func.count()).where(Person.is_recipient)
        assert (
            session.scalar(recipients)
            == session.scalar(select(func.count()).where(Person.is_head))
            == 50
        )
    with pytest.raises(UnusableFile):
        take(shared_data / "registrations" / "households-50-individuals-208.xlsx")


@pytest.mark.parametrize("name", ["kenya-households-999.csv", "households-50-individuals-208.xlsx"])
def test_the_same_file_again_changes_nothing(
    database: URL, owner: Engine, shared_data: Path, name: str
) -> None:
    mapping = KENYA if name.endswith("csv") else SURVEY
    first = take(shared_data / "registrations" / name, mapping)
    before = without_audit(owner)
    again = take(shared_data / "registrations" / name, mapping)
    assert (again.landed, again.unchanged, again.rejected, again.repeated) == (
        0,
        first.landed,
        0,
        True,
    )
    assert again.import_id == first.import_id
    assert again.flags == {}
    assert without_audit(owner) == before


def test_the_same_facts_from_another_file_are_unchanged(database: URL) -> None:
    take(rows("A1;Amina Benali;0550123456;fr;4;AB 123;", "A2;Sara;0550123457;fr;3;CD 123;"))
    book = Workbook()
    sheet = book.create_sheet("List", 0)
    del book["Sheet"]
    sheet.append(("Name", "Phone", "source_id", "Household size", "Langue", "Document number"))
    sheet.append(("Amina  Benali", "00213 550 12 34 56", "A1", 4, "Français", "ab-123"))
    sheet.append(("Sara", 550123457, "A2", 3, "FR", "cd123"))
    stream = io.BytesIO()
    book.save(stream)
    again = take(stream.getvalue())
    assert (again.landed, again.unchanged, again.rejected) == (0, 2, 0)


def test_other_facts_of_a_known_household_are_refused_and_overwrite_nothing(database: URL) -> None:
    take(rows("A1;Amina;0550123456;fr;4;;", "A2;Sara;0550123457;fr;3;;"))
    again = take(
        rows("A1;Amina;0661999999;fr;4;;", "A2;Sara;0550123457;fr;3;;", "A3;Lina;0550123458;fr;2;;")
    )
    assert (again.landed, again.unchanged, again.rejected) == (1, 1, 1)
    assert codes(again) == {"changed": 1}
    with offices.transaction("dz") as session:
        found = personal.numbers(session, session.scalars(select(PaymentAccount.id)).all())
    assert sorted(found.values()) == ["+213550123456", "+213550123457", "+213550123458"]


def test_bad_rows_are_kept_with_reasons_and_sealed_cells_and_the_rest_lands(
    database: URL, owner: Engine
) -> None:
    done = take(
        rows("A1;Amina;0550123456;fr;4;;", "A2;Zubaida;12;fr;99;;", "A1;Twice;0550123457;fr;4;;")
    )
    assert (done.total, done.landed, done.rejected) == (3, 1, 2)
    assert [(row.line, [reason.code for reason in row.reasons]) for row in done.rows] == [
        (3, ["household_size", "phone_impossible"]), (4, ["repeated"]),
    ]  # fmt: skip
    with offices.transaction("dz") as session:
        kept = session.scalars(select(RejectedRow).order_by(RejectedRow.line)).all()
        assert [row.line for row in kept] == [3, 4]
        assert {reason["code"] for reason in kept[0].reasons} == {
            "household_size",
            "phone_impossible",
        }
        recorded = queries.import_of(session, OFFICER, done.import_id or UUID(int=0))
        assert (recorded.rows_total, recorded.rows_landed, recorded.rows_rejected) == (3, 1, 2)
    assert "Zubaida" not in str(contents(owner))


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (rows("A1;=1+1;0550123456;ar;4;;"), "formula"),
        (rows("A1;Amina;0550123456;ar;1900-01-01;;"), "household_size"),
        (rows("A1;Amina;05٥;ar;4;;"), "phone_impossible"),
        (rows("A1;Amina;0550123456;ar;4;0000;"), "document_placeholder"),
        (rows(";Amina;0550123456;ar;4;;"), "missing"),
        (rows("A1;A\ufffdina;0550123456;ar;4;;"), "damaged_letters"),
        (
            f"{HEADER};Date of birth\nA1;Amina;0550123456;ar;4;;;1900-01-01\n".encode(),
            "date_too_early",
        ),
        (f"{HEADER};Date of birth\nA1;Amina;0550123456;ar;4;;;34512\n".encode(), "date_number"),
    ],
)
def test_a_file_without_one_usable_row_leaves_the_database_as_before(
    database: URL, owner: Engine, content: bytes, code: str
) -> None:
    before = contents(owner)
    with pytest.raises(NothingUsable) as caught:
        take(content)
    assert code in codes(caught.value.result)
    assert contents(owner) == before


def test_arabic_digits_and_direction_marks_are_read(database: URL) -> None:
    done = take(
        rows("\u200fA١;\u202bأمينة بن علي\u202c;\u200e٠٥٥٠١٢٣٤٥٦;العربية;٤;١٢٣٤٥٦;"),
        load_mapping(TEMPLATE_ARABIC),
    )
    assert done.landed == 1
    with offices.transaction("dz") as session:
        (account,) = personal.numbers(
            session, session.scalars(select(PaymentAccount.id)).all()
        ).values()
        (person,) = session.scalars(select(Person)).all()
        assert account == "+213550123456"
        assert personal.name_of(session, person.id) == "أمينة بن علي"
        assert personal.factor_matches(session, person.id, "3456") is True
        assert personal.factor_matches(session, person.id, "٣٤٥٦") is True
        assert personal.factor_matches(session, person.id, "3457") is False


TEMPLATE_ARABIC = """
source: oran
columns: {source_id: Registration number, name: Name, phone: Phone, language: Language, size: Household size,
  document: Document number}
"""


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", EmptyFile),
        (b"\n \n", EmptyFile),
        (HEADER.encode(), UnusableFile),
        (b"Name;Name\na;b\n", UnusableHeader),
        (b"PK\x03\x04 not a workbook", UnusableFile),
        (b"Name;Phone\n" + bytes(range(256)) * 50, UnusableFile),
    ],
)
def test_a_file_that_cannot_be_read_leaves_nothing(
    database: URL, owner: Engine, content: bytes, kind: type[Exception]
) -> None:
    before = contents(owner)
    with pytest.raises(kind):
        take(content)
    assert contents(owner) == before


def test_a_dry_run_tells_everything_and_changes_nothing(database: URL, owner: Engine) -> None:
    content = rows("A1;Amina;0550123456;fr;4;;", "A2;Sara;0550123456;fr;3;;", "A3;Lina;12;fr;3;;")
    before = contents(owner)
    tried = take(content, dry_run=True)
    assert contents(owner) == before
    done = take(content)
    assert (tried.landed, tried.rejected, tried.flags) == (done.landed, done.rejected, done.flags)
    assert (done.landed, done.rejected, done.flags["shared_phone"]) == (2, 1, 1)
    assert tried.import_id is None


def test_identical_imports_at_once_land_everyone_once(database: URL) -> None:
    content = everyone(400)
    start = threading.Barrier(4)
    done: list[ImportResult] = []
    failed: list[BaseException] = []

    def run() -> None:
        start.wait()
        try:
            done.append(take(content))
        except BaseException as error:  # noqa: BLE001 - a thread's failure is the test's
            failed.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert sorted(result.landed for result in done) == [0, 0, 0, 400]
    assert sum(result.repeated for result in done) == 3
    assert len({result.import_id for result in done}) == 1
    with offices.transaction("dz") as session:
        for table, count in ((Household, 400), (Person, 400), (PaymentAccount, 400), (Import, 1)):
            assert session.scalar(select(func.count()).select_from(table)) == count


def test_imports_at_once_do_not_miss_a_telephone_that_they_share(database: URL) -> None:
    start = threading.Barrier(2)
    failed: list[BaseException] = []

    def run(first: int) -> None:
        start.wait()
        try:
            take(everyone(200, first) + f"\nX{first};Shared;0661000000;ar;4;SAME12345;\n".encode())
        except BaseException as error:  # noqa: BLE001 - a thread's failure is the test's
            failed.append(error)

    threads = [threading.Thread(target=run, args=(first,)) for first in (0, 1000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    with offices.transaction("dz") as session:
        assert sorted(session.scalars(select(DuplicateFlag.kind))) == [
            "same_document",
            "shared_phone",
        ]


def test_one_document_in_five_spellings_is_flagged_and_blocks_until_decided(database: URL) -> None:
    spellings = ["AB 12-34.56", "ab123456", "AB/123456", "ＡＢ123456", "AB\u0661\u0662\u0663456"]
    same = [
        f"A{n};Person {'abcde'[n]}x;055012345{n};ar;4;{text};" for n, text in enumerate(spellings)
    ]
    take(rows(*same, "B1;Lone;0661123456;ar;2;ZZ99999;"))
    with offices.transaction("dz") as session:
        (flagged,) = duplicates.list_flags(session, OFFICER)
        assert (flagged.flag.kind, len(flagged.households)) == (Kind.SAME_DOCUMENT, 5)
        assert len(session.scalars(queries.blocked_households()).all()) == 5
        for officer in (OFFICER, replace(OFFICER, id=uuid4())):
            assert len(session.scalars(queries.blocked_households()).all()) == 5
            duplicates.decide(
                session, officer, flagged.flag.id, Decision.DIFFERENT, "Five siblings, one family book."
            )  # fmt: skip
        assert session.scalars(queries.blocked_households()).all() == []
        entry = session.scalars(
            select(AuditEntry).where(AuditEntry.act == "duplicate.decided")
        ).one()
        assert entry.details["decision"] == "different"
    take(rows("A9;Sixth;0661123459;ar;4;ab-12-34-56;"))
    with offices.transaction("dz") as session:
        (again,) = duplicates.list_flags(session, OFFICER)
        assert len(again.households) == 6
        assert len(session.scalars(queries.blocked_households()).all()) == 6
        with pytest.raises(AlreadyDecided):
            duplicates.decide(session, OFFICER, flagged.flag.id, Decision.SAME, "too late")
        duplicates.decide(session, OFFICER, again.flag.id, Decision.SAME, "One person.")
        assert len(session.scalars(queries.blocked_households()).all()) == 6
        with pytest.raises(UnusableDecision):
            duplicates.decide(session, OFFICER, again.flag.id, "perhaps", "seen")
        with pytest.raises(UnknownFlag):
            duplicates.decide(session, OFFICER, uuid4(), Decision.SAME, "seen")


def test_a_shared_telephone_is_flagged_and_does_not_block(database: URL) -> None:
    done = take(rows("A1;Amina;0550123456;fr;4;;", "A2;Sara;+213550123456;fr;3;;"))
    assert done.flags["shared_phone"] == 1
    with offices.transaction("dz") as session:
        assert duplicates.flag(session, done.import_id or uuid4()) == {
            Kind.SHARED_PHONE: 0,
            Kind.SAME_DOCUMENT: 0,
        }
        assert session.scalars(queries.blocked_households()).all() == []


def test_only_those_who_may_import_and_everything_is_in_the_audit_log(database: URL) -> None:
    nobody = Actor("user", uuid4(), "nobody")
    with offices.transaction("dz") as session, pytest.raises(NotPermitted):
        import_file(session, nobody, io.BytesIO(everyone(1)), filename="x.csv")
    first = take(everyone(3))
    take(everyone(3))
    with offices.transaction("dz") as session:
        acts = session.execute(
            select(AuditEntry.act, AuditEntry.subject_id).order_by(AuditEntry.id)
        ).all()
    assert [tuple(row) for row in acts] == [
        ("registry.imported", str(first.import_id)), ("registry.import_repeated", str(first.import_id)),
    ]  # fmt: skip


def test_a_number_altered_in_the_database_is_not_given_out(database: URL, owner: Engine) -> None:
    take(everyone(2))
    with owner.begin() as connection:
        one = connection.scalar(text("SELECT id FROM payment_accounts LIMIT 1"))
        altered = text(
            "UPDATE payment_accounts SET value_index = decode('00', 'hex') WHERE id = :one"
        )
        connection.execute(altered, {"one": one})
    with offices.transaction("dz") as session:
        accounts = session.scalars(select(PaymentAccount.id)).all()
        assert len(personal.numbers(session, accounts)) == 1


def test_destroying_a_persons_key_erases_the_person(database: URL) -> None:
    take(everyone(1))
    with offices.transaction("dz") as session:
        (person,) = session.scalars(select(Person)).all()
        session.execute(text("UPDATE persons SET data_key = NULL"))
        with pytest.raises(personal.UnknownPerson):
            personal.name_of(session, person.id)
        assert personal.numbers(session, session.scalars(select(PaymentAccount.id)).all()) == {}


def test_the_application_cannot_change_what_was_registered(database: URL) -> None:
    take(everyone(1))
    for change in (
        "households SET source_id = 'x'",
        "persons SET registered_in = NULL",
        "rejected_rows SET line = 1",
    ):
        with (
            offices.transaction("dz") as session,
            pytest.raises(ProgrammingError, match="permission denied"),
        ):
            session.execute(text(f"UPDATE {change}"))


def test_a_refused_list_can_still_be_given_back_with_its_reasons(
    database: URL, tmp_path: Path
) -> None:
    content = rows("A1;Amina;2.13551E+11;fr;4;;")
    with pytest.raises(NothingUsable) as caught:
        take(content)
    target = tmp_path / "report.xlsx"
    write_report(caught.value.result, io.BytesIO(content), target)
    told = str(list(load_workbook(target)["List"].values)[1])
    assert "spreadsheet has shortened" in told
    assert "as Text" in told


def test_over_http_a_list_comes_in_and_people_stay_masked(database: URL) -> None:
    app = create_app()
    officer = Caller(app, token_for(make_user("officer", Role.REGISTRATION_OFFICER)))
    content = rows(
        "A1;Amina Benali;0550123456;fr;4;;", "A2;Sara;+213550123456;fr;3;;", "A3;Lina;12;fr;3;;"
    )
    files = {"file": ("list.csv", content, "text/csv")}
    tried = officer.post("/registry/imports", files=files, data={"dry_run": "true"})
    assert (tried.status_code, tried.json()["landed"], tried.json()["import_id"]) == (200, 2, None)
    done = officer.post("/registry/imports", files=files)
    assert (done.status_code, done.json()["landed"], done.json()["flags"]["shared_phone"]) == (
        201,
        2,
        1,
    )
    assert done.json()["rows"][0]["line"] == 4
    again = officer.post("/registry/imports", files=files)
    assert (again.status_code, again.json()["repeated"]) == (200, True)
    shown = officer.get(f"/registry/imports/{done.json()['import_id']}").json()
    assert (shown["total"], shown["rejected"], shown["filename"]) == (3, 1, "list.csv")
    first = officer.get("/households", params={"limit": 1}).json()
    second = officer.get("/households", params={"limit": 1, "cursor": first["next_cursor"]}).json()
    people = [*first["items"], *second["items"]]
    assert {person["recipient"] for person in people} == {"A. B.", "S."}
    assert {person["phone"] for person in people} == {"••••••••••56"}
    assert "Benali" not in str(people)
    (flag,) = officer.get("/registry/duplicates").json()["items"]
    assert len(flag["households"]) == 2
    said = {"decision": "different", "reason": "Neighbours who share a telephone."}
    decided = officer.post(f"/registry/duplicates/{flag['id']}/decide", said)
    assert decided.json()["decision"] == "different"
    assert officer.post(f"/registry/duplicates/{flag['id']}/decide", said).status_code == 409
    assert officer.get("/registry/duplicates").json()["items"] == []


def test_over_http_a_bad_list_or_mapping_is_refused_with_its_code(database: URL) -> None:
    app = create_app()
    officer = Caller(app, token_for(make_user("officer", Role.REGISTRATION_OFFICER)))
    auditor = Caller(app, token_for(make_user("auditor", Role.AUDITOR)))
    empty = {"file": ("list.csv", b"", "text/csv")}
    assert officer.post("/registry/imports", files=empty).json()["code"] == "registry.empty_file"
    files = {"file": ("list.csv", everyone(1), "text/csv")}
    bad = officer.post(
        "/registry/imports", files=files, data={"mapping": "source: X!\ncolumns: {}"}
    ).json()
    assert bad["code"] == "registry.unusable_mapping"
    assert bad["details"]["problems"][0]["line"] == 1
    assert auditor.post("/registry/imports", files=files).status_code == 403
    assert auditor.get(f"/registry/imports/{uuid4()}").json()["code"] == "registry.unknown_import"


TWO_PARTS = """
source: ngo-list
region: DZ
delimiter: ";"
dates: day-first
columns:
  source_id: Expediente
  name: {column: [Nombre, Apellidos]}
  phone: Móvil
  size: Nº miembros
  born_on: {column: Nacimiento, required: false}
  word: Palabra
"""


def test_a_name_in_two_columns_is_read_by_a_mapping_file_alone_and_corrected_whole(
    database: URL,
) -> None:
    list_ = (
        "Expediente;Nombre;Apellidos;Móvil;Nº miembros;Nacimiento;Palabra\n"
        "ES-01;Ana;García Ruiz;٠٥٥٠٧٧٧١٢٣;٤;03/02/1988;limón\n"
        "ES-02;Fátima;El Amrani;+213 550 77 71 24;x;;uva\n"
        "ES-03;Zohra;;0550777125;2;;uva\n"
    )
    result = take(list_.encode(), TWO_PARTS)
    assert (result.landed, result.rejected) == (2, 1)
    with offices.transaction("dz") as session:
        row = session.scalars(select(RejectedRow)).one()
        done = correct(session, OFFICER, row.id, {"name": "Fatima Amrani", "size": "3"})
        assert done.ending is Ending.LANDED
        found = session.execute(
            select(Household.source_id, Person).join(Person, Person.household_id == Household.id)
        )
        people = dict(found.all())
        clear = personal.in_clear(session, list(people.values()))
        assert {number: clear[person.id].name for number, person in people.items()} == {
            "ES-01": "Ana García Ruiz", "ES-02": "Fatima Amrani", "ES-03": "Zohra",
        }  # fmt: skip
    with pytest.raises(MissingColumns, match="Apellidos"):
        take(list_.replace("Apellidos", "Otros").encode(), TWO_PARTS)
    with pytest.raises(UnusableMapping, match="Only a name"):
        load_mapping(TWO_PARTS.replace("phone: Móvil", "phone: {column: [Móvil, Otro]}"))


def test_a_first_list_is_searched_at_once_though_one_was_tried_and_undone_a_minute_ago(
    database: URL, owner: Engine
) -> None:
    """Statistics then know of pages without a row, by which whole tables would be read for each row of each other."""
    forget = text(
        "UPDATE pg_class SET relpages = 30, reltuples = 0"
        " WHERE oid = ANY(CAST('{households,persons,payment_accounts}' AS regclass[]))"
    )
    with owner.begin() as connection:
        connection.execute(forget)
    twins = everyone(900) + b"\nTWIN;Twin Test;0550000007;ar;4;D9999999;"
    with offices.transaction("dz") as session:
        session.execute(text("SET LOCAL statement_timeout = '30s'"))
        import_file(session, OFFICER, io.BytesIO(twins), filename="list.csv", mapping=TEMPLATE)
        assert session.scalar(select(func.count()).select_from(DuplicateFlag)) == 1
