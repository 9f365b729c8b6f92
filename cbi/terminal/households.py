"""Commands for households that live: who comes and goes, splits and merges, telephones, and a second person's word."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from cbi.terminal.office import Json, Office, User, working

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from cbi.access.actor import Actor
    from cbi.registry.households.requests import Said

households = typer.Typer(help="Households and what changes in them.", no_args_is_help=True)

Number = Annotated[str, typer.Argument(help="The household's registration number.")]
Someone = Annotated[str, typer.Argument(help="A member's number, as `household show` has it.")]
Reason = Annotated[str, typer.Option(help="Why, in a few words.")]
Day = Annotated[
    datetime | None, typer.Option("--on", formats=["%Y-%m-%d"], help="When it happened; today if left out.")
]  # fmt: skip
Evidence = Annotated[
    str | None, typer.Option(help="Where the proof is: the paper's number, the visit's date.")
]
Seen = Annotated[
    int | None, typer.Option("--version", help="The version you looked at; refused if it has changed since.")
]  # fmt: skip
Size = Annotated[int | None, typer.Option(help="How many members it has then.")]
Phone = Annotated[str, typer.Option(help="The telephone that money and codes are told to.")]
Word = Annotated[str, typer.Option(help="What a collector without a document says at the counter.")]
Request = Annotated[int, typer.Argument(help="The request's number.")]


def ask_for(
    kind: str, number: str, reason: str, office: str | None, user: str | None, *, json: bool,
    on: datetime | None = None, told: dict[str, str] | None = None, members: dict[str, Any] | None = None,
    other: str | None = None, merge: UUID | None = None, **more: Any,
) -> None:  # fmt: skip
    """Ask for a change. `members` are named by their numbers, `other` is another household's number."""
    from cbi.registry.households.asked import Asked, read_personal
    from cbi.registry.households.models import ChangeKind
    from cbi.registry.households.queries import person_named
    from cbi.registry.households.requests import ask
    from cbi.registry.naming import named
    from cbi.terminal.output import as_json, say

    def work(session: "Session", actor: "Actor") -> "Said":
        home = named(session, number)
        found: dict[str, Any] = {}
        for name, whose in (members or {}).items():
            if isinstance(whose, str):
                found[name] = person_named(session, home.id, whose)
            elif whose:
                found[name] = tuple(person_named(session, home.id, each) for each in whose)
        if other is not None:
            found["other"] = named(session, other).id
        elif merge is not None:
            found["other"] = merge
        return ask(
            session, actor,
            Asked(
                ChangeKind(kind), home.id, reason, happened_on=on.date() if on else None,
                personal=read_personal(session, told or {}), **found, **more,
            ),
        )  # fmt: skip

    said = working(office, user, work)
    if json:
        as_json(said)
    elif said.request is not None:
        say(
            f"Asked for as {said.request}. Nothing has changed yet: a colleague confirms it by {said.lapses_at:%Y-%m-%d}."
        )
    else:
        say(f"Noted: {kind}.")


@households.command("show")
def show(
    number: Number,
    on: Annotated[
        datetime | None, typer.Option("--on", formats=["%Y-%m-%d"], help="As it was at the end of that day.")
    ] = None,
    office: Office = None, user: User = None, json: Json = False,
) -> None:  # fmt: skip
    """A household as it is, or was on a day, with all its changes. Example: cbi household show H-0042 --on 2026-03-01"""
    from rich.markup import escape

    from cbi.registry.households import queries
    from cbi.registry.naming import named
    from cbi.registry.needs import words_of
    from cbi.terminal.output import as_json, say, table

    day = on.date() if on else None
    found, need = working(
        office, user,
        lambda session, actor: (
            queries.show(session, actor, home := named(session, number), day), words_of(session, home.id)
        ),
    )  # fmt: skip
    if json:
        as_json(found)
        return
    where = f", {found.area}" if found.area else ""
    say(
        escape(
            f"{found.source}/{found.source_id}: {found.status}, {found.size} members{where}, version {found.version}."
        )
    )
    table(
        "Members", ["Number", "Initials", "Sex", "Born", "Roles", "Guardian", "Gone"],
        [
            (
                one.number, one.initials or "", one.sex, one.born_year or "", ", ".join(one.roles),
                one.guardian or "", one.gone or "",
            )
            for one in found.members
        ],
    )  # fmt: skip
    if need:
        table("Needs now", ["Need", "Members"], [(word, members) for word, _, members in need])
    table(
        "Changes", ["Version", "What", "Happened on", "Reason", "Id"],
        [(one.version, one.kind, one.happened_on, one.reason, one.id) for one in found.changes],
    )  # fmt: skip


