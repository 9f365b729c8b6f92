"""Commands for complaints: what waits, one of them opened, answer, close; and how much texts may tell a person."""

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from cbi.terminal.office import Json, Office, User, working

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from cbi.access.actor import Actor
    from cbi.helpline.queries import ComplaintSheet

complaints = typer.Typer(
    help="What recipients complain of by text, until it is answered and closed.",
    no_args_is_help=True,
)
Number = Annotated[int, typer.Argument(help="The number of the complaint, as the list shows it.")]
Note = Annotated[str, typer.Option(help="What was said or found, in a few words; it is sealed.")]
LISTED = 200


@complaints.command("list")
def list_complaints(
    state: Annotated[str, typer.Option(help="open, answered, closed, or all.")] = "open",
    overdue: Annotated[
        bool, typer.Option("--overdue", help="Only what should be answered by now.")
    ] = False,
    office: Office = None,
    user: User = None,
    json: Json = False,
) -> None:
    """Complaints, those that are due first. Example: cbi complaints list --overdue --user salma"""
    from cbi.helpline import queries
    from cbi.helpline.models import Complaint
    from cbi.helpline.schemas import ComplaintOut
    from cbi.helpline.states import ComplaintState
    from cbi.terminal.output import as_json, at, say, table

    if state not in {*ComplaintState, "all"}:
        raise typer.BadParameter(f"There is: {', '.join([*ComplaintState, 'all'])}.")

    def work(session: "Session", actor: "Actor") -> "tuple[list[ComplaintOut], int]":
        chosen = None if state == "all" else ComplaintState(state)
        found = queries.complaints(actor, state=chosen, overdue=overdue)
        rows = session.scalars(found.order_by(Complaint.due_at, Complaint.id).limit(LISTED))
        return [ComplaintOut.of(row) for row in rows], queries.hidden(session, actor)

    shown, hidden = working(office, user, work)
    if json:
        as_json(
            {"complaints": [each.model_dump(mode="json") for each in shown], "sensitive": hidden}
        )
        return
    table(
        "Complaints",
        ["Number#", "About", "Urgent", "State", "Opened", "Answer due"],
        [
            (each.number, each.category, "urgent" if each.urgent else "", each.state,
             at(each.opened_at), at(each.due_at))
            for each in shown
        ],
    )  # fmt: skip
    if hidden:
        say(f"{hidden} open complaint(s) may speak of abuse: only a protection officer reads them.")


@complaints.command("show")
def show(number: Number, office: Office = None, user: User = None, json: Json = False) -> None:
    """Open one complaint; that you read it is on record. Example: cbi complaints show 17 --user salma"""
    from cbi.helpline import queries
    from cbi.helpline.schemas import ComplaintSheetOut
    from cbi.terminal.output import as_json

    def work(session: "Session", actor: "Actor") -> "ComplaintSheet":
        return queries.sheet(session, actor, queries.by_number(session, actor, number))

    sheet = working(office, user, work)
    if json:
        as_json(ComplaintSheetOut.from_sheet(sheet).model_dump(mode="json"))
    else:
        _print(sheet)


def _print(sheet: "ComplaintSheet") -> None:
    from rich.markup import escape

    from cbi.terminal.output import at, say
    from cbi.terminal.output import show as facts

    found, paid = sheet.complaint, sheet.paid_by
    facts(
        {
            "Complaint": f"{found.number}, {found.category}, {found.state}{', urgent' if found.urgent else ''}",
            "From": f"a number that ends in {sheet.number_ends_in}",
            "Payment": found.payment_id or "none",
            "Paid by": f"{paid.teller} at {paid.office}, receipt {paid.receipt}"
            if paid
            else "nobody",
            "Answer due": at(found.due_at),
        }
    )
    for wrote in sheet.wrote:
        say(escape(f"{at(wrote.at)} wrote: {wrote.words}"))
    for done in sheet.done:
        say(escape(f"{at(done.at)} {done.act}{f': {done.note}' if done.note else ''}"))


@complaints.command("answer")
def answer(
    number: Number,
    how: Annotated[
        str,
        typer.Option("--with", help="settled, unchanged, call_us, visit or more_time; or spoken."),
    ],
    note: Annotated[str, typer.Option(help="With spoken: what was said.")] = "",
    office: Office = None,
    user: User = None,
) -> None:
    """Answer by text, in the person's language; or note that you spoke to them.

    Example: cbi complaints answer 17 --with settled --user salma
    """
    from cbi.helpline import handling
    from cbi.terminal.output import say

    if how == "spoken":
        _with(office, user, number, lambda s, a, found: handling.spoken(s, a, found, note))
        say("Noted.")
        return
    _with(office, user, number, lambda s, a, found: handling.answer(s, a, found, how))
    say("The answer is on its way.")


@complaints.command("close")
def close(
    number: Number,
    outcome: Annotated[
        str, typer.Option(help="put_right, not_confirmed, referred or unreachable.")
    ],
    note: Note,
    office: Office = None,
    user: User = None,
) -> None:
    """Close a complaint with its outcome.

    Example: cbi complaints close 17 --outcome put_right --note "Teller repaid the fee" --user salma
    """
    from cbi.helpline import handling
    from cbi.helpline.states import Outcome
    from cbi.terminal.output import say

    if outcome not in set(Outcome):
        raise typer.BadParameter(f"There is: {', '.join(Outcome)}.")
    _with(
        office, user, number,
        lambda s, a, found: handling.close(s, a, found, Outcome(outcome), note),
    )  # fmt: skip
    say("Closed.")


@complaints.command("allow-number")
def allow_number(number: Number, note: Note, office: Office = None, user: User = None) -> None:
    """Let texts go again to a number that somebody called wrong, after you made sure whose it is.

    Example: cbi complaints allow-number 17 --note "Met her, the number is hers" --user salma
    """
    from cbi.helpline import handling
    from cbi.terminal.output import say

    _with(office, user, number, lambda s, a, found: handling.allow_number(s, a, found, note))
    say("Texts go to this number again.")


@complaints.command("privacy")
def privacy(
    person_id: UUID,
    level: Annotated[str, typer.Argument(help="normal, discreet or no_sms.")],
    office: Office = None,
    user: User = None,
) -> None:
    """Note how much texts may tell a person. Example: cbi complaints privacy 5f… discreet --user salma"""
    from cbi.messaging.choices import Level
    from cbi.registry import privacy as use
    from cbi.terminal.output import say

    if level not in set(Level):
        raise typer.BadParameter(f"There is: {', '.join(Level)}.")
    working(office, user, lambda s, actor: use.choose(s, actor, person_id, Level(level)))
    say(f"Texts tell this person as {level} allows, from now on.")


def _with(
    office: str | None,
    user: str | None,
    number: int,
    work: "Callable[[Session, Actor, UUID], object]",
) -> None:
    from cbi.helpline import queries

    def found(session: "Session", actor: "Actor") -> None:
        work(session, actor, queries.by_number(session, actor, number))

    working(office, user, found)
