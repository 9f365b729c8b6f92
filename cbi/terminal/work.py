"""Commands for cash for work: activities, the groups that work in them, and members of staff who are registered."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cbi.terminal.office import Json, Office, User, working
from cbi.terminal.work_sheets import sheets

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from cbi.access.actor import Actor
    from cbi.programmes.work_models import WorkGroup

work = typer.Typer(help="Cash for work: who worked where, and what it earns.", no_args_is_help=True)
activities = typer.Typer(help="Work at one place for some time.", no_args_is_help=True)
groups = typer.Typer(help="People who work together and stand on one sheet.", no_args_is_help=True)
work.add_typer(activities, name="activity")
work.add_typer(groups, name="group")
work.add_typer(sheets, name="sheet")

Programme = Annotated[str, typer.Argument(help="The programme's code.")]
Activity = Annotated[str, typer.Argument(help="The activity's code.")]
Group = Annotated[str, typer.Argument(help="The group's code.")]
Day = Annotated[datetime, typer.Option(formats=["%Y-%m-%d"])]
PersonName = Annotated[str, typer.Option("--name", help="Unless it is the household's recipient.")]


@activities.command("add")
def add_activity(
    programme: Programme,
    activity: Activity,
    name: Annotated[str, typer.Option()],
    area: Annotated[str, typer.Option()],
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"])],
    last: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"])],
    supervisor: Annotated[str, typer.Option(help="The user who signs its sheets.")],
    by: Annotated[str, typer.Option(help="days or pieces.")] = "days",
    office: Office = None,
    user: User = None,
) -> None:
    """Add an activity; the same again changes nothing.

    Example: cbi work activity add roads-2026 well --name "The well" --area Harbour --from 2026-01-05 --to 2026-03-31
    --supervisor s.haddad
    """
    from cbi.programmes import work_arranging
    from cbi.programmes.work_models import Basis
    from cbi.terminal.output import say

    if by not in set(Basis):
        raise typer.BadParameter("--by is days or pieces.")
    place = work_arranging.Place(name, area, Basis(by), first.date(), last.date())
    working(
        office,
        user,
        lambda session, actor: work_arranging.add_activity(
            session, actor, programme, activity, place, supervisor
        ),
    )
    say(f"{programme}: {activity} is there.")


@activities.command("supervisor")
def change_supervisor(
    programme: Programme,
    activity: Activity,
    supervisor: Annotated[str, typer.Argument(help="A user who may sign.")],
    office: Office = None,
    user: User = None,
) -> None:
    """Have another user sign an activity's sheets. Example: cbi work activity supervisor roads-2026 well o.amara"""
    from cbi.programmes import work_arranging
    from cbi.terminal.output import say

    working(
        office,
        user,
        lambda session, actor: work_arranging.change_supervisor(
            session, actor, programme, activity, supervisor
        ),
    )
    say("Noted.")


@activities.command("list")
def list_activities(
    programme: Programme, office: Office = None, user: User = None, json: Json = False
) -> None:
    """A programme's activities. Example: cbi work activity list roads-2026"""
    from cbi.access.permissions import Permission
    from cbi.programmes import queries, work_queries
    from cbi.programmes.work_schemas import ActivityOut
    from cbi.terminal.output import as_json, table

    def look(session: "Session", actor: "Actor") -> list[ActivityOut]:
        actor.require(Permission.WORK_READ, programme)
        found = session.scalars(work_queries.activities(queries.find(session, programme)))
        return sorted((ActivityOut.of(each) for each in found), key=lambda each: each.code)

    found = working(office, user, look)
    if json:
        as_json([each.model_dump(mode="json") for each in found])
    else:
        table(
            "Activities",
            ["Code", "Name", "Area", "Paid by", "From", "To"],
            [(a.code, a.name, a.area, a.basis, a.starts_on, a.ends_on) for a in found],
        )


@groups.command("add")
def add_group(
    programme: Programme,
    activity: Activity,
    group: Group,
    name: Annotated[str, typer.Option()],
    office: Office = None,
    user: User = None,
) -> None:
    """Add a group to an activity. Example: cbi work group add roads-2026 well group-a --name "Morning group" """
    from cbi.programmes import work_arranging
    from cbi.terminal.output import say

    working(
        office,
        user,
        lambda session, actor: work_arranging.add_group(
            session, actor, programme, activity, group, name
        ),
    )
    say(f"{programme}, {activity}: {group} is there.")


