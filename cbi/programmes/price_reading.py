"""Reads a price sheet that comes back from the markets: what each row says, or in words why it cannot be taken."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from cbi.audit import reasons
from cbi.keys import Keyring
from cbi.money import Money, UnusableAmount
from cbi.programmes.price_layout import (
    DAY,
    HEADINGS,
    ITEM,
    MARKET,
    PRICE,
    QUOTES,
    SOURCE,
    TOKEN,
    Answer,
    Asked,
    PriceSheet,
)
from cbi.programmes.valuing import Outlier
from cbi.registry import row_tokens
from cbi.registry.intake import checks
from cbi.registry.intake.cells import cell
from cbi.registry.intake.checks import Reason, Unusable
from cbi.registry.intake.facts import Row
from cbi.registry.intake.tables import Line
from cbi.registry.text import folded

Value = TypeVar("Value")

LONGEST_SOURCE = 100
MOST_QUOTES = 99
_NO_TOKEN = (
    "The row has no token of this sheet, so nobody can tell what it is the price of.",
    "Export the sheet again and fill in that copy; copy no rows by hand.",
)


@dataclass(frozen=True, slots=True)
class Context:
    """What a row is judged by."""

    sheet: PriceSheet
    keys: Keyring
    columns: Mapping[str, int]
    today: date


class Reader:
    """Reads the rows of one file. `answers` are those that can be taken, `rows` all that there is something to say of."""

    def __init__(self, context: Context, page: str | None) -> None:
        self._context, self._page = context, page
        self._by_number = {asked.number: asked for asked in context.sheet.rows}
        self._seen: dict[int, Row] = {}
        self.answers: dict[tuple[str, str], Answer] = {}
        self.rows: list[Row] = []

    def take(self, line: Line) -> None:
        """Read one row."""
        row = Row(self._page, line)
        asked = self._asked(row)
        if asked is not None:
            answer = self._answer(row)
            if answer is not None and not row.reasons:
                self.answers[asked.key] = answer
        if row.reasons:
            self.rows.append(row)

    @property
    def missing(self) -> int:
        """How many of the rows that went out did not come back."""
        return len(self._by_number) - len(self._seen)

    def warn(self, outlier: Outlier) -> None:
        """Note a price that is far from the usual one beside its row."""
        number = next(
            number
            for number, asked in self._by_number.items()
            if asked.key == (outlier.item, outlier.market)
        )
        row = self._seen[number]
        usual = "the last round" if outlier.of_last_round else "this round"
        row.warnings.append(
            Reason(
                "outlier", HEADINGS[PRICE]["en"],
                f"The price is {outlier.times} times the median of {usual} ({outlier.median}).",
                "Ask again whether it is the price of one such unit. If it is right, leave it.",
            )
        )  # fmt: skip
        self.rows.append(row)

    def _asked(self, row: Row) -> Asked | None:
        try:
            return self._whose(row)
        except Unusable as problem:
            self._note(row, problem, TOKEN)
            return None

    def _whose(self, row: Row) -> Asked:
        """What the row is the price of: the token says so, and item and market must agree with it. Raises Unusable."""
        sheet, text = self._context.sheet, self._text(row, TOKEN)
        given = row_tokens.read(text)
        if given is None:
            raise Unusable("wrong_token" if text else "no_token", *_NO_TOKEN)
        if given.sheet != sheet.round_id:
            raise Unusable(
                "foreign_token", f"This row belongs to the round {given.sheet}.",
                "Move it there, or delete it here.",
            )  # fmt: skip
        if given.version != sheet.version:
            raise Unusable(
                "old_copy", f"The round has been handed in since this copy was made ({given.version}).",
                f"Export the round {sheet.round_id} again, and enter what differs there.",
            )  # fmt: skip
        asked = self._by_number.get(given.number)
        if asked is None or not row_tokens.is_ours(
            self._context.keys, given, asked.whose, kind=row_tokens.PRICES
        ):
            raise Unusable("wrong_token", *_NO_TOKEN)
        first = self._seen.setdefault(given.number, row)
        if first is not row:
            raise Unusable(
                "repeated", f"The same token stands in row {first.line.number} already.",
                "A row was copied: keep the right one of the two.",
            )  # fmt: skip
        for name, is_so in ((ITEM, asked.line.name), (MARKET, asked.market.name)):
            if folded(self._text(row, name)) != folded(is_so):
                raise Unusable(
                    "token_of_another",
                    f"The token of this row is that of no. {asked.number}, and here stands another.",
                    "Rows may have been swapped or sorted in part: put each row back as it was exported.",
                )  # fmt: skip
        return asked

    def _answer(self, row: Row) -> Answer | None:
        """The row's price; None where the item was not to be had, or where something is wrong."""
        values: dict[str, str] = {}
        for name in (PRICE, DAY, SOURCE, QUOTES):
            try:
                values[name] = cell(row, self._context.columns[name])
            except Unusable as problem:
                self._note(row, problem, name)
        if row.reasons:
            return None
        if not values[PRICE]:
            if values[QUOTES]:
                unpriced = Unusable(
                    "price_missing", "Sellers were asked, and there is no price.",
                    "Fill in the price, or empty the row.",
                )  # fmt: skip
                self._note(row, unpriced, PRICE)
            return None
        price = self._read(row, PRICE, lambda: self._price(values[PRICE]))
        day = self._read(row, DAY, lambda: self._day(values[DAY]))
        source = self._read(row, SOURCE, lambda: _source(values[SOURCE]))
        quotes = self._read(row, QUOTES, lambda: _quotes(values[QUOTES]))
        if price is None or day is None or source is None or quotes is None:
            return None
        return Answer(price, day, source, quotes)

    def _price(self, text: str) -> int:
        checks.refuse_shortened(text, "price")
        try:
            price = Money.parse(text, self._context.sheet.basket.currency)
        except UnusableAmount:
            price = None
        if price is None or price.minor <= 0:
            raise Unusable(
                "price", f"This is not a price in {self._context.sheet.basket.currency}.",
                "Write digits and at most one full stop, such as 120 or 120.50, for one unit.",
            )  # fmt: skip
        return price.minor

    def _day(self, text: str) -> date:
        if not text:
            raise Unusable(
                "date_missing", "The day of the price is missing.", "Write it as 2026-03-31."
            )
        return checks.past_date(text, None, self._context.today)

    def _read(self, row: Row, name: str, read: Callable[[], Value]) -> Value | None:
        try:
            return read()
        except Unusable as problem:
            self._note(row, problem, name)
            return None

    def _note(self, row: Row, problem: Unusable, name: str) -> None:
        row.reasons.append(
            Reason(problem.code, HEADINGS[name]["en"], problem.message, problem.next_step)
        )

    def _text(self, row: Row, name: str) -> str:
        try:
            return cell(row, self._context.columns[name])
        except Unusable:
            return ""


def _source(text: str) -> str:
    try:
        return reasons.plain(text, longest=LONGEST_SOURCE)
    except reasons.UnusableReason:
        raise Unusable(
            "source", f"The source has 3 to {LONGEST_SOURCE} characters, and nobody's telephone.",
            "Write where the price comes from, such as: market survey, team 2.",
        ) from None  # fmt: skip


def _quotes(text: str) -> int:
    if not text:
        raise Unusable(
            "quotes_missing", "It does not say how many sellers were asked.", "Write 1 or more."
        )
    return checks.whole_number(text, 1, MOST_QUOTES, "quotes", "number of sellers")
