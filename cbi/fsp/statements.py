"""What every statement must be before a line of it is used: complete, in one currency, and adding up."""

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from cbi.errors import CbiError
from cbi.fsp.errors import UnreadableStatement
from cbi.fsp.messages import LEAVES, LineKind, Statement, StatementLine
from cbi.money import Money

NOT_DISTINCT = "it has no name of its own within the statement."
"""What is said of a line that is called as another is."""


class _Names:
    """Which names there were before, in some fifteen bytes for each, for a statement may have millions.

    Kept are their 64-bit hashes, which nobody outside this process can foresee. That two of a million names have the same
    happens once in forty million statements.
    """

    def __init__(self) -> None:
        self._seen: defaultdict[int, array[int]] = defaultdict(partial(array, "q"))

    def add(self, name: str) -> bool:
        """Note the name; whether it is new."""
        number = hash(name)
        alike = self._seen[number & 0xFFFF]
        if number in alike:
            return False
        alike.append(number)
        return True


class LineIds:
    """Names for the lines of one file: a movement listed twice keeps its name and gets `#2`, so it is seen twice.

    Equal lines are interchangeable, so the names do not depend on the order of the file. Each pass through a file needs
    a new one.
    """

    def __init__(self) -> None:
        self._names = _Names()
        self._again: Counter[str] = Counter()

    def name(self, natural: str) -> str:
        """The name for the next line that is naturally called that."""
        if self._names.add(natural):
            return natural
        self._again[natural] += 1
        return f"{natural}#{self._again[natural] + 1}"


def fee_beside(line: StatementLine, fee: Money) -> StatementLine:
    """The fee that a statement gives beside a payment's line, in a column of its own, as a line that names the same payment.

    The payment's line keeps the amount without the fee, so that gross and fee are told apart.
    """
    return replace(line, line_id=f"{line.line_id}/fee", kind=LineKind.FEE, amount=fee)


def check_adds_up(statement: Statement) -> Statement:
    """Return the statement if it is sound. Raises UnreadableStatement naming the line that is not."""
    names = _Names()
    for line in lines_adding_up(statement):
        if not names.add(line.line_id):
            raise UnreadableStatement(line.line_number or 1, NOT_DISTINCT)
    return statement


def lines_adding_up(statement: Statement) -> Iterator[StatementLine]:
    """Its lines, each checked as it is read, and after the last of them its balances.

    Raises UnreadableStatement naming the line that is not sound. That their names are distinct is for whoever keeps them
    to see.
    """
    currency, moved, last = statement.currency, 0, 1
    for line in statement.lines:
        amount, kind, at = line.amount, line.kind, line.line_number or 1
        if amount.currency != currency:
            raise UnreadableStatement(
                at, f"it is in {amount.currency}, and the statement is in {currency}."
            )
        if amount.minor == 0 or (amount.minor < 0 and kind is not LineKind.OTHER):
            raise UnreadableStatement(at, f"a {kind} must have an amount above zero.")
        if not line.line_id:
            raise UnreadableStatement(at, NOT_DISTINCT)
        moved += -amount.minor if kind in LEAVES else amount.minor
        last = max(last, at)
        yield line
    _check_balances(statement, moved, last)


def _check_balances(statement: Statement, moved: int, last: int) -> None:
    opening, closing = statement.opening, statement.closing
    if opening is None and closing is None:
        return
    if opening is None or closing is None:
        raise UnreadableStatement(last, "it gives one balance and not the other.")
    try:
        expected = opening + Money(moved, statement.currency)
        agrees = expected == closing
    except CbiError as error:
        raise UnreadableStatement(
            last, f"its balances cannot be added up. {error.message}"
        ) from error
    if not agrees:
        raise UnreadableStatement(
            last,
            f"the lines lead from {opening} to {expected}, but the closing balance is {closing}.",
        )
