"""Commands about a household's part in a programme: when it takes part, what it has shown to get its grant."""

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cbi.terminal.money import programmes
from cbi.terminal.office import Json, Office, User, working

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from cbi.access.actor import Actor
    from cbi.programmes.conditions import Noted
    from cbi.programmes.enrolling import Line, Written

conditions = typer.Typer(
    help="What households have shown to get their grants.", no_args_is_help=True
)

Household = Annotated[
    str | None, typer.Argument(help="The household's registration number; or give a list.")
]
OneHousehold = Annotated[str, typer.Argument(help="The household's registration number.")]
Day = Annotated[
    datetime | None,
    typer.Option("--on", formats=["%Y-%m-%d"], help="The day, such as 2026-03-01."),
]
Why = Annotated[str, typer.Option("--reason", help="Why, in a few words.")]
From = Annotated[
    Path | None,
    typer.Option(
        "--list", exists=True, dir_okay=False,
        help="CSV or XLSX with the columns registration number, date and reason.",
    ),
]  # fmt: skip


def _change(
    act: str, programme: str, household: str | None, on: datetime | None, reason: str, listed: Path | None,
    office: str | None, user: str | None, *, json: bool, was_wrong: bool = False,
) -> None:  # fmt: skip
    from cbi.programmes.enrolling import Act, change
    from cbi.terminal.output import as_json, say

    lines = _lines(household, on, reason, listed)

    def work(session: "Session", actor: "Actor") -> "Written":
        return change(session, actor, programme, Act(act), lines, was_wrong=was_wrong)

    changed = working(office, user, work)
    if json:
        as_json({"act": act, **asdict(changed)})
        return
    one = changed.households == 1
    say(f"{act}: noted of {changed.households:,} {'household' if one else 'households'}.")
    if changed.waiting:
        see = "resumptions" if act == "resume" else "days"
        say(
            f"What {changed.waiting:,} of them missed in cycles opened before waits for a colleague's word."
        )
        say(f"See: cbi programme {see} {programme}")
    if changed.suspended:
        say(
            f"Still suspended: {changed.suspended:,}. People of another suspended household joined them."
        )
        say("Resume them once more, if that has ended, too.")


def _lines(
    household: str | None, on: datetime | None, reason: str, listed: Path | None
) -> "list[Line]":
    from cbi.programmes.enrolling import Line
    from cbi.programmes.enrolling_lists import read_list

    day = on.date() if on else None
    if (household is None) == (listed is None):
        raise typer.BadParameter("Give a household's registration number, or a list with --list.")
    if listed is not None:
        return read_list(listed, on=day, reason=reason)
    if day is None or not reason:
        raise typer.BadParameter("Give the day with --on and the reason with --reason.")
    return [Line(f"household {household}", household or "", day, reason)]


@programmes.command("start")
def start(
    programme: str, household: Household = None, on: Day = None, reason: Why = "", listed: From = None,
    office: Office = None, user: User = None, json: Json = False,
) -> None:  # fmt: skip
    """Say from which day households take part; periods they missed since then are made up for, where the file says so.

    Example: cbi programme start winter-2026 H-0042 --on 2026-03-01 --reason "registered late"
    """
    _change("start", programme, household, on, reason, listed, office, user, json=json)


@programmes.command("end")
def end(
    programme: str, household: Household = None, on: Day = None, reason: Why = "", listed: From = None,
    office: Office = None, user: User = None, json: Json = False,
) -> None:  # fmt: skip
    """Say on which day households take part for the last time.

    Example: cbi programme end winter-2026 H-0042 --on 2026-06-30 --reason "moved away"
    """
    _change("end", programme, household, on, reason, listed, office, user, json=json)


@programmes.command("suspend")
def suspend(
    programme: str, household: Household = None, on: Day = None, reason: Why = "", listed: From = None,
    office: Office = None, user: User = None, json: Json = False,
) -> None:  # fmt: skip
    """Give households nothing from a day on, until they are resumed.

    Example: cbi programme suspend winter-2026 --list suspended.xlsx --on 2026-03-01 --reason "not found at home"
    """
    _change("suspend", programme, household, on, reason, listed, office, user, json=json)


@programmes.command("resume")
def resume(
    programme: str, household: Household = None, on: Day = None, reason: Why = "", listed: From = None,
    wrongly: Annotated[
        bool,
        typer.Option("--wrongly", help="There was no ground for it: what was missed is owed."),
    ] = False,
    office: Office = None, user: User = None, json: Json = False,
) -> None:  # fmt: skip
    """Let suspended households take part again from a day on; for cycles that are open already a colleague confirms it.

    Example: cbi programme resume winter-2026 H-0042 --on 2026-04-01 --reason "was at home" --wrongly
    """
    _change(
        "resume", programme, household, on, reason, listed, office, user, json=json, was_wrong=wrongly
    )  # fmt: skip


@conditions.command("note")
def note(
    programme: str,
    household: OneHousehold,
    condition: str,
    evidence: Annotated[str, typer.Option(help="Where the proof is to be found.")],
    office: Office = None,
    user: User = None,
) -> None:
    """Note that a household has met a condition; a colleague confirms it.

    Example: cbi condition note start-up H-0042 business-plan --evidence "plan seen on the visit of 3 March"
    """
    from cbi.programmes import conditions as use

    noted = working(
        office, user, lambda session, actor: use.note(session, actor, programme, household, condition, evidence)
    )  # fmt: skip
    _print(noted)


@conditions.command("confirm")
def confirm(
    programme: str,
    household: OneHousehold,
    condition: str,
    office: Office = None,
    user: User = None,
) -> None:
    """Confirm a colleague's note. Example: cbi condition confirm start-up H-0042 business-plan"""
    from cbi.programmes import conditions as use

    noted = working(
        office, user, lambda session, actor: use.confirm(session, actor, programme, household, condition)
    )  # fmt: skip
    _print(noted)


@conditions.command("refuse")
def refuse(
    programme: str,
    household: OneHousehold,
    condition: str,
    remark: Annotated[str, typer.Option(help="What is missing.")],
    office: Office = None,
    user: User = None,
) -> None:
    """Refuse a colleague's note. Example: cbi condition refuse start-up H-0042 business-plan --remark "no budget in it" """
    from cbi.programmes import conditions as use

    noted = working(
        office, user, lambda session, actor: use.refuse(session, actor, programme, household, condition, remark)
    )  # fmt: skip
    _print(noted)


@conditions.command("list")
def list_conditions(
    programme: str,
    waiting: Annotated[
        bool, typer.Option("--waiting", help="Only what nobody has decided.")
    ] = False,
    office: Office = None,
    user: User = None,
    json: Json = False,
) -> None:
    """What was noted, and what became of it. Example: cbi condition list start-up --waiting"""
    from cbi.access.permissions import Permission
    from cbi.programmes import conditions as use
    from cbi.programmes.queries import find
    from cbi.terminal.output import as_json, table

    def work(session: "Session", actor: "Actor") -> "list[Noted]":
        actor.require(Permission.PROGRAMME_READ, programme)
        return list(use.listed(session, find(session, programme), waiting=waiting))

    noted = working(office, user, work)
    if json:
        as_json(noted)
    else:
        table(
            "Conditions",
            ["Household", "Condition", "Evidence", "Decision"],
            [
                (one.household, one.condition, one.evidence, one.decision or "waits")
                for one in noted
            ],
        )


def _print(noted: "Noted") -> None:
    from rich.markup import escape

    from cbi.terminal.output import say

    became = noted.decision or "noted; a colleague confirms it"
    say(escape(f"{noted.household}, {noted.condition}: {became}."))
