"""What crosses the line to a provider is exact, and shows nobody."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.sandbox import PLUGIN
from cbi.fsp.adapter import ABILITIES, FspAdapter, capabilities, check_payable
from cbi.fsp.counter import CounterRules, SecondFactor, UnsafeCounterRules
from cbi.fsp.errors import NotSent
from cbi.fsp.messages import (
    AmountRule,
    Callback,
    DeliveryMechanism,
    FspProfile,
    LineKind,
    Payee,
    PaymentFile,
    PaymentInstruction,
    StatementLine,
    UnusableAmountRule,
    UnusableProfile,
)
from cbi.money import LARGEST_MINOR, Money

PROFILE = FspProfile(
    "wallet",
    frozenset({DeliveryMechanism.MOBILE_MONEY}),
    {"KES": AmountRule(minimum=1000, maximum=7_000_000, step=100)},
)


def _instruction(amount: Money, mechanism: DeliveryMechanism) -> PaymentInstruction:
    return PaymentInstruction(UUID(int=1), "key", amount, mechanism, Payee("+254700", "Wanjiru"))


@given(st.integers(1, 10**6), st.integers(0, 10**6), st.integers(1, 10**4), st.integers(-10, 10**7))
def test_a_rule_admits_multiples_of_its_step_between_its_limits(
    minimum: int, span: int, step: int, minor: int
) -> None:
    try:
        rule = AmountRule(minimum, minimum + span, step)
    except UnusableAmountRule:
        assert not any(
            n % step == 0 for n in range(minimum, min(minimum + span, minimum + step) + 1)
        )
        return
    assert rule.admits(minor) == (
        minor in range(-(-minimum // step) * step, minimum + span + 1, step)
    )


@pytest.mark.parametrize("days", [-1, 32])
def test_nobody_keeps_money_that_paid_nobody_for_longer_than_a_month(days: int) -> None:
    with pytest.raises(UnusableProfile):
        replace(PROFILE, gives_back_within=timedelta(days=days))


@pytest.mark.parametrize(
    "rule",
    [(0, 10, 1), (-5, 10, 1), (10, 9, 1), (1, 10, 0), (1, LARGEST_MINOR + 1, 1), (11, 19, 10)],
)
def test_a_rule_that_no_amount_meets_cannot_be_made(rule: tuple[int, int, int]) -> None:
    with pytest.raises(UnusableAmountRule):
        AmountRule(*rule)


def test_a_currency_without_a_rule_is_never_paid() -> None:
    assert PROFILE.admits(Money(1000, "KES"))
    assert not PROFILE.admits(Money(1000, "UGX"))


@pytest.mark.parametrize("minor", [-1000, 0, 900, 1050, 7_000_100])
def test_an_amount_outside_the_profile_is_not_sent_and_will_not_be(minor: int) -> None:
    with pytest.raises(NotSent) as refusal:
        check_payable(PROFILE, _instruction(Money(minor, "KES"), DeliveryMechanism.MOBILE_MONEY))
    assert not refusal.value.retry_helps


def test_another_way_of_delivery_is_not_sent() -> None:
    with pytest.raises(NotSent, match="bank_transfer"):
        check_payable(PROFILE, _instruction(Money(1000, "KES"), DeliveryMechanism.BANK_TRANSFER))
    check_payable(PROFILE, _instruction(Money(1000, "KES"), DeliveryMechanism.MOBILE_MONEY))


def test_no_value_shows_the_person_it_is_about() -> None:
    instruction = _instruction(Money(1000, "KES"), DeliveryMechanism.MOBILE_MONEY)
    callback = Callback({"X-Name": "Wanjiru"}, b"Wanjiru")
    file = PaymentFile("list.csv", "text/csv", b"Wanjiru", 1, Money(1000, "KES"))
    for value in (instruction, instruction.payee, callback, file, [instruction.payee]):
        assert "Wanjiru" not in f"{value} {value!r}"
        assert "254700" not in f"{value} {value!r}"


def test_a_header_is_found_in_any_letter_case() -> None:
    callback = Callback({"x-SIGNATURE": "abc"}, b"")
    assert callback.header("X-Signature") == "abc"
    assert callback.header("Signature") is None


@pytest.mark.parametrize(
    ("kind", "effect"),
    [("payment", -5), ("fee", -5), ("return", 5), ("top_up", 5), ("other", 5)],
)
def test_a_line_moves_the_float_by_its_kind(kind: str, effect: int) -> None:
    line = StatementLine("1", LineKind(kind), Money(5, "KES"), date(2026, 3, 12))
    assert line.effect == Money(effect, "KES")


def test_having_the_method_is_having_the_ability() -> None:
    names = [ability.__name__ for ability in ABILITIES]
    adapter = PLUGIN.build({})
    assert isinstance(adapter, FspAdapter)
    lacking = {"WritesPaymentFiles", "FetchesStatements", "PaysOverCounter", "IssuesCards"}
    assert capabilities(adapter) == tuple(name for name in names if name not in lacking)


def test_usual_counter_rules_are_within_their_bounds() -> None:
    rules = CounterRules()
    assert (rules.validity_days, rules.wrong_secrets_allowed, rules.hold_minutes) == (45, 5, 15)


@pytest.mark.parametrize("factors", [(), (SecondFactor.DOCUMENT, SecondFactor.DOCUMENT)])
def test_a_counter_needs_a_second_factor(factors: tuple[SecondFactor, ...]) -> None:
    with pytest.raises(UnsafeCounterRules):
        CounterRules(second_factors=factors)


def test_every_number_among_the_counter_rules_is_bounded() -> None:
    for name in CounterRules.__slots__:
        if isinstance(getattr(CounterRules(), name), bool | tuple):
            continue
        for value in (-1, 10**6):
            given: dict[str, Any] = {name: value}
            with pytest.raises(UnsafeCounterRules, match=name):
                CounterRules(**given)
