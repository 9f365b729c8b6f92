"""Small sums and conditions in a scorecard: read once, checked whole, and worked out exactly; nothing else can be said.

A text is parsed and never run: each part of it must be one of those listed here, and becomes a small function of its
own. Numbers are whole or exact fractions, names are the scorecard's own, and size is bounded.
"""

import ast
import inspect
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from functools import reduce
from typing import Any

from cbi.registry.scorecards.measures import MEASURES, used

LONGEST = 400
"""Characters of one expression."""
_DEEPEST = 24
_LARGEST = 10**9

Facts = Mapping[str, Any]
Worker = Callable[[Facts], Any]


class Type(StrEnum):
    """What an expression gives."""

    NUMBER = "a number"
    TEXT = "a word"
    TRUTH = "yes or no"
    SET = "several answers"


@dataclass(frozen=True, slots=True)
class Name:
    """A name that an expression may use: its type, and the words it can be."""

    type: Type
    words: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Expression:
    """A checked expression. `work(facts)` gives its value; two are equal when their texts are."""

    text: str
    type: Type = field(compare=False)
    names: frozenset[str] = field(compare=False)
    work: Worker = field(compare=False, repr=False)
    words: frozenset[str] | None = field(default=None, compare=False)
    """The words that it can give."""


class Unreadable(Exception):
    """The text cannot be meant; the message says what is wrong, for the writer of the file."""


_Found = tuple[Type, Worker]

