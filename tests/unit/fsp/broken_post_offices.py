"""Post offices broken on purpose: totals, names of lines, rules at the counter."""

from dataclasses import replace
from datetime import date
from itertools import count

from adapters.post_office.adapter import PostOfficeAdapter
from cbi.fsp.counter import CounterRules
from cbi.fsp.messages import DeliveryMechanism, FspProfile, Statement
from tests.adapters.benches import settlement

_numbers = count(1)


class TrustsAnyControlTotal(PostOfficeAdapter):
    def parse_statement(self, content: bytes) -> Statement:
        rows = [row for row in content.decode().splitlines()[1:] if not row.startswith("TOTAL")]
        return super().parse_statement(settlement(*rows).encode())


class CountsRowsForNames(PostOfficeAdapter):
    def parse_statement(self, content: bytes) -> Statement:
        read = super().parse_statement(content)
        lines = tuple(replace(line, line_id=f"row {line.line_number}") for line in read.lines)
        return replace(read, lines=lines)


class MergesRepeatedLines(PostOfficeAdapter):
    def parse_statement(self, content: bytes) -> Statement:
        read = super().parse_statement(content)
        return replace(read, lines=tuple(x for x in read.lines if "#" not in x.line_id))


class ForgetsReceipts(PostOfficeAdapter):
    def parse_statement(self, content: bytes) -> Statement:
        read = super().parse_statement(content)
        return replace(
            read, lines=tuple(replace(line, provider_reference=None) for line in read.lines)
        )


class StampsTheDayOfReading(PostOfficeAdapter):
    def parse_statement(self, content: bytes) -> Statement:
        read = super().parse_statement(content)
        on = date.fromordinal(700_000 + next(_numbers))
        return replace(read, lines=tuple(replace(line, value_date=on) for line in read.lines))


class DecodesWithoutCare(PostOfficeAdapter):
    def parse_statement(self, content: bytes) -> Statement:
        return super().parse_statement(content.decode("utf-8").encode())


class ChangesItsCounterRules(PostOfficeAdapter):
    @property
    def counter_rules(self) -> CounterRules:
        return CounterRules(validity_days=30 + next(_numbers) % 30)


class HasNoLimitForATeller(PostOfficeAdapter):
    @property
    def counter_rules(self) -> CounterRules:
        return CounterRules(teller_wrong_codes=20, teller_wrong_codes_per_day=1)


class PaysOverNoCounter(PostOfficeAdapter):
    @property
    def profile(self) -> FspProfile:
        ways = frozenset({DeliveryMechanism.DIRECT_DELIVERY})
        return replace(super().profile, delivery_mechanisms=ways)


class ShowsCodes(PostOfficeAdapter):
    def redact(self, text: str) -> str:
        return text.replace("+254700123456", "").replace("Wanjiru Ng'ang'a", "")
