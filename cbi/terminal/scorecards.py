"""Commands for scorecards: proposed by one person, accepted by another, and written out as forms for the field."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cbi.terminal.office import Json, Office, User, working

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from cbi.access.actor import Actor

scorecards = typer.Typer(help="Who is in need, by points and rules.", no_args_is_help=True)

Code = Annotated[str, typer.Argument(help="The scorecard's short name.")]
Version = Annotated[int, typer.Argument(help="The version, as `cbi scorecard list` shows it.")]
Language = Annotated[str, typer.Option(help="en, fr, ar or es.")]
Short = Annotated[bool, typer.Option("--short/--long", help="Which form.")]


@scorecards.command("check")
def check(file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)]) -> None:
    """Read a scorecard file and say what is wrong in it, by line. Example: cbi scorecard check vulnerability.yaml"""
    from cbi.registry.scorecards import versions
    from cbi.registry.scorecards.definition import Form
    from cbi.terminal.output import say, show

    card = versions.new(read_text(file))
    show(
        {
            "Scorecard": card.code,
            "Indicators": str(len(card.indicators)),
            "Questions": f"{len(card.asked(Form.SHORT))} in the short form, {len(card.asked(Form.LONG))} in the long one",
            "Bands": ", ".join(band.name for band in card.bands),
            "Languages": ", ".join(card.name),
        }
    )
    for warning in card.warnings:
        say(f"! {warning}")


def read_text(file: Path) -> str:
    """A file's text; what is not UTF-8 shows as such to whoever reads it."""
    return file.read_bytes().decode("utf-8-sig", errors="replace")


@scorecards.command("propose")
def propose(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    office: Office = None,
    user: User = None,
    json: Json = False,
) -> None:
    """Propose a file as the scorecard's next version. Example: cbi scorecard propose examples/scorecard.yaml"""
    from cbi.registry.scorecards import versions
    from cbi.registry.scorecards.schemas import ProposedOut
    from cbi.terminal.output import as_json, say

    text = read_text(file)
    made = working(office, user, lambda session, actor: versions.propose(session, actor, text))
    if json:
        as_json(ProposedOut.of(made).model_dump())
        return
    for warning in made.warnings:
        say(f"! {warning}")
    if made.changed:
        say(f"Somebody else accepts it: cbi scorecard accept {made.code} {made.version}")
    else:
        say(f"Nothing changed: that is version {made.version} of {made.code} already.")


@scorecards.command("accept")
def accept(code: Code, version: Version, office: Office = None, user: User = None) -> None:
    """Accept a version that somebody else proposed. Example: cbi scorecard accept vulnerability 2"""
    from cbi.registry.scorecards import versions
    from cbi.terminal.output import say

    working(office, user, lambda session, actor: versions.accept(session, actor, code, version))
    say("Accepted. Assessments go by it from now on.")


@scorecards.command("refuse")
def refuse(
    code: Code,
    version: Version,
    reason: Annotated[str, typer.Option(help="Why.")],
    office: Office = None,
    user: User = None,
) -> None:
    """Refuse a version. Example: cbi scorecard refuse vulnerability 2 --reason "not tried in the field yet" """
    from cbi.registry.scorecards import versions
    from cbi.terminal.output import say

    working(
        office, user, lambda session, actor: versions.refuse(session, actor, code, version, reason)
    )
    say("Refused.")


@scorecards.command("list")
def list_versions(office: Office = None, user: User = None, json: Json = False) -> None:
    """Every version of every scorecard. Example: cbi scorecard list"""
    from cbi.registry.scorecards import versions
    from cbi.registry.scorecards.schemas import ScorecardOut
    from cbi.terminal.output import as_json, at, table

    rows = working(
        office, user,
        lambda session, actor: [ScorecardOut.of(row) for row in versions.listed(session, actor)],
    )  # fmt: skip
    if json:
        as_json([row.model_dump(mode="json") for row in rows])
    else:
        table(
            "Scorecards",
            ["Scorecard", "Version#", "Proposed", "State"],
            [
                (
                    row.code,
                    row.version,
                    at(row.proposed_at),
                    row.decision or "waits for a second person",
                )
                for row in rows
            ],
        )


