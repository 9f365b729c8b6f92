"""The operator's list of our account's transactions: fetched page by page, written as a file, read to the last line.

One JSON object a line: what the list covers, each transaction without the people in it, and a count with a checksum.
"""

import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import BinaryIO

from adapters.mobile_money import statuses
from adapters.mobile_money.client import Client, Json, Unanswered
from adapters.mobile_money.settings import MobileMoneySettings
from cbi import clock
from cbi.errors import CbiError
from cbi.fsp.errors import UnreadableStatement
from cbi.fsp.keys import UnusableKey, read_idempotency_key
from cbi.fsp.messages import LineKind, Outcome, Statement, StatementLine
from cbi.fsp.statement_files import Lines, rows
from cbi.fsp.statements import LineIds, check_adds_up
from cbi.money import Money

FORMAT = "gsma-mobile-money-transactions-1"
PAGE = 200
KEPT = (
    "transactionReference", "requestingOrganisationTransactionReference", "originalTransactionReference", "type",
    "transactionStatus", "amount", "currency", "creationDate", "fees",
)  # fmt: skip
"""All that a statement needs: no party to a transaction is among it."""
_NO_MOVEMENT = (Outcome.ACCEPTED, Outcome.FAILED)


def fetch(
    client: Client, settings: MobileMoneySettings, first: date, last: date, currency: str
) -> bytes:
    """The transactions in UTC from the first to the last day, up to now. Raises Unanswered, UnreadableStatement."""
    begin = datetime.combine(first, time.min, UTC)
    end = datetime.combine(last + timedelta(days=1), time.min, UTC) - timedelta(seconds=1)
    end = min(end, clock.now())  # what is added while we read would move the pages under our hands
    heading = {"format": FORMAT, "currency": currency, "from": f"{first}", "to": f"{last}"}
    kept = (_kept(row, settings) for row in _pages(client, settings, begin, end))
    return write(heading, (row for row in kept if row.get("currency") == currency))


def write(heading: Json, transactions: Iterable[Json]) -> bytes:
    """The file of these transactions."""
    file, count = io.BytesIO(), 0
    file.write(_written(heading))
    for row in transactions:
        count += 1
        file.write(_written(row))
    seal = {"count": count, "sha256": hashlib.sha256(file.getbuffer()).hexdigest()}
    file.write(_written(seal))
    return file.getvalue()


