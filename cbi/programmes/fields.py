"""The kinds of value that a programme file holds, each with what to say when it cannot be read."""

import difflib
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, time
from typing import Annotated

from pydantic import (
    AfterValidator,
    BeforeValidator,
    PlainSerializer,
    PlainValidator,
    ValidationInfo,
)
from pydantic_core import PydanticCustomError

from cbi.fsp.messages import DeliveryMechanism
from cbi.money import Money, UnknownCurrency, UnusableAmount, exponent
from cbi.offices import LANGUAGES
from cbi.programmes.kinds import Kind
from cbi.programmes.legal_models import Ground
from cbi.programmes.models import CODE_PATTERN
from cbi.programmes.periods import (
    FIRST_YEAR,
    LAST_YEAR,
    MOST_TOGETHER,
    Every,
    Period,
    UnusablePeriod,
)
from cbi.registry import not_asked
from cbi.registry.text import folded, plain_digits

LARGEST_HOUSEHOLD = 60
FEWEST_PARTS, MOST_PARTS = 2, 9
_MOST_PERIODS = 36
_LONGEST_TEXT = 120
_EXPLAINED, _LONGEST_EXPLANATION = 20, 1000
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}\Z", re.ASCII)
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d\Z", re.ASCII)
_LONGEST_PERIOD = 366
"""Days in twelve months."""
_WHOLE = 100
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
ORDINALS = (
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "last",
)  # fmt: skip
WORKING_DAY = "working day"
_NUMBER = re.compile(r"\d{1,6}\Z", re.ASCII)
_FINEST = "CLF"
"""While the currency itself cannot be read, amounts are read with as many decimals as any has."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the fields need to know. `providers` None: a definition that was accepted before."""

    currency: str
    providers: Collection[str] | None

    @classmethod
    def of(cls, currency: object, providers: Collection[str] | None) -> "Reading":
        """For a file that names this currency, which may be anything."""
        try:
            exponent(str(currency))
        except UnknownCurrency:
            currency = _FINEST
        return cls(str(currency), providers)


def wrong(what: str, instead: str, *at: str | int) -> PydanticCustomError:
    """The error for a value, or the field `at` below it: what is wrong, what to write instead."""
    return PydanticCustomError(
        "programme_file", "wrong", {"what": what, "instead": instead, "at": at}
    )


def nearest(given: str, known: Collection[str]) -> str:
    """`Use a, b or c.`, or the one that was probably meant."""
    close = difflib.get_close_matches(given, known, 1)
    return f"Did you mean {close[0]}?" if close else f"Use one of: {', '.join(sorted(known))}."


def some(value: object) -> object:
    """The value, unless nothing stands where it belongs."""
    if value is None or value == "":
        raise wrong("There is nothing here.", "Give a value, or delete the line.")
    return value


def _text(value: object) -> str:
    if not isinstance(some(value), str | int):
        raise wrong("One value belongs here, not several.", "Compare with the example file.")
    text = str(value)
    if len(text) > _LONGEST_TEXT:
        raise wrong(f"This is longer than {_LONGEST_TEXT} characters.", "Shorten it.")
    return text


def _explanation(value: object) -> str:
    text = " ".join(str(some(value)).split())
    if not _EXPLAINED <= len(text) <= _LONGEST_EXPLANATION:
        what = f"An explanation has {_EXPLAINED} to {_LONGEST_EXPLANATION} characters."
        raise wrong(what, "Say it in a sentence that whoever asks can be told.")
    return text


def _code(value: object) -> str:
    text = _text(value)
    if not re.fullmatch(CODE_PATTERN, text):
        advice = "Use 2 to 40 small letters a to z, digits, - and _, such as winter-2026."
        raise wrong(f"{text[:50]!r} cannot be a code.", advice)
    return text


def _currency(value: object) -> str:
    text = _text(value)
    try:
        exponent(text)
    except UnknownCurrency as error:
        raise wrong(error.message, error.next_step) from None
    return text


def _amount(value: object, info: ValidationInfo[Reading], currency: str | None = None) -> Money:
    reading = info.context
    try:
        amount = Money.parse(_text(value), currency or reading.currency)
    except UnusableAmount as error:
        raise wrong(error.message, error.next_step) from None
    if amount.minor < 0:
        raise wrong("An amount cannot be below zero.", "Write it without the minus sign.")
    return amount


