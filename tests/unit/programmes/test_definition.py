"""Everything that is wrong with a programme file is said at once, with its line."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbi.fsp.messages import DeliveryMechanism
from cbi.money import Money
from cbi.programmes.definition import Definition, read, stored
from cbi.programmes.periods import Period
from cbi.programmes.problems import Problem, ProgrammeFileErrors
from tests.kinds_factory import kind_file
from tests.programme_factory import programme_file

EXAMPLE = Path(__file__).parents[3] / "examples" / "programme.yaml"
PROVIDERS = ("post_office", "sandbox")


def in_parts(partial: str, mechanism: str = "cash_over_counter") -> str:
    """A file whose payments may be handed over in parts."""
    way = f"provider: post_office, mechanism: {mechanism}"
    return programme_file(delivery=f"{{{way}, partial: {partial}}}")


def problems_of(text: str) -> list[Problem]:
    with pytest.raises(ProgrammeFileErrors) as caught:
        read(text, PROVIDERS)
    return caught.value.problems


def test_the_example_file_is_right() -> None:
    definition = read(EXAMPLE.read_text(encoding="utf-8"), PROVIDERS)
    assert definition.programme.languages == ("ar", "fr", "en")
    assert definition.grants[0].amount == Money(500_000_000, "DZD")
    assert definition.grants[0].valid_to == date(2026, 12, 31)
    assert definition.schedule.last == Period(2026, 12)
    assert definition.delivery.mechanism is DeliveryMechanism.CASH_OVER_COUNTER
    assert definition.rate_card.cap == Money(1_200_000, "DZD")
    assert (definition.criteria.min_size, definition.criteria.max_size) == (1, 20)


def test_every_mistake_is_found_in_one_go_and_placed() -> None:
    file = """\
programme:
  code: Winter 2026
  kind: stipent
  languages: [ar, de]
fund:
  code: grant-26
  name: Grant
  amount: 1,000.00
  valid_from: 1900-01-01
  valid_to: 2026-02-30
  valid_too: 2026-12-31
currency: DZX
stipend: {per_member: 1,000, cap: -3}
schedule: {every: month, first: 2026-13}
delivery: post
eligibility:
  household_size: {min: 5, max: 2}
  areas: Algiers
  consent:
