"""Commands for refusing what a colleague proposed, or taking back what one proposed, whatever it is about."""

from typing import TYPE_CHECKING, Annotated

import typer

from cbi.terminal.office import Json, Office, User, working

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from cbi.access.actor import Actor


def refuse(
    kind: Annotated[
        str,
        typer.Argument(
            help="write-off, amount, unpaid, statement-line, withdrawal, tariff, approval-policy, month-close,"
            " month-reopening, work-sheet, days, resumption, exchange-rate, deal, delegation,"
            " link-thresholds or standstill-end."
        ),
    ],
    key: Annotated[
        str,
        typer.Argument(
            help="Its id, a month (2026-10), a version of the policy, a tariff (post_office.DZD.2), a sheet's number."
        ),
    ],
    reason: Annotated[str, typer.Option(help="Why; whoever proposed it reads it.")] = "",
    office: Office = None,
    user: User = None,
) -> None:
    """Refuse a proposal, or take back your own. Example: cbi refuse month-close 2026-10 --reason "The fee is open" """
    from cbi.refusals import refusing
    from cbi.terminal.output import say

    working(office, user, lambda session, actor: refusing.refuse(session, actor, kind, key, reason).id)  # fmt: skip
    say(
        "It has no effect any more, and can be proposed anew. Whoever proposed it finds your reason."
    )


def refused(office: Office = None, user: User = None, json: Json = False) -> None:
    """What was refused of what you proposed, and what you refused. Example: cbi refusals --user amina"""
    from rich.markup import escape

    from cbi.refusals import refusing
    from cbi.terminal.output import as_json, say

    def found(session: "Session", actor: "Actor") -> list[dict[str, object]]:
        return [
            {
                "kind": each.refusal.kind, "key": each.refusal.key, "said": each.refusal.said,
                "proposed_by": each.proposed_by, "proposed_at": each.refusal.proposed_at.isoformat(),
                "refused_by": each.refused_by, "refused_at": each.refusal.refused_at.isoformat(),
                "reason": each.refusal.reason,
            }
            for each in refusing.listed(session, actor)
        ]  # fmt: skip

    rows = working(office, user, found)
    if json:
        as_json(rows)
        return
    for row in rows:
        day = str(row["refused_at"])[:10]
        say(escape(f"{day}  {row['kind']} {row['key']}, by {row['refused_by']}: {row['reason']}"))
    if not rows:
        say("Nothing was refused.")
