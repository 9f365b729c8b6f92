"""Commands for money that was given out already: moved back or on by two people, and what of a cycle no fund pays."""

from typing import TYPE_CHECKING, Annotated

import typer

from cbi.terminal.money import Amount, Reference, ValueDate, cycles, funds, on
from cbi.terminal.office import Json, Office, OneTimeCode, User, one_time_code, working

if TYPE_CHECKING:
    from cbi.programmes.fund_requests import Request

__all__ = ["cycles", "funds"]

Reason = Annotated[str, typer.Option(help="Why, in a few words.")]
Fund = Annotated[
    str | None, typer.Option(help="The fund's code, where the programme draws on several.")
]
Provider = Annotated[str, typer.Argument(help="With whom the money was lost.")]
Number = Annotated[int, typer.Argument(help="The request's number.")]


@funds.command("return")
def give_back(
    programme: str,
    amount: Amount,
    reference: Reference,
    reason: Reason,
    fund: Fund = None,
    office: Office = None,
    user: User = None,
) -> None:
    """Ask to move unspent budget back to its fund; a colleague confirms it.

    Example: cbi fund return winter-2026 50000.00 --reference MEMO-9 --reason "fewer households than planned"
    """
    from cbi.programmes import fund_requests as use

    _say(
        working(
            office, user,
            lambda session, actor: use.ask_return(session, actor, programme, amount, reference, reason, fund=fund),
        )
    )  # fmt: skip


@funds.command("reallocate")
def reallocate(
    programme: Annotated[str, typer.Argument(help="Whose budget gives.")],
    to: Annotated[str, typer.Argument(help="Whose budget takes, on the same fund.")],
    amount: Amount,
    reference: Reference,
    reason: Reason,
    fund: Fund = None,
    office: Office = None,
    user: User = None,
) -> None:
    """Ask to move unspent budget to another programme on the same fund; a colleague confirms it.

    Example: cbi fund reallocate winter-2026 school-2026 50000.00 --reference MEMO-9 --reason "winter is over"
    """
    from cbi.programmes import fund_requests as use

    _say(
        working(
            office, user,
            lambda session, actor: use.ask_return(
                session, actor, programme, amount, reference, reason, to=to, fund=fund
            ),
        )
    )  # fmt: skip


@funds.command("refund")
def refund(
    fund: str,
    amount: Amount,
    reference: Reference,
    reason: Reason,
    office: Office = None,
    user: User = None,
) -> None:
    """Ask to send unspent money back to the donor, by the donor's letter; a colleague confirms it.

    Example: cbi fund refund echo-26 12500.00 --reference ECHO-L-17 --reason "the grant has ended"
    """
    from cbi.programmes import fund_requests as use

    _say(
        working(
            office, user,
            lambda session, actor: use.ask_refund(session, actor, fund, amount, reference, reason),
        )
    )  # fmt: skip


@funds.command("write-off")
def write_off(
    programme: Annotated[str, typer.Argument(help="Whose budget bears the loss.")],
    provider: Provider,
    amount: Amount,
    reference: Reference,
    reason: Reason,
    fund: Fund = None,
    office: Office = None,
    user: User = None,
) -> None:
    """Ask to give up money that is lost with a provider, by the paper that shows it; a colleague confirms it.

    Example: cbi fund write-off winter-2026 post_office 80000.00 --reference COURT-12 --reason "it is bankrupt"
    """
    from cbi.programmes import float_losses as use

    _say(
        working(
            office, user,
            lambda session, actor: use.ask_loss(
                session, actor, programme, provider, amount, reference, reason, fund=fund
            ),
        )
    )  # fmt: skip


@funds.command("recovered")
def recovered(
    programme: Annotated[str, typer.Argument(help="Whose budget bore the loss.")],
    provider: Provider,
    amount: Amount,
    reference: Reference,
    reason: Reason,
    to_bank: Annotated[
        bool, typer.Option("--to-bank", help="It came to our bank, not to our account with it.")
    ] = False,
    value_date: ValueDate = None,
    fund: Fund = None,
    office: Office = None,
    user: User = None,
) -> None:
    """Ask to take back into the books what was given up and came back after all; a colleague confirms it.

    Example: cbi fund recovered winter-2026 post_office 30000.00 --reference BANK-88 --reason "first share" --to-bank
    """
    from cbi.programmes import float_losses as use

    _say(
        working(
            office, user,
            lambda session, actor: use.ask_recovery(
                session, actor, programme, provider, amount, reference, reason, fund=fund, to_bank=to_bank,
                value_date=on(value_date),
            ),
        )
    )  # fmt: skip


