"""Issuers of cards broken on purpose: cards that multiply, value that doubles, blocks that do not hold."""

from dataclasses import replace
from datetime import date
from itertools import count
from typing import Any

from adapters.cards.adapter import CardsAdapter
from cbi.fsp.cards import Card, CardHolder, CardLoss, CardStanding
from cbi.fsp.messages import PaymentInstruction, ProviderUpdate, Question

_numbers = count(1)


class IssuesACardEachTime(CardsAdapter):
    def issue_card(self, holder: CardHolder, currency: str) -> Card:
        first = super().issue_card(holder, currency)
        (holding,) = self._client.cardholders(f"{holder.account}@cards.example.org")
        params = {"cardholder": holding["id"], "currency": "eur", "type": "virtual"}
        params |= {"metadata": {"cbi_reference": holder.account}}
        made = self._client.create_card(params, f"again-{next(_numbers)}")
        return Card(made["id"], first.last_digits, first.standing)


class LoadsTwice(CardsAdapter):
    def submit(self, instruction: PaymentInstruction) -> ProviderUpdate:
        update = super().submit(instruction)
        purse = self._desk.purse(instruction.payee.account)
        limit = {"amount": 2 * instruction.amount.minor, "interval": "all_time"}
        self._client.update_card(
            purse.cards[0]["id"], {"spending_controls": {"spending_limits": [limit]}}
        )
        return update


class BlocksForAWhile(CardsAdapter):
    def block_card(self, account: str, loss: CardLoss) -> Card:
        card = self._desk.newest(account)
        assert card is not None
        self._client.update_card(card.name, {"status": "inactive"})
        return Card(card.name, card.last_digits, CardStanding.BLOCKED)


class ReplacesWithAFullCard(CardsAdapter):
    def replace_card(self, account: str) -> Card:
        create = self._client.create_card

        def forgetful(params: dict[str, Any], idempotency_key: str) -> dict[str, Any]:
            return create(
                {k: v for k, v in params.items() if "replacement" not in k}, idempotency_key
            )

        self._client.create_card = forgetful  # type: ignore[method-assign]
        return super().replace_card(account)


class ReplacesAnyCard(CardsAdapter):
    def replace_card(self, account: str) -> Card:
        self.block_card(account, CardLoss.LOST)
        return super().replace_card(account)


class HandsOverWhatIsNotThere(CardsAdapter):
    def hand_over_card(self, account: str) -> Card:
        return self.find_card(account) or Card("ic_none", "0000", CardStanding.IN_USE)


class KnowsNobodysAccount(CardsAdapter):
    def query_status(self, question: Question) -> ProviderUpdate:
        account = question.account and "0" * 32
        return super().query_status(replace(question, account=account))


class FetchesNoLoads(CardsAdapter):
    def fetch_statement(self, first: date, last: date, currency: str) -> bytes:
        del first, last
        long_ago = date(2020, 1, 1)
        return super().fetch_statement(long_ago, long_ago, currency)


BROKEN: list[tuple[type[CardsAdapter], str]] = [
    (IssuesACardEachTime, "a_card_is_issued_once_and_not_in_use_before_it_is_handed_over"),
    (LoadsTwice, "nobody_can_buy_more_than_was_paid"),
    (BlocksForAWhile, "a_blocked_card_buys_nothing_more"),
    (ReplacesWithAFullCard, "a_replacement_has_what_was_left_and_nothing_more"),
    (ReplacesAnyCard, "only_a_blocked_card_is_replaced"),
    (HandsOverWhatIsNotThere, "whoever_has_no_card_has_none_to_lose"),
    (KnowsNobodysAccount, "the_key_alone_finds_a_payment_made"),
    (FetchesNoLoads, "a_statement_that_it_fetches_is_one_that_it_reads"),
]
