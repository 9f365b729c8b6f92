"""Last month in the made-up office: registration, money, two signatures, codes and cash, and what the statements say."""

from cbi import clock, jobs, offices
from cbi.demo import mobile_money, people, programme
from cbi.demo.staff import hire
from cbi.demo.town import CURRENCY, OFFICE, Town
from cbi.ledger import funds
from cbi.messaging.phones import phones
from cbi.money import Money
from cbi.offices import office_of
from cbi.payments.models import PaymentRun
from cbi.payments.runs import finding_lists, queries, runs
from cbi.payments.sending import dispatch
from cbi.payments.signing import approval
from cbi.programmes import applying, budget, cycles
from cbi.queue import prepare
from cbi.reconciliation import matching, statements
from cbi.reconciliation.matching import Reconciled
from cbi.registry.intake import importing, reports
from cbi.registry.intake.results import ImportResult
from cbi.settings import settings
from cbi.terminal.output import progress, say
from cbi.terminal.run_sheets import print_sheet


def open_office(town: Town) -> None:
    """The office with its staff, three post offices with their tellers, and the calendar on the wall."""
    offices.create(
        OFFICE, currency=CURRENCY, timezone="Africa/Algiers", languages=("ar", "fr", "en"), region="DZ",
        hotline="3030", is_demo=True,
    )  # fmt: skip
    prepare()
    with offices.transaction(OFFICE) as session:
        town.staff = hire(session)
    with offices.transaction(OFFICE) as session:
        town.post.open_counters(session, town.staff["sami"].actor)
    town.look_at_the_calendar()


def register(town: Town) -> ImportResult:
    """The list as it comes from the field, and a report on it for whoever wrote it."""
    town.handsets.give(town.households)
    result = take_in(town, people.as_it_comes(town.households), "households.xlsx")
    workbook = town.folder / "households.xlsx"
    reports.write_report(result, workbook, town.folder / "households-report.xlsx")
    return result


def take_in(town: Town, rows: list[tuple[str, ...]], filename: str) -> ImportResult:
    """Take a list in as the registration officer does."""
    workbook = town.folder / filename
    people.write(rows, workbook)
    officer = town.staff["rania"].actor
    with progress("registering", len(rows)) as bar, offices.transaction(OFFICE) as session:
        return importing.import_file(
            session, officer, workbook, filename=workbook.name, progress=bar.advance
        )


def fund(town: Town) -> None:
    """A programme, a donor's grant, a budget, and deposits with the two who pay out."""
    text = programme.file(town.months)
    (town.folder / "programme.yaml").write_text(text)
    treasurer, million = town.staff["tala"].actor, Money(100_000_000, CURRENCY)
    with offices.transaction(OFFICE) as session:
        applying.apply(session, town.staff["marc"].actor, text)
        funds.receive(session, treasurer, programme.FUND, million * 15, "BANK-0117")
        budget.allocate(session, treasurer, programme.NAME, "10000000.00", "MEMO-7")
        funds.prefund(session, treasurer, "post_office", million * 7, "TRANSFER-55")
        funds.prefund(session, treasurer, mobile_money.PROVIDER, million, "TRANSFER-56")


def approve(town: Town) -> PaymentRun:
    """The month is opened late; one builds and locks the run, two others sign it."""
    manager, certifier, authoriser = (town.staff[name] for name in ("marc", "amina", "karim"))
    with offices.transaction(OFFICE) as session:
        period = str(town.months.first)
        opened = cycles.open_cycle(session, manager.actor, programme.NAME, period)
        run = runs.build(session, manager.actor, opened.id)
        runs.lock(session, manager.actor, run.id)
    with offices.transaction(OFFICE) as session:
        finding_lists.unusual(session, certifier.actor, run, limit=1)
        approval.certify(session, certifier.actor, run.id, certifier.one_time_code())
    with offices.transaction(OFFICE) as session:
        finding_lists.unusual(session, authoriser.actor, run, limit=1)
        print_sheet(queries.sheet(session, run.id))
        return approval.authorise(session, authoriser.actor, run.id, authoriser.one_time_code())


def pay(town: Town, run: PaymentRun) -> None:
    """Codes go to telephones, people come to the counters, and wallets are filled, but for one."""
    declined, late = town.by_mobile_money[:2]
    mobile_money.plan_trouble(declined.e164, late.e164)
    with offices.transaction(OFFICE) as session:
        dispatch.begin_release(session, town.staff["karim"].actor, run.id)
    with progress("handing over", run.payment_count) as bar:
        jobs.release(OFFICE, run.id, bar.advance)
    with progress("texting codes", run.payment_count) as bar:
        jobs.hand_over(OFFICE, bar.advance)
    now, later = town.at_the_counters()
    town.handsets.waiting = [town.handsets.of(person) for person in later]
    with progress("paying at the counters", len(now)) as bar:
        paid = town.post.pay(now, phones(settings()), bar.advance)
    jobs.poll(OFFICE)
    jobs.hand_over(OFFICE)
    say(
        f"{paid} people were paid at three post offices, each with a text that says how much; "
        f"{len(later)} have not come yet."
    )
    wallets = len(town.by_mobile_money)
    say(
        f"{wallets - 1} of {wallets} got mobile money, one of them only once we had asked; one wallet does not exist."
    )


def reconcile(town: Town) -> None:
    """The lists of post office and operator against our own books."""
    with offices.transaction(OFFICE) as session:
        today = clock.today(office_of(session).timezone)
    for provider, filename, content in (
        ("post_office", "settlement.csv", town.post.settlement(today)),
        (mobile_money.PROVIDER, "settlement.jsonl", mobile_money.settlement(CURRENCY)),
    ):
        (town.folder / filename).write_bytes(content)
        done = _compare(town, provider, filename, content)
        say(
            f"{provider.replace('_', ' ')}: {done.matched} of {done.lines} lines settle a payment; "
            f"{done.opened} discrepancies are open."
        )


def _compare(town: Town, provider: str, filename: str, content: bytes) -> Reconciled:
    treasurer = town.staff["tala"].actor
    with offices.transaction(OFFICE) as session:
        statements.take_in(session, treasurer, provider, content, filename)
        return matching.reconcile(session, treasurer, provider)