def _amount_of_its_own(value: object, info: ValidationInfo[Reading]) -> Money:
    """In the currency that the same part names before it, where it names one."""
    return _amount(value, info, info.data.get("currency"))


def _day(value: object) -> date:
    text = _text(value)
    plain = plain_digits(text)
    try:
        day = date.fromisoformat(plain) if _DAY.match(plain) else None
    except ValueError:
        raise wrong(f"{text} is not in the calendar.", "Check the day and the month.") from None
    if day is None:
        raise wrong(f"{text!r} is not a date.", "Write year-month-day, such as 2026-01-31.")
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise wrong(f"The year {day.year} cannot be meant.", "Check the year.")
    return day


def _month(value: object) -> Period:
    try:
        return Period.parse(_text(value))
    except UnusablePeriod as error:
        raise wrong(error.message, error.next_step) from None


def _size(value: object) -> int:
    text = _text(value)
    plain = plain_digits(text)
    if not _NUMBER.match(plain) or not 1 <= int(plain) <= LARGEST_HOUSEHOLD:
        advice = f"Write a whole number from 1 to {LARGEST_HOUSEHOLD}."
        raise wrong(f"{text[:40]!r} is not a number of members.", advice)
    return int(plain)


def _count(value: object) -> int:
    text = _text(value)
    plain = plain_digits(text)
    if not _NUMBER.match(plain) or not 1 <= int(plain) <= _MOST_PERIODS:
        advice = f"Write a whole number from 1 to {_MOST_PERIODS}."
        raise wrong(f"{text[:40]!r} is not a number of periods.", advice)
    return int(plain)


def _interval(value: object) -> int:
    text = _text(value)
    plain = plain_digits(text)
    if not _NUMBER.match(plain) or not 1 <= int(plain) <= MOST_TOGETHER:
        advice = f"Write a whole number from 1 to {MOST_TOGETHER}."
        raise wrong(f"{text[:40]!r} is not a number of months or weeks.", advice)
    return int(plain)


def _parts(value: object) -> int:
    text = _text(value)
    plain = plain_digits(text)
    if not _NUMBER.match(plain) or not FEWEST_PARTS <= int(plain) <= MOST_PARTS:
        advice = f"Write a whole number from {FEWEST_PARTS} to {MOST_PARTS}."
        raise wrong(f"{text[:40]!r} is not a number of parts.", advice)
    return int(plain)


def _day_of_period(value: object) -> int:
    text = _text(value)
    plain = plain_digits(text)
    if not _NUMBER.match(plain) or not 1 <= int(plain) <= _LONGEST_PERIOD:
        advice = "Write a whole number: 1 is the period's first day, and a day it does not have its last."
        raise wrong(f"{text[:40]!r} is not a day of a period.", advice)
    return int(plain)


def _opening_day(value: object) -> str:
    words = " ".join(_text(value).casefold().split())
    which, _, what = words.partition(" ")
    if which not in ORDINALS or what not in (*WEEKDAYS, WORKING_DAY):
        advice = (
            f"Write {', '.join(ORDINALS)}, and a day of the week or {WORKING_DAY}: first sunday."
        )
        raise wrong(f"{words[:40]!r} does not say on which day.", advice)
    return words


def _clock_time(value: object) -> time:
    text = _text(value)
    plain = plain_digits(text)
    if not _CLOCK.match(plain):
        raise wrong(f"{text[:40]!r} is not a time of day.", 'Write it in quotes, such as "06:30".')
    return time.fromisoformat(plain)


def _percent(value: object) -> int:
    text = _text(value)
    plain = plain_digits(text).removesuffix("%").strip()
    if not re.fullmatch(r"\d{1,3}", plain, re.ASCII) or int(plain) > _WHOLE:
        raise wrong(f"{text[:40]!r} is not a percentage.", f"Write a whole number, up to {_WHOLE}.")
    return int(plain)


def _one_of(*known: str) -> PlainValidator:
    def check(value: object) -> str:
        text = _text(value)
        if text not in known:
            raise wrong(f"{text[:50]!r} is not known here.", nearest(text, known))
        return text

    return PlainValidator(check)


def _provider(value: object, info: ValidationInfo[Reading]) -> str:
    text = _text(value)
    reading = info.context
    if reading.providers is not None and text not in reading.providers:
        raise wrong(
            f"{text[:50]!r} is not a financial service provider of this deployment.",
            nearest(text, reading.providers),
        )
    return text


