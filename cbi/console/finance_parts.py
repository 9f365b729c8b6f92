"""What the pages about money have in common: their parts, what can be chosen in their forms, and sums by currency."""

from collections.abc import Iterable, Sequence
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.console.languages import N_
from cbi.console.visit import Visit
from cbi.errors import Invalid
from cbi.ledger.models import Fund
from cbi.money import Money
from cbi.programmes.models import Programme

PATH = "/finance"

PARTS = (
    (N_("Funds and requests"), PATH, Permission.FUND_READ, False),
    (N_("Deals and rates"), f"{PATH}/exchange", Permission.FUND_READ, True),
    (N_("Tariffs"), f"{PATH}/tariffs", Permission.FUND_READ, True),
    (N_("Transfer values"), f"{PATH}/values", Permission.PROGRAMME_READ, False),
    (N_("Top-ups and conditions"), f"{PATH}/owed", Permission.PROGRAMME_READ, False),
    (N_("Owed back"), f"{PATH}/owed-back", Permission.DISCREPANCY_READ, False),
    (N_("Months"), f"{PATH}/months", Permission.FUND_READ, True),
    (N_("Standstill"), f"{PATH}/standstill", Permission.FUND_READ, True),
)
"""Each part with its address, what it takes to see it, and whether that is needed for the whole office."""


class UnusableForm(Invalid):
    """Something in a form is missing, or cannot be read."""

    code = "console.unusable_form"


class NoFile(Invalid):
    """A form was sent without its file."""

    code = "console.no_file"


def unusable() -> UnusableForm:
    """What is said where a form holds no day, number or name that can be read."""
    return UnusableForm(
        "Something in the form is missing, or cannot be read.", next_step="Fill it in again."
    )


def no_file() -> NoFile:
    """What is said where no file was chosen."""
    return NoFile("No file was chosen.", next_step="Choose the file.")


def parts(visit: Visit, actor: Actor) -> list[tuple[str, str]]:
    """The parts that the reader may see, with their addresses."""
    return [
        (visit.gettext(name), path)
        for name, path, permission, whole in PARTS
        if (actor.may(permission) if whole else actor.may_somewhere(permission))
    ]


def programmes(session: Session, actor: Actor, permission: Permission) -> list[tuple[str, str]]:
    """The programmes for which the actor holds a permission, to choose from."""
    codes = actor.programmes(permission)
    found = session.execute(select(Programme.code, Programme.name).order_by(Programme.code))
    return [(code, f"{code}: {name}") for code, name in found if codes is None or code in codes]


def funds(session: Session) -> list[tuple[str, str]]:
    """The funds, to choose from."""
    found = session.execute(select(Fund.code, Fund.name, Fund.currency).order_by(Fund.code))
    return [(code, f"{code}: {name} ({currency})") for code, name, currency in found]


def by_currency(amounts: Iterable[Money]) -> list[Money]:
    """The sum of the amounts in each currency."""
    sums: dict[str, Money] = {}
    for amount in amounts:
        sums[amount.currency] = sums.get(amount.currency, Money.zero(amount.currency)) + amount
    return [sums[currency] for currency in sorted(sums)]


def columns(rows: Iterable[Sequence[Money]]) -> list[tuple[str, list[Money]]]:
    """Rows of amounts, each in one currency, added up column by column for each currency."""
    sums: dict[str, list[Money]] = {}
    for row in rows:
        so_far = sums.get(row[0].currency)
        sums[row[0].currency] = (
            [one + other for one, other in zip(so_far, row, strict=True)] if so_far else list(row)
        )
    return sorted(sums.items())


def day(text: str) -> date | None:
    """The day that was typed; None: none was. Raises UnusableForm."""
    try:
        return date.fromisoformat(text) if text.strip() else None
    except ValueError:
        raise unusable() from None
