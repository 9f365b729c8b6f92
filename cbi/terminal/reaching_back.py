"""Commands about days, and ends of suspensions, that reach back into cycles opened before: what waits, and what it costs."""

from typing import TYPE_CHECKING
from uuid import UUID

from cbi.terminal.money import programmes
from cbi.terminal.office import Json, Office, User, working

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    from sqlalchemy.orm import Session

    from cbi.access.actor import Actor
    from cbi.programmes.confirming import Days
    from cbi.programmes.making_up import MadeUp
    from cbi.programmes.resuming import Resumed

    Waiting = TypeVar("Waiting", Days, Resumed)

__all__ = ["programmes"]


@programmes.command("days")
def days(programme: str, office: Office = None, user: User = None, json: Json = False) -> None:
    """Days that reach back into cycles that were opened before, and wait for a second person; with what they cost.

    Example: cbi programme days winter-2026
    """
    from cbi.programmes import confirming
    from cbi.terminal.output import table

    waiting, made_up = _with_what_they_cost(confirming.listed, programme, office, user)
    rows = [
        (str(each.key), each.household, str(each.enrolment.starts_on), str(each.enrolment.ends_on), each.enrolment.reason)
        for each in waiting
    ]  # fmt: skip
    if json:
        _as_json(("number", "household", "starts_on", "ends_on", "reason"), rows, made_up)
        return
    headings = ("Number#", "Household", "First day", "Last day", "Reason", "Made up for#")
    table(
        "Days that wait for a second person", headings,
        [["" if cell == "None" else cell for cell in (*row, _cost(more))] for row, more in zip(rows, made_up, strict=True)],
    )  # fmt: skip


@programmes.command("confirm-days")
def confirm_days(number: int, office: Office = None, user: User = None) -> None:
    """Confirm days that a colleague noted: the next cycle makes up for what was missed. Refuse them with: cbi refuse days

    Example: cbi programme confirm-days 17
    """
    from cbi.programmes import confirming
    from cbi.terminal.output import say

    working(office, user, lambda session, actor: confirming.confirm(session, actor, number))
    say(f"Confirmed: days {number}.")


@programmes.command("resumptions")
def resumptions(
    programme: str, office: Office = None, user: User = None, json: Json = False
) -> None:
    """Suspensions whose end reaches back into cycles opened before, and waits for a second person; with what that costs.

    Example: cbi programme resumptions winter-2026
    """
    from cbi.programmes import resuming
    from cbi.terminal.output import table

    waiting, made_up = _with_what_they_cost(resuming.listed, programme, office, user)
    rows = [
        (
            str(each.key), each.household, str(each.suspension.begins_on), str(each.suspension.resumes_on),
            "yes" if each.suspension.was_wrong else "no", each.suspension.resumed_because or "",
        )
        for each in waiting
    ]  # fmt: skip
    if json:
        _as_json(("id", "household", "begins_on", "resumes_on", "wrongly", "reason"), rows, made_up)
        return
    headings = ("Id", "Household", "Suspended from", "Takes part from", "Wrongly", "Reason", "Made up for#")  # fmt: skip
    table(
        "Resumptions that wait for a second person", headings,
        [(*row, _cost(more)) for row, more in zip(rows, made_up, strict=True)],
    )  # fmt: skip


@programmes.command("confirm-resumption")
def confirm_resumption(suspension: UUID, office: Office = None, user: User = None) -> None:
    """Confirm how a colleague ended a suspension: the next cycle makes up for what was missed. Else: cbi refuse resumption

    Example: cbi programme confirm-resumption 01990f6e-7c1d-7d6b-a7c2-0c9d2f1b6a55
    """
    from cbi.programmes import resuming
    from cbi.terminal.output import say

    working(office, user, lambda session, actor: resuming.confirm(session, actor, suspension))
    say(f"Confirmed: resumption {suspension}.")


def _with_what_they_cost(
    listed: "Callable[[Session, Actor, str], list[Waiting]]", programme: str, office: str | None, user: str | None
) -> "tuple[list[Waiting], list[MadeUp | None]]":  # fmt: skip
    from cbi.programmes import making_up

    def work(session: "Session", actor: "Actor") -> "tuple[list[Waiting], list[MadeUp | None]]":
        waiting = listed(session, actor, programme)
        found = making_up.of_listed(session, programme, waiting)
        return waiting, [found.get(each.key) for each in waiting]

    return working(office, user, work)


def _cost(found: "MadeUp | None") -> str:
    """What more the next cycle owes once it is confirmed; empty where no cycle is left that could make up for it."""
    return f"{found.after - found.before} in {found.period}" if found else ""


def _as_json(
    names: "Sequence[str]", rows: "Sequence[Sequence[str]]", made_up: "Sequence[MadeUp | None]"
) -> None:
    from cbi.programmes.household_schemas import MadeUpOut
    from cbi.terminal.output import as_json

    as_json(
        [
            dict(zip(names, row, strict=True)) | {"made_up": MadeUpOut.of(more).model_dump() if more else None}
            for row, more in zip(rows, made_up, strict=True)
        ]
    )  # fmt: skip
