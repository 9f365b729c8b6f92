"""The funds of a programme file: their order, their dates, and what each of them pays."""

from datetime import date

import pytest

from cbi.programmes.definition import read, stored
from cbi.programmes.fund_terms import uncovered
from cbi.programmes.problems import Problem, ProgrammeFileErrors
from tests.programme_factory import programme_file

PROVIDERS = ("post_office",)


def listed(*funds: str) -> str:
    """The usual file with these funds: each is what its line says besides the code and dates."""
    whole = programme_file()
    before, rest = whole.split("fund:", 1)
    lines = "".join(
        f'  - {{code: f{at}, name: F, amount: "100", {said}}}\n' for at, said in enumerate(funds, 1)
    )
    return f"{before}funds:\n{lines}currency:{rest.split('currency:', 1)[1]}"


YEAR = "valid_from: 2026-01-01, valid_to: 2026-12-31"
FIRST_HALF = "valid_from: 2026-01-01, valid_to: 2026-06-30"
SECOND_HALF = "valid_from: 2026-07-01, valid_to: 2026-12-31"


def problem(text: str) -> Problem:
    with pytest.raises(ProgrammeFileErrors) as caught:
        read(text, PROVIDERS)
    (found,) = caught.value.problems
    return found


def test_one_fund_is_a_list_of_one_and_its_digest_is_as_before() -> None:
    definition = read(programme_file(), PROVIDERS)
    assert [fund.code for fund in definition.grants] == ["grant-26"]
    assert set(definition.canonical()["fund"]) == {
        "code",
        "name",
        "amount",
        "valid_from",
        "valid_to",
    }
    assert "funds" not in definition.canonical()


def test_funds_keep_their_order_and_what_they_pay() -> None:
    text = listed(
        f"{YEAR}, pays: {{components: [base], for: {{areas: [Oran]}}}}", f"{YEAR}, last_resort: yes"
    )
    definition = read(text, PROVIDERS)
    again = stored(definition.canonical())
    assert again.digest() == definition.digest()
    first, last = again.grants
    assert first.pays
    assert first.pays.components == ("base",)
    assert (first.last_resort, last.last_resort) == (None, "yes")
    assert again.areas_that_matter == {"oran"}


@pytest.mark.parametrize(
    ("text", "field", "words"),
    [
        (listed(f"{YEAR}, last_resort: yes", YEAR), "funds[1].last_resort", "cannot be the last resort"),
        (listed(YEAR, f"{YEAR}, last_resort: yes", YEAR), "funds[3].code", "stands before this one"),
        (listed(YEAR, YEAR).replace("f2", "f1"), "funds[2].code", "have the code 'f1'"),
        (listed(f"{YEAR}, pays: {{}}"), "funds[1].pays", "does not say what the fund pays"),
        (listed(f"{YEAR}, last_resort: no"), "funds[1].last_resort", "not known here"),
        (listed(FIRST_HALF, SECOND_HALF.replace("07-01", "07-03")), "funds", "On 2026-07-01 no fund is valid"),
        (listed(FIRST_HALF), "schedule.last", "ends after the fund has ended"),
        (listed(YEAR) + f'fund: {{code: x1, name: F, amount: "1", {YEAR}}}\n', "funds", "one fund, or a list"),
    ],
)  # fmt: skip
def test_a_list_that_makes_no_sense_is_refused(text: str, field: str, words: str) -> None:
    found = problem(text)
    assert found.field.startswith(field)
    assert words in found.what


def test_funds_that_follow_each_other_cover_the_year() -> None:
    assert len(read(listed(SECOND_HALF, FIRST_HALF), PROVIDERS).grants) == 2


def test_a_file_without_a_fund_says_so() -> None:
    text = programme_file()
    without = text.split("fund:")[0] + "currency:" + text.split("currency:")[1]
    assert (problem(without).field, problem(without).instead) == ("fund", "Add: fund:")


def test_the_first_day_without_a_fund_is_found() -> None:
    day = [date(2026, 1, at) for at in range(1, 32)]
    assert uncovered([(day[0], day[9])], day[0], day[9]) is None
    assert uncovered([(day[0], day[9])], day[0], day[10]) == day[10]
    assert uncovered([(day[5], day[9]), (day[0], day[4])], day[0], day[9]) is None
    assert uncovered([(day[5], day[9]), (day[0], day[3])], day[0], day[9]) == day[4]
    assert uncovered([(day[0], day[20]), (day[3], day[5])], day[0], day[20]) is None
    assert uncovered([], day[0], day[1]) == day[0]
