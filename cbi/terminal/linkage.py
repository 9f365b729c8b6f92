"""Commands about people who may be on record twice: comparing, what was found and why, and what people say of it."""

from functools import partial
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from cbi.terminal.intake import registry as registry
from cbi.terminal.office import Json, Office, User, working

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from cbi.access.actor import Actor


@registry.command("link")
def link(
    everybody: Annotated[
        bool,
        typer.Option("--all", help="Compare everybody with everybody anew, not only newcomers."),
    ] = False,
    office: Office = None,
    user: User = None,
    json: Json = False,
) -> None:
    """Compare people with everybody else in the registry; the worker does so for newcomers once a minute.

    Example: cbi registry link --all
    """
    from cbi import offices
    from cbi.access.permissions import Permission
    from cbi.registry.linkage import finding
    from cbi.terminal.office import chosen
    from cbi.terminal.output import as_json, progress, show

    working(office, user, lambda _, actor: actor.require(Permission.REGISTRY_DECIDE))
    done = finding.NOTHING
    steps = finding.compare_everybody if everybody else finding.compare_waiting
    with progress("people") as bar:
        for step in steps(partial(offices.transact, chosen(office))):
            done += step
            bar.advance(step.people)
    if json:
        as_json(done)
    else:
        show(
            {
                "People compared": f"{done.people:,}",
                "Pairs looked at": f"{done.pairs:,}",
                "Pairs kept": f"{done.found:,}",
                "Groups too large": f"{done.crowded:,}",
            }
        )


@registry.command("pairs")
def list_pairs(
    limit: Annotated[int, typer.Option(help="How many at most.")] = 100,
    office: Office = None,
    user: User = None,
    json: Json = False,
) -> None:
    """Pairs of people who may be the same one, and why; none of their households is paid. Example: cbi registry pairs"""
    from cbi.access.permissions import Permission
    from cbi.registry.linkage import queries
    from cbi.registry.linkage.models import Pair
    from cbi.registry.linkage.telling import sentence
    from cbi.terminal.output import as_json, table

    def work(session: "Session", actor: "Actor") -> list[dict[str, object]]:
        actor.require(Permission.REGISTRY_READ)
        pairs = session.scalars(
            queries.to_decide().order_by(Pair.found_at, Pair.id).limit(limit)
        ).all()
        sides = queries.sides(session, pairs)
        return [
            {
                "id": pair.id, "per_mille": pair.per_mille,
                "households": ", ".join(sides[each].number for each in (pair.first_id, pair.second_id)),
                "people": [str(pair.first_id), str(pair.second_id)], "because": sentence(pair.levels),
            }
            for pair in pairs
        ]  # fmt: skip

    rows = working(office, user, work)
    if json:
        as_json(rows)
    else:
        table(
            "The same person?",
            ["Pair", "Per mille#", "Households", "Because"],
            [(row["id"], row["per_mille"], row["households"], row["because"]) for row in rows],
        )


@registry.command("say")
def say(
    pair: UUID,
    finding: Annotated[str, typer.Argument(help="different, same or ask_again.")],
    reason: Annotated[str, typer.Option(help="What you found out, in a few words.")],
    keep: Annotated[
        UUID | None, typer.Option(help="For `same`: the person whose record stays.")
    ] = None,
    office: Office = None,
    user: User = None,
) -> None:
    """Say whether a pair is two people or one; `same` takes a second person and makes one household of two.

    Example: cbi registry say 5f… different --reason "Both came to the office today"
    """
    from cbi.registry.linkage import deciding
    from cbi.terminal.output import say as tell

    done = working(
        office, user, lambda session, actor: deciding.say(session, actor, pair, finding, reason, kept=keep)
    )  # fmt: skip
    tell(f"Noted. The pair is {'still open' if done.state == 'open' else done.state}.")


