"""What must be agreed with a post office: limits on amounts, counter rules, how its file is written."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from iso4217 import Currency

from cbi.errors import CbiError
from cbi.fsp.counter import CounterRules, SecondFactor
from cbi.fsp.messages import AmountRule, UnusableAmountRule
from cbi.fsp.settings import AdapterSettings
from cbi.money import LARGEST_MINOR, Money

COLUMNS = ("date", "office", "receipt", "amount", "currency")


def _whole_units() -> dict[str, AmountRule]:
    """Counters pay whole units of a currency unless the deployment says otherwise."""
    units = {c.code: 10**c.exponent for c in Currency if c.exponent is not None}
    return {code: AmountRule(unit, LARGEST_MINOR, unit) for code, unit in units.items()}


@dataclass(frozen=True, slots=True)
class PostOfficeSettings:
    """`columns` gives the post office's heading for each of ours, and for `fee` where it lists its fees beside the payments.

    No `encoding` means: find out.
    """

    amount_rules: Mapping[str, AmountRule] = field(default_factory=_whole_units)
    counter_rules: CounterRules = field(default_factory=CounterRules)
    columns: Mapping[str, str] = field(default_factory=lambda: {c: c for c in COLUMNS})
    encoding: str = ""
    date_format: str = "%Y-%m-%d"
    largest_megabytes: int = 200


def read(given: Mapping[str, str]) -> PostOfficeSettings:
    """From the variables that docs/adapters.md lists. Raises UnusableSetting, UnsafeCounterRules."""
    settings = AdapterSettings("post_office", given)
    encoding = settings.text("ENCODING")
    try:
        "0".encode(encoding or "utf-8")
    except (LookupError, UnicodeError):
        raise settings.refuse("ENCODING", "is not an encoding, such as utf-8 or cp1256") from None
    date_format = settings.text("DATE_FORMAT", "%Y-%m-%d")
    if not all(part in date_format for part in ("%Y", "%m", "%d")):
        raise settings.refuse("DATE_FORMAT", "must have %Y, %m and %d, such as %d/%m/%Y")
    columns = {column: settings.text(f"COLUMN_{column.upper()}", column) for column in COLUMNS}
    if fee := settings.text("COLUMN_FEE"):
        columns["fee"] = fee
    largest = settings.number("LARGEST_MEGABYTES", 200)
    read = PostOfficeSettings(
        amount_rules=_amount_rules(settings),
        counter_rules=_counter_rules(settings),
        columns=columns,
        encoding=encoding,
        date_format=date_format,
        largest_megabytes=largest,
    )
    settings.done()
    return read


def _amount_rules(settings: AdapterSettings) -> dict[str, AmountRule]:
    rules = _whole_units()
    limits = {name: settings.pairs(f"{name.upper()}_") for name in ("minimum", "maximum", "step")}
    for code in {code for limit in limits.values() for code in limit}:
        given: dict[str, int] = {}
        for name, amounts in limits.items():
            if code in amounts:
                try:
                    given[name] = Money.parse(amounts[code], code).minor
                except CbiError as error:
                    raise settings.refuse(
                        f"{name.upper()}_{code}", "must be an amount, such as 200 or 0.50"
                    ) from error
        usual = rules[code]
        step = given.get("step", usual.step)
        minimum = given.get("minimum", max(step, 1))
        try:
            rules[code] = AmountRule(minimum, given.get("maximum", usual.maximum), step)
        except UnusableAmountRule as error:
            raise settings.refuse(
                f"MINIMUM_{code}", f"leaves no amount: {error.message}"
            ) from error
    return rules


def _counter_rules(settings: AdapterSettings) -> CounterRules:
    usual = CounterRules()
    numbers = {
        rule.name: settings.number(rule.name.upper(), getattr(usual, rule.name))
        for rule in fields(CounterRules)
        if rule.type is int
    }
    any_office = settings.yes_no("ANY_OFFICE", default=usual.any_office)
    names = [name.strip() for name in settings.text("SECOND_FACTORS").split(",") if name.strip()]
    try:
        factors = tuple(SecondFactor(name.lower()) for name in names) or usual.second_factors
    except ValueError:
        raise settings.refuse(
            "SECOND_FACTORS", f"must be chosen from: {', '.join(SecondFactor)}"
        ) from None
    return CounterRules(**numbers, any_office=any_office, second_factors=factors)
