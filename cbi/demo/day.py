"""The story of a made-up office: last month is paid and reconciled, recipients ask, and this month waits to be signed."""

from pathlib import Path

from cbi import jobs, offices
from cbi.demo import last_month, questions, this_month
from cbi.demo.town import OFFICE, Town
from cbi.ledger.queries import fund_positions
from cbi.payments.models import PaymentRun
from cbi.payments.runs import queries
from cbi.proofs.verify import PROMISES, verify
from cbi.reconciliation.queries import summary
from cbi.registry import duplicates
from cbi.terminal.deployment import print_verdicts
from cbi.terminal.money import print_positions
from cbi.terminal.output import progress, say
from cbi.terminal.registry import print_import
from cbi.terminal.run_sheets import print_totals
from cbi.terminal.statements import print_discrepancies


def run(folder: Path, households: int) -> Town:
    """Live through it, print what a finance officer would want to see, and return the town as it is then.

    Ends the process with 1 when a promise turns out broken.
    """
    town = Town(folder, households)
    _chapter(1, "An office opens", "its books, its people, three post offices.")
    last_month.open_office(town)
    _chapter(2, "Registration", "a spreadsheet as it comes from the field.")
    print_import(last_month.register(town))
    _count_flags(town)
    _chapter(
        3, "Money", "a programme, a donor's grant, a budget, deposits at post office and operator."
    )
    last_month.fund(town)
    _chapter(
        4,
        f"Approval of {town.months.first}",
        "built and locked by one, certified and authorised by two others.",
    )
    paid = last_month.approve(town)
    _chapter(5, "Payment", "codes to telephones and cash over the counter; mobile money.")
    last_month.pay(town, paid)
    _chapter(6, "Reconciliation", "the providers' own lists against our books.")
    last_month.reconcile(town)
    _chapter(7, "Questions", "recipients write to the office, and are answered.")
    answered = questions.ask(town)
    say(
        f"{answered} texts came in and were dealt with: one blocked a lost code, one is an urgent complaint about a fee."
    )
    _chapter(
        8,
        f"Preparing {town.months.present}",
        "households that came since, a higher cap, and a run that waits.",
    )
    print_import(this_month.register(town))
    say("{} flags were decided, {} wait.".format(*this_month.decide_flags(town)))
    say(f"The programme's version 2: {'; '.join(this_month.raise_the_cap(town).what_changed)}.")
    this_month.prepare(town)
    _chapter(9, "Proof", "where everything stands, and each promise computed anew.")
    _report(town, paid)
    return town


def _chapter(number: int, title: str, what: str) -> None:
    say(f"[bold]{number}. {title}[/bold]: {what}")


def _count_flags(town: Town) -> None:
    with offices.transaction(OFFICE) as session:
        flags = duplicates.list_flags(session, town.staff["rania"].actor)
    say(f"{len(flags)} flags wait for a person: telephones and documents that households share.")


def _report(town: Town, paid: PaymentRun) -> None:
    jobs.seal(OFFICE)
    with offices.transaction(OFFICE) as session:
        print_totals(queries.state_totals(session, paid.id))
        print_discrepancies(summary(session, town.staff["ada"].actor))
        print_positions(fund_positions(session))
    with offices.transaction(OFFICE) as session, progress("proving", len(PROMISES)) as bar:
        verdicts = verify(session, lambda _: bar.advance(1))
    print_verdicts(verdicts)
    if any(verdict.breaches for verdict in verdicts):
        raise SystemExit(1)
