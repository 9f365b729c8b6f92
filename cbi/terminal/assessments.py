"""Commands for assessments: what households answered, taken in one by one or by form, and what came of it."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cbi.registry.purposes import Purpose
from cbi.terminal.office import Json, Office, User, working
from cbi.terminal.scorecards import Language, Short

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    from cbi.access.actor import Actor
    from cbi.registry.scorecards.forms import TakenIn
    from cbi.registry.scorecards.landing import Landed
    from cbi.registry.scorecards.schemas import OpenedOut

assessments = typer.Typer(
    help="What households answered, and what came of it.", no_args_is_help=True
)

Number = Annotated[int, typer.Argument(help="The assessment's number.")]
Numbered = Annotated[str, typer.Argument(help="The household's registration number.")]


@assessments.command("file")
def take_in(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    dry_run: Annotated[bool, typer.Option(help="Check everything, and change nothing.")] = False,
    report: Annotated[
        Path | None, typer.Option(help="Write a copy of the form with the reasons beside each row.")
    ] = None,
    language: Annotated[
        str, typer.Option(help="The language of that copy: en, fr, ar or es.")
    ] = "en",
    office: Office = None,
    user: User = None,
    json: Json = False,
) -> None:
    """Take in a filled form; the same rows again change nothing.

    Example: cbi assess file team-3.xlsx --report team-3-checked.xlsx
    """
    from rich.markup import escape

    from cbi.registry.intake.results import count_reasons
    from cbi.registry.scorecards import forms
    from cbi.registry.scorecards.schemas import TakenInOut
    from cbi.terminal.output import as_json, cover, progress, say, show

    with progress("households") as bar:

        def work(session: "Session", actor: "Actor") -> "TakenIn":
            return forms.take_in(session, actor, file, dry_run=dry_run, progress=bar.advance)

        result = working(office, user, work)
    if report:
        forms.write_report(result, file, report, cover=cover(), language=language)
    if json:
        as_json(TakenInOut.of(result, "en").model_dump(mode="json"))
        return
    show(
        {f"Form {result.form_id}": f"{result.scorecard}/{result.version}, {result.form}{' (dry run)' if dry_run else ''}"}
        | {name.capitalize(): f"{count:,}" for name, count in result.counts().items()}
        | {f"Band {band}": f"{count:,}" for band, count in sorted(result.bands.items())}
    )  # fmt: skip
    for reason, rows in count_reasons(result.rows)[:10]:
        where = f"{reason.column}: " if reason.column else ""
        say(escape(f"  {rows} × {where}{reason.message} {reason.next_step}"))


@assessments.command("one")
def assess_one(
    household: Numbered,
    answers: Annotated[
        list[str], typer.Argument(help="question=answer, each; several answers with commas.")
    ],
    scorecard: Annotated[str, typer.Option(help="The scorecard's short name.")],
    short: Short = False,
    on: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day of the visit.")
    ] = None,
    source: Annotated[str, typer.Option(help="Where this comes from.")] = "visit",
    reason: Annotated[str | None, typer.Option(help="Why it puts an earlier one right.")] = None,
    office: Office = None,
    user: User = None,
    json: Json = False,
) -> None:
    """Assess one household. Example: cbi assess one H-0042 --scorecard need hungry=3 rent=late health=chronic,serious"""
    from cbi.registry.naming import named
    from cbi.registry.scorecards import assessing, versions
    from cbi.registry.scorecards.definition import Form
    from cbi.registry.scorecards.schemas import LandedOut
    from cbi.terminal.output import as_json, say

    said: Mapping[str, str] = dict(pair(each) for each in answers)
    chosen = Form.SHORT if short else Form.LONG

    def work(session: "Session", actor: "Actor") -> "Landed":
        card = versions.find(session, scorecard).scorecard
        return assessing.assess(
            session, actor, named(session, household), scorecard, chosen,
            assessing.typed(card, chosen, said), on=on.date() if on else None, source=source,
            reason=reason,
        )  # fmt: skip

    landed = LandedOut.of(working(office, user, work))
    if json:
        as_json(landed.model_dump())
        return
    band = f"band {landed.band}" if landed.band else "to be assessed with the long form"
    say(f"Assessment {landed.id}: {landed.score} points, {band}.")
    if landed.waits:
        say(f"Somebody else accepts it: cbi assess confirm {landed.id}")


def pair(text: str) -> tuple[str, str]:
    """`rent=late` as question and answer."""
    name, sign, answer = text.partition("=")
    if not sign:
        raise typer.BadParameter(f"{name[:40]!r} is not question=answer")
    return name.strip(), answer


@assessments.command("list")
def list_assessments(
    household: Numbered, office: Office = None, user: User = None, json: Json = False
) -> None:
    """A household's assessments, without answers. Example: cbi assess list H-0042"""
    from cbi.registry.naming import named
    from cbi.registry.scorecards import assessing
    from cbi.registry.scorecards.schemas import AssessmentOut
    from cbi.terminal.output import as_json, table

    rows = working(
        office, user,
        lambda session, actor: [
            AssessmentOut.of(row)
            for row in assessing.of_household(session, actor, named(session, household))
        ],
    )  # fmt: skip
    if json:
        as_json([row.model_dump(mode="json") for row in rows])
    else:
        table(
            f"Assessments of {household}",
            ["No.#", "Scorecard", "Form", "Day", "Score#", "Band"],
            [
                (row.id, f"{row.scorecard}/{row.version}", row.form, row.assessed_on, row.score, row.band or "(long form)")
                for row in rows
            ],
        )  # fmt: skip


