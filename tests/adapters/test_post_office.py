"""The post office keeps the contract, and its settlement file is read exactly or not at all."""

import tracemalloc
from datetime import date
from io import BytesIO

import pytest

from adapters.post_office import PLUGIN
from adapters.post_office.adapter import PostOfficeAdapter, build
from cbi.fsp.contract import AdapterContract, Bench
from cbi.fsp.counter import SecondFactor, UnsafeCounterRules
from cbi.fsp.errors import UnreadableStatement, UnusableSetting
from cbi.fsp.messages import LineKind, Statement
from cbi.money import Money
from tests.adapters.benches import SETTLED, PostOfficeBench, settlement

HEADING = "date;office;receipt;amount;currency"


class TestPostOffice(AdapterContract):
    @pytest.fixture
    def bench(self) -> Bench:
        return PostOfficeBench()


@pytest.fixture
def post() -> PostOfficeAdapter:
    return build({})


def _refusal(post: PostOfficeAdapter, content: str | bytes) -> UnreadableStatement:
    with pytest.raises(UnreadableStatement) as refusal:
        post.parse_statement(content.encode() if isinstance(content, str) else content)
    assert refusal.value.next_step
    return refusal.value


def _with_row(row: str) -> str:
    """A file whose third line is this row, with a trailer that believes in it."""
    return f"{HEADING}\n{SETTLED[0]}\n{row}\nTOTAL;2;;25000.00;DZD\n"


def _by_receipt(statement: Statement) -> dict[str | None, Money]:
    return {line.provider_reference: line.amount for line in statement.lines}


def test_a_payout_and_cash_that_came_back_are_told_apart(post: PostOfficeAdapter) -> None:
    statement = post.parse_statement(settlement(*SETTLED).encode())
    assert [line.kind for line in statement.lines].count(LineKind.RETURN) == 1
    returned = statement.lines[3]
    assert (returned.kind, returned.amount) == (LineKind.RETURN, Money(1250000, "DZD"))
    assert returned.provider_reference == statement.lines[2].provider_reference
    assert (
        statement.lines[0].office,
        statement.lines[0].value_date,
        statement.lines[0].line_number,
    ) == (
        "Tamanrasset 1",
        date(2026, 3, 12),
        2,
    )
    assert (statement.currency, statement.opening, statement.closing) == ("DZD", None, None)


def test_a_day_without_payouts_is_a_statement(post: PostOfficeAdapter) -> None:
    assert post.parse_statement(f"{HEADING}\nTOTAL;0;;0;DZD".encode()).lines == ()


@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1256"]
)
def test_every_usual_way_to_write_it_reads_the_same(
    post: PostOfficeAdapter, delimiter: str, encoding: str
) -> None:
    text = settlement(*SETTLED).replace("Agadez", "أغاديس").replace(";", delimiter)
    statement = post.parse_statement(text.encode(encoding))
    assert statement.lines[2].office == "أغاديس"
    expected = post.parse_statement(settlement(*SETTLED).encode())
    assert [line.line_id for line in statement.lines] == [line.line_id for line in expected.lines]


def test_latin_1_and_lone_returns_are_read_too(post: PostOfficeAdapter) -> None:
    text = settlement(*SETTLED).replace("Agadez", "Béjaïa").replace("\r\n", "\r")
    for encoding in ("latin-1", "cp1252"):
        assert post.parse_statement(text.encode(encoding)).lines[2].office == "Béjaïa"


def test_arabic_digits_and_marks_of_direction_change_nothing(post: PostOfficeAdapter) -> None:
    digits = str.maketrans("0123456789.", "٠١٢٣٤٥٦٧٨٩٫")
    row = f"2026-03-12;Agadez;\u200f{'1020'.translate(digits)};{'12500.50'.translate(digits)};DZD"
    text = f"{HEADING}\n{row}\nTOTAL;١;;\u200e{'12500.50'.translate(digits)};DZD\n"
    assert _by_receipt(post.parse_statement(text.encode())) == {"1020": Money(1250050, "DZD")}


