"""Commands for controls: what a run's sheet found, which controls there are, and letting one pass for a time."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from cbi.terminal.again import runs
from cbi.terminal.office import Json, Office, OneTimeCode, User, one_time_code, reading, working
from cbi.terminal.runs import Number as RunNumber

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from cbi.access.actor import Actor
    from cbi.http.pages import Page
    from cbi.money import Money
    from cbi.payments.runs.finding_lists import FindingLine
    from cbi.payments.runs.payees import PayeeLine
    from cbi.payments.signing.waiver_models import Waiver

__all__ = ["runs", "waivers"]

waivers = typer.Typer(
    help="Letting a control pass: for a time, by two people, in the open.", no_args_is_help=True
)

Number = Annotated[int, typer.Argument(help="As `cbi waiver list` shows it.")]
Reason = Annotated[str, typer.Option(help="Why, in a few words.")]
_DAY = ["%Y-%m-%d"]
_SHOWN = 50


@runs.command("payees")
def payees(number: RunNumber, office: Office = None, user: User = None, json: Json = False) -> None:
    """Who gets more within 30 days than the office lets one person or account get. Example: cbi run payees 12"""
    from cbi.payments.runs import payees as of_payees
    from cbi.payments.runs import queries
    from cbi.payments.runs.runs import find
    from cbi.payments.signing import blocking
    from cbi.terminal.output import as_json, say, table

    def work(session: "Session", actor: "Actor") -> "tuple[Money | None, list[PayeeLine]]":
        run = find(session, queries.run_by_number(session, number))
        limit = blocking.payee_limit(session, run)
        return limit, of_payees.listed(session, actor, run, limit) if limit else []

    limit, lines = working(office, user, work)
    if json:
        as_json({"limit": limit, "lines": lines})
    elif limit is None:
        say("The approval policy sets no such limit.")
    else:
        rows = [
            (each.number, each.household, each.amount, each.person, each.account) for each in lines
        ]
        headings = ["No.#", "Household", "In this run#", "Person#", "Telephone or account#"]
        table(f"Above {limit} within {of_payees.DAYS} days", headings, rows)


@runs.command("findings")
def findings(
    number: RunNumber,
    kind: Annotated[
        list[str] | None, typer.Option("--kind", help="Only this list. May be repeated.")
    ] = None,
    office: Office = None,
    user: User = None,
) -> None:
    """Open the lists of what is unusual in a run, as whoever signs it must. Example: cbi run findings 12 --user amina"""
    from cbi.payments.runs import finding_lists, queries
    from cbi.payments.runs.runs import find
    from cbi.payments.runs.sheet_models import FindingKind
    from cbi.terminal.output import say, table

    def work(session: "Session", actor: "Actor") -> "dict[FindingKind, Page[FindingLine]]":
        run = find(session, queries.run_by_number(session, number))
        if not kind:
            return finding_lists.unusual(session, actor, run, limit=_SHOWN)
        wanted = [FindingKind(each) for each in kind if each in set(FindingKind)]
        return {
            each: finding_lists.listed(session, actor, run, each, limit=_SHOWN) for each in wanted
        }

    found = working(office, user, work)
    for each, page in found.items():
        table(
            f"{each} (the first {_SHOWN})" if page.next_cursor else str(each),
            ["No.#", "Household", "Area", "Together#", "Before#", "Now#"],
            [
                (line.number or "", line.household, line.area or "", line.together or "", line.before or "",
                 line.after or "")
                for line in page.items
            ],
        )  # fmt: skip
    if not found:
        say("Nothing unusual was found.")


@waivers.command("ask")
def ask(
    control: Annotated[str, typer.Argument(help="As `cbi waiver controls` shows it.")],
    programme: Annotated[str, typer.Option(help="The programme's code.")],
    reason: Reason,
    evidence: Annotated[str, typer.Option(help="Where it can be seen that it is so.")],
    risk_owner: Annotated[str, typer.Option(help="The user name of whose risk it is.")],
    first: Annotated[datetime, typer.Option(formats=_DAY, help="The first day.")],
    last: Annotated[datetime, typer.Option(formats=_DAY, help="The last day, included.")],
    run: Annotated[int | None, typer.Option(help="Only for this run.")] = None,
    period: Annotated[str | None, typer.Option(help="Only for this period.")] = None,
    household: Annotated[
        list[str] | None,
        typer.Option(help="Only for this registration number. May be repeated."),
    ] = None,
    at_most: Annotated[int | None, typer.Option(help="Up to so much, in its measure.")] = None,
    code: OneTimeCode = None,
    office: Office = None,
    user: User = None,
) -> None:
    """Ask that a control lets something pass, for at most 30 days; a second person grants it.

    Example: cbi waiver ask shared_account --programme winter-2026 --run 12 --at-most 4 --reason "One family" --evidence
    "visit report FV-118" --risk-owner hana --first 2026-11-23 --last 2026-12-04
    """
    from sqlalchemy import select

    from cbi.access.models import User as Member
    from cbi.access.roles import UnknownUser
    from cbi.payments.signing import waivers as use
    from cbi.terminal.output import say

    typed = one_time_code(code)

    def work(session: "Session", actor: "Actor") -> int:
        owner: UUID | None = session.scalar(select(Member.id).where(Member.username == risk_owner))
        if owner is None:
            raise UnknownUser(f"There is no user {risk_owner}.", next_step="See: cbi user list")
        terms = use.Terms(
            control, programme, reason, evidence, owner, first.date(), last.date(), run, period,
            tuple(household or ()), at_most,
        )  # fmt: skip
        return use.ask(session, actor, terms, typed).number

    made = working(office, user, work)
    say(f"Waiver {made} is asked for. Somebody else grants it: cbi waiver grant {made}")


@waivers.command("grant")
def grant(
    number: Number, code: OneTimeCode = None, office: Office = None, user: User = None
) -> None:
    """Let a colleague's waiver hold on its days. Example: cbi waiver grant 3 --user dina"""
    from cbi.payments.signing import waivers as use

    typed = one_time_code(code)
    _do(office, user, lambda session, actor: use.grant(session, actor, number, typed), "granted")


