"""Commands for whoever runs the engine: offices, the database, the doors, proofs and health."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from cbi.terminal.office import Json, Office, User, working

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from cbi.access.actor import Actor
    from cbi.proofs.promise import Verdict

office = typer.Typer(help="Country offices: each keeps its own books.", no_args_is_help=True)
database = typer.Typer(help="The database.", no_args_is_help=True)


@office.command("create")
def create_office(
    code: Annotated[str, typer.Argument(help="Short name in small letters, such as dz.")],
    currency: Annotated[str, typer.Option(help="ISO 4217 code, such as DZD.")],
    timezone: Annotated[str, typer.Option(help="Such as Africa/Algiers.")],
    hotline: Annotated[
        str, typer.Option(help="The number recipients call, as dialled here: 3 to 10 digits.")
    ],
    languages: Annotated[str, typer.Option(help="Of en, fr, ar, es; the most used first.")] = "en",
    region: Annotated[
        str | None, typer.Option(help="Country of telephone numbers; the code's, if it is one.")
    ] = None,
    locator_digits: Annotated[int, typer.Option(help="5, 6 or 7: 5 serves 50,000 live codes.")] = 5,
) -> None:
    """Make an office: its tables, its role, its books.

    Example: cbi office create dz --currency DZD --timezone Africa/Algiers --languages ar,fr,en --hotline 3030
    """
    from cbi import offices
    from cbi.queue import prepare
    from cbi.terminal.output import say

    offices.create(
        code, currency=currency, timezone=timezone, languages=tuple(languages.split(",")), region=region,
        hotline=hotline, locator_digits=locator_digits,
    )  # fmt: skip
    prepare()
    say(f"The office {code} is ready.")
    _print_token(code)


@office.command("working-days")
def working_days(
    days: Annotated[
        str | None, typer.Argument(help="Such as sunday,monday,tuesday; without it, what holds.")
    ] = None,
    office: Office = None,
    user: User = None,
    json: Json = False,
) -> None:
    """On which days of the week the office works: `last working day` in a schedule means one of them.

    Example: cbi office working-days sunday,monday,tuesday,wednesday,thursday
    """
    from cbi.access.permissions import Permission
    from cbi.programmes import working_week
    from cbi.terminal.output import as_json, say

    def work(session: "Session", actor: "Actor") -> list[str]:
        if days:
            return working_week.named(working_week.change(session, actor, days.split(",")))
        actor.require(Permission.PROGRAMME_READ)
        return working_week.named(working_week.days(session))

    names = working(office, user, work)
    if json:
        as_json(names)
    else:
        say(f"The office works on {', '.join(names)}.")


@office.command("day-off")
def say_day_off(
    day: Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"], help="Such as 2026-03-21.")],
    reason: Annotated[str, typer.Option(help="Why, in a few words.")],
    works: Annotated[
        bool, typer.Option("--works", help="The office works on it after all.")
    ] = False,
    office: Office = None,
    user: User = None,
) -> None:
    """Say that the office does not work on a day, or with `--works` that it does on one that was off; the last word holds.

    Example: cbi office day-off 2026-03-21 --reason "The moon was seen a day later"
    """
    from cbi.programmes import days_off
    from cbi.terminal.output import say

    def work(session: "Session", actor: "Actor") -> None:
        days_off.say(session, actor, day.date(), reason, off=not works)

    working(office, user, work)
    say(f"The office {'works' if works else 'does not work'} on {day:%Y-%m-%d}.")


@office.command("days-off")
def list_days_off(
    year: Annotated[int | None, typer.Argument(help="Such as 2026; without it, this year.")] = None,
    office: Office = None,
    user: User = None,
    json: Json = False,
) -> None:
    """The days on which the office does not work, besides those of each week: its country's, and what people said.

    Example: cbi office days-off 2026
    """
    from cbi import clock
    from cbi.access.permissions import Permission
    from cbi.offices import office_of
    from cbi.programmes import days_off
    from cbi.terminal.output import as_json, say, table

    def work(session: "Session", actor: "Actor") -> days_off.DaysOff:
        actor.require(Permission.PROGRAMME_READ)
        this_year = clock.today(office_of(session).timezone).year
        return days_off.of_year(session, this_year if year is None else year)

    found = working(office, user, work)
    if json:
        as_json(found)
        return
    rows = [
        (
            f"{each.day:%Y-%m-%d %a}",
            "off" if each.off else "worked",
            each.holiday or "",
            each.reason or "",
            "country" if each.said_at is None else each.said_by or "the engine",
        )
        for each in found.days
    ]
    table("Days off", ["Day", "", "Public holiday", "Because", "Said by"], rows)
    if not found.known:
        say(
            f"The public holidays of {found.country} are not known here."
            " Say each day: cbi office day-off 2026-03-21 --reason ..."
        )


@office.command("token")
def new_token(office: Office = None) -> None:
    """A new token for the first administrator, when the one printed before was lost or is too old.

    Example: cbi office token --office dz
    """
    from cbi.terminal.office import chosen

    _print_token(chosen(office))


def _print_token(code: str) -> None:
    """Print the token that lets the first administrator in; nobody can print it again."""
    from cbi import offices
    from cbi.access import setting_up
    from cbi.settings import settings
    from cbi.terminal.output import say

    token = offices.transact(code, setting_up.issue_token)
    at = f"http://{settings().host}:{settings().port}/first-administrator"
    say(f"Next: cbi serve, then open {at} within {setting_up.GOOD_FOR.days} days.")
    say("It asks for this token, which works once and is not shown again:")
    say(token)
    say("Without a browser: cbi user create --first")


@office.command("list")
def list_offices(json: Json = False) -> None:
    """The offices in this database. Example: cbi office list"""
    from cbi import offices
    from cbi.terminal.output import as_json, say

    codes = offices.office_codes()
    if json:
        as_json(codes)
    else:
        say("\n".join(codes) or "There is no office yet. Make one with: cbi office create")


@database.command("upgrade")
def upgrade() -> None:
    """Bring every office's tables and privileges to this version. Example: cbi db upgrade"""
    from cbi import offices
    from cbi.queue import prepare
    from cbi.terminal.output import say

    done = offices.upgrade()
    prepare()
    say(f"Up to date: {', '.join(done) or 'no office yet'}.")


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    web_only: Annotated[
        bool, typer.Option("--web-only", help="Without worker and scheduler: they run elsewhere.")
    ] = False,
) -> None:
    """Serve the API; with worker and scheduler in the same process, for a small office. Example: cbi serve"""
    import uvicorn

    from cbi import scheduler as clock_door
    from cbi import worker as work_door
    from cbi.app import create_app
    from cbi.http.request_log import to_standard_error
    from cbi.proofs import restored
    from cbi.settings import settings

    to_standard_error()
    restored.look_everywhere()
    if not web_only:
        work_door.run_in_background()
        clock_door.run_in_background()
    chosen = settings()
    uvicorn.run(
        create_app(), host=host or chosen.host, port=port or chosen.port, access_log=False, server_header=False,
        forwarded_allow_ips=chosen.trusted_proxies,
    )  # fmt: skip


