"""What a deployment may set for cards, and what is refused before anything starts."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.cards.settings import read
from cbi.fsp.errors import UnusableSetting
from tests.adapters.cards_bench import SETTINGS, CardsBench, cards_adapter
from tests.peers.stripe_issuing import Running, stripe_issuing


@pytest.fixture
def stripe(shared_data: Path) -> Iterator[Running]:
    with stripe_issuing(shared_data) as running:
        yield running


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("API_KEY", "pk_live_0123456789"),
        ("WEBHOOK_SECRET", "hush-hush"),
        ("BASE_URL", "http://stripe.example.org"),
        ("CURRENCIES", ""),
        ("CURRENCIES", "EUR,XAU"),
        ("MAXIMUM_EUR", "much"),
        ("MAXIMUM_USD", "100"),
        ("EMAIL_DOMAIN", "@example.org"),
        ("ADDRESS_COUNTRY", "France"),
        ("ADDRESS_CITY", ""),
        ("CARD_TYPE", "metal"),
        ("TIMEOUT_SECONDS", "999"),
        ("TOLERANCE_SECONDS", "86400"),
        ("CARD_COLOUR", "red"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named_and_not_shown(key: str, text: str) -> None:
    with pytest.raises(UnusableSetting, match=f"CBI_FSP_CARDS_{key}") as refusal:
        read({**SETTINGS, key: text})
    assert not text or text not in f"{refusal.value}".replace(f"CBI_FSP_CARDS_{key}", "")


def test_a_maximum_is_the_most_that_is_paid() -> None:
    rules = read({**SETTINGS, "MAXIMUM_EUR": "300"}).amount_rules["EUR"]
    assert rules.admits(300_00)
    assert not rules.admits(300_01)


def test_physical_cards_are_sent_to_the_office(stripe: Running) -> None:
    with pytest.raises(UnusableSetting, match="SHIP_TO"):
        read({**SETTINGS, "CARD_TYPE": "physical"})
    desk = CardsBench(stripe)
    office = cards_adapter(stripe.url, CARD_TYPE="physical", SHIP_TO="The Office")
    made = office.issue_card(replace(desk.holder, account="3" * 32), "EUR")
    assert desk.peer.cards[made.name]["shipping"]["name"] == "The Office"