def _written(row: Json) -> bytes:
    return json.dumps(row, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"


def _pages(
    client: Client, settings: MobileMoneySettings, begin: datetime, end: datetime
) -> Iterator[Json]:
    """Every transaction once; the operator's own count of them must be met."""
    seen, available = 0, None
    while available is None or seen < available:
        answer = client.get(
            "accounts", settings.account_type, settings.account, "transactions", limit=PAGE, offset=seen,
            fromDateTime=f"{begin:%Y-%m-%dT%H:%M:%SZ}", toDateTime=f"{end:%Y-%m-%dT%H:%M:%SZ}",
        )  # fmt: skip
        if answer.status != 200 or not isinstance(answer.body, list):
            raise Unanswered(
                "The mobile money operator gave no list of our account's transactions.",
                next_step="Check ACCOUNT_TYPE and ACCOUNT with the operator.",
            )
        count = answer.headers.get("X-Records-Available-Count", "")
        if not (count.isascii() and count.isdigit()) or available not in {None, int(count)}:
            raise UnreadableStatement(
                1,
                "the operator does not say how many there are, or changed the list meanwhile.",
                next_step="Fetch it again.",
            )
        available = int(count)
        if not answer.body and seen < available:
            raise UnreadableStatement(
                1, f"the operator has {available} transactions and gave {seen}.", next_step="Fetch it again."
            )  # fmt: skip
        seen += len(answer.body)
        yield from (row if isinstance(row, dict) else {} for row in answer.body)


def _kept(row: Json, settings: MobileMoneySettings) -> Json:
    """What a transaction says without the people in it, and whether the money left our account or came into it."""
    ours = {"key": settings.account_type, "value": settings.account}
    sides = {"out": row.get("debitParty"), "in": row.get("creditParty")}
    found = [side for side, party in sides.items() if isinstance(party, list) and ours in party]
    kept = {name: row[name] for name in KEPT if name in row}
    return kept | {"direction": found[0] if len(found) == 1 else ""}


def read(content: bytes, settings: MobileMoneySettings) -> Statement:
    """Every movement of the file. It gives no balances: the seal says that it is whole. Raises UnreadableStatement."""
    return check_adds_up(read_file(io.BytesIO(content), settings))


def read_file(file: BinaryIO, settings: MobileMoneySettings) -> Statement:
    """The same of any length; what is wrong may be found as its lines are read."""
    number, raw, is_last = next(rows(file), (1, b"", True))
    if is_last:
        raise _cut_short(number)
    heading = _row(number, raw)
    if heading.get("format") != FORMAT:
        raise UnreadableStatement(1, "it is not a list of mobile money transactions.")
    try:
        currency = Money.zero(str(heading.get("currency"))).currency
    except CbiError as error:
        raise UnreadableStatement(1, "it does not say its currency.") from error

    def lines() -> Iterator[StatementLine]:
        ids = LineIds()
        for at, row in _sealed(file):
            yield from _lines(at, row, settings, ids)

    return Statement(currency, None, None, Lines(lines))


def _sealed(file: BinaryIO) -> Iterator[tuple[int, Json]]:
    """The transactions with their places, if the file is as it was written."""
    body = hashlib.sha256()
    for number, raw, is_last in rows(file):
        row = _row(number, raw)
        if not is_last:
            body.update(raw)
            if number > 1:
                yield number, row
        elif "sha256" not in row:
            raise _cut_short(number)
        elif row != {"count": number - 2, "sha256": body.hexdigest()}:
            raise UnreadableStatement(
                number, "its seal is not that of what stands above.", next_step="Fetch it again."
            )


def _cut_short(number: int) -> UnreadableStatement:
    return UnreadableStatement(
        number, "it ends without its seal: it was cut short.", next_step="Fetch it again."
    )


def _row(number: int, line: bytes) -> Json:
    try:
        row = json.loads(line, parse_float=str)
    except (ValueError, RecursionError) as error:
        raise UnreadableStatement(number, "it is not a JSON object.") from error
    if not isinstance(row, dict):
        raise UnreadableStatement(number, "it is not a JSON object.")
    return row


def _lines(
    number: int, row: Json, settings: MobileMoneySettings, ids: LineIds
) -> Iterator[StatementLine]:
    word = row.get("transactionStatus")
    outcome = settings.words.get(word.lower()) if isinstance(word, str) else None
    if outcome is None:
        raise UnreadableStatement(
            number,
            "its status is none that we know, so nobody can tell whether money moved.",
            next_step="Ask the operator what it means, and add it to the STATUS_… settings.",
        )
    if outcome in _NO_MOVEMENT:
        return
    reference, on = row.get("transactionReference"), _day(number, row.get("creationDate"))
    if not isinstance(reference, str) or not reference or len(reference) > 256:
        raise UnreadableStatement(number, "it has no reference.")
    direction = row.get("direction")
    if direction not in {"in", "out"}:
        raise UnreadableStatement(
            number,
            "our account is not one of its two parties.",
            next_step="Check ACCOUNT_TYPE and ACCOUNT with the operator.",
        )
    amount = _amount(number, row.get("amount"), row.get("currency"))
    kind = statuses.LINES.get((str(row.get("type")), direction), LineKind.OTHER)
    if kind is LineKind.OTHER and direction == "out":
        amount = -amount
    original = row.get("originalTransactionReference") if kind is LineKind.RETURN else None
    yield StatementLine(
        line_id=ids.name(reference),
        kind=kind,
        amount=amount,
        value_date=on,
        idempotency_key=_key(row),
        provider_reference=original if isinstance(original, str) and original else reference,
        line_number=number,
    )
    if settings.fees_are_ours and direction == "out":
        yield from _fees(number, row, reference, on, ids)


def _fees(
    number: int, row: Mapping[str, object], reference: str, on: date, ids: LineIds
) -> Iterator[StatementLine]:
    fees = row.get("fees", [])
    if not isinstance(fees, list) or not all(isinstance(fee, dict) for fee in fees):
        raise UnreadableStatement(number, "its fees cannot be read.")
    for fee in fees:
        amount = _amount(number, fee.get("feeAmount"), fee.get("feeCurrency"))
        if amount.minor:
            yield StatementLine(
                line_id=ids.name(f"{reference}/fee"), kind=LineKind.FEE, amount=amount, value_date=on,
                provider_reference=reference, line_number=number,
            )  # fmt: skip


def _amount(number: int, text: object, currency: object) -> Money:
    try:
        return statuses.amount_in(text, currency)
    except CbiError as error:
        raise UnreadableStatement(number, "an amount of it cannot be read.") from error


def _day(number: int, value: object) -> date:
    try:
        return datetime.fromisoformat(value if isinstance(value, str) else "").date()
    except ValueError as error:
        raise UnreadableStatement(number, "its date cannot be read.") from error


def _key(row: Mapping[str, object]) -> str | None:
    value = row.get("requestingOrganisationTransactionReference")
    try:
        read_idempotency_key(value if isinstance(value, str) else "")
    except UnusableKey:
        return None
    return str(value).lower()
