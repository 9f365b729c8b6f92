"""Commands for appeals: lodged for a household, decided by somebody who did not make what it is about."""

from typing import TYPE_CHECKING, Annotated

import typer

from cbi.terminal.office import Json, Office, User, working

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from cbi.access.actor import Actor
    from cbi.registry.scorecards.models import Appeal

appeals = typer.Typer(help="Households that do not agree.", no_args_is_help=True)

Number = Annotated[int, typer.Argument(help="The appeal's number.")]


@appeals.command("lodge")
def lodge(
    household: Annotated[str, typer.Argument(help="The household's registration number.")],
    says: Annotated[str, typer.Option(help="What they say, in a few words.")],
    assessment: Annotated[
        int | None, typer.Option(help="Which assessment; the latest if left out.")
    ] = None,
    cycle: Annotated[
        str | None, typer.Option(help="Instead: the cycle that left them out, as PROGRAMME/PERIOD.")
    ] = None,
    office: Office = None,
    user: User = None,
) -> None:
    """Write down that a household does not agree. Example: cbi appeal lodge H-0042 --says "the rent was not asked about" """
    from cbi.programmes import appealing
    from cbi.registry.naming import named
    from cbi.registry.scorecards import appeals as use
    from cbi.terminal.output import say

    def work(session: "Session", actor: "Actor") -> int:
        who = named(session, household)
        if cycle:
            programme, _, period = cycle.partition("/")
            return appealing.lodge(session, actor, who, programme, period, says).id
        return use.lodge(session, actor, who, says, assessment=assessment).id

    number = working(office, user, work)
    say(f"Appeal {number}: somebody who did not make it decides with `cbi appeal decide {number}`.")


@appeals.command("list")
def list_appeals(
    every: Annotated[bool, typer.Option("--all", help="Those that were decided, too.")] = False,
    office: Office = None,
    user: User = None,
    json: Json = False,
) -> None:
    """Appeals that wait for a decision. Example: cbi appeal list"""
    from cbi.registry.scorecards import appeal_words
    from cbi.registry.scorecards import appeals as use
    from cbi.registry.scorecards.appeal_schemas import AppealOut
    from cbi.registry.scorecards.models import Appeal
    from cbi.terminal.output import as_json, at, table

    def work(session: "Session", actor: "Actor") -> list[AppealOut]:
        found = session.scalars(
            use.listed(actor, open_only=not every).order_by(Appeal.id).limit(500)
        ).all()
        words = appeal_words.shown(session, actor, found)
        return [AppealOut.of(row, words[row.id]) for row in found]

    rows = working(office, user, work)
    if json:
        as_json([row.model_dump(mode="json") for row in rows])
    else:
        table(
            "Appeals",
            ["No.#", "About", "Since", "They say", "Outcome"],
            [
                (
                    row.id, f"assessment {row.assessment_id}" if row.assessment_id else "a cycle",
                    at(row.lodged_at), row.says or "erased", row.outcome or "open",
                )
                for row in rows
            ],
        )  # fmt: skip


@appeals.command("decide")
def decide(
    number: Number,
    outcome: Annotated[str, typer.Argument(help="stands or changed.")],
    answer: Annotated[str, typer.Option(help="The reason, which the household is told.")],
    answers: Annotated[
        list[str] | None, typer.Option("--set", help="question=answer of a new assessment, each.")
    ] = None,
    reassessment: Annotated[
        int | None, typer.Option(help="The number of an assessment that was made since.")
    ] = None,
    office: Office = None,
    user: User = None,
) -> None:
    """Decide an appeal. Example: cbi appeal decide 3 stands --answer "the rent was asked about and is paid" """
    from cbi.registry.scorecards import appeals as use
    from cbi.registry.scorecards import assessing, versions
    from cbi.registry.scorecards.definition import Form
    from cbi.terminal.assessments import pair
    from cbi.terminal.output import say

    said = dict(pair(each) for each in answers or ())

    def work(session: "Session", actor: "Actor") -> "Appeal":
        row, typed = use.find(session, number), None
        if said and row.assessment_id is not None:
            card = versions.find(
                session, assessing.find(session, row.assessment_id).scorecard
            ).scorecard
            typed = assessing.typed(card, Form.LONG, said)
        return use.decide(
            session, actor, number, outcome, answer, answers=typed, reassessment=reassessment
        )

    row = working(office, user, work)
    more = f": assessment {row.reassessment_id} takes its place" if row.reassessment_id else ""
    say(f"Decided: {row.outcome}{more}.")
