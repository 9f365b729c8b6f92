"""The whole flow on a real list: 999 households in Kenya, from somebody else's columns to reconciled cash."""

import csv
import io
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import URL, func, select
from sqlalchemy.orm import Session

from cbi import clock, jobs, offices
from cbi.access.actor import Actor
from cbi.access.permissions import Role
from cbi.ledger import funds
from cbi.ledger.queries import fund_positions
from cbi.messaging.phones import Phones, phones
from cbi.money import Money
from cbi.payments.models import Discrepancy
from cbi.payments.runs import queries
from cbi.payments.sending import dispatch
from cbi.payments.signing import approval
from cbi.payments.states import RunState
from cbi.programmes import applying, budget
from cbi.proofs.verify import PROMISES, verify
from cbi.reconciliation import matching, statements
from cbi.redemption import counter, counters, tellers
from cbi.redemption.holding import Authorised
from cbi.registry import duplicates, numbers
from cbi.registry.intake import importing
from cbi.registry.intake.mapping_files import load_mapping
from cbi.registry.linkage import deciding, finding
from cbi.registry.linkage.models import PairState
from cbi.registry.linkage.queries import open_pairs
from cbi.registry.linkage.telling import sentence
from cbi.settings import settings
from tests.factories import START, colleague, locked_run, look, team

OFFICE, HOUSEHOLDS, TELLERS = "ke", 999, 4
NAIROBI = ZoneInfo("Africa/Nairobi")
TOTAL = Money.parse("3955000.00", "KES")

MAPPING = """
source: kenya-households
region: KE
delimiter: ";"
columns:
  source_id: {column: nationalId, keyed: true}
  name: fullName
  phone: phoneNumber
  language: preferredLanguage
  size: totalHHSize
  area: village
  sex: gender
  age: age
  document: nationalId
"""

PROGRAMME = """
programme: {{code: kisumu, name: Kisumu stipend, kind: stipend, languages: [en]}}
fund: {{code: ke-fund, name: Kenya fund, amount: "5000000.00", valid_from: {year}-01-01, valid_to: {after}-12-31}}
currency: KES
stipend: {{base: "0", per_member: "1000.00"}}
schedule: {{every: month, first: {year}-01, last: {after}-12}}
delivery: {{provider: post_office, mechanism: cash_over_counter}}
"""


class Recipient(NamedTuple):
    """What somebody brings to the counter: a telephone, and the document they registered with."""

    phone: str
    document: str


class Handed(NamedTuple):
    """A receipt as the teller's printer wrote it. The post office knows nothing else."""

    office: str
    receipt: str
    amount: str
    currency: str


@dataclass(frozen=True)
class Counter:
    """A teller at a post office: sees a telephone and a document, and never the engine's tables."""

    teller: Actor
    telephones: Phones
    at: datetime

    def pay(self, people: Sequence[Recipient]) -> list[Handed]:
        """Pay each who comes, one after the other."""
        with clock.frozen(self.at):
            return [self._pay(person) for person in people]

    def _pay(self, person: Recipient) -> Handed:
        texts = " ".join(text.body for text in self.telephones.inbox(person.phone))
        for code in re.findall(r"\d{4}\.\d{4}\.\d{4}", texts):
            paid = offices.transact(
                OFFICE,
                lambda session, code=code: self._redeem(session, code, person),  # type: ignore[misc]
            )
            if paid:
                return Handed(paid.office, paid.receipt, paid.amount.decimal, paid.amount.currency)
        pytest.fail("somebody with a telephone and a document was not paid")

    def _redeem(self, session: Session, code: str, person: Recipient) -> counter.Receipt | None:
        """Check and pay at once; None for the code of whoever shares the telephone."""
        held = counter.authorise(session, self.teller, code=code, factor=person.document[-4:])
        if isinstance(held, Authorised):
            return counter.confirm(session, self.teller, held.authorisation_id)
        return None