@registry.command("take-back")
def take_back(
    pair: UUID,
    reason: Annotated[str, typer.Option(help="Why it was wrong.")],
    office: Office = None,
    user: User = None,
) -> None:
    """Open a settled pair again; what was made one is parted once a second person says so, too.

    Example: cbi registry take-back 5f… --reason "Twins"
    """
    from cbi.registry.linkage import deciding
    from cbi.terminal.output import say as tell

    done = working(
        office, user, lambda session, actor: deciding.take_back(session, actor, pair, reason)
    )
    tell(
        "The pair is open again."
        if done.state == "open"
        else "Noted. Somebody else must say so, too."
    )


@registry.command("uphold")
def uphold(
    pair: UUID,
    reason: Annotated[str, typer.Option(help="Why they stay one.")],
    office: Office = None,
    user: User = None,
) -> None:
    """Let two records stay one that somebody wants back. Example: cbi registry uphold 5f… --reason "One card" """
    from cbi.registry.linkage import deciding
    from cbi.terminal.output import say as tell

    working(office, user, lambda session, actor: deciding.uphold(session, actor, pair, reason))
    tell("Noted. They stay one.")


@registry.command("thresholds")
def thresholds(
    ask: Annotated[int | None, typer.Option(help="Ask from this score, per mille.")] = None,
    certain: Annotated[int, typer.Option(help="Call it certain from this score.")] = 950,
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    accept: Annotated[int | None, typer.Option(help="Accept this version.")] = None,
    refuse: Annotated[int | None, typer.Option(help="Refuse this version.")] = None,
    office: Office = None,
    user: User = None,
    json: Json = False,
) -> None:
    """From what score pairs are asked about: see it, propose other scores, accept what somebody else proposed.

    Example: cbi registry thresholds --ask 600 --certain 980 --reason "Too many namesakes"
    """
    from cbi.registry.linkage import thresholds as scores
    from cbi.registry.linkage.schemas import ThresholdsOut
    from cbi.terminal.output import as_json, table

    def work(session: "Session", actor: "Actor") -> list[ThresholdsOut]:
        if ask is not None:
            scores.propose(session, actor, ask=ask, certain=certain, reason=reason)
        for version, accepts in ((accept, True), (refuse, False)):
            if version is not None:
                scores.decide(session, actor, version, accept=accepts)
        return [ThresholdsOut.of(each) for each in scores.versions(session, actor)]

    rows = working(office, user, work)
    if json:
        as_json([row.model_dump() for row in rows])
    else:
        table(
            "Scores",
            ["Version#", "Ask from#", "Certain from#", "Reason", "Decision"],
            [
                (row.version, row.ask, row.certain, row.reason, row.decision or "waits")
                for row in rows
            ],
        )


@registry.command("staff")
def list_staff(office: Office = None, user: User = None, json: Json = False) -> None:
    """Members of staff and tellers who may be recipients, for somebody else to find out. Example: cbi registry staff"""
    from cbi.registry.linkage import staff
    from cbi.terminal.output import as_json, table

    rows = [
        (each.match.id, each.match.staff_kind, each.match.staff_id, each.household)
        for each in working(office, user, staff.listed)
    ]
    if json:
        as_json([dict(zip(("id", "kind", "who", "household"), row, strict=True)) for row in rows])
    else:
        table("Staff who may be recipients", ["Finding", "Kind", "Who", "Household"], rows)


@registry.command("staff-decide")
def decide_staff(
    finding: UUID,
    decision: Annotated[str, typer.Argument(help="different or same.")],
    reason: Annotated[str, typer.Option(help="What you know, in a few words.")],
    office: Office = None,
    user: User = None,
) -> None:
    """Say whether a colleague is a recipient; `same` keeps their hands off their own record.

    Example: cbi registry staff-decide 5f… different --reason "A namesake, 20 years older"
    """
    from cbi.registry.linkage import staff
    from cbi.terminal.output import say as tell

    working(
        office, user, lambda session, actor: staff.decide(session, actor, finding, decision, reason)
    )
    tell("Noted.")
