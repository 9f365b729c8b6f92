"""How amounts, numbers, days and digests are written for whoever reads the page."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime
from babel.numbers import format_decimal
from markupsafe import Markup

from cbi import clock, money
from cbi.console.languages import LOCALE, texts
from cbi.money import Money


def number(value: int, language: str) -> str:
    """A whole number with separators, in the digits 0 to 9 that codes and amounts have in every language."""
    return format_decimal(value, format="#,##0", locale=LOCALE[language], numbering_system="latn")


def amount(value: Money, language: str) -> Markup:
    """An amount to its last minor unit, with its currency, kept whole and in order in a text from right to left."""
    places = money.exponent(value.currency)
    digits = format_decimal(
        Decimal(value.minor).scaleb(-places),
        format="#,##0" + ("." + "0" * places if places else ""),
        locale=LOCALE[language],
        numbering_system="latn",
    )
    return Markup('<bdi class="amount">{}\u00a0{}</bdi>').format(digits, value.currency)


def day(value: date, language: str) -> Markup:
    """A day with its month in words: `21 Nov 2026`."""
    shown = format_date(value, "d MMM y", locale=LOCALE[language])
    return Markup('<time datetime="{}">{}</time>').format(value.isoformat(), shown)


def instant(value: datetime, language: str, timezone: ZoneInfo) -> Markup:
    """A day and time on the clock of the office."""
    local = value.astimezone(timezone)
    shown = format_datetime(local, "d MMM y, HH:mm", locale=LOCALE[language])
    return Markup('<time datetime="{}">{}</time>').format(local.isoformat("T", "minutes"), shown)


def age(since: datetime, language: str) -> str:
    """How long ago, in the largest unit that fits: minutes, hours or days; `just now` within a minute."""
    gone = max(clock.now() - since, timedelta())
    ngettext = texts(language).ngettext
    if gone >= timedelta(days=1):
        return ngettext("%(num)s day", "%(num)s days", gone.days) % {
            "num": number(gone.days, language)
        }
    hours = gone // timedelta(hours=1)
    if hours:
        return ngettext("%(num)s hour", "%(num)s hours", hours) % {"num": hours}
    minutes = gone // timedelta(minutes=1)
    if not minutes:
        return texts(language).gettext("just now")
    return ngettext("%(num)s minute", "%(num)s minutes", minutes) % {"num": minutes}


def digest(value: str | bytes) -> Markup:
    """A digest in groups of eight, for two people to compare aloud."""
    digits = value.hex() if isinstance(value, bytes) else value
    groups = " ".join(digits[at : at + 8] for at in range(0, len(digits), 8))
    return Markup('<code class="digest" dir="ltr">{}</code>').format(groups)
