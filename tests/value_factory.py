"""Transfer values in tests: a basket, a programme that rests on it, and price sheets filled in as enumerators do."""

import csv
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from openpyxl import load_workbook
from sqlalchemy.orm import Session

from cbi.access.permissions import Role
from cbi.ledger import funds
from cbi.money import Money
from cbi.programmes import applying, baskets, budget, price_rounds, revaluing
from cbi.programmes.price_results import Entered
from cbi.programmes.value_models import TransferValue
from tests.factories import EVERYTHING, Colleague, colleague, households

NOW = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
BASKET = (Path(__file__).parents[1] / "examples" / "basket.yaml").read_text(encoding="utf-8")
CODE = "families-2026"

FILE = """
programme: {{code: {code}, name: Families, kind: stipend, languages: [ar, fr, en]}}
fund: {{code: meb-26, name: Basket fund, amount: "9000000.00", valid_from: 2026-01-01, valid_to: 2026-12-31}}
currency: DZD
stipend:
  base: "{base}"
  basis: {basis}
  {more}
schedule: {{every: month, first: 2026-01, last: 2026-12}}
delivery: {{provider: post_office, mechanism: cash_over_counter}}
"""
BASIS = '{basket: meb-oran, share: 80, round_to: "100.00"}'
PRICES = {
    "Rice": "140",
    "Cooking oil": "650.50",
    "A room": "12000",
    "Soap": "50",
    "Blanket": "2500",
}
"""They make a basket of 10,226.25; 80 % of it, in hundreds, are 8,100.00."""

Fill = Callable[[dict[str, Any]], None]


@dataclass
class People:
    """Who proposes and who accepts."""

    manager: Colleague
    authoriser: Colleague


def people(session: Session) -> People:
    """A programme manager and an authoriser."""
    return People(colleague(session, Role.PROGRAMME_MANAGER), colleague(session, Role.AUTHORISER))


def programme_text(
    *, code: str = CODE, base: str = "7000.00", basis: str = BASIS, more: str = 'cap: "20000.00"'
) -> str:
    """The programme's file."""
    return FILE.format(code=code, base=base, basis=basis, more=more)


def programme(session: Session, sizes: tuple[int, ...] = (1, 4, 6), **said: str) -> str:
    """A basket, a programme that rests on it with money in its budget, and households; returns its code."""
    baskets.apply(session, EVERYTHING, BASKET)
    code = applying.apply(session, EVERYTHING, programme_text(**said)).programme
    funds.receive(session, EVERYTHING, "meb-26", Money.parse("500000.00", "DZD"), "BANK-1")
    budget.allocate(session, EVERYTHING, code, "300000.00", "MEMO-1")
    households(session, sizes)
    return code


def sheet(
    session: Session, name: str = "2026-03", *, form: str = "xlsx", language: str = "en"
) -> bytes:
    """The round's sheet as it goes out."""
    round_ = price_rounds.make(session, EVERYTHING, "meb-oran", name)
    target = io.BytesIO()
    price_rounds.export(session, EVERYTHING, round_, target, form=form, language=language)
    return target.getvalue()


def filled(
    content: bytes, prices: Mapping[str, str] = PRICES, *, change: Fill | None = None
) -> io.BytesIO:
    """The workbook with these prices at every market; `change` may alter each row after that, by its headings."""
    book = load_workbook(io.BytesIO(content))
    page = book["Prices"]
    heads = [cell.value for cell in page[1]]
    for row in page.iter_rows(min_row=2):
        told: dict[str, Any] = {
            str(head): cell.value for head, cell in zip(heads, row, strict=True)
        }
        if told["Item"] in prices:
            told |= {
                "Price": float(prices[told["Item"]]), "Date": "2026-03-05", "Source": "market survey",
                "Sellers asked": 3,
            }  # fmt: skip
        if change:
            change(told)
        for head, cell in zip(heads, row, strict=True):
            cell.value = told[str(head)]
    target = io.BytesIO()
    book.save(target)
    target.seek(0)
    return target


def rows_of_csv(content: bytes) -> list[list[str]]:
    """The rows of a sheet in CSV."""
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))


def entered(
    session: Session, prices: Mapping[str, str] = PRICES, name: str = "2026-03", *, change: Fill | None = None
) -> Entered:  # fmt: skip
    """The round's prices, taken in."""
    content = filled(sheet(session, name), prices, change=change)
    return price_rounds.take_in(session, EVERYTHING, content)


def proposed(session: Session, who: People, round_id: int, code: str = CODE) -> TransferValue:
    """A value as the programme manager proposes it."""
    return revaluing.propose(session, who.manager.actor, code, round_id)


def accepted(session: Session, who: People, value: TransferValue) -> TransferValue:
    """The same, accepted by the authoriser."""
    return revaluing.accept(session, who.authoriser.actor, value.id, who.authoriser.code())
