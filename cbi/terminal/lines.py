"""Commands for lines of statements that nothing explains: what stands in suspense, and what two people find of it."""

from typing import Annotated
from uuid import UUID

import typer

from cbi.terminal.office import Json, Office, OneTimeCode, User, one_time_code, working
from cbi.terminal.statements import statement

__all__ = ["statement"]

LineId = Annotated[UUID, typer.Argument(help="The line's id, as in the list of suspense.")]


@statement.command("suspense")
def suspense(
    provider: Annotated[str | None, typer.Option(help="Only this provider's.")] = None,
    office: Office = None,
    user: User = None,
    json: Json = False,
) -> None:
    """Lines that nothing explains (account 1900), oldest first. Example: cbi statement suspense --user nadia"""
    from cbi.money import Money
    from cbi.payments.outcomes.suspense_models import SuspendedLine
    from cbi.reconciliation import line_queries
    from cbi.reconciliation.line_endpoints import SuspendedOut
    from cbi.terminal.output import as_json, at, table

    in_order = (SuspendedLine.since, SuspendedLine.line_id)
    found = working(
        office, user,
        lambda session, actor: [
            SuspendedOut.of(each)
            for each in session.scalars(line_queries.suspended(actor, provider).order_by(*in_order))
        ],
    )  # fmt: skip
    if json:
        as_json([each.model_dump(mode="json") for each in found])
        return
    table(
        "In suspense",
        ["Line", "Provider", "Since", "Out or in#"],
        [
            (each.line_id, each.provider, at(each.since), Money.parse(each.effect.amount, each.effect.currency))
            for each in found
        ],
    )  # fmt: skip


@statement.command("line")
def line(line: LineId, office: Office = None, user: User = None, json: Json = False) -> None:
    """One line: what explains it, and what it may be. Example: cbi statement line 5f… --user nadia"""
    from cbi.reconciliation import line_queries
    from cbi.reconciliation.line_endpoints import LineOut
    from cbi.terminal.output import as_json, at, show, table

    found = working(
        office, user, lambda session, actor: LineOut.of(line_queries.sheet(session, actor, line))
    )
    if json:
        as_json(found.model_dump(mode="json"))
        return
    since = at(found.in_suspense_since) if found.in_suspense_since else "no"
    show(
        {
            "Line": f"{found.kind} of {found.amount.amount} {found.amount.currency} on {found.value_date}",
            "Reference": found.reference or "",
            "Matched with": found.matched_with or "",
            "In suspense": since,
        }
    )
    table(
        "Reported",
        ["Finding", "It is", "Payment", "Delivered after all#", "Owed back#", "Confirmed"],
        [
            (
                each.id, each.verdict.replace("_", " "), each.payment_id or "",
                f"{each.split.delivered.amount} {each.split.delivered.currency}" if each.split else "",
                f"{each.split.owed_back.amount} {each.split.owed_back.currency}" if each.split else "",
                "taken back" if each.taken_back_by else "yes" if each.confirmed_by else "no",
            )
            for each in found.findings
        ],
    )  # fmt: skip
    table(
        "Our books hold as much, and no line lists it",
        ["Transfer#", "Entry", "Day", "Payment"],
        [
            (each.transfer_id, each.entry, f"{each.day}", each.payment_id or "")
            for each in found.booked
        ],
    )
    table("It is taken back by", ["Line"], [(each,) for each in found.taken_back_by])


@statement.command("report-line")
def report_line(
    line: LineId,
    proof: Annotated[str, typer.Option(help="Where the provider's written word can be found.")],
    payment: Annotated[UUID | None, typer.Option(help="It is this payment's.")] = None,
    attempt: Annotated[int | None, typer.Option(help="Of which attempt; else the last.")] = None,
    booked: Annotated[int | None, typer.Option(help="Our books hold it: this transfer.")] = None,
    opposite: Annotated[UUID | None, typer.Option(help="This other line takes it back.")] = None,
    not_ours: Annotated[bool, typer.Option("--not-ours", help="It stays in suspense.")] = False,
    refunded: Annotated[bool, typer.Option("--refunded", help="Our bank has it back.")] = False,
    lost_to: Annotated[str | None, typer.Option(help="Lost: this programme bears it.")] = None,
    fund: Annotated[str | None, typer.Option(help="With --lost-to, --fee-of: this fund's.")] = None,
    unmatch: Annotated[bool, typer.Option("--unmatch", help="Its match is wrong.")] = False,
    more_of: Annotated[UUID | None, typer.Option(help="More of this payment.")] = None,
    fee_of: Annotated[
        str | None, typer.Option(help="A fee of this programme, or given back.")
    ] = None,
    mistaken: Annotated[UUID | None, typer.Option(help="This finding was mistaken.")] = None,
    first_story: Annotated[
        UUID | None, typer.Option(help="Of this discrepancy: it stands.")
    ] = None,
    later_story: Annotated[
        UUID | None, typer.Option(help="Of this discrepancy: it is right.")
    ] = None,
    office: Office = None,
    user: User = None,
) -> None:
    """Report what a line is. Example: cbi statement report-line 5f… --payment 7a… --proof "Letter 55" """
    from cbi.reconciliation import line_findings
    from cbi.reconciliation.line_findings import Said
    from cbi.reconciliation.models import Verdict
    from cbi.terminal.output import say

    said = {
        Verdict.ATTEMPT: payment is not None,
        Verdict.BOOKED: booked is not None,
        Verdict.OPPOSITE: opposite is not None,
        Verdict.NOT_OURS: not_ours,
        Verdict.REFUNDED: refunded,
        Verdict.LOST: lost_to is not None,
        Verdict.UNMATCHED: unmatch,
        Verdict.MORE: more_of is not None,
        Verdict.FEE: fee_of is not None,
        Verdict.MISTAKEN: mistaken is not None,
        Verdict.FIRST_STORY: first_story is not None,
        Verdict.LATER_STORY: later_story is not None,
    }
    verdicts = [verdict for verdict, is_said in said.items() if is_said]
    if len(verdicts) != 1:
        raise typer.BadParameter("Say one thing that the line is; see --help.")
    report = Said(
        verdicts[0], payment or more_of, attempt, transfer_id=booked, other_line_id=opposite,
        programme=lost_to or fee_of, fund=fund, finding_id=mistaken, discrepancy_id=first_story or later_story,
    )  # fmt: skip
    finding = working(
        office,
        user,
        lambda session, actor: line_findings.report(session, actor, line, report, proof).id,
    )
    say(
        f"Noted as {finding}. Nothing has moved yet: a colleague who may authorise runs has to confirm it."
    )


@statement.command("confirm-line")
def confirm_line(
    finding: Annotated[UUID, typer.Argument(help="The report, as it was noted.")],
    delivered: Annotated[
        str | None,
        typer.Option(
            help="Of more of a payment: only if so much is delivered after all, as shown."
        ),
    ] = None,
    code: OneTimeCode = None,
    office: Office = None,
    user: User = None,
) -> None:
    """Confirm a colleague's report of a line. Example: cbi statement confirm-line 7a… --user karim

    What becomes of more of a payment stands in the list of the line: cbi statement line
    """
    from cbi.reconciliation import line_findings
    from cbi.terminal.output import say

    typed = one_time_code(code)
    verdict = working(
        office, user,
        lambda session, actor: line_findings.confirm(session, actor, finding, typed, delivered).verdict,
    )  # fmt: skip
    say(f"Booked: the line is {verdict.replace('_', ' ')}.")
