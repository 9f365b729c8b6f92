"""The statement of the card float, drawn from Stripe: what was put in, what it cost, and what was loaded onto cards.

Stripe's own list of balance transactions shows what recipients spend, not what we load: raising a limit moves no money
at Stripe. To us a load is the delivery, and spending is the recipient's. So the statement has a line for each load that
the cards remember, and leaves spending out; money that Stripe still holds for loaded cards is no longer our float.

JSON, one object to a line: a heading, the movements, and an end that counts them and has the SHA-256 of all before it.
"""

import hashlib
import io
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from typing import Any, BinaryIO

from adapters.cards import records
from adapters.cards.amounts import from_stripe
from adapters.cards.purse import Purse, limit_of
from adapters.cards.statuses import LINES, OF_RECIPIENTS
from cbi.errors import CbiError
from cbi.fsp.errors import UnreadableStatement
from cbi.fsp.messages import LineKind, Statement, StatementLine
from cbi.fsp.statement_files import Lines, rows
from cbi.fsp.statements import LineIds, check_adds_up
from cbi.money import Money

Json = dict[str, Any]
HEADING, LOAD, LIMIT, MOVEMENT, END = "statement", "load", "limit", "balance_transaction", "end"
_KEPT = ("id", "object", "type", "amount", "fee", "net", "currency", "created", "source")


def write(currency: str, first: date, last: date, movements: Iterable[Json]) -> bytes:
    """The file. `currency` as Stripe writes it: `eur`."""
    heading = {"object": HEADING, "currency": currency, "first": f"{first}", "last": f"{last}"}
    written = [json.dumps(row, separators=(",", ":")) for row in (heading, *movements)]
    above = "".join(f"{row}\n" for row in written).encode()
    end = {
        "object": END,
        "movements": len(written) - 1,
        "sha256": hashlib.sha256(above).hexdigest(),
    }
    return above + json.dumps(end, separators=(",", ":")).encode() + b"\n"


def loads(purses: Iterable[Purse], first: date, last: date) -> Iterator[Json]:
    """What was delivered in these days, and where a card's limit is not the sum of what it remembers.

    What is on a card that nobody has in hand yet is not delivered. Raises DamagedRecord.
    """
    for purse in purses:
        delivered = [(on, key) for key in purse.loads if (on := purse.delivered_on(key))]
        for on, key in sorted(delivered):
            if first <= on <= last:
                yield {"object": LOAD, "key": key, "amount": purse.loads[key].amount, "on": f"{on}"}
        newest, total = purse.cards[0], records.total(purse.loads)
        if limit_of(newest) != total:
            yield {
                "object": LIMIT, "card": newest["id"], "limit": limit_of(newest) or 0, "loaded": total, "on": f"{last}"
            }  # fmt: skip


def movements(transactions: Iterable[Json]) -> list[Json]:
    """Balance transactions, the oldest first, without what is said about people and shops."""
    kept = [{name: row[name] for name in _KEPT} for row in transactions]
    return sorted(kept, key=lambda row: (row["created"], row["id"]))


def purses(cards: Iterable[Json]) -> list[Purse]:
    """Cards of ours by recipient."""
    found: dict[str, list[Json]] = defaultdict(list)
    for card in cards:
        if reference := card["metadata"].get(records.REFERENCE):
            found[reference].append(card)
    return [Purse.of(cards) for _, cards in sorted(found.items())]


def read(content: bytes) -> Statement:
    """Every line of such a file. Raises UnreadableStatement."""
    return check_adds_up(read_file(io.BytesIO(content)))