_SUMS: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
}
_COMPARISONS: Mapping[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_GIVES: Mapping[str, Type] = {"fcs_group": Type.TEXT, "lcs": Type.TEXT}
_GIVEN_WORDS: Mapping[str, frozenset[str]] = {
    "fcs_group": frozenset({"poor", "borderline", "acceptable"}),
    "lcs": frozenset({"none", "stress", "crisis", "emergency"}),
}
FUNCTIONS = ("min", "max", "count", "has", "used", *MEASURES)


def read(text: str, names: Mapping[str, Name]) -> Expression:
    """Check an expression in which these names may stand. Raises Unreadable."""
    if len(text) > LONGEST:
        raise Unreadable(f"An expression has at most {LONGEST} characters.")
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise Unreadable(
            "This is not an expression, such as: income < 200 and size >= 4."
        ) from None
    reader = _Reader(names)
    kind, work = reader.read(tree.body, 0)
    return Expression(text.strip(), kind, frozenset(reader.used), work, reader.words(tree.body))


class _Reader:
    def __init__(self, names: Mapping[str, Name]) -> None:
        self._names = names
        self.used: set[str] = set()

    def read(self, node: ast.expr, depth: int) -> _Found:
        if depth > _DEEPEST:
            raise Unreadable("This is nested too deeply.")
        reading = _READERS.get(type(node))
        if reading is None:
            raise Unreadable(
                "Only names, numbers, words in quotes, + - * /, comparisons, and, or, not, if … else and"
                f" {', '.join(FUNCTIONS)} can stand here."
            )
        return reading(self, node, depth + 1)

    def words(self, node: ast.expr) -> frozenset[str] | None:
        """The words that a part can be, where that is known."""
        if isinstance(node, ast.Name) and node.id in self._names:
            return self._names[node.id].words
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return frozenset({node.value})
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            return _GIVEN_WORDS.get(node.func.id)
        if isinstance(node, ast.IfExp):
            yes, no = self.words(node.body), self.words(node.orelse)
            return yes | no if yes is not None and no is not None else None
        return None

    def _of(self, node: ast.expr, depth: int, wanted: Type, where: str) -> Worker:
        kind, work = self.read(node, depth)
        if kind is Type.TRUTH and wanted is Type.NUMBER:
            return lambda facts: int(work(facts))
        if kind is not wanted:
            raise Unreadable(f"{where} takes {wanted}, and here is {kind}.")
        return work

    def _name(self, node: ast.Name, _: int) -> _Found:
        known = self._names.get(node.id)
        if known is None:
            raise Unreadable(
                f"There is no {node.id!r} here: use the name of an indicator above, or a fact."
            )
        self.used.add(node.id)
        return known.type, operator.itemgetter(node.id)

    def _constant(self, node: ast.Constant, _: int) -> _Found:
        value = node.value
        if isinstance(value, bool):
            return Type.TRUTH, lambda _: value
        if isinstance(value, int):
            if abs(value) > _LARGEST:
                raise Unreadable("This number is too large.")
            return Type.NUMBER, lambda _: value
        if isinstance(value, str):
            return Type.TEXT, lambda _: value
        raise Unreadable("A number is whole, or a fraction such as 1/2.")

    def _sum(self, node: ast.BinOp, depth: int) -> _Found:
        left = self._of(node.left, depth, Type.NUMBER, "A sum")
        if isinstance(node.op, ast.Div):
            by = node.right.value if isinstance(node.right, ast.Constant) else None
            if not isinstance(by, int) or isinstance(by, bool) or not 0 < by <= _LARGEST:
                raise Unreadable("What is divided by must be a whole number above 0, written out.")
            return Type.NUMBER, lambda facts: Fraction(left(facts)) / by
        right = self._of(node.right, depth, Type.NUMBER, "A sum")
        sum_ = _SUMS.get(type(node.op))
        if sum_ is None:
            raise Unreadable("Only + - * / can stand between numbers.")
        return Type.NUMBER, lambda facts: sum_(left(facts), right(facts))

    def _sign(self, node: ast.UnaryOp, depth: int) -> _Found:
        if isinstance(node.op, ast.Not):
            truth = self._of(node.operand, depth, Type.TRUTH, "`not`")
            return Type.TRUTH, lambda facts: not truth(facts)
        number = self._of(node.operand, depth, Type.NUMBER, "A sign")
        if not isinstance(node.op, ast.USub):
            raise Unreadable("Only - can stand in front of a number.")
        return Type.NUMBER, lambda facts: -number(facts)

    def _truths(self, node: ast.BoolOp, depth: int) -> _Found:
        parts = [self._of(each, depth, Type.TRUTH, "`and` or `or`") for each in node.values]
        if isinstance(node.op, ast.And):
            return Type.TRUTH, lambda facts: all(part(facts) for part in parts)
        return Type.TRUTH, lambda facts: any(part(facts) for part in parts)

    def _compared(self, node: ast.Compare, depth: int) -> _Found:
        sides = [node.left, *node.comparators]
        found = [self.read(side, depth) for side in sides]
        pairs = []
        for at, sign in enumerate(node.ops):
            compare = _COMPARISONS.get(type(sign))
            if compare is None:
                raise Unreadable("Compare with < <= > >= == or !=.")
            (one, left), (other, right) = found[at], found[at + 1]
            if one is not other or one is Type.SET:
                raise Unreadable(f"{one} cannot be compared with {other}.".capitalize())
            if one is not Type.NUMBER and not isinstance(sign, ast.Eq | ast.NotEq):
                raise Unreadable(f"{one} can only be compared with == or !=.".capitalize())
            if one is Type.TEXT:
                self._check_words(sides[at], sides[at + 1])
            pairs.append((compare, left, right))
        return Type.TRUTH, lambda facts: all(
            compare(left(facts), right(facts)) for compare, left, right in pairs
        )

    def _check_words(self, one: ast.expr, other: ast.expr) -> None:
        can, meant = self.words(one), self.words(other)
        if can and meant and not (can & meant):
            raise Unreadable(
                f"It is never {' or '.join(sorted(meant))}: there is {', '.join(sorted(can))}."
            )

    def _either(self, node: ast.IfExp, depth: int) -> _Found:
        test = self._of(node.test, depth, Type.TRUTH, "`if`")
        (kind, yes), (other, no) = self.read(node.body, depth), self.read(node.orelse, depth)
        if kind is not other:
            raise Unreadable(f"`if … else` gives {kind} or {other}: both must be of one kind.")
        return kind, lambda facts: yes(facts) if test(facts) else no(facts)

    def _call(self, node: ast.Call, depth: int) -> _Found:
        if not isinstance(node.func, ast.Name) or node.func.id not in FUNCTIONS:
            raise Unreadable(f"There is no such function. There is: {', '.join(FUNCTIONS)}.")
        name = node.func.id
        if name in MEASURES:
            return self._measure(name, node, depth)
        if node.keywords or not node.args:
            raise Unreadable(f"{name} takes its values one after the other, such as {name}(a, b).")
        if name in {"min", "max"}:
            numbers = [self._of(each, depth, Type.NUMBER, name) for each in node.args]
            choose: Callable[..., Any] = min if name == "min" else max
            return Type.NUMBER, lambda facts: reduce(choose, (one(facts) for one in numbers))
        if name == "used":
            answers = [self._of(each, depth, Type.TEXT, name) for each in node.args]
            return Type.NUMBER, lambda facts: used(*(one(facts) for one in answers))
        answers_of = self._of(node.args[0], depth, Type.SET, name)
        if name == "count":
            if len(node.args) != 1:
                raise Unreadable("count takes the name of one question.")
            return Type.NUMBER, lambda facts: len(answers_of(facts))
        return self._has(node, answers_of)

    def _has(self, node: ast.Call, answers_of: Worker) -> _Found:
        words = [each.value for each in node.args[1:] if isinstance(each, ast.Constant)]
        possible = self.words(node.args[0])
        if not words or len(words) != len(node.args) - 1:
            raise Unreadable('has takes a question and answers in quotes: has(health, "chronic").')
        if strange := [
            str(word) for word in words if possible is not None and word not in possible
        ]:
            raise Unreadable(f"{strange[0]!r} is no answer of this question.")
        wanted = frozenset(words)
        return Type.TRUTH, lambda facts: bool(wanted & answers_of(facts))

    def _measure(self, name: str, node: ast.Call, depth: int) -> _Found:
        measure = MEASURES[name]
        takes = inspect.signature(measure).parameters
        given = {each.arg: each.value for each in node.keywords if each.arg}
        missing = [
            each.name
            for each in takes.values()
            if each.default is each.empty and each.name not in given
        ]
        if node.args or missing or set(given) - set(takes) or len(given) != len(node.keywords):
            raise Unreadable(
                f"Give {name} each value by its name: {name}({', '.join(f'{n}=…' for n in takes)})."
            )
        workers = {
            key: self._of(
                value, depth, Type.TRUTH if takes[key].annotation is bool else Type.NUMBER, key
            )
            for key, value in given.items()
        }
        return _GIVES.get(name, Type.NUMBER), lambda facts: measure(
            **{key: work(facts) for key, work in workers.items()}
        )


_READERS: Mapping[type[ast.expr], Callable[[_Reader, Any, int], _Found]] = {
    ast.Name: _Reader._name,
    ast.Constant: _Reader._constant,
    ast.BinOp: _Reader._sum,
    ast.UnaryOp: _Reader._sign,
    ast.BoolOp: _Reader._truths,
    ast.Compare: _Reader._compared,
    ast.IfExp: _Reader._either,
    ast.Call: _Reader._call,
}
