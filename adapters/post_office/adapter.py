"""Translates between the engine and a post office: counter rules one way, settlements the other."""

import re
from collections.abc import Mapping
from datetime import date, datetime

from adapters.post_office import client
from adapters.post_office.settings import PostOfficeSettings, read
from adapters.post_office.statuses import TRAILER, kind_of
from cbi.errors import CbiError
from cbi.fsp.counter import CounterRules
from cbi.fsp.errors import UnreadableStatement
from cbi.fsp.messages import DeliveryMechanism, FspProfile, Statement, StatementLine
from cbi.fsp.statements import LineIds, check_adds_up, fee_beside
from cbi.money import Money, exponent

_EARLIEST, _LATEST = date(2000, 1, 1), date(2099, 12, 31)
_LONGEST_RECEIPT, _LONGEST_OFFICE = 64, 200
_NUMBER = re.compile(r"\+?\d(?:[ .\-]?\d){5,}")
_QUOTED = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"|«[^»\n]*»")


class PostOfficeAdapter:
    """Pays over the counter and reads settlement files. Nothing is ever sent to it."""

    def __init__(self, settings: PostOfficeSettings) -> None:
        self._settings = settings
        self._profile = FspProfile(
            name="post_office",
            delivery_mechanisms=frozenset({DeliveryMechanism.CASH_OVER_COUNTER}),
            amount_rules=settings.amount_rules,
        )

    @property
    def profile(self) -> FspProfile:
        """Cash over the counter, in whole units of any currency unless the settings differ."""
        return self._profile

    @property
    def counter_rules(self) -> CounterRules:
        """As agreed with the post office."""
        return self._settings.counter_rules

    def redact(self, text: str) -> str:
        """Codes, telephone and document numbers, and whatever is quoted, are blotted out."""
        return _NUMBER.sub("[number]", _QUOTED.sub("[hidden]", text))

    def parse_statement(self, content: bytes) -> Statement:
        """A settlement file with its control total. It gives no balances."""
        if len(content) > self._settings.largest_megabytes * 1_000_000:
            raise UnreadableStatement(
                1,
                f"the file is larger than {self._settings.largest_megabytes} MB.",
                next_step="Ask for one file a day, or raise LARGEST_MEGABYTES.",
            )
        text = client.decode(content, self._settings.encoding)
        return _Settlement(self._settings).read(text)


def build(given: Mapping[str, str]) -> PostOfficeAdapter:
    """From the settings of the deployment."""
    return PostOfficeAdapter(read(given))


