"""Commands for payment runs: build, lock, certify, authorise, release."""

from pathlib import Path
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
    from cbi.payments.runs.unfunded import Left

runs = typer.Typer(help="Payment runs, from draft to released.", no_args_is_help=True)

Number = Annotated[int, typer.Argument(help="The run's number.")]
Reason = Annotated[str, typer.Option(help="Why, in a few words.")]


@runs.command("build")
def build(
    programme: str,
    period: str,
    top_up: Annotated[
        int | None, typer.Option(help="Pay this accepted top-up of the cycle, by its number.")
    ] = None,
    office: Office = None,
    user: User = None,
) -> None:
    """Build draft runs for an open cycle, one for each fund that pays a part of it.

    Example: cbi run build winter-2026 2026-11
    """
    from cbi.payments.runs import runs as use
    from cbi.payments.runs import unfunded
    from cbi.programmes.queries import cycle_id
    from cbi.programmes.top_up_queries import numbered
    from cbi.terminal.output import say

    def work(session: "Session", actor: "Actor") -> "tuple[list[PaymentRun], list[Left]]":
        cycle = cycle_id(session, programme, period)
        top_up_id = numbered(session, actor, cycle, top_up) if top_up is not None else None
        made = use.build_all(session, actor, cycle, top_up_id)
        return made, unfunded.left(session, actor, programme, period)

    made, left = working(office, user, work)
    for run in made:
        _say(run)
    for each in left:
        say(f"{each.entitlements:,} are in no run, together {each.total}: {each.reason.sentence}")


@runs.command("list")
def list_runs(office: Office = None, json: Json = False) -> None:
    """Runs, newest first. Example: cbi run list"""
    from cbi.payments.runs import queries
    from cbi.terminal.output import as_json, table

    with reading(office) as session:
        lines = queries.runs(session)
    if json:
        as_json(lines)
        return
    table(
        "Payment runs",
        ["No.#", "Programme", "Period", "Fund", "Provider", "State", "Payments#", "Total#"],
        [
            (
                r.number,
                r.programme,
                r.period,
                r.fund,
                ", ".join(r.providers),
                r.state,
                r.payments,
                r.total,
            )
            for r in lines
        ],
    )


@runs.command("show")
def show(number: Number, office: Office = None, json: Json = False) -> None:
    """The run sheet: what an approver signs, and what changed. Example: cbi run show 12"""
    from cbi.payments.runs import queries
    from cbi.terminal.output import as_json
    from cbi.terminal.run_sheets import print_sheet, print_totals

    with reading(office) as session:
        run_id = queries.run_by_number(session, number)
        sheet, totals = queries.sheet(session, run_id), queries.state_totals(session, run_id)
    if json:
        as_json({"sheet": sheet, "totals": totals})
    else:
        print_sheet(sheet)
        print_totals(totals)


@runs.command("lock")
def lock(number: Number, office: Office = None, user: User = None) -> None:
    """Fix a draft's content so that it can be signed. Example: cbi run lock 12"""
    from cbi.payments.runs import runs as use

    _on(office, user, number, use.lock)


@runs.command("exclude")
def exclude(
    number: Number,
    payment: Annotated[int, typer.Argument(help="The payment's number in the run's list.")],
    reason: Reason,
    office: Office = None,
    user: User = None,
) -> None:
    """Take one payment out of a draft run; what is owed stays owed. Example: cbi run exclude 12 5 --reason "Moved away" """
    from cbi.payments.runs import runs as of_runs

    _on(
        office,
        user,
        number,
        lambda session, actor, run_id: of_runs.exclude(
            session, actor, run_id, of_runs.numbered(session, run_id, payment), reason
        ),
    )


@runs.command("certify")
def certify(
    number: Number, code: OneTimeCode = None, office: Office = None, user: User = None
) -> None:
    """Sign as certifier, with your one-time code. Example: cbi run certify 12 --user amina"""
    sign(number, "certifier", code, office, user)


@runs.command("authorise")
def authorise(
    number: Number, code: OneTimeCode = None, office: Office = None, user: User = None
) -> None:
    """Sign as authoriser, with your one-time code. Example: cbi run authorise 12 --user karim"""
    sign(number, "authoriser", code, office, user)


@runs.command("sign")
def sign(
    number: Number,
    step: Annotated[str, typer.Argument(help="The step that is next, as `cbi run show` says.")],
    code: OneTimeCode = None,
    office: Office = None,
    user: User = None,
) -> None:
    """Take a run's next step, with your one-time code. Example: cbi run sign 12 head_of_finance"""
    from cbi.payments.signing import approval

    typed = one_time_code(code)
    _on(
        office,
        user,
        number,
        lambda session, actor, run_id: approval.sign(session, actor, run_id, step, typed),
    )


@runs.command("return")
def send_back(number: Number, reason: Reason, office: Office = None, user: User = None) -> None:
    """Return a run to its maker. Example: cbi run return 12 --reason "Two households moved away" """
    from cbi.payments.signing import recall

    _on(
        office,
        user,
        number,
        lambda session, actor, run_id: recall.send_back(session, actor, run_id, reason),
    )


@runs.command("cancel")
def cancel(number: Number, reason: Reason, office: Office = None, user: User = None) -> None:
    """Call a run off before release. Example: cbi run cancel 12 --reason "Wrong rate card" """
    from cbi.payments.signing import recall

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
    from cbi.payments.runs import queries
    from cbi.payments.sending import dispatch
    from cbi.terminal.output import progress, say
    from cbi.terminal.run_sheets import print_totals

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


@runs.command("check-list")
def check_list(
    file: Annotated[
        Path, typer.Argument(help="The workbook or text.", exists=True, dir_okay=False)
    ],
    office: Office = None,
    json: Json = False,
) -> None:
    """Whether a file is exactly the list that was approved. Example: cbi run check-list run-12.xlsx"""
    from rich.markup import escape

    from cbi.payments.runs import list_checks
    from cbi.terminal.output import as_json, at, say

    with reading(office) as session, file.open("rb") as content:
        found = list_checks.check(session, content)
    if json:
        as_json(found)
        return
    signed = "; ".join(f"{each.part}: {each.name}, {at(each.at)}" for each in found.signed)
    what = "the approved list" if found.is_approved else "the list, not yet approved,"
    say(
        f"This is exactly {what} of run {found.number}: {found.payments:,} payments, {found.total}."
    )
    say(f"Digest {found.digest}. Signed by {escape(signed) or 'nobody yet'}.")


def _on(
    office: str | None,
    user: str | None,
    number: int,
    use: "Callable[[Session, Actor, UUID], PaymentRun]",
) -> "PaymentRun":
    from cbi.payments.runs import queries

    return _do(
        office, user, lambda session, actor: use(session, actor, queries.run_by_number(session, number))
    )  # fmt: skip


def _do(
    office: str | None, user: str | None, work: "Callable[[Session, Actor], PaymentRun]"
) -> "PaymentRun":
    run = working(office, user, work)
    _say(run)
    return run


def _say(run: "PaymentRun") -> None:
    from cbi.money import Money
    from cbi.terminal.output import say

    total = Money(run.total_minor, run.currency)
    say(f"Run {run.number}: {run.state}, {run.payment_count:,} payments, together {total}.")
