"""What every adapter promises about recipients' cards: one each, and value that a loss neither takes nor doubles."""

# Abilities are protocols, asked for by their class.
# mypy: disable-error-code="type-abstract"

from collections.abc import Callable
from dataclasses import replace

import pytest

from cbi.fsp.adapter import IssuesCards, SubmitsPayments
from cbi.fsp.cards import CardHolder, CardLoss, CardStanding
from cbi.fsp.contract.bench import Bench, able
from cbi.fsp.errors import NotSent
from cbi.fsp.messages import Outcome, Payee


def with_card(bench: Bench) -> tuple[IssuesCards, CardHolder]:
    """A recipient with a card in hand, and one payment on it."""
    adapter, submitter = able(bench, IssuesCards), able(bench, SubmitsPayments)
    holder = bench.new_holder()
    adapter.issue_card(holder, bench.amount.currency)
    adapter.hand_over_card(holder.account)
    paid = submitter.submit(replace(bench.instruction(50), payee=Payee(holder.account, "")))
    assert paid.outcome is Outcome.PAID
    return adapter, holder


class IssuingContract:
    """For IssuesCards."""

    def test_a_card_is_issued_once_and_not_in_use_before_it_is_handed_over(
        self, bench: Bench
    ) -> None:
        adapter, holder = able(bench, IssuesCards), bench.new_holder()
        assert adapter.find_card(holder.account) is None
        card = adapter.issue_card(holder, bench.amount.currency)
        assert card.standing is CardStanding.NOT_IN_USE
        assert adapter.issue_card(holder, bench.amount.currency) == card
        assert adapter.find_card(holder.account) == card
        for _ in range(2):
            used = adapter.hand_over_card(holder.account)
            assert (used.name, used.standing) == (card.name, CardStanding.IN_USE)

    def test_nobody_can_buy_more_than_was_paid(self, bench: Bench) -> None:
        _, holder = with_card(bench)
        assert bench.left_on_cards(holder.account) == bench.amount
        assert not bench.spends(holder.account, bench.amount + bench.amount)
        assert bench.spends(holder.account, bench.amount)
        assert not bench.spends(holder.account, bench.amount)

    def test_a_blocked_card_buys_nothing_more(self, bench: Bench) -> None:
        adapter, holder = with_card(bench)
        for _ in range(2):
            assert (
                adapter.block_card(holder.account, CardLoss.STOLEN).standing is CardStanding.BLOCKED
            )
        assert not bench.spends(holder.account, bench.amount)
        with pytest.raises(NotSent):
            adapter.hand_over_card(holder.account)

    def test_a_replacement_has_what_was_left_and_nothing_more(self, bench: Bench) -> None:
        adapter, holder = with_card(bench)
        (part, rest) = bench.amount.split([1, 2])
        assert bench.spends(holder.account, part)
        lost = adapter.block_card(holder.account, CardLoss.LOST)
        for _ in range(2):
            new = adapter.replace_card(holder.account)
            assert new.standing is CardStanding.NOT_IN_USE
            assert (new.replaces, new.name != lost.name) == (lost.name, True)
        assert adapter.find_card(holder.account) == new
        adapter.hand_over_card(holder.account)
        assert bench.left_on_cards(holder.account) == rest
        assert bench.spends(holder.account, rest)
        assert not bench.spends(holder.account, part)

    def test_only_a_blocked_card_is_replaced(self, bench: Bench) -> None:
        adapter, holder = with_card(bench)
        with pytest.raises(NotSent):
            adapter.replace_card(holder.account)

    def test_whoever_has_no_card_has_none_to_lose(self, bench: Bench) -> None:
        adapter, holder = able(bench, IssuesCards), bench.new_holder()
        attempts: list[Callable[[], object]] = [
            lambda: adapter.hand_over_card(holder.account),
            lambda: adapter.block_card(holder.account, CardLoss.LOST),
            lambda: adapter.replace_card(holder.account),
        ]
        for attempt in attempts:
            with pytest.raises(NotSent) as refusal:
                attempt()
            assert holder.account not in f"{refusal.value!r} {refusal.value}"