class _Settlement:
    """One file being read: what repeats (amounts, dates) is parsed once."""

    def __init__(self, settings: PostOfficeSettings) -> None:
        self._settings = settings
        self._amounts: dict[tuple[str, str], Money] = {}
        self._dates: dict[str, date] = {}
        self._ids = LineIds()

    def read(self, text: str) -> Statement:
        lines: list[StatementLine] = []
        trailer: client.Row | None = None
        total = fees = rows = last = 0
        for row in client.rows(text, self._settings.columns):
            last = row.line
            if trailer is not None:
                raise UnreadableStatement(row.line, f"there is a row after the {TRAILER}.")
            if row.date.upper() == TRAILER:
                trailer = row
                continue
            amount = self._amount(row)
            total += amount.minor
            rows += 1
            lines.append(self._line(row, amount))
            if (fee := self._fee(row)) and fee.minor:
                fees += fee.minor
                lines.append(fee_beside(lines[-1], fee))
        if trailer is None:
            raise UnreadableStatement(
                last or 1,
                f"the file ends without its {TRAILER} row: it was cut short.",
                next_step="Fetch it again from the post office.",
            )
        currency = self._control(trailer, rows, total)
        stated = self._fee(trailer)
        if stated is not None and stated.minor != fees:
            raise UnreadableStatement(
                trailer.line,
                f"the {TRAILER} row says {stated} of fees, and the rows above come to another sum.",
            )
        return check_adds_up(Statement(currency, None, None, tuple(lines)))

    def _line(self, row: client.Row, amount: Money) -> StatementLine:
        if not row.receipt or len(row.receipt) > _LONGEST_RECEIPT:
            raise UnreadableStatement(
                row.line, f"it needs a receipt of at most {_LONGEST_RECEIPT} characters."
            )
        if len(row.office) > _LONGEST_OFFICE:
            raise UnreadableStatement(
                row.line, f"the office has more than {_LONGEST_OFFICE} characters."
            )
        if amount.minor == 0:
            raise UnreadableStatement(row.line, "the amount is zero.")
        kind, on, paid = kind_of(amount), self._date(row), Money(abs(amount.minor), amount.currency)
        # The office is left out of the name: it is free text, which two encodings may spell apart.
        natural = f"{row.receipt}/{kind}/{on.isoformat()}/{paid.decimal}{paid.currency}"
        return StatementLine(
            line_id=self._ids.name(natural),
            kind=kind,
            amount=paid,
            value_date=on,
            provider_reference=row.receipt,
            office=row.office or None,
            line_number=row.line,
        )

    def _fee(self, row: client.Row) -> Money | None:
        """What the row says was taken beside its amount; None where the file has no such column."""
        if "fee" not in self._settings.columns:
            return None
        fee = self._amount(row._replace(amount=row.fee or "0"))
        if fee.minor < 0:
            raise UnreadableStatement(row.line, "a fee is below zero.")
        return fee

    def _amount(self, row: client.Row) -> Money:
        key = (row.amount, row.currency)
        if key not in self._amounts:
            self._amounts[key] = _exact(row)
        return self._amounts[key]

    def _date(self, row: client.Row) -> date:
        if row.date not in self._dates:
            try:
                on = datetime.strptime(row.date, self._settings.date_format).date()  # noqa: DTZ007
            except ValueError:
                raise UnreadableStatement(
                    row.line, f"the date is not written as {self._settings.date_format}."
                ) from None
            if not _EARLIEST <= on <= _LATEST:
                raise UnreadableStatement(row.line, "the date is before 2000 or after 2099.")
            self._dates[row.date] = on
        return self._dates[row.date]

    def _control(self, trailer: client.Row, count: int, total: int) -> str:
        stated = self._amount(trailer)
        if not (trailer.office.isascii() and trailer.office.isdigit() and len(trailer.office) < 10):
            raise UnreadableStatement(
                trailer.line, f"the {TRAILER} row does not say how many rows there are."
            )
        if int(trailer.office) != count:
            raise UnreadableStatement(
                trailer.line,
                f"the {TRAILER} row counts {int(trailer.office)} rows, and {count} are here.",
            )
        if stated.minor != total:
            raise UnreadableStatement(
                trailer.line,
                f"the {TRAILER} row says {stated}, and the rows above come to another sum.",
            )
        return stated.currency


def _exact(row: client.Row) -> Money:
    try:
        places = exponent(row.currency)
    except CbiError as error:
        raise UnreadableStatement(
            row.line, "the currency is not a code of ISO 4217.", next_step="Such as DZD or KES."
        ) from error
    # `1.000` is one thousand to many writers, so more decimals than the currency has are refused
    # even when they are noughts.
    decimals = row.amount.replace("\u066b", ".").partition(".")[2]
    try:
        amount = Money.parse(row.amount, row.currency)
    except CbiError as error:
        raise UnreadableStatement(
            row.line,
            "the amount cannot be read without guessing, or is far too large.",
            next_step="It must have digits and at most one full stop, such as 1000 or 1000.50.",
        ) from error
    if len(decimals) > places:
        raise UnreadableStatement(
            row.line,
            f"the amount has more decimals than {row.currency} has ({places}).",
            next_step="If the full stop separates thousands, ask for amounts without separators.",
        )
    return amount