def test_columns_may_stand_in_any_order_among_others(post: PostOfficeAdapter) -> None:
    text = (
        "Receipt,Teller,AMOUNT,Currency,Office,Date\n"
        "R1,Amina,100,DZD,Agadez,2026-03-12\n"
        ",,100,DZD,1,TOTAL\n"
    )
    assert _by_receipt(post.parse_statement(text.encode())) == {"R1": Money(10000, "DZD")}


def test_blank_lines_and_spare_delimiters_are_not_rows(post: PostOfficeAdapter) -> None:
    text = "\n" + settlement(*SETTLED).replace("DZD\r\n", "DZD;;\r\n\r\n;;;;\r\n")
    assert len(post.parse_statement(text.encode()).lines) == len(SETTLED)


@pytest.mark.parametrize(
    "amount",
    [
        "1,000",
        "1.000,50",
        "1.000",
        "1.000.000",
        "12500,00",
        "1000.005",
        "=1000",
        "+1000",
        "1000-",
        "(1000)",
        "1e3",
        "0x10",
        "0",
        "0.00",
        "-0",
        "",
        "ten",
        "12345678901234567890",
        "1_000",
        "NaN",
        "1000 DZD",
        "١٬٠٠٠",
    ],
)
def test_an_amount_that_needs_guessing_is_refused_by_line(
    post: PostOfficeAdapter, amount: str
) -> None:
    refusal = _refusal(post, _with_row(f"2026-03-12;Agadez;R2;{amount};DZD"))
    assert refusal.line == 3
    assert "Line 3 " in refusal.message


def test_an_unquoted_comma_in_a_file_of_commas_is_refused(post: PostOfficeAdapter) -> None:
    text = settlement(SETTLED[0], SETTLED[1]).replace(";", ",").replace("9000.00", "9,000.00", 1)
    refusal = _refusal(post, text)
    assert refusal.line == 3
    assert "comma" in refusal.message


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("2026-03-12;Agadez;R2;12500.00;XXX", "ISO 4217"),
        ("2026-03-12;Agadez;R2;12500.00;dollars", "ISO 4217"),
        ("2026-03-12;Agadez;R2;12500.00;KES", "KES"),
        ("2026-03-12;Agadez;;12500.00;DZD", "receipt"),
        (f"2026-03-12;Agadez;{'R' * 65};12500.00;DZD", "receipt"),
        (f"2026-03-12;{'A' * 201};R2;12500.00;DZD", "office"),
        ("1900-01-01;Agadez;R2;12500.00;DZD", "2000"),
        ("12/03/2026;Agadez;R2;12500.00;DZD", "%Y-%m-%d"),
        ("2026-02-30;Agadez;R2;12500.00;DZD", "date"),
        (";Agadez;R2;12500.00;DZD", "date"),
        ("2026-03-12;Agadez;=HYPERLINK(1);12500.00;DZD", "formula"),
        ("2026-03-12;@SUM(A1);R2;12500.00;DZD", "formula"),
        ("2026-03-12;Agadez;R2;12500.00", "4 cells"),
        ("2026-03-12;Agadez;R2;12500.00;DZD;left over", "6 cells"),
        ("2026-03-12;Aga\0dez;R2;12500.00;DZD", "NUL"),
        ('2026-03-12;"Agadez;R2;12500.00;DZD', "quotation"),
        ("TOTAL;1;;12500.00;DZD", "after the TOTAL"),
    ],
)
def test_a_bad_row_is_named_with_what_is_wrong(
    post: PostOfficeAdapter, row: str, says: str
) -> None:
    refusal = _refusal(post, _with_row(row))
    assert refusal.line == (4 if "after" in says else 3)
    assert says in refusal.reason


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf\r\n", "empty"),
        (HEADING.encode(), "TOTAL"),
        (settlement(*SETTLED).partition("TOTAL")[0].encode(), "TOTAL"),
        (b"date;office;receipt;amount\n", "currency 0 times"),
        (b"date;office;receipt;amount;currency;Amount\n", "amount 2 times"),
        (b"PK\x03\x04 workbook", "Excel"),
        (b"\xff\xfeA", "not utf-16"),
        (f"{HEADING}\n{SETTLED[0]}\nTOTAL;2;;12500.00;DZD\n".encode(), "counts 2"),
        (f"{HEADING}\n{SETTLED[0]}\nTOTAL;1;;12500.01;DZD\n".encode(), "another sum"),
        (f"{HEADING}\n{SETTLED[0]}\nTOTAL;;;12500.00;DZD\n".encode(), "how many rows"),
        (f"{HEADING}\n{SETTLED[0]}\nTOTAL;1;;12500.00;KES\n".encode(), "KES"),
    ],
)
def test_a_file_that_is_not_whole_is_refused(
    post: PostOfficeAdapter, content: bytes, says: str
) -> None:
    assert says in _refusal(post, content).reason


