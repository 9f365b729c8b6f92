"""What every adapter promises about statements, floats and counters."""

# Abilities are protocols, asked for by their class.
# mypy: disable-error-code="type-abstract"

from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO

import pytest

from cbi import clock
from cbi.fsp.adapter import (
    FetchesStatements,
    PaysOverCounter,
    ReadsStatementFiles,
    ReadsStatements,
    ReportsFloat,
    SubmitsPayments,
)
from cbi.fsp.contract.bench import Bench, able
from cbi.fsp.counter import CounterRules
from cbi.fsp.errors import UnreadableStatement
from cbi.fsp.messages import DeliveryMechanism, LineKind, Outcome, Statement
from cbi.fsp.statements import check_adds_up

_GARBAGE = (
    b"",
    b"\n\n",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\x00" * 64,
    b"PK\x03\x04" + bytes(range(256)),
    b"%PDF-1.7\n1 0 obj\n",
    b"<html><body>Session expired</body></html>",
    b"{}",
    b"[" * 100_000,
    b'"' * 1001,
    bytes(range(256)) * 16,
    "تم الدفع\n".encode("cp1256"),
)


def damaged(content: bytes) -> Iterator[tuple[str, bytes]]:
    """The file cut short, with a line missing or twice, and with single digits changed."""
    for cut in range(0, len(content), max(1, len(content) // 60)):
        yield f"cut after {cut} bytes", content[:cut]
    lines = content.splitlines(keepends=True)
    for i in range(len(lines)):
        yield f"without line {i + 1}", b"".join(lines[:i] + lines[i + 1 :])
        yield f"with line {i + 1} twice", b"".join([*lines[: i + 1], lines[i], *lines[i + 1 :]])
    digits = [i for i, byte in enumerate(content) if byte in b"0123456789"]
    for i in digits[:: max(1, len(digits) // 300)]:
        digit = b"1234567890"[content[i] - 48 : content[i] - 47]
        yield f"with the digit at byte {i} changed", content[:i] + digit + content[i + 1 :]


def read_or_refused(adapter: ReadsStatements, content: bytes) -> Statement | None:
    """The statement, or None if it was refused as it should be: no other exception is one."""
    try:
        return check_adds_up(adapter.parse_statement(content))
    except UnreadableStatement as error:
        refusal = error
    assert refusal.line >= 1, "a refusal names the line"
    assert refusal.reason, "a refusal says what is wrong"
    assert refusal.next_step, "a refusal says what to do"
    return None


class ReadingContract:
    """For ReadsStatements, ReportsFloat and PaysOverCounter."""

    def test_a_statement_holds_every_movement_and_adds_up(self, bench: Bench) -> None:
        adapter = able(bench, ReadsStatements)
        statement = adapter.parse_statement(bench.statement(1, 6))
        check_adds_up(statement)
        assert len(statement.lines) == 6
        assert len({line.line_id for line in statement.lines}) == 6

    def test_a_payment_line_names_its_payment(self, bench: Bench) -> None:
        adapter = able(bench, ReadsStatements)
        lines = adapter.parse_statement(bench.statement()).lines
        payments = [line for line in lines if line.kind is LineKind.PAYMENT]
        assert payments
        for line in payments:
            assert line.idempotency_key or line.provider_reference
            assert line.line_number >= 1

    def test_a_statement_reads_the_same_twice(self, bench: Bench) -> None:
        adapter = able(bench, ReadsStatements)
        content = bench.statement()
        statement = adapter.parse_statement(content)
        assert list(statement.lines) == list(statement.lines)
        assert statement == adapter.parse_statement(content)

    def test_a_statement_read_from_a_file_is_the_one_that_is_parsed(self, bench: Bench) -> None:
        adapter = able(bench, ReadsStatementFiles)
        content = bench.statement()
        file = BytesIO(content)
        file.seek(len(content) // 2)  # wherever somebody left it
        read, parsed = adapter.read_statement(file), adapter.parse_statement(content)
        assert all(one == other for one, other in zip(read.lines, read.lines, strict=True))
        assert check_adds_up(read) == parsed

    def test_a_file_that_was_cut_short_is_refused_by_its_last_line(self, bench: Bench) -> None:
        adapter = able(bench, ReadsStatementFiles)
        content = bench.statement()
        for tenth in range(10):
            with pytest.raises(UnreadableStatement):
                check_adds_up(
                    adapter.read_statement(BytesIO(content[: len(content) * tenth // 10]))
                )

    def test_a_line_has_the_same_name_in_every_file(self, bench: Bench) -> None:
        adapter = able(bench, ReadsStatements)
        early = {line.line_id for line in adapter.parse_statement(bench.statement(1, 4)).lines}
        late = {line.line_id for line in adapter.parse_statement(bench.statement(3, 6)).lines}
        assert len(early & late) == 2

    def test_a_line_listed_twice_is_seen_twice(self, bench: Bench) -> None:
        adapter = able(bench, ReadsStatements)
        statement = read_or_refused(adapter, bench.statement_with_a_line_twice())
        if statement is not None:
            assert len({line.line_id for line in statement.lines}) == 4

    def test_damage_to_a_statement_never_changes_the_money(self, bench: Bench) -> None:
        adapter = able(bench, ReadsStatements)
        content = bench.statement()
        honest = adapter.parse_statement(content)
        for what, altered in damaged(content):
            read = read_or_refused(adapter, altered)
            assert read is None or read.movement == honest.movement, f"unnoticed: {what}"

    def test_what_is_not_a_statement_is_refused(self, bench: Bench) -> None:
        adapter = able(bench, ReadsStatements)
        for content in _GARBAGE:
            assert read_or_refused(adapter, content) is None, f"accepted: {content[:20]!r}"

    def test_a_statement_that_it_fetches_is_one_that_it_reads(self, bench: Bench) -> None:
        adapter, reader = able(bench, FetchesStatements), able(bench, ReadsStatements)
        submitter, today = able(bench, SubmitsPayments), clock.now().date()
        bench.answers(Outcome.PAID)
        submitter.submit(bench.instruction())
        days = (today - timedelta(days=1), today + timedelta(days=1))
        content = adapter.fetch_statement(*days, bench.amount.currency)
        assert content == adapter.fetch_statement(*days, bench.amount.currency)
        paid = [x for x in reader.parse_statement(content).lines if x.kind is LineKind.PAYMENT]
        assert [line.amount for line in paid] == [bench.amount]

    def test_its_float_is_money_in_the_currency_asked_for(self, bench: Bench) -> None:
        adapter = able(bench, ReportsFloat)
        assert adapter.available_float(bench.amount.currency).currency == bench.amount.currency

    def test_a_payment_comes_out_of_the_float(self, bench: Bench) -> None:
        adapter, submitter = able(bench, ReportsFloat), able(bench, SubmitsPayments)
        before = adapter.available_float(bench.amount.currency)
        bench.answers(Outcome.PAID)
        submitter.submit(bench.instruction())
        after = adapter.available_float(bench.amount.currency)
        assert bench.amount <= before - after  # a fee may come on top

    def test_its_counter_rules_are_a_fact(self, bench: Bench) -> None:
        adapter = able(bench, PaysOverCounter)
        rules = adapter.counter_rules
        assert isinstance(rules, CounterRules)
        assert rules == adapter.counter_rules
        assert DeliveryMechanism.CASH_OVER_COUNTER in bench.adapter.profile.delivery_mechanisms

    def test_codes_at_its_counter_cannot_be_guessed(self, bench: Bench) -> None:
        rules = able(bench, PaysOverCounter).counter_rules
        assert 1 <= rules.wrong_secrets_allowed <= 10
        assert 1 <= rules.wrong_factors_allowed <= 10
        assert rules.second_factors
        assert rules.teller_wrong_codes <= rules.teller_wrong_codes_per_day
