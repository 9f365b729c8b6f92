"""A statement is used only when it is complete and adds up."""

from dataclasses import replace
from datetime import date
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbi.fsp.errors import UnreadableStatement
from cbi.fsp.messages import LineKind, Statement, StatementLine
from cbi.fsp.statements import LineIds, check_adds_up
from cbi.money import LARGEST_MINOR, Money


def _line(number: int, kind: LineKind = LineKind.PAYMENT, minor: int = 100) -> StatementLine:
    return StatementLine(
        f"id-{number}", kind, Money(minor, "DZD"), date(2026, 3, 12), line_number=number
    )


def _statement(*lines: StatementLine, opening: int = 1000) -> Statement:
    moved = sum(line.effect.minor for line in lines)
    return Statement("DZD", Money(opening, "DZD"), Money(opening + moved, "DZD"), lines)


@given(
    st.lists(st.tuples(st.sampled_from(LineKind), st.integers(1, 10**9)), max_size=30), st.data()
)
def test_a_statement_adds_up_only_with_all_its_lines(
    movements: list[tuple[LineKind, int]], data: st.DataObject
) -> None:
    lines = [_line(i, kind, minor) for i, (kind, minor) in enumerate(movements, start=2)]
    whole = _statement(*lines)
    assert check_adds_up(whole) is whole
    if lines:
        lost = data.draw(st.integers(0, len(lines) - 1))
        with pytest.raises(UnreadableStatement):
            check_adds_up(replace(whole, lines=(*lines[:lost], *lines[lost + 1 :])))


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (_line(7, minor=0), "above zero"),
        (_line(7, minor=-5), "above zero"),
        (_line(7, LineKind.OTHER, 0), "above zero"),
        (replace(_line(7), line_id="id-2"), "name of its own"),
        (replace(_line(7), line_id=""), "name of its own"),
        (replace(_line(7), amount=Money(5, "KES")), "KES"),
    ],
)
def test_the_line_that_is_wrong_is_named(line: StatementLine, says: str) -> None:
    with pytest.raises(UnreadableStatement, match=says) as refusal:
        check_adds_up(Statement("DZD", None, None, (_line(2), line)))
    assert refusal.value.line == 7
    assert refusal.value.details["line"] == 7
    assert refusal.value.code == "fsp.unreadable_statement"


def test_other_movements_keep_their_sign() -> None:
    line = _line(2, LineKind.OTHER, -300)
    whole = Statement("DZD", Money(1000, "DZD"), Money(700, "DZD"), (line,))
    assert check_adds_up(whole) is whole
    with pytest.raises(UnreadableStatement):
        check_adds_up(Statement("DZD", Money(1000, "DZD"), Money(1300, "DZD"), (line,)))


def test_one_balance_without_the_other_is_refused() -> None:
    with pytest.raises(UnreadableStatement, match="one balance"):
        check_adds_up(Statement("DZD", Money(0, "DZD"), None, ()))


def test_balances_in_another_currency_or_too_large_to_add_are_refused() -> None:
    with pytest.raises(UnreadableStatement):
        check_adds_up(Statement("DZD", Money(0, "KES"), Money(0, "KES"), (_line(2),)))
    largest = Money(LARGEST_MINOR, "DZD")
    with pytest.raises(UnreadableStatement):
        check_adds_up(Statement("DZD", largest, largest, (_line(2, LineKind.TOP_UP),)))


@given(st.lists(st.sampled_from("abc"), max_size=20), st.randoms())
def test_names_are_distinct_and_do_not_depend_on_order(names: list[str], random: Random) -> None:
    ids = LineIds()
    given_out = [ids.name(name) for name in names]
    assert len(set(given_out)) == len(names)
    random.shuffle(names)
    again = LineIds()
    assert {again.name(name) for name in names} == set(given_out)