@funds.command("requests")
def requests(
    waiting: Annotated[bool, typer.Option("--waiting", help="Only what nobody has decided.")] = False,
    office: Office = None,
    user: User = None,
    json: Json = False,
) -> None:  # fmt: skip
    """Requests to move a fund's money, the latest first. Example: cbi fund requests --waiting"""
    from cbi.programmes import fund_requests as use
    from cbi.terminal.output import as_json, at, table

    found = working(
        office, user, lambda session, actor: use.requests(session, actor, waiting=waiting)
    )
    if json:
        as_json(found)
        return
    table(
        "Requests to move a fund's money",
        ["No.#", "What", "Amount#", "Where", "Paper and reason", "Asked by", "Decided"],
        [
            (
                each.number, _kind(each), each.amount, _where(each), f"{each.reference}: {each.reason}",
                f"{each.asked_by}, {at(each.asked_at)}", _decided(each),
            )
            for each in found
        ],
    )  # fmt: skip


@funds.command("confirm")
def confirm(
    number: Number, code: OneTimeCode = None, office: Office = None, user: User = None
) -> None:
    """Move the money as a colleague asked, with your one-time code. Example: cbi fund confirm 3 --user karim"""
    from cbi.programmes import fund_requests as use

    typed = one_time_code(code)
    _say(working(office, user, lambda session, actor: use.confirm(session, actor, number, typed)))


@funds.command("refuse")
def refuse(number: Number, reason: Reason, office: Office = None, user: User = None) -> None:
    """Refuse a request, or take back your own. Example: cbi fund refuse 3 --reason "the paper is not signed" """
    from cbi.programmes import fund_requests as use

    _say(working(office, user, lambda session, actor: use.refuse(session, actor, number, reason)))


@cycles.command("unfunded")
def unfunded(
    programme: str,
    period: Annotated[str, typer.Argument(help="The period, such as 2026-11.")],
    office: Office = None,
    user: User = None,
    json: Json = False,
) -> None:
    """What a cycle owes that is in no run because no fund pays it, and why.

    Example: cbi cycle unfunded winter-2026 2026-11
    """
    from cbi.payments.runs import unfunded as use
    from cbi.terminal.output import as_json, table

    left, lines = working(
        office, user,
        lambda session, actor: (
            use.left(session, actor, programme, period), use.lines(session, actor, programme, period)
        ),
    )  # fmt: skip
    if json:
        as_json({"left": left, "entitlements": lines})
        return
    table(
        "In no run",
        ["Entitlements#", "Total#", "Why"],
        [(each.entitlements, each.total, each.reason.sentence) for each in left],
    )
    if lines:
        table(
            "The first of them",
            ["Household", "What", "Amount#", "Why"],
            [(each.household, each.component, each.amount, each.reason.value) for each in lines],
        )


def _say(request: "Request") -> None:
    from rich.markup import escape

    from cbi.terminal.output import say

    what = f"{_kind(request)} of {request.amount}, {_where(request)}"
    when = f" on {request.value_date}" if request.value_date else ""
    said = f"Request {request.number}: {what}{when}: {_decided(request)}"
    say(escape(said))


def _where(request: "Request") -> str:
    programmes = " to ".join(filter(None, (request.from_programme, request.to_programme)))
    place = f"{programmes} ({request.fund})" if programmes else request.fund
    return f"{place}, {request.provider}" if request.provider else place


def _kind(request: "Request") -> str:
    return request.kind.value.replace("_", " ")


def _decided(request: "Request") -> str:
    if request.decision is None:
        return "waits for a second person"
    remark = f" ({request.remark})" if request.remark else ""
    return f"{request.decision.value} by {request.decided_by}{remark}"