@waivers.command("refuse")
def refuse(number: Number, reason: Reason, office: Office = None, user: User = None) -> None:
    """Say no to a colleague's waiver. Example: cbi waiver refuse 3 --reason "Visit them first" """
    from cbi.payments.signing import waivers as use

    _do(office, user, lambda session, actor: use.refuse(session, actor, number, reason), "refused")


@waivers.command("revoke")
def revoke(number: Number, reason: Reason, office: Office = None, user: User = None) -> None:
    """End a waiver at once: who asked, who granted, or the head of finance.

    Example: cbi waiver revoke 3 --reason "It is not one family"
    """
    from cbi.payments.signing import waivers as use

    _do(office, user, lambda session, actor: use.revoke(session, actor, number, reason), "revoked")


@waivers.command("list")
def list_waivers(
    state: Annotated[
        list[str] | None, typer.Option("--state", help="Only these, such as open.")
    ] = None,
    office: Office = None,
    json: Json = False,
) -> None:
    """The register of waivers, latest first. Example: cbi waiver list --state open --json"""
    from cbi.payments.signing import waiver_register
    from cbi.payments.signing.waiver_schemas import WaiverOut
    from cbi.terminal.output import as_json, covered_by, table

    with reading(office) as session:
        lines = [
            each for each in waiver_register.every(session) if not state or each.state in state
        ]
    if json:
        covered_by(())  # it says nothing else
        as_json([WaiverOut.of(line).model_dump(mode="json") for line in lines])
        return
    table(
        "Waivers",
        ["No.#", "State", "Control", "For", "Up to#", "From", "Until", "Risk owner", "Asked by", "Answered by", "Why"],
        [
            (
                line.number, line.state, line.control, line.scope, "any" if line.at_most is None else line.at_most,
                line.first_day, line.last_day, line.risk_owner, line.asked_by, line.granted_by or "",
                f"{line.reason} ({line.evidence})" + (f"; {line.why}" if line.why else ""),
            )
            for line in lines
        ],
    )  # fmt: skip


@waivers.command("controls")
def controls(office: Office = None, json: Json = False) -> None:
    """What can keep a run from being signed, as it holds in the office. Example: cbi waiver controls"""
    from cbi.payments.signing import control_settings, policies
    from cbi.payments.signing.controls import MEASURES, NEVER
    from cbi.payments.signing.waiver_schemas import ControlOut
    from cbi.terminal.output import as_json, table

    with reading(office) as session:
        holds = policies.in_force(session)
    limits = control_settings.limits(holds[1].controls if holds else control_settings.Controls())
    if json:
        as_json(
            [
                ControlOut.of(each.control).model_dump() | {"blocks": each.blocks, "at_most": each.at_most}
                for each in limits.values()
            ]
        )  # fmt: skip
        return
    table(
        "Controls",
        ["Control", "It fires when", "Passes up to#", "Blocks", "May be waived"],
        [
            (
                each.control.code, each.control.sentence, f"{each.at_most} {MEASURES[each.control.measure]}",
                "yes" if each.blocks else "no", "by two people" if each.control.waivable else "never",
            )
            for each in limits.values()
        ]
        + [(code, f"not: {sentence}", "", "yes", "never") for code, sentence in NEVER.items()],
    )  # fmt: skip


def _do(
    office: str | None, user: str | None, work: "Callable[[Session, Actor], Waiver]", what: str
) -> None:
    from cbi.terminal.output import say

    say(f"Waiver {working(office, user, work).number} is {what}.")