def settlement(receipts: Sequence[Handed], day: str) -> bytes:
    """The post office's list of a day, from its receipts alone; amounts are added up as whole shillings."""
    out = io.StringIO()
    sheet = csv.writer(out, delimiter=";", lineterminator="\r\n")
    sheet.writerow(["date", "office", "receipt", "amount", "currency"])
    sheet.writerows([day, each.office, each.receipt, each.amount, "KES"] for each in receipts)
    whole = sum(int(each.amount.removesuffix(".00")) for each in receipts)
    sheet.writerow(["TOTAL", len(receipts), "", f"{whole}.00", "KES"])
    return out.getvalue().encode()


def open_office() -> None:
    """The office in Nairobi, beside the one that every test database has."""
    offices.create(
        OFFICE, currency="KES", timezone="Africa/Nairobi", languages=("en",), hotline="0800720000"
    )


def open_counters() -> list[Actor]:
    """Post offices with a teller each."""
    with offices.transaction(OFFICE) as session:
        supervisor = colleague(session, Role.TELLER_SUPERVISOR).actor
        found = []
        for number in range(1, TELLERS + 1):
            place = counters.create_office(
                session, supervisor, provider="post_office", code=f"KSM-{number}", name=f"Kisumu {number}"
            )  # fmt: skip
            teller = counters.create_teller(
                session, supervisor, office_id=place.id, username=f"teller-{number}", full_name="A Teller",
                password="lanterns on the lake",
            )  # fmt: skip
            actor = tellers.actor_of_teller(session, teller.id)
            assert actor is not None
            found.append(actor)
        return found


def register(file: Path) -> None:
    """The list lands whole, and two telephones that two people each share are shown to somebody."""
    with offices.transaction(OFFICE) as session:
        officer = colleague(session, Role.REGISTRATION_OFFICER).actor
        result = importing.import_file(
            session, officer, file, filename=file.name, mapping=load_mapping(MAPPING)
        )
        flags = duplicates.list_flags(session, officer)
    assert (result.landed, result.rejected, result.people) == (HOUSEHOLDS, 0, HOUSEHOLDS)
    assert [flag.flag.kind for flag in flags] == ["shared_phone", "shared_phone"]
    assert [len(flag.households) for flag in flags] == [2, 2]


def tell_namesakes_apart() -> None:
    """Two of them have the same name, sex and age: somebody who registered neither looks before they are paid."""
    with offices.transaction(OFFICE) as session:
        assert finding.catch_up(session).people == HOUSEHOLDS
        [pair] = session.scalars(open_pairs())
        assert sentence(pair.levels) == (
            "the same name; only a year or an age is known, and it agrees; the same sex; another place, and no telephone"
            " in common; another document of the same kind"
        )
        officer = colleague(session, Role.REGISTRATION_OFFICER).actor
        met = deciding.say(session, officer, pair.id, "different", "Met both of them")
        assert met.state is PairState.DIFFERENT


def approve() -> UUID:
    """Funds, a cycle, a run of exactly what is owed, and two signatures; returns the run."""
    with clock.frozen(START), offices.transaction(OFFICE) as session:
        treasurer, people = colleague(session, Role.TREASURER).actor, team(session)
        year = START.astimezone(NAIROBI).year
        applying.apply(
            session, people.maker.actor, PROGRAMME.format(year=year, after=year + 1)
        )  # fmt: skip
        funds.receive(session, treasurer, "ke-fund", Money.parse("4000000", "KES"), "BANK-1")
        budget.allocate(session, treasurer, "kisumu", "3955000.00", "MEMO-1")
        funds.prefund(session, treasurer, "post_office", TOTAL, "TRANSFER-1")
        run = locked_run(session, people, "kisumu", f"{START.astimezone(NAIROBI):%Y-%m}")
        assert (run.payment_count, run.total_minor) == (HOUSEHOLDS, TOTAL.minor)
        assert run.state is RunState.LOCKED
        look(session, run, people)
    for sign, signer in (
        (approval.certify, people.certifier),
        (approval.authorise, people.authoriser),
    ):
        with clock.frozen(START + timedelta(minutes=5)), offices.transaction(OFFICE) as session:
            sign(session, signer.actor, run.id, signer.code())
    with clock.frozen(START + timedelta(hours=1)), offices.transaction(OFFICE) as session:
        dispatch.begin_release(session, people.authoriser.actor, run.id)
    return run.id