@groups.command("join")
def join(
    programme: Programme,
    activity: Activity,
    group: Group,
    on: Day,
    number: Annotated[str | None, typer.Argument(help="A registration number.")] = None,
    name: PersonName = "",
    file: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="A list: registration number, name."),
    ] = None,
    office: Office = None,
    user: User = None,
) -> None:
    """Have registered people join a group, one or a list (XLSX, CSV); all of the list or nobody.

    Example: cbi work group join roads-2026 well group-a --file workers.xlsx --on 2026-01-05
    """
    from cbi.programmes import work_arranging, work_lists
    from cbi.programmes.work_people import Named
    from cbi.terminal.output import say

    if (number is None) == (file is None):
        raise typer.BadParameter("Give a registration number or --file.")
    people: list[Named] = work_lists.read(file) if file else [Named(number or "", name)]

    def work_(session: "Session", actor: "Actor") -> int:
        within = _group(session, programme, activity, group)
        return work_arranging.join(session, actor, within, people, on.date())

    say(f"{working(office, user, work_)} joined.")


@groups.command("leave")
def leave(
    programme: Programme,
    activity: Activity,
    group: Group,
    number: Annotated[str, typer.Argument(help="A registration number.")],
    on: Day,
    name: PersonName = "",
    office: Office = None,
    user: User = None,
) -> None:
    """Note somebody's last day in a group. Example: cbi work group leave roads-2026 well group-a H-0042 --on 2026-02-13"""
    from cbi.programmes import work_arranging
    from cbi.programmes.work_people import Named
    from cbi.terminal.output import say

    def work_(session: "Session", actor: "Actor") -> None:
        within = _group(session, programme, activity, group)
        work_arranging.leave(session, actor, within, Named(number, name), on.date())

    working(office, user, work_)
    say("Noted.")


@groups.command("list")
def list_members(
    programme: Programme,
    activity: Activity,
    group: Group,
    office: Office = None,
    user: User = None,
    json: Json = False,
) -> None:
    """Who is or was in a group, without names. Example: cbi work group list roads-2026 well group-a"""
    from cbi.access.permissions import Permission
    from cbi.programmes import work_queries
    from cbi.programmes.work_schemas import MemberOut
    from cbi.terminal.output import as_json, table

    def look(session: "Session", actor: "Actor") -> list[MemberOut]:
        actor.require(Permission.WORK_READ, programme)
        within = _group(session, programme, activity, group)
        return [MemberOut.of(*each) for each in work_queries.members(session, within)]

    found = working(office, user, look)
    if json:
        as_json([each.model_dump(mode="json") for each in found])
    else:
        table(
            f"{activity}, {group}",
            ["No.#", "Registration number", "Joined", "Left"],
            [(m.number, m.registration, m.joined_on, m.left_on or "") for m in found],
        )


def _group(session: "Session", programme: str, activity: str, group: str) -> "WorkGroup":
    from cbi.programmes import queries, work_queries

    where = work_queries.activity(session, queries.find(session, programme), activity)
    return work_queries.group(session, where, group)


@work.command("tie")
def tie(
    username: Annotated[str, typer.Argument(help="A member of staff.")],
    number: Annotated[str, typer.Argument(help="A registration number.")],
    is_same: Annotated[
        bool, typer.Option("--is/--is-not", help="The same person, or only the same name.")
    ],
    reason: Annotated[str, typer.Option(help="What you know, in a few words.")],
    name: PersonName = "",
    office: Office = None,
    user: User = None,
) -> None:
    """Say that a member of staff is a registered person, who then signs no sheet of that household; or is not.

    Example: cbi work tie s.haddad H-0042 --is --reason "Lives there"
    """
    from cbi.programmes import work_people
    from cbi.programmes.work_people import Named
    from cbi.terminal.output import say

    working(
        office,
        user,
        lambda session, actor: work_people.tie(
            session, actor, username, Named(number, name), is_same=is_same, reason=reason
        ),
    )
    say("Noted.")