def test_a_refusal_repeats_nothing_that_stood_in_the_file(post: PostOfficeAdapter) -> None:
    for row in ("Amina;B;C;D;E", "2026-03-12;x;R;Amina;DZD", "2026-03-12;x;R;1;Amina"):
        refusal = _refusal(post, _with_row(row))
        assert "Amina" not in f"{refusal} {refusal.details}"


def test_a_file_larger_than_agreed_is_refused_unread() -> None:
    refusal = _refusal(build({"LARGEST_MEGABYTES": "1"}), b"x" * 1_000_001)
    assert "1 MB" in refusal.reason


def test_a_receipt_listed_twice_is_two_lines(post: PostOfficeAdapter) -> None:
    lines = post.parse_statement(settlement(SETTLED[0], SETTLED[0]).encode()).lines
    assert lines[0].provider_reference == lines[1].provider_reference
    assert lines[1].line_id == f"{lines[0].line_id}#2"


def test_the_names_of_lines_do_not_depend_on_their_order(post: PostOfficeAdapter) -> None:
    rows = [*SETTLED, SETTLED[0], SETTLED[3]]
    there = post.parse_statement(settlement(*rows).encode())
    back = post.parse_statement(settlement(*reversed(rows)).encode())
    assert {line.line_id for line in there.lines} == {line.line_id for line in back.lines}


def test_a_corrected_amount_is_another_line(post: PostOfficeAdapter) -> None:
    (first,) = post.parse_statement(settlement(SETTLED[0]).encode()).lines
    corrected = SETTLED[0].replace("12500.00", "12600.00")
    (second,) = post.parse_statement(settlement(corrected).encode()).lines
    assert first.provider_reference == second.provider_reference
    assert first.line_id != second.line_id


@pytest.mark.parametrize(
    ("currency", "amount", "minor"), [("XAF", "1500", 1500), ("TND", "1.500", 1500)]
)
def test_currencies_without_cents_and_with_mils_are_exact(
    post: PostOfficeAdapter, currency: str, amount: str, minor: int
) -> None:
    text = settlement(f"2026-03-12;Douala;R1;{amount};{currency}")
    assert post.parse_statement(text.encode()).lines[0].amount == Money(minor, currency)


def test_the_deployment_says_how_its_post_office_writes() -> None:
    post = build(
        {
            "COLUMN_DATE": "التاريخ",
            "COLUMN_OFFICE": "المكتب",
            "COLUMN_RECEIPT": "الوصل",
            "COLUMN_AMOUNT": "المبلغ",
            "COLUMN_CURRENCY": "العملة",
            "DATE_FORMAT": "%d/%m/%Y",
            "ENCODING": "cp1256",
        }
    )
    text = "التاريخ;المكتب;الوصل;المبلغ;العملة\n12/03/2026;أدرار;7;200;DZD\nTOTAL;1;;200;DZD\n"
    (line,) = post.parse_statement(text.encode("cp1256")).lines
    assert (line.value_date, line.office) == (date(2026, 3, 12), "أدرار")


FEES = """date;office;receipt;amount;commission;currency
2026-03-10;Main office;R1;1000.00;45.00;DZD
2026-03-10;Main office;R2;2000.00;;DZD
TOTAL;2;;3000.00;45.00;DZD
"""


def test_fees_in_a_column_of_their_own_are_lines_that_name_the_same_payment() -> None:
    post = build({"COLUMN_FEE": "Commission"})
    paid, fee, other = post.parse_statement(FEES.encode()).lines
    assert [line.kind for line in (paid, fee, other)] == [
        LineKind.PAYMENT,
        LineKind.FEE,
        LineKind.PAYMENT,
    ]
    assert (paid.amount, fee.amount) == (Money(1000_00, "DZD"), Money(45_00, "DZD"))
    assert (fee.provider_reference, fee.line_id) == ("R1", f"{paid.line_id}/fee")


