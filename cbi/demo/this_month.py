"""This month in the made-up office: new households, a changed rate, and a run that waits for the first signature."""

from cbi import jobs, offices
from cbi.demo import programme
from cbi.demo.last_month import take_in
from cbi.demo.town import OFFICE, Town
from cbi.payments.models import PaymentRun
from cbi.payments.runs import queries, runs
from cbi.programmes import applying, cycles
from cbi.programmes.applying import Applied
from cbi.registry import duplicates
from cbi.registry.duplicates import Decision, Kind
from cbi.registry.intake.results import ImportResult
from cbi.terminal.run_sheets import print_sheet


def register(town: Town) -> ImportResult:
    """The same list again, longer by the households that came since."""
    town.handsets.new = town.handsets.give(town.newcomers)
    rows = [household.row() for household in [*town.households, *town.newcomers]]
    return take_in(town, rows, "households-2.xlsx")


def decide_flags(town: Town) -> tuple[int, int]:
    """Families that share a telephone are families; the rest waits. Returns how many were decided, and how many wait."""
    officer = town.staff["rania"].actor
    with offices.transaction(OFFICE) as session:
        flags = duplicates.list_flags(session, officer)
        families = [each.flag for each in flags if each.flag.kind == Kind.SHARED_PHONE][:-1]
        for flag in families:
            why = "one family in two households, visited"
            duplicates.decide(session, officer, flag.id, Decision.DIFFERENT, why)
    return len(families), len(flags) - len(families)


def raise_the_cap(town: Town) -> Applied:
    """The programme's next version: large households get more."""
    text = programme.file(town.months, programme.RAISED_CAP)
    (town.folder / "programme-2.yaml").write_text(text)
    with offices.transaction(OFFICE) as session:
        return applying.apply(session, town.staff["marc"].actor, text)


def prepare(town: Town) -> PaymentRun:
    """The month is opened, its run is built and locked, and now it waits."""
    manager = town.staff["marc"].actor
    with offices.transaction(OFFICE) as session:
        period = str(town.months.present)
        opened = cycles.open_cycle(session, manager, programme.NAME, period)
        run = runs.build(session, manager, opened.id)
        runs.lock(session, manager, run.id)
    with offices.transaction(OFFICE) as session:
        print_sheet(queries.sheet(session, run.id))
    jobs.seal(OFFICE)
    return run