def _mechanism(value: object) -> DeliveryMechanism:
    text = _text(value)
    try:
        return DeliveryMechanism(text)
    except ValueError:
        advice = nearest(text, [str(known) for known in DeliveryMechanism])
        raise wrong(f"{text[:50]!r} is not a delivery mechanism.", advice) from None


def _distinct(values: tuple[str, ...]) -> tuple[str, ...]:
    if not values:
        raise wrong("The list is empty.", "Name at least one, or delete the line.")
    twice = next((value for n, value in enumerate(values) if value in values[:n]), None)
    if twice is not None:
        raise wrong(f"{twice!r} is listed twice.", "Keep one of them.")
    return values


def _words(words: tuple[str, ...]) -> tuple[str, ...]:
    if nothing := next((word for word in words if not folded(word)), None):
        raise wrong(f"{nothing!r} has no letters.", "Write a word as in the registration lists.")
    return tuple(sorted(_distinct(words)))


def refuse_sorting(words: Iterable[str], info: ValidationInfo[Reading], *at: str) -> None:
    """Raise where a new file would sort people by what nobody is asked, under whatever name."""
    if info.context is not None and info.context.providers is None:
        return  # it was accepted before
    if named := next((word for word in words if not_asked.sorts_people(word)), None):
        raise wrong(
            f"{named[:50]!r} would sort people by {not_asked.THESE}.", not_asked.ASK_INSTEAD, *at
        )


def _decimal(amount: Money | None) -> str | None:
    return amount.decimal if amount else None


Text = Annotated[str, PlainValidator(_text)]
Explanation = Annotated[str, PlainValidator(_explanation)]
GroundOfUse = Annotated[str, _one_of(*Ground)]
Code = Annotated[str, PlainValidator(_code)]
Currency = Annotated[str, PlainValidator(_currency)]
CurrencyOrNone = Annotated[str | None, PlainValidator(_currency)]
Amount = Annotated[Money, PlainValidator(_amount), PlainSerializer(_decimal)]
AmountOfItsOwn = Annotated[Money, PlainValidator(_amount_of_its_own), PlainSerializer(_decimal)]
"""In the currency that the same part names."""
AmountOrNone = Annotated[Money | None, PlainValidator(_amount), PlainSerializer(_decimal)]
Day = Annotated[date, BeforeValidator(_day)]
Month = Annotated[Period, PlainValidator(_month), PlainSerializer(str)]
SizeOrNone = Annotated[int | None, PlainValidator(_size)]
KindOfProgramme = Annotated[str, _one_of(*Kind)]
HowOften = Annotated[str, _one_of(*Every)]
RequiredOrNone = Annotated[str | None, _one_of("required")]
Yes = Annotated[str | None, _one_of("yes")]
Size = Annotated[int, PlainValidator(_size)]
Percent = Annotated[int, PlainValidator(_percent)]
SetBy = Annotated[str, _one_of("base", "per_member", "both")]
Per = Annotated[str | None, _one_of("household", "member")]
Prorate = Annotated[str | None, _one_of("days", "none")]
WhichWay = Annotated[str | None, _one_of("down", "up", "nearest")]
IntervalOrNone = Annotated[int | None, PlainValidator(_interval)]
DayOfPeriodOrNone = Annotated[int | None, PlainValidator(_day_of_period)]
OpeningDayOrNone = Annotated[str | None, PlainValidator(_opening_day)]
ClockTimeOrNone = Annotated[
    time | None,
    PlainValidator(_clock_time),
    PlainSerializer(lambda at: f"{at:%H:%M}" if at else None),
]
PartsOrNone = Annotated[int | None, PlainValidator(_parts)]
CountOrNone = Annotated[int | None, PlainValidator(_count)]
Provider = Annotated[str, PlainValidator(_provider)]
Mechanism = Annotated[DeliveryMechanism, BeforeValidator(_mechanism)]
Languages = Annotated[tuple[Annotated[str, _one_of(*LANGUAGES)], ...], AfterValidator(_distinct)]
Words = Annotated[tuple[Text, ...], AfterValidator(_words)]
Codes = Annotated[tuple[Code, ...], AfterValidator(lambda codes: tuple(sorted(_distinct(codes))))]
Areas = Annotated[tuple[Text, ...], AfterValidator(lambda areas: tuple(sorted(_distinct(areas))))]
