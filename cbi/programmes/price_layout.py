"""How a price sheet looks: its columns in four languages, and a row for each item at each market."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from cbi.money import Money
from cbi.programmes.basket_terms import Basket, BasketLine, Market
from cbi.registry.text import folded

NUMBER, ITEM, UNIT, MARKET, AREA, PRICE, DAY, SOURCE, QUOTES, TOKEN = (
    "number", "item", "unit", "market", "area", "price", "day", "source", "quotes", "token",
)  # fmt: skip

HEADINGS: Mapping[str, Mapping[str, str]] = {
    NUMBER: {"en": "No.", "fr": "N°", "ar": "رقم", "es": "N.º"},
    ITEM: {"en": "Item", "fr": "Article", "ar": "السلعة", "es": "Artículo"},
    UNIT: {"en": "Unit", "fr": "Unité", "ar": "الوحدة", "es": "Unidad"},
    MARKET: {"en": "Market", "fr": "Marché", "ar": "السوق", "es": "Mercado"},
    AREA: {"en": "Area", "fr": "Zone", "ar": "المنطقة", "es": "Zona"},
    PRICE: {"en": "Price", "fr": "Prix", "ar": "السعر", "es": "Precio"},
    DAY: {"en": "Date", "fr": "Date", "ar": "التاريخ", "es": "Fecha"},
    SOURCE: {"en": "Source", "fr": "Source", "ar": "المصدر", "es": "Fuente"},
    QUOTES: {
        "en": "Sellers asked",
        "fr": "Vendeurs interrogés",
        "ar": "عدد الباعة",
        "es": "Vendedores consultados",
    },
    TOKEN: {"en": "Token", "fr": "Jeton", "ar": "رمز الصف", "es": "Ficha"},
}
FILLED_IN = (PRICE, DAY, SOURCE, QUOTES)
_NEEDED = (ITEM, MARKET, PRICE, DAY, SOURCE, QUOTES, TOKEN)


@dataclass(frozen=True, slots=True)
class Asked:
    """A row of the sheet: what one unit of an item costs at one market."""

    number: int
    line: BasketLine
    market: Market

    @property
    def key(self) -> tuple[str, str]:
        """The codes of item and market."""
        return self.line.item, self.market.code

    @property
    def whose(self) -> str:
        """What its token stands for."""
        return "|".join(self.key)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a row says: a price in minor units, the day it was asked, where it comes from, and of how many sellers."""

    price: int
    day: date
    source: str
    quotes: int

    def money(self, currency: str) -> Money:
        """The price as an amount."""
        return Money(self.price, currency)


@dataclass(frozen=True, slots=True)
class PriceSheet:
    """One version of a round as it goes out and comes back. `filled` is what is known already, by item and market."""

    round_id: int
    version: int
    name: str
    basket: Basket
    filled: Mapping[tuple[str, str], Answer] = field(default_factory=dict)

    @property
    def rows(self) -> list[Asked]:
        """Market by market, so that an enumerator goes down the page; numbered from 1."""
        pairs = [(market, line) for market in self.basket.markets for line in self.basket.lines]
        return [Asked(number, line, market) for number, (market, line) in enumerate(pairs, 1)]


def headings(language: str) -> list[str]:
    """The headings of a sheet, in the order of its columns."""
    return [words.get(language) or words["en"] for words in HEADINGS.values()]


def find_columns(given: Sequence[str]) -> tuple[dict[str, int], list[str]]:
    """Where each column stands in a file that came back, and the headings of those that are missing from it."""
    known = {folded(word): name for name, words in HEADINGS.items() for word in words.values()}
    found: dict[str, int] = {}
    for place, heading in enumerate(given):
        name = known.get(folded(heading))
        if name is not None:
            found.setdefault(name, place)
    return found, [HEADINGS[name]["en"] for name in _NEEDED if name not in found]


def token_columns(given: Sequence[str]) -> Iterator[int]:
    """Where a heading says that tokens stand below it, in any of the languages."""
    names = {folded(word) for word in HEADINGS[TOKEN].values()}
    return (place for place, heading in enumerate(given) if folded(heading) in names)
