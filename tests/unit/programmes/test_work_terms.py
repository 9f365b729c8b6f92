"""The work part of a programme file: what is refused names its line and says what to write instead."""

from pathlib import Path

import pytest

from cbi.programmes.definition import Definition, read, stored
from cbi.programmes.problems import ProgrammeFileErrors
from cbi.programmes.work_terms import Piece, WorkTerms
from tests.work_factory import FILE, WORK

HOME = Path(__file__).parents[3]


def definition(work: str) -> Definition:
    """The programme of cash for work with this part in it."""
    return read(FILE.format(code="roads-2026", work=work), {"post_office"})


def refused(work: str) -> str:
    """What is wrong with the part."""
    with pytest.raises(ProgrammeFileErrors) as error:
        definition(work)
    return str(error.value)


def test_the_terms_are_read_and_kept_as_they_were() -> None:
    made = definition(WORK)
    assert made.work is not None
    assert (made.work.max_days, len(made.work.pieces or ())) == (20, 2)
    assert stored(made.canonical()) == made
    piece = made.work.piece("mask")
    assert piece is not None
    assert piece.rate.minor == 1_500
    assert made.work.piece("hat") is None


def test_digits_of_any_script_are_read() -> None:
    made = definition('{day_rate: "١٢٠٠", max_days: "٢٠", hours_per_day: "۸"}')
    assert made.work is not None
    assert (made.work.max_days, made.work.hours_per_day) == (20, 8)


@pytest.mark.parametrize(
    ("work", "field", "why"),
    [
        ("{max_days: 20}", "work", "pays nothing"),
        ('{day_rate: "1000.00"}', "work.max_days", "missing"),
        ('{day_rate: "0", max_days: 20}', "work.day_rate", "pays nothing"),
        ('{day_rate: "1000.01", max_days: 20}', "work.day_rate", "Half of"),
        (
            '{day_rate: "800.00", minimum_wage: "900.00", max_days: 20}',
            "work.day_rate",
            "minimum wage",
        ),
        ('{day_rate: "1000.00", max_days: 0}', "work.max_days", "from 1 to 92"),
        ('{day_rate: "1000.00", max_days: 93}', "work.max_days", "from 1 to 92"),
        ('{day_rate: "1000.00", max_days: many}', "work.max_days", "not a number of days"),
        (
            '{day_rate: "1000.00", max_days: 20, hours_per_day: 25}',
            "work.hours_per_day",
            "from 1 to 24",
        ),
        ('{day_rate: "1000.00", max_day: 20}', "work.max_day", "Did you mean max_days"),
    ],
)
def test_terms_that_make_no_sense_are_refused_at_their_field(
    work: str, field: str, why: str
) -> None:
    said = refused(work)
    assert f", {field}: " in said
    assert why in said


def test_a_piece_rate_below_the_minimum_wage_is_refused() -> None:
    piece = '{code: mask, name: Mask, unit: piece, rate: "15.00", per_day: 59}'
    said = refused(f'{{minimum_wage: "900.00", max_days: 20, pieces: [{piece}]}}')
    assert "59 mask a day pay 885.00 DZD, less than the minimum wage of 900.00 DZD" in said


def test_a_piece_is_named_once_and_pays_something() -> None:
    piece = '{code: mask, name: Mask, unit: piece, rate: "15.00"}'
    assert "named twice" in refused(f"{{max_days: 20, pieces: [{piece}, {piece}]}}")
    free = piece.replace("15.00", "0")
    assert "cannot pay this" in refused(f"{{max_days: 20, pieces: [{free}]}}")


def test_the_example_can_be_applied_and_the_documentation_names_every_field() -> None:
    example = (HOME / "examples" / "cash-for-work.yaml").read_text(encoding="utf-8")
    assert read(example, {"post_office"}).work is not None
    told = (HOME / "docs" / "cash-for-work.md").read_text(encoding="utf-8")
    fields = [f"work.{name}" for name in WorkTerms.model_fields]
    fields += [f"work.pieces.{name}" for name in Piece.model_fields]
    assert [field for field in fields if f"`{field}`" not in told] == []