def release(run_id: UUID) -> Phones:
    """Every payment gets a code, and every code reaches a telephone."""
    with clock.frozen(START + timedelta(hours=1)):
        assert jobs.release(OFFICE, run_id).payments == HOUSEHOLDS
        assert jobs.release(OFFICE, run_id).payments == 0
        assert jobs.hand_over(OFFICE) == HOUSEHOLDS
        assert jobs.hand_over(OFFICE) == 0
    return phones(settings())


def recipients(file: Path) -> list[Recipient]:
    """Who will come, as the world knows them: from the list itself, not from our tables."""
    with file.open(encoding="utf-8-sig", newline="") as rows:
        return [
            # One number is a placeholder that no network knows; it means what registration made of it.
            Recipient(numbers.phone(row["phoneNumber"], "KE")[0], row["nationalId"])
            for row in csv.DictReader(rows, delimiter=";")
        ]


def redeem(people: Sequence[Recipient], who: Sequence[Actor], telephones: Phones) -> list[Handed]:
    """Everybody comes to one of the counters; all of them pay at the same time."""
    at = START + timedelta(days=1)
    desks = [Counter(teller, telephones, at) for teller in who]
    queues = [people[number :: len(desks)] for number in range(len(desks))]
    with ThreadPoolExecutor(len(desks)) as pool:
        paid = pool.map(lambda desk, queue: desk.pay(queue), desks, queues)
        receipts = [receipt for each in paid for receipt in each]
    with clock.frozen(at):
        assert jobs.hand_over(OFFICE) == HOUSEHOLDS  # each is told what they were paid
    return receipts


def test_999_kenyan_households_are_paid_3_955_000_shillings_to_the_last_one(
    database: URL, shared_data: Path
) -> None:
    file = shared_data / "registrations" / "kenya-households-999.csv"
    open_office()
    register(file)
    tell_namesakes_apart()
    run_id = approve()
    telephones = release(run_id)
    receipts = redeem(recipients(file), open_counters(), telephones)
    assert len({each.receipt for each in receipts}) == HOUSEHOLDS

    day = START + timedelta(days=2)
    with clock.frozen(day), offices.transaction(OFFICE) as session:
        treasurer = colleague(session, Role.TREASURER).actor
        sheet = settlement(receipts, f"{START + timedelta(days=1):%Y-%m-%d}")
        taken = statements.take_in(session, treasurer, "post_office", sheet, "kisumu.csv")
        done = matching.reconcile(session, treasurer, "post_office")
    assert (taken.new_lines, taken.total) == (HOUSEHOLDS, TOTAL)
    assert (done.lines, done.matched, done.opened) == (HOUSEHOLDS, HOUSEHOLDS, 0)

    with clock.frozen(day):
        while jobs.seal(OFFICE):
            pass
    with offices.transaction(OFFICE) as session:
        assert session.scalar(select(func.count()).select_from(Discrepancy)) == 0
        [paid] = queries.state_totals(session, run_id)
        assert (paid.state, paid.payments, paid.total) == ("paid", HOUSEHOLDS, TOTAL)
        [position] = fund_positions(session)
        assert position.delivered == TOTAL
        nothing = Money.zero("KES")
        assert {position.committed, position.in_transit, position.awaiting} == {nothing}
        assert (position.available, position.unallocated) == (nothing, Money.parse("45000", "KES"))
    with offices.transaction(OFFICE) as session:
        verdicts = verify(session)
    assert [verdict.promise.number for verdict in verdicts if verdict.kept] == [
        promise.number for promise in PROMISES
    ], [verdict.breaches for verdict in verdicts]
