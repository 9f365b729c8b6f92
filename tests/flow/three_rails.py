"""One office that pays by post office, mobile money and card, each with a stand-in that keeps its own truth."""

import io
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi import clock, jobs, offices
from cbi.app import create_app
from cbi.ledger import funds
from cbi.messaging.phones import Text, phones
from cbi.money import Money
from cbi.payments.models import Payment
from cbi.payments.runs import queries
from cbi.payments.runs.queries import RunSheet
from cbi.payments.sending import dispatch, providers
from cbi.payments.states import PaymentState
from cbi.programmes import applying
from cbi.redemption.counter import Receipt
from cbi.registry.intake import importing
from cbi.registry.models import Household
from cbi.settings import settings
from tests import made_up
from tests.adapters.benches import settlement
from tests.adapters.cards_bench import SETTINGS
from tests.factories import EVERYTHING, PROGRAMME, START, approved_run, funded_programme, team
from tests.flow.carding import at, issued
from tests.peers import mobile_money as gsma
from tests.peers.mobile_money import Operator
from tests.peers.serving import served
from tests.peers.stripe_issuing import StripeIssuing, stripe_issuing
from tests.redemption_factory import confirm, hold, teller

POST_OFFICE, MOBILE_MONEY, CARDS = RAILS = ("post_office", "mobile_money", "cards")
WISHES = ("", "mobile money", "card")
"""What the first, the second and the third household of a list say under `Paid by`, and so on, round and round."""
LANGUAGES = ("ar", "fr", "en")
DELIVERY = (
    "cash_over_counter, also: [{provider: mobile_money, mechanism: mobile_money},"
    " {provider: cards, mechanism: prepaid_card}]"
)


