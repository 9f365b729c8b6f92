"""Translates between the engine and a post office: counter rules one way, settlements the other."""

import io
import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import BinaryIO, NamedTuple

from adapters.post_office import client
from adapters.post_office.settings import PostOfficeSettings, read
from adapters.post_office.statuses import TRAILER, kind_of
from cbi.errors import CbiError
from cbi.fsp.counter import CounterRules
from cbi.fsp.errors import UnreadableStatement
from cbi.fsp.messages import DeliveryMechanism, FspProfile, LineKind, Statement, StatementLine
from cbi.fsp.statement_files import Lines
from cbi.fsp.statements import LineIds, check_adds_up, fee_beside
from cbi.money import Money, exponent

_EARLIEST, _LATEST = date(2000, 1, 1), date(2099, 12, 31)
_LONGEST_RECEIPT, _LONGEST_OFFICE = 64, 200
_REPEATED = 4096
"""Amounts and dates repeat: so many of each are read once."""
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
        return check_adds_up(self.read_statement(io.BytesIO(content)))

    def read_statement(self, file: BinaryIO) -> Statement:
        """The same from a file of any length; its rows are compared with the control total after the last one."""
        if file.seek(0, io.SEEK_END) > self._settings.largest_megabytes * 1_000_000:
            raise UnreadableStatement(
                1,
                f"the file is larger than {self._settings.largest_megabytes} MB.",
                next_step="Ask for one file a day, or raise LARGEST_MEGABYTES.",
            )
        return _Settlement(self._settings, file).read()


def build(given: Mapping[str, str]) -> PostOfficeAdapter:
    """From the settings of the deployment."""
    return PostOfficeAdapter(read(given))


class _Settlement:
    """One file being read, from its beginning each time."""

    def __init__(self, settings: PostOfficeSettings, file: BinaryIO) -> None:
        self._settings = settings
        self._file = file
        self._encoding = client.encoding_of(file, settings.encoding)
        self._has_fees = "fee" in settings.columns

    def read(self) -> Statement:
        """In the currency of its first row."""
        first = next(self._rows(), None)
        if first is None:
            raise _cut_short(1)
        return Statement(_amount(first).paid.currency, None, None, Lines(self._lines))

    def _rows(self) -> Iterator[client.Row]:
        return client.rows(self._file, self._encoding, self._settings.columns)

    def _lines(self) -> Iterator[StatementLine]:
        ids = LineIds()
        trailer: client.Row | None = None
        total = fees = count = last = 0
        for row in self._rows():
            last = row.line
            if trailer is not None:
                raise UnreadableStatement(row.line, f"there is a row after the {TRAILER}.")
            if row.date.upper() == TRAILER:
                trailer = row
                continue
            amount = _amount(row)
            total += amount.minor
            count += 1
            currency = amount.paid.currency
            line = self._line(row, amount, ids)
            yield line
            if (fee := self._fee(row)) and fee.minor:
                fees += fee.minor
                yield fee_beside(line, fee)
        if trailer is None:
            raise _cut_short(last or 1)
        self._check(trailer, count, total, currency if count else trailer.currency)
        stated = self._fee(trailer)
        if stated is not None and stated.minor != fees:
            raise UnreadableStatement(
                trailer.line,
                f"the {TRAILER} row says {stated} of fees, and the rows above come to another sum.",
            )

    def _line(self, row: client.Row, amount: "_Amount", ids: LineIds) -> StatementLine:
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
        on = self._date(row)
        # The office is left out of the name: it is free text, which two encodings may spell apart.
        natural = f"{row.receipt}/{amount.kind}/{on}/{amount.spelt}"
        return StatementLine(
            line_id=ids.name(natural),
            kind=amount.kind,
            amount=amount.paid,
            value_date=on,
            provider_reference=row.receipt,
            office=row.office or None,
            line_number=row.line,
        )

    def _fee(self, row: client.Row) -> Money | None:
        """What the row says was taken beside its amount; None where the file has no such column."""
        if not self._has_fees:
            return None
        fee = _amount(row._replace(amount=row.fee or "0"))
        if fee.minor < 0:
            raise UnreadableStatement(row.line, "a fee is below zero.")
        return fee.paid

    def _date(self, row: client.Row) -> date:
        try:
            on = _day(row.date, self._settings.date_format)
        except ValueError:
            raise UnreadableStatement(
                row.line, f"the date is not written as {self._settings.date_format}."
            ) from None
        if not _EARLIEST <= on <= _LATEST:
            raise UnreadableStatement(row.line, "the date is before 2000 or after 2099.")
        return on

    def _check(self, trailer: client.Row, count: int, total: int, currency: str) -> None:
        stated = _amount(trailer)
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
                f"the {TRAILER} row says {stated.signed}, and the rows above come to another sum.",
            )
        if stated.paid.currency != currency:
            raise UnreadableStatement(
                trailer.line,
                f"the {TRAILER} row is in {stated.paid.currency}, and the rows above are in {currency}.",
            )


def _cut_short(line: int) -> UnreadableStatement:
    return UnreadableStatement(
        line,
        f"the file ends without its {TRAILER} row: it was cut short.",
        next_step="Fetch it again from the post office.",
    )


class _Amount(NamedTuple):
    """What an amount comes to: with its sign, without it, and as it stands in the name of a line."""

    minor: int
    paid: Money
    kind: LineKind
    spelt: str

    @property
    def signed(self) -> Money:
        return Money(self.minor, self.paid.currency)


@lru_cache(maxsize=_REPEATED)
def _day(text: str, written_as: str) -> date:
    return datetime.strptime(text, written_as).date()  # noqa: DTZ007


def _amount(row: client.Row) -> _Amount:
    try:
        return _exact(row.amount, row.currency)
    except _Unusable as error:
        raise UnreadableStatement(row.line, error.reason, next_step=error.next_step) from error


class _Unusable(Exception):
    """The text is no amount, whatever row it stands in."""

    def __init__(self, reason: str, next_step: str) -> None:
        super().__init__()
        self.reason, self.next_step = reason, next_step


@lru_cache(maxsize=_REPEATED)
def _exact(text: str, currency: str) -> _Amount:
    try:
        places = exponent(currency)
    except CbiError as error:
        raise _Unusable("the currency is not a code of ISO 4217.", "Such as DZD or KES.") from error
    # `1.000` is one thousand to many writers, so more decimals than the currency has are refused
    # even when they are noughts.
    decimals = text.replace("\u066b", ".").partition(".")[2]
    try:
        amount = Money.parse(text, currency)
    except CbiError as error:
        raise _Unusable(
            "the amount cannot be read without guessing, or is far too large.",
            "It must have digits and at most one full stop, such as 1000 or 1000.50.",
        ) from error
    if len(decimals) > places:
        raise _Unusable(
            f"the amount has more decimals than {currency} has ({places}).",
            "If the full stop separates thousands, ask for amounts without separators.",
        )
    paid = Money(abs(amount.minor), currency)
    return _Amount(amount.minor, paid, kind_of(amount), f"{paid.decimal}{currency}")