@assessments.command("show")
def show_assessment(
    number: Number,
    language: Language = "en",
    purpose: Annotated[
        Purpose, typer.Option(help="What it is opened for; the look is written down.")
    ] = Purpose.ASSESSMENT,
    office: Office = None,
    user: User = None,
    json: Json = False,
) -> None:
    """Open an assessment: its score, band, and why. Example: cbi assess show 12 --language fr"""
    from rich.markup import escape

    from cbi.registry.scorecards import assessing
    from cbi.registry.scorecards.schemas import OpenedOut
    from cbi.terminal.output import as_json, say, show

    def work(session: "Session", actor: "Actor") -> "OpenedOut":
        opened = assessing.open_(session, actor, number, purpose)
        return OpenedOut.told(opened, language)

    found = working(office, user, work)
    if json:
        as_json(found.model_dump(mode="json"))
        return
    show(
        {
            f"Assessment {found.id}": f"{found.scorecard}/{found.version}, {found.form}, {found.assessed_on}",
            "Score": found.score,
            "Band": found.band_name,
        }
    )
    for reason in found.reasons:
        say(escape(f"  {reason}"))
    if found.answers is None:
        say("What was answered was erased.")


@assessments.command("waiting")
def list_waiting(office: Office = None, user: User = None, json: Json = False) -> None:
    """Late corrections that wait for a second person. Example: cbi assess waiting"""
    from cbi.registry.scorecards import assessing
    from cbi.registry.scorecards.models import Assessment
    from cbi.registry.scorecards.schemas import AssessmentOut
    from cbi.terminal.output import as_json, table

    def work(session: "Session", actor: "Actor") -> list[AssessmentOut]:
        found = session.scalars(assessing.waiting(actor).order_by(Assessment.id).limit(200))
        return [AssessmentOut.of(row) for row in found]

    rows = working(office, user, work)
    if json:
        as_json([row.model_dump(mode="json") for row in rows])
    else:
        table(
            "Waiting for a second person",
            ["No.#", "Scorecard", "Day", "Score#", "Band", "Because"],
            [(row.id, f"{row.scorecard}/{row.version}", row.assessed_on, row.score, row.band, row.reason) for row in rows],
        )  # fmt: skip


@assessments.command("confirm")
def confirm(number: Number, office: Office = None, user: User = None) -> None:
    """Accept somebody else's late correction. Example: cbi assess confirm 12"""
    from cbi.registry.scorecards import assessing
    from cbi.terminal.output import say

    working(office, user, lambda session, actor: assessing.confirm(session, actor, number))
    say("Accepted: it counts from now on.")


@assessments.command("refuse")
def refuse_assessment(
    number: Number,
    reason: Annotated[str, typer.Option(help="Why.")],
    office: Office = None,
    user: User = None,
) -> None:
    """Refuse somebody else's late correction. Example: cbi assess refuse 12 --reason "no visit was made" """
    from cbi.registry.scorecards import assessing
    from cbi.terminal.output import say

    working(office, user, lambda session, actor: assessing.refuse(session, actor, number, reason))
    say("Refused: it never counts.")