def worker() -> None:
    """Do background work: send runs, hand over texts, ask providers. Run as many as you like. Example: cbi worker"""
    from cbi.http.request_log import to_standard_error
    from cbi.proofs import restored
    from cbi.worker import run

    to_standard_error()
    restored.look_everywhere()
    run()


def scheduler() -> None:
    """Keep the clock: ask for each job when it is due. Example: cbi scheduler"""
    from cbi.http.request_log import to_standard_error
    from cbi.scheduler import run

    to_standard_error()
    run()


def verify(office: Office = None, json: Json = False) -> None:
    """Prove every promise from the raw tables; exit code 1 on a breach. Example: cbi verify --office dz"""
    from cbi.proofs.verify import PROMISES
    from cbi.proofs.verify import verify as prove
    from cbi.terminal.office import reading
    from cbi.terminal.output import as_json, progress

    with reading(office) as session, progress("proving", len(PROMISES)) as bar:
        verdicts = prove(session, lambda _: bar.advance(1))
    if json:
        as_json(
            [
                {
                    "promise": verdict.promise.number, "sentence": verdict.promise.sentence,
                    "covered": verdict.covered, "kept": verdict.kept, "breaches": verdict.breaches,
                    "notes": verdict.notes,
                }
                for verdict in verdicts
            ]
        )  # fmt: skip
    else:
        print_verdicts(verdicts)
    if any(verdict.breaches for verdict in verdicts):
        raise typer.Exit(1)


def print_verdicts(verdicts: "list[Verdict]") -> None:
    """One line for each promise, and one for each breach below it."""
    from rich.markup import escape

    from cbi.terminal.output import say

    for verdict in verdicts:
        word = "[green]kept[/green]" if verdict.kept else "[red]BROKEN[/red]"
        if not verdict.covered:
            word = "[yellow]not covered yet[/yellow]"
        left = f" ({verdict.promise.left_open})" if verdict.promise.left_open else ""
        say(f"{verdict.promise.number}. {verdict.promise.sentence}: {word}{left}")
        for breach in verdict.breaches:
            say(f"   - {escape(breach)}")
        for note in verdict.notes:
            say(f"   ({escape(note)})")


def doctor(json: Json = False) -> None:
    """Look for what is wrong or weak in this deployment; exit code 1 when something is wrong. Example: cbi doctor"""
    from cbi.health import examine
    from cbi.terminal.output import as_json, say

    findings = examine()
    if json:
        as_json(findings)
    else:
        marks = {
            "ok": "[green]ok[/green]",
            "weak": "[yellow]weak[/yellow]",
            "wrong": "[red]wrong[/red]",
        }
        for finding in findings:
            say(f"{marks[finding.grade]}  {finding.sentence}")
    if any(finding.grade == "wrong" for finding in findings):
        raise typer.Exit(1)