@scorecards.command("show")
def show_version(
    code: Code,
    version: Annotated[int | None, typer.Option(help="The latest if left out.")] = None,
    office: Office = None,
    user: User = None,
) -> None:
    """A version's file, word for word. Example: cbi scorecard show vulnerability --version 2 > mine.yaml"""
    from cbi.registry.scorecards import versions

    text = working(
        office, user, lambda session, actor: versions.shown(session, actor, code, version).text
    )
    typer.echo(text, nl=not text.endswith("\n"))


@scorecards.command("form")
def form(
    code: Code,
    target: Annotated[Path, typer.Argument(help="The file to write: .xlsx or .csv.")],
    short: Short = True,
    households: Annotated[
        str | None,
        typer.Option(
            help="Registration numbers with commas between, or @FILE with one on each line."
        ),
    ] = None,
    area: Annotated[str | None, typer.Option(help="Only households of this area.")] = None,
    language: Language = "en",
    office: Office = None,
    user: User = None,
) -> None:
    """Write a form: one row for each household, by its number, with answers to choose from.

    Without --households: those nobody assessed yet; with --long those whom the short form flagged.
    Example: cbi scorecard form vulnerability team-3.xlsx --short --area Oran --language fr
    """
    import io

    from cbi.registry.scorecards import forms
    from cbi.registry.scorecards.definition import Form
    from cbi.terminal.output import say

    numbers = _numbers(households)

    def work(session: "Session", actor: "Actor") -> tuple[int, int, bytes]:
        content = io.BytesIO()
        paper = forms.write(
            session, actor, code, Form.SHORT if short else Form.LONG, content, numbers=numbers,
            area=area, kind="csv" if target.suffix.lower() == ".csv" else "xlsx", language=language,
        )  # fmt: skip
        return paper.form_id, paper.of, content.getvalue()

    number, count, content = working(office, user, work)
    target.write_bytes(content)
    say(f"Form {number} for {count:,} households: hand it in with `cbi assess file {target.name}`.")


def _numbers(households: str | None) -> list[str]:
    if not households:
        return []
    if households.startswith("@"):
        return [
            line.strip() for line in read_text(Path(households[1:])).splitlines() if line.strip()
        ]
    return [number.strip() for number in households.split(",") if number.strip()]


@scorecards.command("what-if")
def what_if(
    file: Annotated[
        Path | None, typer.Argument(exists=True, dir_okay=False, help="A changed scorecard file.")
    ] = None,
    programme: Annotated[str | None, typer.Option(help="Whose cost is wanted.")] = None,
    rules: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="A changed programme file.")
    ] = None,
    office: Office = None,
    user: User = None,
    json: Json = False,
) -> None:
    """Who would move in and out, and what it would cost; nothing is saved.

    Example: cbi scorecard what-if stricter.yaml --programme family-stipend
    """
    from cbi.programmes import what_if as use
    from cbi.programmes.what_if_endpoints import WhatIfOut
    from cbi.registry.scorecards import versions
    from cbi.terminal.comparisons import print_what_if
    from cbi.terminal.output import as_json

    card = versions.new(read_text(file)) if file else None
    terms = read_text(rules) if rules else None
    found = working(
        office, user,
        lambda session, actor: use.what_if(session, actor, scorecard=card, programme=programme, rules=terms),
    )  # fmt: skip
    if json:
        as_json(WhatIfOut.of(found).model_dump(mode="json"))
    else:
        print_what_if(found)


@scorecards.command("clustering")
def clustering(code: Code, office: Office = None, user: User = None, json: Json = False) -> None:
    """Whose scores stand just above a threshold more often than the others' do. Example: cbi scorecard clustering need"""
    from cbi.registry.scorecards import clustering as use
    from cbi.registry.scorecards.appeal_schemas import ClusterOut
    from cbi.terminal.comparisons import print_clusters
    from cbi.terminal.output import as_json

    found = working(office, user, lambda session, actor: use.clusters(session, actor, code))
    rows = [ClusterOut.of(one) for one in found]
    if json:
        as_json([row.model_dump(mode="json") for row in rows])
    else:
        print_clusters(rows)
