"""What is sent to Stripe has the shape that Stripe's own description asks for, from the first card to its replacement."""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from cbi.fsp.cards import CardLoss
from cbi.fsp.messages import Outcome
from tests.adapters.cards_bench import CardsBench, cards_adapter
from tests.peers.prism import Prism, running_prism
from tests.peers.stripe_issuing import stripe_issuing

KEY = {"Authorization": "Bearer sk_test_123"}


@pytest.fixture(scope="module")
def prism(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prism]:
    """Prism on a part of Stripe's OpenAPI document."""
    document = tmp_path_factory.mktemp("prism") / "stripe.json"
    shutil.copy(shared_data / "specs" / "stripe" / "stripe-slice.json", document)
    with running_prism(document) as prism:
        yield prism


def test_every_request_has_the_shape_that_stripe_describes(shared_data: Path, prism: Prism) -> None:
    judged: dict[str, int] = {}

    def judge(method: str, target: str, form: str) -> None:
        kind = {"Content-Type": "application/x-www-form-urlencoded"} if method == "POST" else {}
        answer = httpx.request(method, prism.url + target, content=form, headers=KEY | kind)
        judged[f"{method} {target} {form}"] = answer.status_code

    with stripe_issuing(shared_data) as running:
        desk = CardsBench(running)
        for payment in range(1, 17):
            assert desk.cards.submit(desk.instruction(payment)).outcome is Outcome.PAID
            running.peer.moment += timedelta(days=1)
        running.peer.witness = judge
        office = cards_adapter(running.url, CARD_TYPE="physical", SHIP_TO="The Office")
        office.issue_card(desk.new_holder(), "EUR")
        office.hand_over_card(desk.new_holder().account)
        assert desk.cards.submit(desk.instruction(17)).outcome is Outcome.PAID
        desk.cards.block_card(desk.payee.account, CardLoss.LOST)
        desk.cards.replace_card(desk.payee.account)
        today = running.peer.moment.date()
        desk.cards.fetch_statement(today - timedelta(days=30), today, "EUR")
        desk.cards.available_float("EUR")
    assert {asked: status for asked, status in judged.items() if status != 200} == {}
    written = [asked for asked in judged if asked.startswith("POST")]
    assert len(written) == 6, (
        "two new cards and a cardholder, one handed over, one loaded, one blocked"
    )
    assert any("cbi_pack_" in asked for asked in written)
    assert prism.violations() == []


def test_the_description_would_notice_a_wrong_shape(prism: Prism) -> None:
    wrong = {"spending_controls[spending_limits][0][interval]": "for_ever", "status": "asleep"}
    answer = httpx.post(f"{prism.url}/v1/issuing/cards/ic_1", data=wrong, headers=KEY)
    assert answer.status_code >= 400
    assert prism.violations()
