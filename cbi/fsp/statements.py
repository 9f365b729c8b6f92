"""What every statement must be before a line of it is used: complete, in one currency, and adding up."""

from collections import Counter
from dataclasses import replace

from cbi.errors import CbiError
from cbi.fsp.errors import UnreadableStatement
from cbi.fsp.messages import LineKind, Statement, StatementLine
from cbi.money import Money


class LineIds:
    """Names for the lines of one file: a movement listed twice keeps its name and gets `#2`, so it is seen twice.

    Equal lines are interchangeable, so the names do not depend on the order of the file.
    """

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def name(self, natural: str) -> str:
        """The name for the next line that is naturally called that."""
        self._seen[natural] += 1
        times = self._seen[natural]
        return natural if times == 1 else f"{natural}#{times}"


def fee_beside(line: StatementLine, fee: Money) -> StatementLine:
    """The fee that a statement gives beside a payment's line, in a column of its own, as a line that names the same payment.

    The payment's line keeps the amount without the fee, so that gross and fee are told apart.
    """
    return replace(line, line_id=f"{line.line_id}/fee", kind=LineKind.FEE, amount=fee)


def check_adds_up(statement: Statement) -> Statement:
    """Return the statement if it is sound. Raises UnreadableStatement naming the line that is not."""
    names: set[str] = set()
    for line in statement.lines:
        at = line.line_number or 1
        if line.amount.currency != statement.currency:
            raise UnreadableStatement(
                at,
                f"it is in {line.amount.currency}, and the statement is in {statement.currency}.",
            )
        if line.amount.minor == 0 or (line.amount.minor < 0 and line.kind is not LineKind.OTHER):
            raise UnreadableStatement(at, f"a {line.kind} must have an amount above zero.")
        if not line.line_id or line.line_id in names:
            raise UnreadableStatement(at, "it has no name of its own within the statement.")
        names.add(line.line_id)
    _check_balances(statement)
    return statement


def _check_balances(statement: Statement) -> None:
    last = max((line.line_number for line in statement.lines), default=0) or 1
    opening, closing = statement.opening, statement.closing
    if opening is None and closing is None:
        return
    if opening is None or closing is None:
        raise UnreadableStatement(last, "it gives one balance and not the other.")
    try:
        expected = opening + statement.movement
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
