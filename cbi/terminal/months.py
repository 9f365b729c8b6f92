"""Commands for closing a month, and for opening it again."""

from typing import TYPE_CHECKING, Annotated

import typer

from cbi.terminal.books import books
from cbi.terminal.office import (
    Json,
    Office,
    OneTimeCode,
    User,
    one_time_code,
    reading,
    working,
)

if TYPE_CHECKING:
    from cbi.ledger.models import MonthClose
    from cbi.month_end.checklist import Line

__all__ = ["books"]

Month = Annotated[str, typer.Argument(help="The month, such as 2026-10.")]


@books.command("check")
def check(month: Month, office: Office = None, json: Json = False) -> None:
    """Walk the checklist of a month: what is done, what is open, what to do next. Example: cbi books check 2026-10"""
    from dataclasses import asdict

    from rich.markup import escape

    from cbi.month_end.checklist import month_of, walk
    from cbi.terminal.output import as_json, say

    with reading(office) as session:
        lines = walk(session, month_of(session, month))
    if json:
        as_json([asdict(line) | {"must": line.must} for line in lines])
        return
    for line in lines:
        say(escape(f"{_state(line):<14}{line.check.value:<15}{line.says}"))
        if line.next_step:
            say(escape(f"{'':<29}{line.next_step}"))
    still_open = [line for line in lines if not line.done]
    if any(line.must for line in still_open):
        say("The month cannot be closed yet.")
    elif still_open:
        say("Settle what is open, or close it with a reason for each: --reason CHECK=WORDS")
    else:
        say(f"All is done. One person closes it: cbi books close {month}")


def _state(line: "Line") -> str:
    if line.done:
        return "done"
    return "must be done" if line.must else "open"


@books.command("close")
def close(
    month: Month,
    reason: Annotated[
        list[str] | None,
        typer.Option(help="Why a line of the checklist stays open: discrepancies=WORDS."),
    ] = None,
    office: Office = None,
    user: User = None,
) -> None:
    """Propose to close a month; it is closed once a second person confirms it.

    Example: cbi books close 2026-10 --reason "discrepancies=The post office answers in December."
    """
    from cbi.month_end import closing
    from cbi.terminal.output import say

    given = dict(_reason(text) for text in reason or ())
    working(
        office,
        user,
        lambda session, actor: closing.propose(session, actor, month, given).number,
    )
    say(f"It is proposed. Somebody else confirms it: cbi books confirm-close {month}")


def _reason(text: str) -> tuple[str, str]:
    name, found, words = text.partition("=")
    if not found:
        raise typer.BadParameter("Write the check, an equals sign and the reason.")
    return name.strip(), words


@books.command("confirm-close")
def confirm_close(
    month: Month, code: OneTimeCode = None, office: Office = None, user: User = None
) -> None:
    """Close a month as a colleague proposed it. Example: cbi books confirm-close 2026-10 --user karim"""
    from cbi.month_end import closing
    from cbi.terminal.output import say

    typed = one_time_code(code)
    working(office, user, lambda session, actor: closing.confirm(session, actor, month, typed))
    say(f"{month} is closed: nothing is booked into it any more.")


@books.command("reopen")
def reopen(
    month: Month,
    reason: Annotated[str, typer.Option(help="Why it has to be opened again.")],
    office: Office = None,
    user: User = None,
) -> None:
    """Ask to open the month that was closed last. Example: cbi books reopen 2026-10 --reason "The auditor asks for it." """
    from cbi.month_end import reopening
    from cbi.terminal.output import say

    working(office, user, lambda session, actor: reopening.ask(session, actor, month, reason))
    say(f"It is noted. Somebody else confirms it: cbi books confirm-reopen {month}")


@books.command("confirm-reopen")
def confirm_reopen(
    month: Month, code: OneTimeCode = None, office: Office = None, user: User = None
) -> None:
    """Open a month again as a colleague asked. Example: cbi books confirm-reopen 2026-10 --user karim"""
    from cbi.month_end import reopening
    from cbi.terminal.output import say

    typed = one_time_code(code)
    working(office, user, lambda session, actor: reopening.confirm(session, actor, month, typed))
    say(f"{month} is open again. Its former close is kept.")


@books.command("closes")
def closes(
    month: Annotated[str | None, typer.Argument(help="Only of this month.")] = None,
    office: Office = None,
    json: Json = False,
) -> None:
    """Every closing of a month, with what was open and why. Example: cbi books closes 2026-10"""
    from sqlalchemy import select

    from cbi.access.models import User as Member
    from cbi.ledger.models import MonthClose
    from cbi.month_end import closing
    from cbi.month_end.checklist import month_of
    from cbi.terminal.output import as_json, at, table

    with reading(office) as session:
        names = dict(session.execute(select(Member.id, Member.username)).all())
        found = select(MonthClose).order_by(MonthClose.month.desc(), MonthClose.number.desc())
        if month is not None:
            found = found.where(MonthClose.month == month_of(session, month).first)
        rows = session.scalars(found).all()
    if json:
        as_json([_plain(row) | {"state": closing.state(row)} for row in rows])
        return
    table(
        "Closed months",
        ["Month", "State", "Proposed by", "Confirmed by", "At", "What was open, and why"],
        [
            (
                closing.subject_of(row), closing.state(row), names[row.proposed_by],
                names[row.confirmed_by] if row.confirmed_by else "",
                at(row.confirmed_at or row.proposed_at),
                "\n".join(
                    [f"{line['check']}: {line['says']} {line['reason']}" for line in row.facts["open"]]
                    + row.facts.get("waivers", [])
                ),
            )
            for row in rows
        ],
    )  # fmt: skip


def _plain(row: "MonthClose") -> dict[str, object]:
    """Every column of the row; the seal in hexadecimal."""
    values = {column.name: getattr(row, column.name) for column in row.__table__.columns}
    return values | {"month": f"{row.month:%Y-%m}", "seal": row.seal.hex()}
