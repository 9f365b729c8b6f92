"""One day in a made-up office: from a spreadsheet of households to reconciled cash, as the people there would do it."""

import sys
from pathlib import Path

from cbi import clock, jobs, offices
from cbi.demo import people
from cbi.demo.post_office import PostOffice
from cbi.demo.staff import Colleague, hire
from cbi.ledger import funds
from cbi.ledger.queries import fund_positions
from cbi.messaging.phones import phones
from cbi.money import Money
from cbi.payments import approval, dispatch, queries, runs
from cbi.payments.models import PaymentRun
from cbi.programmes import applying, budget, cycles
from cbi.proofs.verify import PROMISES, verify
from cbi.queue import prepare
from cbi.reconciliation import matching, statements
from cbi.reconciliation.queries import summary
from cbi.registry import duplicates, importing, reports
from cbi.registry.results import ImportResult
from cbi.settings import settings
from cbi.terminal.deployment import print_verdicts
from cbi.terminal.money import print_positions
from cbi.terminal.output import progress, say
from cbi.terminal.registry import print_import
from cbi.terminal.runs import print_sheet, print_totals
from cbi.terminal.statements import print_discrepancies

OFFICE = "wadi"

PROGRAMME = """\
programme:
  code: winter
  name: Winter stipend
  kind: stipend
  languages: [ar, fr, en]
fund:
  code: harbour-fund
  name: Harbour Cities Fund
  amount: "20000000.00"
  valid_from: {year}-01-01
  valid_to: {year}-12-31
currency: DZD
stipend:
  base: "2000.00"
  per_member: "1500.00"
  cap: "12000.00"
schedule:
  every: month
  first: {year}-01
  last: {year}-12
delivery:
  provider: post_office
  mechanism: cash_over_counter
"""