@households.command("add-member")
def add_member(
    number: Number,
    name: Annotated[str, typer.Option(help="Left out: one member more whose name is not kept.")] = "",
    born: Annotated[bool, typer.Option("--born", help="A child was born.")] = False,
    sex: Annotated[str, typer.Option(help="Female, male or other.")] = "",
    born_on: Annotated[str, typer.Option(help="The day of birth.")] = "",
    age: Annotated[str, typer.Option(help="In years, where the day is not known.")] = "",
    document_kind: Annotated[str, typer.Option(help="Such as passport.")] = "",
    document: Annotated[str, typer.Option(help="Its number.")] = "",
    member: Annotated[
        str | None, typer.Option(help="Somebody on record instead: their household and number, H-0815:9f3a1c22.")
    ] = None,
    size: Size = None, reason: Reason = "", on: Day = None, evidence: Evidence = None,
    office: Office = None, user: User = None, json: Json = False,
) -> None:  # fmt: skip
    """Somebody was born, has joined, or moves here from another household.

    Example: cbi household add-member H-0042 --born --name "Sami B." --born-on 2026-03-01 --reason "birth certificate"
    """
    told = {
        "name": name, "sex": sex, "born_on": born_on, "age": age, "document_kind": document_kind, "document": document,
    }  # fmt: skip
    ask_for(
        "born" if born else "joined", number, reason, office, user, json=json, on=on, told=told,
        members={"person": member}, size=size, evidence=evidence,
    )  # fmt: skip


@households.command("left")
def left(
    number: Number,
    member: Annotated[str | None, typer.Argument(help="The member's number; left out: one whose name is not kept.")] = None,
    reason: Reason = "", on: Day = None, evidence: Evidence = None, version: Seen = None,
    office: Office = None, user: User = None, json: Json = False,
) -> None:  # fmt: skip
    """Somebody has left for good: one member less, at once.

    Example: cbi household left H-0042 9f3a1c22 --reason "married"
    """
    ask_for(
        "left", number, reason, office, user, json=json, on=on, members={"person": member}, evidence=evidence,
        version=version,
    )  # fmt: skip


@households.command("died")
def died(
    number: Number,
    member: Annotated[str | None, typer.Argument(help="The member's number; left out: one whose name is not kept.")] = None,
    reason: Reason = "", on: Day = None, evidence: Evidence = None, version: Seen = None,
    office: Office = None, user: User = None, json: Json = False,
) -> None:  # fmt: skip
    """Somebody has died: no code of theirs is paid from now on.

    Example: cbi household died H-0042 9f3a1c22 --reason "told by the son"
    """
    ask_for(
        "died", number, reason, office, user, json=json, on=on, members={"person": member}, evidence=evidence,
        version=version,
    )  # fmt: skip


@households.command("departed")
def departed(
    number: Number, reason: Reason = "", on: Day = None, evidence: Evidence = None,
    office: Office = None, user: User = None, json: Json = False,
) -> None:  # fmt: skip
    """The whole household has gone: nothing is paid from now on.

    Example: cbi household departed H-0042 --reason "went home"
    """
    ask_for("departed", number, reason, office, user, json=json, on=on, evidence=evidence)


@households.command("returned")
def returned(
    number: Number,
    member: Annotated[str | None, typer.Argument(help="Who is back; left out: the whole household.")] = None,
    reason: Reason = "", on: Day = None, evidence: Evidence = None,
    office: Office = None, user: User = None, json: Json = False,
) -> None:  # fmt: skip
    """Somebody, or the household, is back, or was never gone. Example: cbi household returned H-0042 --reason "is back" """
    ask_for(
        "returned", number, reason, office, user, json=json, on=on, members={"person": member}, evidence=evidence
    )  # fmt: skip