@dataclass
class Rails:
    """The three providers, and a run over them. A household of n members is owed n thousand dinars, and no two are alike."""

    operator: Operator
    stripe: StripeIssuing
    run_id: UUID = field(default_factory=uuid4)
    cards: dict[int, str] = field(default_factory=dict)
    """Stripe's names of the cards, by the household's size."""
    receipts: list[Receipt] = field(default_factory=list)
    """What tellers handed out."""

    @contextmanager
    def hours(self, count: float) -> Iterator[None]:
        """Everybody's clock shows so many hours after the run was released."""
        with at(START + timedelta(hours=1 + count), self.stripe):
            yield

    def work(self, hours: float, *, ask: bool = True) -> int:
        """What a worker does once an hour; returns how many payments it handed over."""
        with self.hours(hours):
            done = jobs.releases("dz")
            jobs.read_inbox("dz")
            if ask:
                jobs.poll("dz")
            while jobs.hand_over("dz"):
                pass
        return done

    def payments(self, provider: str) -> list[Payment]:
        """A part of the run, from the smallest amount."""
        with offices.transaction("dz") as session:
            return list(
                session.scalars(
                    select(Payment)
                    .where(Payment.run_id == self.run_id, Payment.provider == provider)
                    .order_by(Payment.amount_minor)
                )
            )

    def states(self, provider: str) -> Counter[PaymentState]:
        return Counter(payment.state for payment in self.payments(provider))

    def sheet(self) -> RunSheet:
        with offices.transaction("dz") as session:
            return queries.sheet(session, self.run_id)

    def key(self, payment: Payment) -> str:
        """The name of its latest attempt, as the operator heard it."""
        return max(key for key in self.operator.book.heard if key.startswith(payment.id.hex))

    # The counter

    def redeem(self, minutes: int) -> None:
        """Everybody with a code goes to one of two offices, with the telephone and the passport."""
        tellers = [teller("Adrar"), teller("Tamanrasset")]
        for place, payment in enumerate(self.payments(POST_OFFICE)):
            size = size_of(payment)
            code = next(word for word in words(telephone(size)) if word.count(".") == 2)
            who, moment = tellers[place % 2], minutes + place
            held = hold(who, code, factor=f"DOC{size:04d}"[-4:], at=moment)
            self.receipts.append(confirm(who, held.authorisation_id, at=moment))

    def settlement(self) -> bytes:
        """The post office's own file of what its tellers handed out."""
        return settlement(
            *(
                f"{each.paid_at:%Y-%m-%d};{each.office};{each.receipt};{each.amount.decimal};DZD"
                for each in self.receipts
            )
        ).encode()

    # Each stand-in's own truth

    def truth(self) -> dict[str, list[int]]:
        """What each provider gave out, in whole dinars, from the smallest: twice where it was given twice."""
        by_phone = self.operator.truth().values()
        return {
            POST_OFFICE: sorted(each.amount.minor // 100 for each in self.receipts),
            MOBILE_MONEY: sorted(int(amount) for amount, _ in by_phone),
            CARDS: sorted(rise // 100 for _, rise in self.stripe.loaded),
        }


def size_of(payment: Payment) -> int:
    """The size of the household that it is for."""
    return payment.amount_minor // 1000_00


def telephone(size: int) -> str:
    return f"+21355577{size:04d}"


def inbox(size: int) -> list[Text]:
    """What that household's recipient has on the telephone."""
    return phones(settings()).inbox(telephone(size))


def words(number: str) -> list[str]:
    """Every word of every text on a telephone."""
    return [
        word.strip(".,:;،")
        for text in phones(settings()).inbox(number)
        for word in text.body.split()
    ]


def registered(session: Session, sizes: Sequence[int]) -> None:
    """A list of households of these sizes, each asking to be paid in the way that is its turn."""
    lines = [
        "Registration number,Name,Phone,Language,Household size,Document type,Document number,Paid by"
    ]
    lines += [
        f"T-{size:04d},{made_up.name(f'T{size}')},{telephone(size)},{LANGUAGES[place // 3 % 3]},{size},passport,"
        f"{made_up.document(f'T{size}', f'{size:04d}')},{WISHES[place % 3]}"
        for place, size in enumerate(sizes)
    ]
    content = io.BytesIO("\n".join(lines).encode())
    result = importing.import_file(session, EVERYTHING, content, filename="rails.csv")
    assert result.landed == len(sizes), result


def programme(session: Session) -> str:
    """A programme that pays over the counter, or by telephone or card who asked for it; money lies with all three."""
    code = funded_programme(session)
    applying.apply(
        session, EVERYTHING,
        PROGRAMME.format(
            code=code, provider=POST_OFFICE, mechanism=DELIVERY, fund="5000000.00", first=START.year,
            last=START.year + 1,
        ),
    )  # fmt: skip
    for provider in (MOBILE_MONEY, CARDS):
        funds.prefund(
            session, EVERYTHING, provider, Money.parse("400000.00", "DZD"), f"VIR-{provider}"
        )
    return code


def run_over(rails: Rails, sizes: Sequence[int], handed_over: int) -> None:
    """A signed run whose release has begun; so many of the cards are in their recipients' hands already."""
    with at(START, rails.stripe):
        with offices.transaction("dz") as session:
            registered(session, sizes)
            numbers = {f"T-{size:04d}": size for size in sizes[2::3]}
            found = session.execute(
                select(Household.source_id, Household.id)
                .where(Household.source_id.in_(numbers))
                .order_by(Household.source_id)
            ).all()
        names = issued([household for _, household in found], handed_over=handed_over)
        rails.cards = dict(zip((numbers[number] for number, _ in found), names, strict=True))
        with offices.transaction("dz") as session:
            people = team(session)
            run = approved_run(session, people, programme(session))
            rails.run_id = run.id
    with rails.hours(0), offices.transaction("dz") as session:
        dispatch.begin_release(session, people.authoriser.actor, run.id)


@contextmanager
def three_rails(shared_data: Path, patch: pytest.MonkeyPatch) -> Iterator[Rails]:
    """The deployment uses the three providers for as long as the block lasts, and is served for their callbacks."""
    patch.setenv("CBI_PROVIDERS", ",".join(RAILS))
    settings.cache_clear()
    with (
        gsma.operating("DZD") as operator,
        stripe_issuing(shared_data) as stripe,
        served(create_app()) as address,
    ):
        given = {
            "MOBILE_MONEY": {
                "BASE_URL": operator.url, "ACCOUNT": gsma.ACCOUNT, "API_KEY": gsma.API_KEY, "TIMEOUT_SECONDS": "2",
                "CALLBACK_URL": f"{address}/api/v1/callbacks/dz/mobile_money",
                "CALLBACK_SECRET": gsma.CALLBACK_SECRET, "MAXIMUM_DZD": "100000",
            },
            "CARDS": {**SETTINGS, "BASE_URL": stripe.url, "TIMEOUT_SECONDS": "5"},
        }  # fmt: skip
        for provider, values in given.items():
            for name, text in values.items():
                patch.setenv(f"CBI_FSP_{provider}_{name}", text)
        providers.adapter.cache_clear()
        rails = Rails(operator, stripe.peer)
        rails.stripe.moment = clock.now()
        rails.stripe.top_up(400_000_00, "dzd")
        yield rails
    providers.adapter.cache_clear()