class Day:
    """The office, who works in it, and what they have in hand."""

    def __init__(self, folder: Path, households: int) -> None:
        self.folder = folder
        self.people = people.households(households)
        self.staff: dict[str, Colleague] = {}
        self.post = PostOffice(OFFICE)
        self.period = f"{clock.now():%Y-%m}"

    def open_office(self) -> None:
        offices.create(
            OFFICE, currency="DZD", timezone="Africa/Algiers", languages=("ar", "fr", "en"), region="DZ",
            hotline="3030", is_demo=True,
        )  # fmt: skip
        prepare()
        with offices.transaction(OFFICE) as session:
            self.staff = hire(session)
        with offices.transaction(OFFICE) as session:
            self.post.open_counters(session, self.staff["sami"].actor)

    def register(self) -> ImportResult:
        workbook = self.folder / "households.xlsx"
        people.write(self.people, workbook)
        with (
            progress("registering", len(self.people)) as bar,
            offices.transaction(OFFICE) as session,
        ):
            result = importing.import_file(
                session,
                self.staff["rania"].actor,
                workbook,
                filename=workbook.name,
                progress=bar.advance,
            )
        reports.write_report(result, workbook, self.folder / "households-report.xlsx")
        return result

    def fund(self) -> None:
        treasurer = self.staff["tala"].actor
        programme = PROGRAMME.format(year=clock.now().year)
        (self.folder / "programme.yaml").write_text(programme)
        with offices.transaction(OFFICE) as session:
            applying.apply(session, self.staff["marc"].actor, programme)
            million = Money(100_000_000, "DZD")
            funds.receive(session, treasurer, "harbour-fund", million * 15, "BANK-0117")
            budget.allocate(session, treasurer, "winter", "10000000.00", "MEMO-7")
            funds.prefund(session, treasurer, "post_office", million * 8, "TRANSFER-55")

    def approve(self) -> PaymentRun:
        manager, certifier, authoriser = (self.staff[name] for name in ("marc", "amina", "karim"))
        with offices.transaction(OFFICE) as session:
            opened = cycles.open_cycle(session, manager.actor, "winter", self.period)
            run = runs.build(session, manager.actor, opened.id)
            runs.lock(session, manager.actor, run.id)
        with offices.transaction(OFFICE) as session:
            approval.certify(session, certifier.actor, run.id, certifier.one_time_code())
        with offices.transaction(OFFICE) as session:
            print_sheet(queries.sheet(session, run.id))
            return approval.authorise(session, authoriser.actor, run.id, authoriser.one_time_code())

    def pay(self, run: PaymentRun) -> None:
        with offices.transaction(OFFICE) as session:
            dispatch.begin_release(session, self.staff["karim"].actor, run.id)
        with progress("handing over", run.payment_count) as bar:
            jobs.release(OFFICE, run.id, bar.advance)
        with progress("texting codes", run.payment_count) as bar:
            jobs.hand_over(OFFICE, bar.advance)
        with progress("paying at the counters", len(self.people)) as bar:
            paid = self.post.pay(self.people, phones(settings()), "+213", bar.advance)
        jobs.hand_over(OFFICE)
        say(f"{paid} people were paid at three post offices, each with a text that says how much.")

    def reconcile(self) -> None:
        settlement = self.post.settlement()
        (self.folder / "settlement.csv").write_bytes(settlement)
        treasurer = self.staff["tala"].actor
        with offices.transaction(OFFICE) as session:
            statements.take_in(session, treasurer, "post_office", settlement, "settlement.csv")
            done = matching.reconcile(session, treasurer, "post_office")
        say(
            f"{done.matched} of {done.lines} lines settle a payment; {done.opened} discrepancies are open."
        )

    def report(self, run: PaymentRun) -> None:
        auditor = self.staff["ada"].actor
        jobs.seal(OFFICE)
        with offices.transaction(OFFICE) as session:
            print_totals(queries.state_totals(session, run.id))
            print_discrepancies(summary(session, auditor, "post_office"))
            print_positions(fund_positions(session))
        with offices.transaction(OFFICE) as session, progress("proving", len(PROMISES)) as bar:
            verdicts = verify(session, lambda _: bar.advance(1))
        print_verdicts(verdicts)
        if any(verdict.breaches for verdict in verdicts):
            raise SystemExit(1)

    def introduce(self) -> None:
        say(
            "\n[bold]Who works here[/bold] (made up for this demonstration): user, password, authenticator secret"
        )
        for colleague in self.staff.values():
            say(
                f"  {colleague.part:22} {colleague.username} {colleague.password} {colleague.secret}"
            )
        for name, password in self.post.passwords.items():
            say(f"  {'teller':22} {name} {password}")
        say(f"The list, its report, the programme and the settlement are in {self.folder}.")
        number = f"+213{self.people[1].phone[1:]}"
        say(
            f"A recipient's telephone: CBI_DATA_DIR={self.folder} {Path(sys.argv[0])} phone {number}"
        )


def run(folder: Path, households: int) -> str:
    """Live through the day, print what a finance officer would want to see, and return the office's code."""
    day = Day(folder, households)
    say("[bold]1. An office opens[/bold]: its books, its people, three post offices.")
    day.open_office()
    say("[bold]2. Registration[/bold]: a spreadsheet as it comes from the field.")
    imported = day.register()
    print_import(imported)
    with offices.transaction(OFFICE) as session:
        open_flags = duplicates.list_flags(session, day.staff["rania"].actor)
    say(
        f"{len(open_flags)} flags wait for a person: telephones and documents that households share."
    )
    say(
        "[bold]3. Money[/bold]: a programme, a donor's grant, a budget, a deposit at the post office."
    )
    day.fund()
    say(
        "[bold]4. Approval[/bold]: built and locked by one, certified and authorised by two others."
    )
    approved = day.approve()
    say("[bold]5. Payment[/bold]: codes to telephones, cash over the counter.")
    day.pay(approved)
    say("[bold]6. Reconciliation[/bold]: the post office's own list against our books.")
    day.reconcile()
    day.report(approved)
    day.introduce()
    return OFFICE
