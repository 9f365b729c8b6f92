"""Commands for an office that stands still after a restore: see why, stop it oneself, and let it go on by two people."""

from typing import Annotated

import typer

from cbi.terminal.office import Json, Office, OneTimeCode, User, one_time_code, reading, working

standstills = typer.Typer(
    help="Stop everything that leaves the office, as the engine does after a restore, and let it go on.",
    no_args_is_help=True,
)
Reason = Annotated[str, typer.Option(help="Why; others will read it.")]


@standstills.command("show")
def show(office: Office = None, json: Json = False) -> None:
    """Whether the office stands still, and what is missing before it goes on. Example: cbi standstill show"""
    from cbi.audit import standstill
    from cbi.reconciliation import going_on
    from cbi.reconciliation.standstill_endpoints import StandingOut, StandstillOut, ToldOut
    from cbi.terminal.output import as_json, at, say, table

    with reading(office) as session:
        still = standstill.now(session)
        told = going_on.told(session, still) if still else []
        out = StandingOut(
            standstill=StandstillOut.of(still) if still else None, told=[ToldOut.of(each) for each in told]
        )  # fmt: skip
    if json:
        as_json(out.model_dump(mode="json"))
        return
    if still is None:
        say("The office works: nothing is stopped.")
        return
    say(f"The office stands still since {at(still.began_at)}: {still.reason or RESTORED}")
    rows = []
    for each in told:
        came = at(each.taken_in) if each.taken_in else "none" if each.reads else "gives none"
        lacking = (
            f": lines are missing, {', '.join(map(str, each.lacking))}" if each.lacking else ""
        )
        enough = "yes" if each.is_enough else f"no{lacking}"
        rows.append((each.provider, came, str(each.through or ""), str(each.undecided), enough))
    table(
        "What the providers have told since",
        ["Provider", "Last statement", "Tells until", "Undecided lines#", "Enough?"],
        rows,
    )
    say(
        "Somebody has asked to go on."
        if still.asked_by
        else "Once all is enough: cbi standstill end"
    )


RESTORED = "its database was restored from a backup, and what left since may not be in it."


@standstills.command("begin")
def begin(reason: Reason, office: Office = None, user: User = None) -> None:
    """Stop the office at once. Example: cbi standstill begin --reason "The server was restored from a snapshot." """
    from cbi.reconciliation import going_on
    from cbi.terminal.output import say

    working(office, user, lambda session, actor: going_on.stop(session, actor, reason).id)
    say("The office stands still: no payment leaves, and no code is paid.")


@standstills.command("end")
def end(reason: Reason, office: Office = None, user: User = None) -> None:
    """Ask to let the office go on. Example: cbi standstill end --reason "All statements agree with the books." """
    from cbi.reconciliation import going_on
    from cbi.terminal.output import say

    working(office, user, lambda session, actor: going_on.ask(session, actor, reason).id)
    say("It is noted. Somebody else lets it go on: cbi standstill confirm-end")


@standstills.command("confirm-end")
def confirm_end(code: OneTimeCode = None, office: Office = None, user: User = None) -> None:
    """Let the office go on as a colleague asked. Example: cbi standstill confirm-end --user karim"""
    from cbi.reconciliation import going_on
    from cbi.terminal.output import say

    typed = one_time_code(code)
    working(office, user, lambda session, actor: going_on.confirm(session, actor, typed).id)
    say("The office goes on: what waits leaves again.")
