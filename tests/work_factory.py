"""Cash for work in tests: a programme, people who work, and sheets filled in as the field does."""

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

from openpyxl import load_workbook
from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access import roles, totp, users
from cbi.access.models import User
from cbi.access.permissions import Role
from cbi.ledger import funds
from cbi.money import Money
from cbi.offices import office_of
from cbi.programmes import (
    applying,
    budget,
    work_arranging,
    work_entering,
    work_sheets,
    work_signing,
)
from cbi.programmes.work_arranging import Place
from cbi.programmes.work_models import Basis, WorkGroup, WorkSheet
from cbi.programmes.work_people import Named
from cbi.programmes.work_results import Entered
from cbi.registry.intake.facts import PersonFacts
from cbi.registry.models import Household, Person, Sex
from cbi.registry.personal import Sealer
from tests.factories import EVERYTHING, Colleague, households

CODE = "roads-2026"
NOW = datetime(2026, 2, 10, 9, 0, tzinfo=UTC)
"""When most stories are told: January's work is done."""
JANUARY = (date(2026, 1, 5), date(2026, 6, 30))

FILE = """
programme: {{code: {code}, name: Road repair, kind: cash_for_work, languages: [ar, fr, en]}}
fund: {{code: work-26, name: Work fund, amount: "9000000.00", valid_from: 2026-01-01, valid_to: 2027-12-31}}
currency: DZD
work: {work}
schedule: {{every: month, first: 2026-01, last: 2026-12}}
delivery: {{provider: post_office, mechanism: cash_over_counter}}
"""
WORK = """
  day_rate: "1200.00"
  minimum_wage: "900.00"
  max_days: 20
  pieces:
    - {code: mask, name: Cloth mask, unit: piece, rate: "15.00", per_day: 60}
    - {code: gown, name: Gown, unit: piece, rate: "90.00"}
"""


@dataclass
class Site:
    """An activity with one group, and who may do what there."""

    group: WorkGroup
    numbers: list[str]
    clerk: Colleague
    supervisor: Colleague
    other: Colleague

    def named(self, place: int) -> Named:
        """The worker in that place of the list."""
        return Named(self.numbers[place])


def supervisor(session: Session, full_name: str, username: str) -> Colleague:
    """A member of staff of that name who may sign sheets, and signs in nowhere."""
    user = User(
        username=username, full_name=full_name, password_hash="none", created_at=clock.now()
    )  # a password takes longer to hash than a sheet to read
    session.add(user)
    session.flush()
    roles.give_first_roles(session, EVERYTHING, [Role.WORK_SUPERVISOR], None, user_id=user.id)
    return Colleague(users.actor_of_user(session, user.id), totp.enrol(session, user.id))


def programme(session: Session, *, code: str = CODE, work: str = WORK) -> str:
    """A programme of cash for work, with money."""
    applying.apply(session, EVERYTHING, FILE.format(code=code, work=work))
    funds.receive(session, EVERYTHING, "work-26", Money.parse("3000000.00", "DZD"), "BANK-1")
    budget.allocate(session, EVERYTHING, code, "1000000.00", f"MEMO-{code}")
    return code


def site(
    session: Session,
    *,
    workers: int = 3,
    code: str = "well",
    basis: Basis = Basis.DAYS,
    numbers: Sequence[str] | None = None,
    joined_on: date = date(2026, 1, 5),
) -> Site:
    """An activity in the programme, a group in it, and people in the group."""
    clerk = supervisor(session, "Clara Clerk", f"clerk-{code}")
    signer = supervisor(session, "Sofia Signer", f"signer-{code}")
    other = supervisor(session, "Omar Other", f"other-{code}")
    place = Place(f"The {code}", "Harbour", basis, *JANUARY)
    work_arranging.add_activity(session, EVERYTHING, CODE, code, place, f"signer-{code}")
    group = work_arranging.add_group(session, EVERYTHING, CODE, code, "group-a", "Group A")
    people = list(numbers) if numbers is not None else households(session, [4] * workers)
    work_arranging.join(session, EVERYTHING, group, [Named(number) for number in people], joined_on)
    return Site(group, people, clerk, signer, other)


def sheet_of(
    session: Session, at: Site, *, activity: str = "well", period: str = "2026-01"
) -> WorkSheet:
    """The site's sheet for a period."""
    return work_sheets.make(session, at.clerk.actor, CODE, activity, "group-a", period)


def exported(
    session: Session, at: Site, sheet: WorkSheet, form: str = "xlsx", language: str = "en"
) -> bytes:
    """The sheet as a file."""
    target = io.BytesIO()
    work_sheets.export(session, at.clerk.actor, sheet, target, form=form, language=language)
    return target.getvalue()


Fill = Mapping[str, Mapping[str, object]]
"""By registration number, or number on the sheet, what stands below which heading."""


def filled(content: bytes, cells: Fill, change: Callable[[Any], None] | None = None) -> bytes:
    """The workbook with these cells filled in, and anything else done to its sheet."""
    book = load_workbook(io.BytesIO(content))
    sheet = book["Sheet"]
    headings = {str(cell.value): cell.column or 0 for cell in sheet[1]}
    for row in sheet.iter_rows(min_row=2):
        for heading, value in _wanted(cells, str(row[0].value), str(row[1].value)):
            sheet.cell(row[0].row or 0, headings[heading]).value = value  # type: ignore[assignment]
    if change:
        change(sheet)
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def _wanted(cells: Fill, number: str, registration: str) -> Iterable[tuple[str, object]]:
    return {**cells.get(registration, {}), **cells.get(number, {})}.items()


def filled_csv(content: bytes, cells: Fill) -> bytes:
    """The CSV file with these cells filled in."""
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    for row in rows[1:]:
        for heading, value in _wanted(cells, row[0], row[1]):
            row[rows[0].index(heading)] = "" if value is None else str(value)
    target = io.StringIO()
    csv.writer(target).writerows(rows)
    return target.getvalue().encode("utf-8-sig")


def days(count: int, *, first: int = 5, half: bool = False) -> dict[str, object]:
    """So many whole days from that day of the month on, and half a day more."""
    marks: dict[str, object] = {f"Day {first + at}": 1 for at in range(count)}
    return marks | ({f"Day {first + count}": 0.5} if half else {})


def handed_in(
    session: Session, at: Site, sheet: WorkSheet, cells: Fill, *, reason: str | None = None
) -> Entered:
    """The sheet exported, filled in and taken in by the clerk; as CSV, which takes a tenth of the time."""
    content = filled_csv(exported(session, at, sheet, "csv"), cells)
    return work_entering.take_in(session, at.clerk.actor, io.BytesIO(content), reason=reason)


def signed(session: Session, at: Site, sheet: WorkSheet, cells: Fill) -> None:
    """The same, and signed by the supervisor."""
    handed_in(session, at, sheet, cells)
    work_signing.sign(session, at.supervisor.actor, sheet.id, at.supervisor.code())


def another_person(session: Session, registration: str, name: str = "Second Person") -> str:
    """A second person in a household; returns their name."""
    household = session.scalars(
        select(Household.id).where(Household.source_id == registration)
    ).one()
    person_id = uuid4()
    facts = PersonFacts(name=name, sex=Sex.FEMALE)
    _, columns = Sealer(office_of(session).keys).person(person_id, facts)
    session.add(
        Person(
            id=person_id, household_id=household, is_head=False, is_recipient=False, sex=Sex.FEMALE,
            registered_at=clock.now(), **columns,
        )
    )  # fmt: skip
    session.flush()
    return name
