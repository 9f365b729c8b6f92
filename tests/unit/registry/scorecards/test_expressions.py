"""Expressions in scorecards: exact, closed, and no way out of them."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simpleeval import SimpleEval

from cbi.registry.scorecards.expressions import Expression, Name, Type, Unreadable, read

NAMES = {
    "size": Name(Type.NUMBER),
    "rent": Name(Type.TEXT, frozenset({"paid", "late"})),
    "health": Name(Type.SET, frozenset({"chronic", "serious"})),
    "alone": Name(Type.TRUTH),
}
FACTS = {"size": 5, "rent": "late", "health": frozenset({"chronic"}), "alone": True}


def expression(text: str) -> Expression:
    """Read with the names of these tests."""
    return read(text, NAMES)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("size / 2 + 1", Fraction(7, 2)), ("1/3 + 1/3 + 1/3", 1), ("-size * 2", -10), ("min(size, 3) + max(1, 2)", 5),
        ('rent == "late" and not alone', False), ("3 <= size < 6", True), ('has(health, "serious", "chronic")', True),
        ("count(health)", 1), ("2 if alone else 1", 2), ('used("yes", rent)', 1), ("alone + 1", 2),
        ("dependency_ratio(dependants=size - 2, workers=2)", Fraction(3, 2)),
        ('lcs(stress=1, crisis=0, emergency=0)', "stress"),
    ],
)  # fmt: skip
def test_an_expression_is_worked_out_exactly(text: str, value: object) -> None:
    assert expression(text).work(FACTS) == value


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')", "size.__class__", "(lambda: 1)()", "[x for x in size]", "size ** 9",
        "open('/etc/passwd')", "f'{size}'", "size @ 2", "size // 2", "size << 2", "size % 2", "0.1 + size", "1e9",
        "10000000000", "size / rent", "size / 0", "size / (1 - 1)", "size is 5", "size in [5]", "{'a': 1}", "size if size",
        "", "(", "size = 3", "size; size", "unknown + 1", 'rent == "payed"', 'has(health, "heart")', "health + 1",
        "health == health", "rent < size", "not size", "size and alone", "min()", "count(size)", "fcs(staples=1)",
        "rcsi(1, 2, 3, 4, 5)", "lcs(stress=1, crisis=0, emergency=0, other=1)", "lcs(**size)", "min(*health)", "~size",
        "'" + "a" * 500 + "'", "(" * 60 + "size" + ")" * 60 + "+(" * 30 + "1" + ")" * 30, "-" * 60 + "size",
        "None", "...", "b'x'",
        "print(size)", "globals()", "size if alone else rent", "1 if size else 2", "has(health)", 'min(a=1)', "2j",
    ],
)  # fmt: skip
def test_nothing_else_can_be_said(text: str) -> None:
    with pytest.raises(Unreadable):
        expression(text)


def test_an_expression_knows_its_names_and_its_words() -> None:
    found = expression('"poor" if alone else rent')
    assert (found.type, found.names) == (Type.TEXT, frozenset({"alone", "rent"}))
    assert found.words == frozenset({"poor", "paid", "late"})


SUMS = st.recursive(
    st.sampled_from(["size", "1", "7", "-2"]),
    lambda part: st.builds("({} {} {})".format, part, st.sampled_from(["+", "-", "*"]), part),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(left=SUMS, sign=st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), right=SUMS)
def test_what_is_read_means_what_it_says(left: str, sign: str, right: str) -> None:
    text = f"{left} {sign} {right} or not alone"
    if len(text) <= 400:
        assert expression(text).work(FACTS) == SimpleEval(names={"size": 5, "alone": True}).eval(
            text
        )