@households.command("waiting")
def waiting(office: Office = None, user: User = None, json: Json = False) -> None:
    """What waits for a second person. Example: cbi household waiting"""
    from cbi.registry.households import queries
    from cbi.registry.households.schemas import WaitingOut
    from cbi.terminal.output import as_json, table

    def work(session: "Session", actor: "Actor") -> list[WaitingOut]:
        rows = session.scalars(queries.waiting(actor)).all()
        numbers = queries.numbers(session, [row.household_id for row in rows])
        return [WaitingOut.of(row, numbers[row.household_id]) for row in rows]

    found = working(office, user, work)
    if json:
        as_json([each.model_dump(mode="json") for each in found])
    else:
        table(
            "Waiting for a second person", ["Request#", "Household", "What", "Reason", "Until"],
            [(each.request, each.household, each.kind, each.reason, f"{each.lapses_at:%Y-%m-%d}") for each in found],
        )  # fmt: skip


@households.command("confirm")
def confirm(
    request: Request,
    face_to_face: Annotated[bool, typer.Option("--face-to-face", help="The person stood before you.")] = False,
    again: Annotated[
        str, typer.Option(help="The new telephone, else the new document, where there is one: read it from the paper.")
    ] = "",
    office: Office = None, user: User = None, json: Json = False,
) -> None:  # fmt: skip
    """Confirm what a colleague asked for. Example: cbi household confirm 12 --face-to-face"""
    from cbi.registry.households import requests
    from cbi.terminal.output import as_json, say

    change = working(
        office, user,
        lambda session, actor: requests.confirm(session, actor, request, again=again, face_to_face=face_to_face),
    )  # fmt: skip
    if json:
        as_json({"change": str(change)})
    else:
        say(f"Done. The change is {change}.")


@households.command("refuse")
def refuse(
    request: Request, remark: Annotated[str, typer.Option(help="Why not.")],
    office: Office = None, user: User = None,
) -> None:  # fmt: skip
    """Refuse what a colleague asked for. Example: cbi household refuse 12 --remark "no certificate" """
    from cbi.registry.households import requests
    from cbi.terminal.output import say

    working(office, user, lambda session, actor: requests.refuse(session, actor, request, remark))
    say("Refused.")


@households.command("troubles")
def list_troubles(office: Office = None, user: User = None, json: Json = False) -> None:
    """Households that nobody can be paid for, and what to do next. Example: cbi household troubles"""
    from cbi.registry.households.troubles import NEXT_STEPS, Trouble, troubles
    from cbi.terminal.output import as_json, table

    rows = working(office, user, lambda session, actor: session.execute(troubles(actor)).all())
    told = [(row.source_id, row.trouble, NEXT_STEPS[Trouble(row.trouble)]) for row in rows]
    if json:
        as_json(
            [dict(zip(("household", "trouble", "next_step"), row, strict=True)) for row in told]
        )
    else:
        table("Households with something missing", ["Household", "What", "What to do"], told)


@households.command("reassess")
def list_reassessments(office: Office = None, user: User = None, json: Json = False) -> None:
    """Households whose needs or bands were carried over, and by when to look again. Example: cbi household reassess"""
    from cbi.registry.carried import to_reassess
    from cbi.terminal.output import as_json, table

    rows = working(office, user, lambda session, actor: session.execute(to_reassess(actor)).all())
    told = [(row.source_id, row.reassess_by, row.rows) for row in rows]
    if json:
        heads = ("household", "reassess_by", "carried_over")
        as_json([dict(zip(heads, row, strict=True)) for row in told])
    else:
        table("Households to assess again", ["Household", "By", "Carried over"], told)


@households.command("ages")
def fill_ages(office: Office = None, user: User = None) -> None:
    """Note the year of birth of people who were registered before it was kept. Example: cbi household ages"""
    from cbi.registry.households.composition import fill_years
    from cbi.terminal.output import progress, say

    with progress("people") as bar:
        filled = working(
            office, user, lambda session, actor: fill_years(session, actor, bar.advance)
        )
    say(f"The year of birth of {filled:,} people is kept now.")