def read_file(file: BinaryIO) -> Statement:
    """The same of any length; what is wrong may be found as its lines are read."""
    heading = next((_object(number, raw) for number, raw, _ in rows(file)), {})
    if heading.get("object") != HEADING:
        raise UnreadableStatement(1, "it does not begin as a statement of cards.")
    try:
        currency = str(heading["currency"]).upper()
        Money.zero(currency)
    except (CbiError, KeyError) as error:
        raise UnreadableStatement(1, "it does not say its currency.") from error

    def lines() -> Iterator[StatementLine]:
        ids = LineIds()
        for number, row in _movements(file):
            try:
                yield from _lines(row, number, currency, ids)
            except (KeyError, TypeError, AttributeError) as error:
                raise UnreadableStatement(number, "something is missing in it.") from error
            except (CbiError, ValueError, OverflowError, OSError) as error:
                if isinstance(error, UnreadableStatement):
                    raise
                raise UnreadableStatement(
                    number, "its amount or its day cannot be read."
                ) from error

    return Statement(currency, None, None, Lines(lines))


def _movements(file: BinaryIO) -> Iterator[tuple[int, Json]]:
    """The rows between heading and end, if the end is there and all before it is as it was written."""
    above = hashlib.sha256()
    for number, raw, is_last in rows(file):
        row = _object(number, raw)
        if is_last:
            _check_end(number, raw, row, above.hexdigest())
            return
        above.update(raw)
        if number > 1:
            yield number, row


def _check_end(number: int, raw: bytes, end: Json, digest: str) -> None:
    if end.get("object") != END or not raw.endswith(b"\n"):
        raise UnreadableStatement(number, "the file ends without its last line: it was cut short.")
    if end != {"object": END, "movements": number - 2, "sha256": digest}:
        raise UnreadableStatement(
            number,
            "the lines above are not those that were written.",
            next_step="Fetch the statement anew.",
        )


def _object(number: int, raw: bytes) -> Json:
    try:
        row = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise UnreadableStatement(number, "it is not a JSON object.") from error
    if not isinstance(row, dict):
        raise UnreadableStatement(number, "it is not a JSON object.")
    return row


def _lines(row: Json, number: int, currency: str, ids: LineIds) -> Iterator[StatementLine]:
    kind = row["object"]
    if kind == LOAD:
        yield StatementLine(
            ids.name(str(row["key"])), LineKind.PAYMENT, from_stripe(row["amount"], currency),
            date.fromisoformat(row["on"]), idempotency_key=str(row["key"]), line_number=number,
        )  # fmt: skip
    elif kind == LIMIT:
        above = from_stripe(row["loaded"], currency) - from_stripe(row["limit"], currency)
        natural = f"{row['card']}/limit/{row['on']}"
        yield StatementLine(
            ids.name(natural), LineKind.OTHER, above, date.fromisoformat(row["on"]),
            provider_reference=str(row["card"]), line_number=number,
        )  # fmt: skip
    elif kind == MOVEMENT:
        yield from _movement(row, number, currency, ids)
    else:
        raise UnreadableStatement(number, "it is of a kind that is not known.")


def _movement(row: Json, number: int, currency: str, ids: LineIds) -> Iterator[StatementLine]:
    if str(row["currency"]).upper() != currency:
        raise UnreadableStatement(number, f"it is not in {currency}, as the statement is.")
    amount, fee = from_stripe(row["amount"], currency), from_stripe(row["fee"], currency)
    if from_stripe(row["net"], currency) != amount - fee:
        raise UnreadableStatement(number, "its net amount is not its amount less the fee.")
    on = datetime.fromtimestamp(row["created"], UTC).date()
    name, reference = ids.name(str(row["id"])), str(row["source"] or "") or None
    if row["type"] not in OF_RECIPIENTS and amount.minor:
        kind = LINES.get(str(row["type"]), LineKind.OTHER)
        gained = -amount if kind is LineKind.FEE else amount
        if gained.minor < 0:  # a fee given back, a top-up taken back
            kind, gained = LineKind.OTHER, amount
        yield StatementLine(
            name, kind, gained, on, provider_reference=reference, line_number=number
        )
    if fee.minor:
        kind, taken = (LineKind.FEE, fee) if fee.minor > 0 else (LineKind.OTHER, -fee)
        yield StatementLine(
            f"{name}/fee", kind, taken, on, provider_reference=reference, line_number=number
        )
