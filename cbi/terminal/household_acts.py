"""Commands for what two people change in households: splits, merges, corrections, roles, guardians, telephones."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import typer

from cbi.terminal.households import (
    Day,
    Evidence,
    Number,
    Phone,
    Reason,
    Seen,
    Size,
    Someone,
    Word,
    ask_for,
    households,
)
from cbi.terminal.office import Json, Office, User

__all__ = ["households"]


@households.command("move")
def move(
    number: Number, area: Annotated[str, typer.Argument(help="Where it lives now.")],
    reason: Reason = "", on: Day = None, evidence: Evidence = None,
    office: Office = None, user: User = None, json: Json = False,
) -> None:  # fmt: skip
    """The household lives in another area. Example: cbi household move H-0042 DZ3101 --reason "found a flat" """
    ask_for("moved", number, reason, office, user, json=json, on=on, area=area, evidence=evidence)


@households.command("split")
def split(
    number: Number,
    members: Annotated[list[str], typer.Argument(help="Who leaves, by their numbers.")],
    head: Annotated[str, typer.Option(help="Who of them is the head.")],
    collector: Annotated[str, typer.Option(help="Who of them collects.")],
    size: Annotated[int | None, typer.Option(help="How many leave, if more than are named.")] = None,
    phone: Phone = "", word: Word = "", area: Annotated[str | None, typer.Option(help="Where they live.")] = None,
    need: Annotated[
        list[str], typer.Option(help="Of each named need how many of those concerned leave: disability=1, or =both.")
    ] = [],  # noqa: B006 - typer reads it, nobody writes it
    reason: Reason = "", on: Day = None, evidence: Evidence = None, version: Seen = None,
    office: Office = None, user: User = None, json: Json = False,
) -> None:  # fmt: skip
    """Some members become a household of their own.

    Example: cbi household split H-0042 9f3a1c22 77b0e19d --head 9f3a1c22 --collector 9f3a1c22 --reason "divorce"
    """
    ask_for(
        "split", number, reason, office, user, json=json, on=on, told={"phone": phone, "word": word},
        members={"people": members, "head": head, "collector": collector}, size=size, area=area, evidence=evidence,
        version=version, needs=_shares(need),
    )  # fmt: skip


def _shares(typed: list[str]) -> dict[str, str]:
    found = {}
    for each in typed:
        word, is_given, share = each.rpartition("=")
        if not is_given:
            raise typer.BadParameter("Write each as in: --need disability=1")
        found[word] = share
    return found


@households.command("merge")
def merge(
    kept: Annotated[str, typer.Argument(help="The number of the household that stays.")],
    other: Annotated[str, typer.Argument(help="The number of the one that becomes part of it.")],
    size: Size = None, reason: Reason = "", on: Day = None, evidence: Evidence = None,
    office: Office = None, user: User = None, json: Json = False,
) -> None:  # fmt: skip
    """Two households are one. Without --size it is the larger of the two: say the size if they have come together.

    Example: cbi household merge H-0042 H-0815 --size 7 --reason "they live together since March"
    """
    ask_for(
        "merged",
        kept,
        reason,
        office,
        user,
        json=json,
        on=on,
        other=other,
        size=size,
        evidence=evidence,
    )


@households.command("unmerge")
def unmerge(
    kept: Annotated[str, typer.Argument(help="The number of the household that stayed.")],
    change: Annotated[UUID, typer.Argument(help="The merge, as `household show` has it.")],
    reason: Reason = "", office: Office = None, user: User = None, json: Json = False,
) -> None:  # fmt: skip
    """Put two merged households back as they were. Example: cbi household unmerge H-0042 0199… --reason "two families" """
    ask_for("unmerged", kept, reason, office, user, json=json, merge=change)


@households.command("correct")
def correct(
    number: Number,
    member: Annotated[str | None, typer.Argument(help="Whose facts; left out: only the household's.")] = None,
    name: Annotated[str, typer.Option(help="The right name.")] = "",
    sex: Annotated[str, typer.Option(help="Female, male or other.")] = "",
    born_on: Annotated[str, typer.Option(help="The day of birth.")] = "",
    age: Annotated[str, typer.Option(help="In years.")] = "",
    document_kind: Annotated[str, typer.Option(help="Such as passport.")] = "",
    document: Annotated[str, typer.Option(help="Its number.")] = "",
    word: Word = "", size: Size = None,
    language: Annotated[str | None, typer.Option(help="Of its texts.")] = None,
    reason: Reason = "", evidence: Evidence = None, version: Seen = None,
    office: Office = None, user: User = None, json: Json = False,
) -> None:  # fmt: skip
    """Something was written down wrongly.

    Example: cbi household correct H-0042 9f3a1c22 --born-on 1980-05-31 --reason "passport seen"
    """
    told = {
        "name": name, "sex": sex, "born_on": born_on, "age": age, "document_kind": document_kind,
        "document": document, "word": word,
    }  # fmt: skip
    ask_for(
        "corrected", number, reason, office, user, json=json, told=told, members={"person": member}, size=size,
        language=language, evidence=evidence, version=version,
    )  # fmt: skip


@households.command("role")
def role(
    number: Number, member: Someone,
    what: Annotated[str, typer.Argument(help="head, collector or alternate.")],
    phone: Phone = "", word: Word = "",
    consent_on: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="When the person consented.")] = None,
    reason: Reason = "", on: Day = None, evidence: Evidence = None,
    office: Office = None, user: User = None, json: Json = False,
) -> None:  # fmt: skip
    """Somebody is the head, the collector, or the alternate collector from now on.

    Example: cbi household role H-0042 9f3a1c22 collector --phone 0550123456 --reason "the mother died"
    """
    if what not in {"head", "collector", "alternate"}:
        raise typer.BadParameter("A role is head, collector or alternate.")
    ask_for(
        what, number, reason, office, user, json=json, on=on, told={"phone": phone, "word": word},
        members={"person": member}, consent_on=consent_on.date() if consent_on else None, evidence=evidence,
    )  # fmt: skip


@households.command("no-alternate")
def no_alternate(
    number: Number, reason: Reason = "", on: Day = None, evidence: Evidence = None,
    office: Office = None, user: User = None, json: Json = False,
) -> None:  # fmt: skip
    """Nobody is the alternate collector any more. Example: cbi household no-alternate H-0042 --reason "moved away" """
    ask_for("alternate", number, reason, office, user, json=json, on=on, evidence=evidence)


@households.command("guardian")
def guardian(
    number: Number,
    child: Annotated[str, typer.Argument(help="The child's number.")],
    who: Annotated[str, typer.Argument(help="The guardian's number.")],
    reference: Annotated[str, typer.Option(help="The decision's number.")],
    decided_on: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="Its day.")],
    decided_by: Annotated[str, typer.Option(help="Which court or authority.")],
    phone: Phone = "", word: Word = "",
    reason: Reason = "", office: Office = None, user: User = None, json: Json = False,
) -> None:  # fmt: skip
    """Say who was appointed guardian of an unaccompanied child, and by which decision.

    Example: cbi household guardian H-0042 77b0e19d 9f3a1c22 --reference TR-17 --decided-on 2026-01-05
    --decided-by "juvenile court" --reason "decision seen"
    """
    ask_for(
        "guardian", number, reason, office, user, json=json, members={"person": child, "other": who},
        told={"phone": phone, "word": word},
        reference=reference, decided_on=decided_on.date(), decided_by=decided_by,
    )  # fmt: skip


@households.command("phone")
def phone(
    number: Number, member: Someone,
    new: Annotated[str, typer.Argument(help="The new telephone.")],
    reason: Reason = "", evidence: Evidence = None,
    office: Office = None, user: User = None, json: Json = False,
) -> None:  # fmt: skip
    """Ask for another telephone; the old one is told, and a colleague confirms it.

    Example: cbi household phone H-0042 9f3a1c22 0550123456 --reason "the old one was stolen"
    """
    ask_for(
        "phone", number, reason, office, user, json=json, told={"phone": new}, members={"person": member},
        evidence=evidence,
    )  # fmt: skip
