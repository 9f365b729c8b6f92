"""An office of eight made-up households, registered over HTTP and released to codes on their telephones."""

import re
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

from fastapi import FastAPI
from sqlalchemy import select

from cbi import clock, jobs, offices
from cbi.access.permissions import Role
from cbi.messaging.phones import phones
from cbi.payments.models import Payment
from cbi.payments.sending import dispatch
from cbi.registry.intake import importing, reports
from cbi.registry.models import Household
from cbi.settings import settings
from tests.factories import EVERYTHING, START, approved_run, funded_programme, team
from tests.flow.people import make_user, token_for
from tests.flow.searching import (
    Overheard,
    Trap,
    workbook,
)
from tests.redemption_factory import OPEN

FIRST_NAMES = (
    "Zephyrine", "Ottokar", "Wilhelmina", "Balthazar", "Xanthippe", "Thaddeus", "Quirina", "Ignatius"
)  # fmt: skip
SURNAME, SPOILED = "Quillfeather", "Mnemosyne Thistlewick"
SPOILED_PHONE, SPOILED_DOCUMENT = "055XQJ8700", "QQ5550WW9J"


@dataclass
class Recipient:
    """Somebody made up, with a telephone on which codes arrive."""

    at: int
    payment: UUID = field(default_factory=uuid4)
    seen: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"{FIRST_NAMES[self.at]} {SURNAME}"

    @property
    def phone(self) -> str:
        return f"+21355570{self.at}46{self.at}"

    @property
    def document(self) -> str:
        return f"PX90{self.at}T4Z{self.at}K"

    def look(self) -> str:
        """The newest code on the telephone, dotted; every code ever seen there is remembered."""
        for message in phones(settings()).inbox(self.phone):
            self.seen += re.findall(r"\d{4}\.\d{4}\.\d{4}", message.body)
        return self.seen[-1]


@dataclass
class Day:
    """What happened in one office, and everything it left behind outside the database."""

    app: FastAPI
    people: list[Recipient]
    run_id: UUID
    trap: Trap
    report: str
    answers: list[str] = field(default_factory=list)

    def caller(self, token: str | None = None) -> Overheard:
        """Somebody at the HTTP door whose answers are kept."""
        return Overheard(self.app, token, self.answers)

    def staff(self, role: Role) -> Overheard:
        """A member of staff."""
        return self.caller(token_for(make_user(f"{role.value}.{uuid4().hex[:6]}", role)))

    def codes(self) -> set[str]:
        """Every code that any telephone ever showed."""
        for person in self.people:
            person.look()
        return {code for person in self.people for code in person.seen}


def registration_list() -> bytes:
    """Eight households, and a ninth whose telephone has letters in it."""
    rows = ["Registration number,Name,Phone,Language,Household size,Document type,Document number"]
    for at in range(len(FIRST_NAMES)):
        who = Recipient(at)
        language = ("ar", "fr", "en")[at % 3]
        rows.append(f"R-{at},{who.name},{who.phone},{language},4,passport,{who.document}")
    rows.append(f"R-9,{SPOILED},{SPOILED_PHONE},ar,4,passport,{SPOILED_DOCUMENT}")
    return "\n".join(rows).encode()


def register(app: FastAPI, folder: Path, answers: list[str]) -> str:
    """The list comes in over HTTP; returns the report on it that the officer is given."""
    officer = token_for(make_user("rania", Role.REGISTRATION_OFFICER))
    answer = Overheard(app, officer, answers).ask(
        "POST", "/api/v1/registry/imports", {"Idempotency-Key": "list"},
        files={"file": ("households.csv", registration_list())},
    )  # fmt: skip
    assert (answer.json()["landed"], answer.json()["rejected"]) == (8, 1), answer.text
    source, report = folder / "households.csv", folder / "report.xlsx"
    source.write_bytes(registration_list())
    with offices.transaction("dz") as session:
        result = importing.import_file(
            session, EVERYTHING, source, filename=source.name, dry_run=True
        )
    reports.write_report(result, source, report)
    return workbook(report)


def release() -> UUID:
    """A run approved and released to codes, which reach the telephones."""
    with clock.frozen(START), offices.transaction("dz") as session:
        people = team(session)
        run = approved_run(session, people, funded_programme(session))
    with clock.frozen(START + timedelta(hours=1)), offices.transaction("dz") as session:
        dispatch.begin_release(session, people.authoriser.actor, run.id)
    with clock.frozen(OPEN):
        assert jobs.release("dz", run.id).payments == len(FIRST_NAMES)
        assert jobs.hand_over("dz") == len(FIRST_NAMES)
    return run.id


def recipients() -> list[Recipient]:
    """Whose payment is whose, in the order of the list."""
    with offices.transaction("dz") as session:
        found = session.execute(
            select(Household.source_id, Payment.id)
            .join(Payment, Payment.household_id == Household.id)
            .order_by(Household.source_id)
        ).all()
    return [Recipient(at, payment_id) for at, (_, payment_id) in enumerate(found)]
