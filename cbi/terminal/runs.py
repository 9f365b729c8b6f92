"""Commands for payment runs: build, lock, certify, authorise, release."""

from typing import TYPE_CHECKING, Annotated

import typer

from cbi.terminal.office import (
    Json,
    Office,
    OneTimeCode,
    User,
    chosen,
    one_time_code,
    reading,
    working,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from sqlalchemy.orm import Session

    from cbi.access.actor import Actor
    from cbi.payments.models import PaymentRun
    from cbi.payments.queries import RunSheet, StateTotal

runs = typer.Typer(help="Payment runs, from draft to released.", no_args_is_help=True)

Number = Annotated[int, typer.Argument(help="The run's number.")]
Reason = Annotated[str, typer.Option(help="Why, in a few words.")]


@runs.command("build")
def build(programme: str, period: str, office: Office = None, user: User = None) -> None:
    """Build a draft run for an open cycle. Example: cbi run build winter-2026 2026-11"""
    from cbi.payments import runs as use
    from cbi.programmes.queries import cycle_id

    _do(
        office, user,
        lambda session, actor: use.build(session, actor, cycle_id(session, programme, period)),
    )  # fmt: skip


@runs.command("list")
def list_runs(office: Office = None, json: Json = False) -> None:
    """Runs, newest first. Example: cbi run list"""
    from cbi.payments import queries
    from cbi.terminal.output import as_json, table

    with reading(office) as session:
        lines = queries.runs(session)
    if json:
        as_json(lines)
        return
    table(
        "Payment runs",
        ["No.#", "Programme", "Period", "Provider", "State", "Payments#", "Total#"],
        [
            (r.number, r.programme, r.period, ", ".join(r.providers), r.state, r.payments, r.total)
            for r in lines
        ],
    )


@runs.command("show")
def show(number: Number, office: Office = None, json: Json = False) -> None:
    """The run sheet: what an approver signs, and what changed. Example: cbi run show 12"""
    from cbi.payments import queries
    from cbi.terminal.output import as_json

    with reading(office) as session:
        run_id = queries.run_by_number(session, number)
        sheet, totals = queries.sheet(session, run_id), queries.state_totals(session, run_id)
    if json:
        as_json({"sheet": sheet, "totals": totals})
    else:
        print_sheet(sheet)
        print_totals(totals)


def print_sheet(sheet: "RunSheet") -> None:
    """What an approver sees before signing."""
    from cbi.terminal.output import show

    line, changes = sheet.line, sheet.changes
    against = (
        f"against {changes.against}: {changes.new} new, {changes.gone} gone, {changes.amount_changed} other amount,"
        f" {changes.account_changed} other telephone"
        if changes.against
        else "first run of the programme"
    )
    show(
        {
            f"Run {line.number}": f"{line.programme} {line.period}, by {', '.join(line.providers)}: {line.state}",
            "Payments": f"{line.payments:,}, together {line.total}",
            **{
                f"  by {part.provider}": f"{part.payments:,}, together {part.total}"
                for part in (sheet.routes if len(sheet.routes) > 1 else ())
            },
            "Spread": f"{sheet.smallest} smallest, {sheet.median} median, {sheet.largest} largest",
            "Budget": f"{sheet.budget_now} now, {sheet.budget_after} after",
            "Changes": against,
            "Digest": sheet.digest or "not locked",
            "Signed": ", ".join(part for part, _ in sheet.signed) or "by nobody yet",
        }
    )


def print_totals(totals: "list[StateTotal]") -> None:
    """The payments by state, with their sum."""
    from functools import reduce
    from operator import add

    from cbi.terminal.output import table

    whole = reduce(add, (line.total for line in totals)) if totals else ""
    table(
        "Payments",
        ["State", "Payments#", "Total#"],
        [(line.state, line.payments, line.total) for line in totals],
        totals=("all", sum(line.payments for line in totals), whole),
    )


@runs.command("lock")
def lock(number: Number, office: Office = None, user: User = None) -> None:
    """Fix a draft's content so that it can be signed. Example: cbi run lock 12"""
    from cbi.payments import runs as use

    _on(office, user, number, use.lock)


@runs.command("certify")
def certify(
    number: Number, code: OneTimeCode = None, office: Office = None, user: User = None
) -> None:
    """First signature, with your one-time code. Example: cbi run certify 12 --user amina"""
    from cbi.payments import approval

    typed = one_time_code(code)
    _on(
        office,
        user,
        number,
        lambda session, actor, run_id: approval.certify(session, actor, run_id, typed),
    )


@runs.command("authorise")
def authorise(
    number: Number, code: OneTimeCode = None, office: Office = None, user: User = None
) -> None:
    """Second signature; commits the funds. Example: cbi run authorise 12 --user karim"""
    from cbi.payments import approval

    typed = one_time_code(code)
    _on(
        office,
        user,
        number,
        lambda session, actor, run_id: approval.authorise(session, actor, run_id, typed),
    )


@runs.command("return")
def send_back(number: Number, reason: Reason, office: Office = None, user: User = None) -> None:
    """Return a run to its maker. Example: cbi run return 12 --reason "Two households moved away" """
    from cbi.payments import recall

    _on(
        office,
        user,
        number,
        lambda session, actor, run_id: recall.send_back(session, actor, run_id, reason),
    )


@runs.command("cancel")
def cancel(number: Number, reason: Reason, office: Office = None, user: User = None) -> None:
    """Call a run off before release. Example: cbi run cancel 12 --reason "Wrong rate card" """
    from cbi.payments import recall

    _on(
        office,
        user,
        number,
        lambda session, actor, run_id: recall.cancel(session, actor, run_id, reason),
    )


@runs.command("release")
def release(
    number: Number,
    now: Annotated[bool, typer.Option("--now", help="Send it here, without a worker.")] = False,
    office: Office = None,
    user: User = None,
) -> None:
    """Let an approved run go out, after its recall window. Example: cbi run release 12"""
    from cbi.payments import dispatch, queries
    from cbi.terminal.output import progress, say

    run = _on(office, user, number, dispatch.begin_release)
    if not now:
        say("A worker sends it (cbi serve, or cbi worker).")
        return
    from cbi import jobs

    code = chosen(office)
    with progress("handing over", run.payment_count) as bar:
        done = jobs.release(code, run.id, bar.advance)
    with progress("texting", run.payment_count) as bar:
        texts = jobs.hand_over(code, bar.advance)
    say(
        f"{done.payments:,} payments handed over, {done.held_back:,} held back, {texts:,} texts sent."
    )
    with reading(code) as session:
        print_totals(queries.state_totals(session, run.id))


def _on(
    office: str | None,
    user: str | None,
    number: int,
    use: "Callable[[Session, Actor, UUID], PaymentRun]",
) -> "PaymentRun":
    from cbi.payments import queries

    return _do(
        office, user, lambda session, actor: use(session, actor, queries.run_by_number(session, number))
    )  # fmt: skip


def _do(
    office: str | None, user: str | None, work: "Callable[[Session, Actor], PaymentRun]"
) -> "PaymentRun":
    from cbi.money import Money
    from cbi.terminal.output import say

    run = working(office, user, work)
    total = Money(run.total_minor, run.currency)
    say(f"Run {run.number}: {run.state}, {run.payment_count:,} payments, together {total}.")
    return run