@pytest.mark.parametrize(
    "damaged",
    [
        FEES.replace("1000.00;45.00", "1000.00;46.00"),
        FEES.replace("1000.00;45.00", "1000.00;-45.00"),
        FEES.replace("3000.00;45.00", "3000.00;"),
        FEES.replace(";commission", ""),
    ],
)
def test_fees_that_do_not_add_up_are_refused(damaged: str) -> None:
    _refusal(build({"COLUMN_FEE": "commission"}), damaged)


def test_counters_pay_whole_units_of_any_currency_by_default(post: PostOfficeAdapter) -> None:
    assert post.profile.admits(Money(100000, "DZD"))
    assert not post.profile.admits(Money(100050, "DZD"))
    assert post.profile.admits(Money(1, "XAF"))
    assert not post.profile.admits(Money(1500, "TND"))


def test_limits_are_set_for_each_currency() -> None:
    profile = build({"MINIMUM_DZD": "200", "MAXIMUM_DZD": "50000", "STEP_EUR": "0.05"}).profile
    assert [profile.admits(Money.parse(t, "DZD")) for t in ("199", "200", "50000", "50001")] == [
        False,
        True,
        True,
        False,
    ]
    assert profile.admits(Money(1235, "EUR"))
    assert not profile.admits(Money(1236, "EUR"))


def test_counter_rules_are_set_by_the_deployment() -> None:
    rules = build(
        {
            "VALIDITY_DAYS": "30",
            "ANY_OFFICE": "no",
            "SECOND_FACTORS": "programme_card, document",
        }
    ).counter_rules
    assert (rules.validity_days, rules.any_office) == (30, False)
    assert rules.second_factors == (SecondFactor.PROGRAMME_CARD, SecondFactor.DOCUMENT)
    assert rules.wrong_secrets_allowed == 5


@pytest.mark.parametrize(
    "given",
    [
        {"MINIMUM_DZD": "1,000"},
        {"MINIMUM_XXX": "1"},
        {"MINIMUM_DZD": "500", "MAXIMUM_DZD": "400"},
        {"STEP_DZD": "0"},
        {"STEP_DZD": "300", "MINIMUM_DZD": "400", "MAXIMUM_DZD": "500"},
        {"ENCODING": "hex"},
        {"ENCODING": "klingon"},
        {"DATE_FORMAT": "%d/%m"},
        {"ANY_OFFICE": "perhaps"},
        {"SECOND_FACTORS": "horoscope"},
        {"MAXIMUN_DZD": "500"},
        {"LARGEST_MEGABYTES": "many"},
    ],
)
def test_a_setting_that_cannot_be_meant_stops_the_start(given: dict[str, str]) -> None:
    with pytest.raises(UnusableSetting, match="CBI_FSP_POST_OFFICE_"):
        PLUGIN.build(given)


@pytest.mark.parametrize("rule", ["VALIDITY_DAYS", "WRONG_SECRETS_ALLOWED", "HOLD_MINUTES"])
@pytest.mark.parametrize("value", ["0", "100000"])
def test_rules_under_which_codes_are_not_safe_stop_the_start(rule: str, value: str) -> None:
    with pytest.raises(UnsafeCounterRules, match=rule.lower()):
        PLUGIN.build({rule: value})


def test_lines_are_read_without_being_held(post: PostOfficeAdapter) -> None:
    rows = [f"2026-03-12;Office {i % 50};R-{i:07d};{1000 + i % 37}.00;DZD" for i in range(3_000)]
    lines = post.read_statement(BytesIO(settlement(*rows).encode())).lines
    tracemalloc.start()
    try:
        assert sum(1 for _ in lines) == 3_000
        reading = tracemalloc.get_traced_memory()[1]
        assert len(tuple(lines)) == 3_000
        assert reading < tracemalloc.get_traced_memory()[1] / 2
    finally:
        tracemalloc.stop()