"""
    found = [(problem.line, problem.field) for problem in problems_of(file)]
    assert found == [
        (1, "programme.name"),
        (2, "programme.code"),
        (3, "programme.kind"),
        (4, "programme.languages[2]"),
        (8, "fund.amount"),
        (9, "fund.valid_from"),
        (10, "fund.valid_to"),
        (11, "fund.valid_too"),
        (12, "currency"),
        (13, "stipend.000"),
        (13, "stipend.cap"),
        (14, "schedule.last"),
        (14, "schedule.first"),
        (15, "delivery"),
        (17, "eligibility.household_size.max"),
        (18, "eligibility.areas"),
        (19, "eligibility.consent"),
    ]


@pytest.mark.parametrize(
    ("file", "field", "words"),
    [
        (programme_file(amount="1,000"), "fund.amount", "without guessing"),
        (programme_file(amount="1.000,50"), "fund.amount", "without guessing"),
        (programme_file(amount="-5"), "fund.amount", "below zero"),
        (programme_file(amount="0"), "fund.amount", "holds nothing"),
        (programme_file(amount="12345678901234567890"), "fund.amount", "larger than any payment"),
        (programme_file(amount="1000.505"), "fund.amount", "more decimals"),
        (programme_file(currency="JPY", amount="10.5"), "fund.amount", "more decimals"),
        (programme_file(currency="XAU"), "currency", "ISO 4217"),
        (programme_file(currency="dzd"), "currency", "ISO 4217"),
        (programme_file(valid=("2026-12-31", "2026-01-01")), "fund.valid_to", "before it begins"),
        (programme_file(valid=("01/01/2026", "2026-12-31")), "fund.valid_from", "year-month-day"),
        (programme_file(valid=("2026-01-02", "2026-12-31")), "schedule.first", "2026-01-02"),
        (programme_file(valid=("2026-01-01", "2026-12-30")), "schedule.last", "2026-12-30"),
        (programme_file(schedule=("2026-03", "2026-02")), "schedule.last", "before the first"),
        (programme_file(stipend='{base: "20", cap: "19.99"}'), "stipend.cap", "below"),
        (programme_file(stipend='{per_member: "20", cap: "0"}'), "stipend.cap", "below"),
        (programme_file(stipend='{base: "0"}'), "stipend", "pays nothing"),
        (programme_file(stipend='{per_member: "1", component: "a b"}'), "stipend.component", "code"),
        (programme_file(stipend='{per_member: "9999999999999"}'), "stipend.per_member", "digits"),
        (programme_file(stipend="{per_member: 1000.50}"), "stipend.per_member", '"1000.50"'),
        (programme_file(stipend="{per_member: [1]}"), "stipend.per_member", "One value"),
        (programme_file(stipend='{per_membr: "1", base: "1"}'), "stipend.per_membr", "per_member?"),
        (programme_file(stipend="[1]"), "stipend", "Fields belong here"),
        (programme_file(delivery="{provider: post, mechanism: mobile_money}"), "delivery.provider", "Use one of"),
        (programme_file(delivery="{provider: post_office, mechanism: cash}"), "delivery.mechanism", "Use one of"),
        (in_parts('{smallest: "0"}'), "delivery.partial.smallest", "smallest part"),
        (in_parts('{smallest: "1000", notes: "300"}'), "delivery.partial.notes", "smallest note"),
        (in_parts('{smallest: "1000", at_most: 1}'), "delivery.partial.at_most", "from 2 to 9"),
        (in_parts('{smallest: "1000"}', "mobile_money"), "delivery.partial", "Delete this part"),
        (programme_file(eligibility="{household_size: {min: 0}}"), "eligibility.household_size.min", "from 1 to 60"),
        (programme_file(eligibility="{household_size: {max: 61}}"), "eligibility.household_size.max", "from 1 to 60"),
        (programme_file(eligibility="{areas: []}"), "eligibility.areas", "empty"),
        (programme_file(eligibility="{areas: [a, a]}"), "eligibility.areas", "twice"),
        (programme_file(eligibility="{consent: maybe}"), "eligibility.consent", "required"),
        (programme_file(eligibility="{}\nprogramm: x"), "programm", "programme?"),
        (programme_file(code="a"), "programme.code", "winter-2026"),
        (programme_file(code="a" * 200), "programme.code", "longer than 120"),
        ("- a\n- b\n", "", "Fields belong here"),
        ("just text", "", "Fields belong here"),
    ],
)  # fmt: skip
def test_one_mistake_is_one_line_that_says_what_to_write(file: str, field: str, words: str) -> None:
    (problem,) = problems_of(file)
    assert problem.field == field
    assert words in f"{problem.what} {problem.instead}"
    assert "pydantic" not in str(problem).lower()


def test_a_missing_part_comes_with_the_line_to_add() -> None:
    (problem,) = problems_of(programme_file().replace("currency: DZD\n", ""))
    assert str(problem) == "line 1, column 1, currency: It is missing. Add: currency: DZD"


def test_the_message_lists_the_mistakes_and_programs_get_them_as_data() -> None:
    with pytest.raises(ProgrammeFileErrors) as caught:
        read(programme_file(amount="1,000"), PROVIDERS)
    assert "line 5, column 11, fund.amount: '1,000' cannot be read" in str(caught.value)
    assert caught.value.details["problems"] == [
        {
            "line": 5,
            "column": 11,
            "field": "fund.amount",
            "what": "'1,000' cannot be read as an amount without guessing.",
            "instead": "Write it with digits and at most one full stop, such as 1000 or 1000.50.",
        }
    ]


@pytest.mark.parametrize(
    "amount", ["5000000.00", "5 000 000", "٥٠٠٠٠٠٠", "05000000", "\u200f5000000"]
)
def test_the_same_amount_however_written_is_the_same_content(amount: str) -> None:
    assert (
        read(programme_file(amount=amount), PROVIDERS).digest()
        == read(programme_file(), PROVIDERS).digest()
    )


def test_other_content_has_another_digest() -> None:
    files = [
        programme_file(),
        programme_file(amount="5000000.01"),
        programme_file(code="winter-2027"),
        programme_file(schedule=("2026-02", "2026-12")),
        programme_file(eligibility="{consent: required}"),
        programme_file(eligibility="{areas: [Oran]}"),
    ]
    assert len({read(file, PROVIDERS).digest() for file in files}) == len(files)


def test_a_provider_that_has_left_the_deployment_can_still_be_read_back() -> None:
    definition = read(programme_file(), PROVIDERS)
    assert stored(definition.canonical()) == definition
    with pytest.raises(ProgrammeFileErrors, match="not a financial service provider"):
        read(programme_file(), ("sandbox",))


@given(
    currency=st.sampled_from(["DZD", "JPY", "TND", "KES"]),
    base=st.integers(0, 10**9),
    per_member=st.integers(1, 10**9),
    over=st.none() | st.integers(1, 10**9),
    months=st.tuples(st.integers(1, 12), st.integers(1, 12)),
)
def test_what_was_stored_is_read_back_exactly(
    currency: str, base: int, per_member: int, over: int | None, months: tuple[int, int]
) -> None:
    amounts = {"base": base, "per_member": per_member}
    if over is not None:
        amounts["cap"] = base + over
    stipend = ", ".join(f'{k}: "{Money(v, currency).decimal}"' for k, v in amounts.items())
    first, last = sorted(months)
    file = programme_file(
        currency=currency,
        stipend=f"{{{stipend}}}",
        schedule=(f"2026-{first:02}", f"2026-{last:02}"),
    )
    definition = read(file, PROVIDERS)
    again: Definition = stored(definition.canonical())
    assert again == definition
    assert again.digest() == definition.digest()
    assert again.rate_card.base.minor == base
    assert again.rate_card.per_member.minor == per_member


@pytest.mark.parametrize(
    ("file", "field", "words"),
    [
        (kind_file("{}"), "stipend", "pays nothing"),
        (kind_file('{base: "9"}', kind="grant").replace("grant:", "stipend:"), "grant", "Add: grant:"),
        (kind_file('{base: "9"}', extra="grant: {amount: 5}\n"), "grant", "Delete it"),
        (kind_file('{base: "9"}', kind="gift").replace("gift: {", "stipend: {"), "programme.kind", "Use one of"),
        (kind_file('{base: "9", top_ups: []}'), "stipend.top_ups", "empty"),
        (
            kind_file('{top_ups: [{name: a, amount: "0", for: {needs: [x]}}]}'),
            "stipend.top_ups[1].amount", "pays nothing",
        ),
        (
            kind_file('{top_ups: [{name: a, amount: "1", for: {}}]}'),
            "stipend.top_ups[1].for", "whom it is for",
        ),
        (
            kind_file('{top_ups: [{name: a, amount: "1", fro: {needs: [x]}, for: {needs: [x]}}]}'),
            "stipend.top_ups[1].fro", "Did you mean for?",
        ),
        (
            kind_file(
                '{top_ups: [{name: a, amount: "1", for: {needs: [x]}}, {name: A, amount: "1", for: {needs: [y]}}]}'
            ),
            "stipend.top_ups[2].name", "differently",
        ),
        (
            kind_file('{top_ups: [{name: a, amount: "1", per: child, for: {needs: [x]}}]}'),
            "stipend.top_ups[1].per", "Use one of",
        ),
        (
            kind_file('{top_ups: [{name: a, amount: "1", for: {needs: ["?"]}}]}'),
            "stipend.top_ups[1].for.needs", "no letters",
        ),
        (
            kind_file('{base: "1", top_ups: [{name: a, amount: "9999999999999", per: member, for: {areas: [x]}}]}'),
            "stipend.per_member", "digits",
        ),
        (kind_file('{base: "9", rounding: up}'), "stipend.rounding", "round_to"),
        (kind_file('{base: "9", round_to: "0"}'), "stipend.round_to", "to 0"),
        (kind_file('{base: "9", cap: "120", round_to: "50"}'), "stipend.cap", "multiples"),
        (kind_file('{base: "9", prorate: weeks}'), "stipend.prorate", "Use one of"),
        (kind_file('{base: "9", arrears: 37}'), "stipend.arrears", "from 1 to 36"),
        (kind_file('{base: "9", component: arrears}'), "stipend.component", "what was missed"),
        (kind_file("{}", kind="grant"), "grant", "amount or tranches"),
        (kind_file('{amount: "0"}', kind="grant"), "grant.amount", "pays nothing"),
        (
            kind_file('{amount: "9", tranches: [{code: aa, amount: "5"}]}', kind="grant"),
            "grant", "amount or tranches",
        ),
        (kind_file("{tranches: []}", kind="grant"), "grant.tranches", "empty"),
        (
            kind_file('{tranches: [{code: aa, amount: "5"}, {code: aa, amount: "6"}]}', kind="grant"),
            "grant.tranches[2].code", "of its own",
        ),
        (
            kind_file('{tranches: [{code: aa, amount: "5"}], requires: [plan]}', kind="grant"),
            "grant.requires", "tranche it belongs to",
        ),
        (
            kind_file('{tranches: [{code: aa, amount: "5", requires: [plan, plan]}]}', kind="grant"),
            "grant.tranches[1].requires", "twice",
        ),
        (
            kind_file('{amount: "9", enhanced: {for: {needs: [x]}, amount: "9"}}', kind="grant"),
            "grant.enhanced.amount", "not above",
        ),
        (kind_file('{base: "9"}', extra='ceilings: {lifetime: "0"}\n'), "ceilings.lifetime", "pays nobody"),
        (
            kind_file('{base: "9"}', extra='ceilings: {lifetime: "9", counting: [winter-2026]}\n'),
            "ceilings.counting", "always counts",
        ),
        (
            kind_file('{base: "9"}', every="week"),
            "schedule.first", "Write it as 2026-W05",
        ),
        (
            kind_file('{base: "9"}', every="quarter", first="2026-Q3", last="2026-Q2"),
            "schedule.last", "before the first",
        ),
        (kind_file('{base: "9"}', every="week", first="2026-W54"), "schedule.first", "a week as"),
    ],
)  # fmt: skip
def test_a_mistake_in_what_a_kind_pays_is_one_line(file: str, field: str, words: str) -> None:
    problem = problems_of(file)[0]
    assert problem.field == field
    assert words in f"{problem.what} {problem.instead}"


def test_what_each_kind_pays_is_read_back_exactly() -> None:
    for file in (
        kind_file(
            '{base: "9", prorate: none, round_to: "3", rounding: nearest, arrears: ٣,'
            ' top_ups: [{name: a, amount: "1", per: member, for: {needs: [y, x], household_size: {min: 2}}}]}',
            extra='ceilings: {lifetime: "900", counting: [summer]}\n',
        ),
        kind_file(
            '{tranches: [{code: aa, amount: "5", enhanced: {for: {areas: [Oran]}, amount: "7"}, requires: [plan]}]}',
            kind="grant", every="quarter", first="2026-Q1", last="2026-Q4",
        ),
        kind_file('{amount: "5"}', kind="grant", every="week", first="2026-W02", last="2026-W50"),
    ):  # fmt: skip
        definition = read(file, PROVIDERS)
        again = stored(definition.canonical())
        assert (again, again.digest()) == (definition, definition.digest())


def test_a_file_of_before_there_were_kinds_has_the_digest_it_had() -> None:
    digest = read(programme_file(), PROVIDERS).digest().hex()
    assert digest == "69f364358bc6a837c24688c13cc1752476c03eb6ebcc4a21dbb81b207b15a2e4"
