"""An office whose recipients are paid by card, through a stand-in for Stripe."""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi import clock, offices
from cbi.fsp.adapter import ReadsCallbacks
from cbi.payments.sending import cards as desk
from cbi.payments.sending import inbox, providers
from cbi.registry.intake import importing
from cbi.registry.models import Household
from cbi.settings import settings
from tests import made_up
from tests.adapters.cards_bench import SETTINGS
from tests.factories import EVERYTHING, phone_of
from tests.peers.stripe_issuing import StripeIssuing, stripe_issuing


@contextmanager
def cards_of_an_office(shared_data: Path, patch: pytest.MonkeyPatch) -> Iterator[StripeIssuing]:
    """The deployment uses the provider `cards`, which is the stand-in, for as long as the block lasts."""
    with stripe_issuing(shared_data) as running:
        use_cards(patch, running.url)
        yield running.peer
        providers.adapter.cache_clear()


def use_cards(patch: pytest.MonkeyPatch, url: str) -> None:
    """As a deployment's environment would say."""
    patch.setenv("CBI_PROVIDERS", "post_office,sandbox,cards")
    for name, text in {**SETTINGS, "BASE_URL": url, "TIMEOUT_SECONDS": "5"}.items():
        patch.setenv(f"CBI_FSP_CARDS_{name}", text)
    settings.cache_clear()
    providers.adapter.cache_clear()


def recipients(session: Session, sizes: Sequence[int]) -> list[UUID]:
    """Households of these sizes whose recipients ask to be paid by card."""
    lines = ["Registration number,Name,Phone,Language,Household size,Paid by"]
    lines += [
        f"{number},{made_up.name(number)},{phone_of(number)},fr,{size},card"
        for number, size in ((f"C-9000-{at:06d}", size) for at, size in enumerate(sizes))
    ]
    content = io.BytesIO("\n".join(lines).encode())
    result = importing.import_file(session, EVERYTHING, content, filename="cards.csv")
    assert result.landed == len(sizes), result
    found = session.scalars(select(Household.id).order_by(Household.source_id)).all()
    return list(found)


def issued(households: Sequence[UUID], *, handed_over: int) -> list[str]:
    """Cards for all of them, of which so many are in the recipients' hands; the provider's names for them."""
    names = []
    for at, household in enumerate(households):
        with offices.transaction("dz") as session:
            names.append(desk.issue(session, EVERYTHING, "cards", household).name)
            if at < handed_over:
                desk.hand_over(session, EVERYTHING, "cards", household)
    return names


@contextmanager
def at(moment: datetime, stripe: StripeIssuing) -> Iterator[None]:
    """Everybody's clock shows that moment."""
    stripe.moment = moment
    with clock.frozen(moment):
        yield


def calls_back(stripe: StripeIssuing, *, secret: str = "") -> list[bool]:
    """Every event so far is posted to the office: which of them were new."""
    adapter = providers.adapter("cards")
    assert isinstance(adapter, ReadsCallbacks)
    return [
        inbox.receive("dz", "cards", adapter, *stripe.signed(event, *([secret] if secret else [])))
        for event in stripe.events
    ]
