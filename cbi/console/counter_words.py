"""Amounts and times as a teller reads them from a step away."""

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from babel.numbers import format_currency
from markupsafe import Markup

from cbi import money
from cbi.console import formats
from cbi.console.languages import LOCALE
from cbi.money import Money


def big(amount: Money, language: str) -> Markup:
    """`25,000 DZD`: noughts behind the point are left out, because in large type they read like more money."""
    places = money.exponent(amount.currency)
    whole, rest = divmod(amount.minor, 10**places)
    if rest:
        return formats.amount(amount, language)
    digits = formats.number(whole, language)
    return Markup('<bdi class="amount">{}\u00a0{}</bdi>').format(digits, amount.currency)


def in_full(amount: Money, language: str) -> str:
    """`25,000 Algerian dinars`: the figure once more, with its currency in words."""
    places = money.exponent(amount.currency)
    whole = amount.minor % 10**places == 0
    return format_currency(
        Decimal(amount.minor).scaleb(-places), amount.currency, locale=LOCALE[language], format_type="name",
        numbering_system="latn", currency_digits=not whole, decimal_quantization=not whole,
    )  # fmt: skip


def hour(instant: datetime, timezone: ZoneInfo) -> Markup:
    """`14:05` on the clock of the office."""
    local = instant.astimezone(timezone)
    return Markup('<time datetime="{}" dir="ltr">{:%H:%M}</time>').format(
        local.isoformat("T", "minutes"), local
    )


def spaced(receipt: str) -> Markup:
    """A receipt number in groups that can be read aloud: `482 913 0557`."""
    groups = f"{receipt[:3]} {receipt[3:6]} {receipt[6:]}"
    return Markup('<bdi class="receipt-number" dir="ltr">{}</bdi>').format(groups)
