"""Tables of who would move: sums, and numbers of one to four that nobody can work out."""

from cbi.programmes.what_if_tables import Head, Household, hidden_moves, tables


def some(count: int, area: str, moved: int = 0) -> list[Household]:
    """Households of one place that move alike."""
    head = Head.of("female", 30)
    return [Household(area, head, "", moved, 10, 10 + 5 * moved) for _ in range(count)]


def by_area(
    *, small: bool, of: list[Household]
) -> dict[str, tuple[int | None, int | None, int | None]]:
    """Households, moved in and money after, by area."""
    table = next(each for each in tables(of, by_band=False, small=small) if each.by == "area")
    return {
        line.name: (line.households, line.moved_in, line.after_minor)
        for line in (*table.lines, table.total)
    }


def test_lines_add_up_to_the_total() -> None:
    shown = by_area(small=True, of=[*some(3, "Oran", 1), *some(6, "Arzew"), *some(2, "")])
    assert shown == {
        "Arzew": (6, 0, 60), "Oran": (3, 3, 45), "not known": (2, 0, 20), "Total": (11, 3, 125),
    }  # fmt: skip


def test_a_small_number_is_hidden_with_one_beside_it() -> None:
    shown = by_area(small=False, of=[*some(3, "Oran"), *some(6, "Arzew"), *some(9, "Bethioua")])
    assert shown["Oran"] == (None, 0, None)
    assert shown["Arzew"] == (None, 0, None)  # else the total would tell
    assert shown["Bethioua"] == (9, 0, 90)
    assert shown["Total"] == (18, 0, 180)


def test_a_total_of_few_is_hidden_too() -> None:
    shown = by_area(small=False, of=[*some(2, "Oran", 1), *some(9, "Arzew")])
    assert shown["Total"] == (11, None, None)


def test_ages_of_heads_stand_in_bands() -> None:
    assert [Head.of(None, age).age for age in (17, 18, 44, 60, 99, None)] == [
        "under 18", "18 to 29", "30 to 44", "60 and over", "60 and over", "not known",
    ]  # fmt: skip


def test_a_small_move_cannot_be_worked_out_from_the_sums_beside_it() -> None:
    stay = (("high", "high", 40), ("low", "high", 3), ("low", "low", 20))
    assert hidden_moves(stay) == (("high", "high", 0), ("low", "high", 0), ("low", "low", 20))
    alone = (("high", "high", 40), ("high", "none", 3), ("low", "high", 9), ("low", "low", 20))
    # The table by band hides `none` and, beside it, `low`: what moves into `low` would give both away.
    assert hidden_moves(alone) == (
        ("high", "high", 40), ("high", "none", 0), ("low", "high", 9), ("low", "low", 0)
    )  # fmt: skip
    assert hidden_moves((("high", "high", 40), ("low", "low", 5))) == (
        ("high", "high", 40), ("low", "low", 5)
    )  # fmt: skip
