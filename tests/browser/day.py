"""Everything that takes part in the scripted day, each part a process of its own, started and ended together."""

import base64
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_bytes, token_urlsafe
from typing import Any
from uuid import UUID

from sqlalchemy import URL, Engine, create_engine, text

from tests.adapters.cards_bench import SETTINGS as CARD_SETTINGS
from tests.browser.deployment import Deployment, deployed
from tests.browser.house import House, OpenWindow, Person
from tests.browser.recipients import EVERYBODY, Recipient
from tests.flow.searching import traces
from tests.peers import mobile_money as gsma
from tests.peers.apart import FarIssuer, FarOperator, issuer_apart, operator_apart
from tests.peers.kannel import Handset, Kannel, kannel_is_here, running_kannel
from tests.peers.localstripe import Localstripe, localstripe, localstripe_is_here
from tests.peers.prism import Prism, disbursements, prism_is_here, running_prism

SMS_SECRET = "a-secret-that-only-this-day-has"
CODE = re.compile(r"\d{4}\.\d{4}\.\d{4}")


@dataclass
class Day:
    """Everybody and everything that takes part."""

    cbi: Deployment
    kannel: Kannel
    handset: Handset
    operator: FarOperator
    prism: Prism
    issuer: FarIssuer
    stripe: Localstripe
    office: Engine
    window: OpenWindow
    house: House
    folder: Path
    people: dict[str, Person] = field(default_factory=dict)
    receipts: dict[int, tuple[str, int]] = field(default_factory=dict)
    codes: dict[int, str] = field(default_factory=dict)
    token: str = ""

    def somebody(self, name: str) -> Person:
        """A person who will work here, with a password."""
        self.people[name] = Person(name, token_urlsafe(12), UUID(int=0))
        return self.people[name]

    def run(self, who: str, *words: str, new: str = "") -> str:
        return self.cbi.run(*words, user=who, password=self.people[who].password, new=new)

    def ask(self, who: str, *words: str) -> Any:
        return self.cbi.ask(*words, user=who, password=self.people[who].password)

    def states(self, people: list[Recipient]) -> list[str]:
        """How their payments stand."""
        with self.office.connect() as connection:
            found = connection.execute(
                text(
                    "SELECT h.source_id, p.state FROM payments p JOIN households h ON h.id = p.household_id"
                )
            )
            state = {row[0]: str(row[1]) for row in found}
        return [state.get(each.number, "none") for each in people]

    def callbacks(self, provider: str) -> int:
        """How many callbacks of a provider were believed."""
        with self.office.connect() as connection:
            counted = text("SELECT count(*) FROM inbound_callbacks WHERE provider = :provider")
            return int(connection.execute(counted, {"provider": provider}).scalar_one())

    def told(self, who: Recipient, words: str, what: str) -> None:
        """Wait until a text with these words is on this person's telephone."""
        self.cbi.wait(
            lambda: any(words in text for text in self._texts(who)),
            f"somebody who is paid by {who.way} reads {what}",
        )

    def answered(self, route: str, status: int, *, times: int) -> None:
        """Wait until the server has answered so, so often, on that route."""
        self.cbi.wait(
            lambda: self.cbi.answered(route, status) == times,
            f"{times} times HTTP {status} on {route}",
            see="serve",
        )

    def codes_of(self, who: Recipient) -> list[str]:
        """Every code on this person's telephone."""
        return [code for text in self._texts(who) for code in CODE.findall(text)]

    def _texts(self, who: Recipient) -> list[str]:
        return [words for number, words in self.handset.texts if number.endswith(who.phone[1:])]

    def codes_in(self, written: Mapping[str, str]) -> list[tuple[str, str]]:
        """Where any of the day's codes stands, in any spelling."""
        return [
            (place, "a code")
            for place, content in written.items()
            for code in self.codes.values()
            if traces(code, content)
        ]

    def leaks(self, written: Mapping[str, str]) -> list[tuple[str, str]]:
        """Where a code, somebody's name, number or document, or a secret stands."""
        people = [
            word for each in EVERYBODY for word in (each.first_name, each.phone[4:], each.document)
        ]
        looked_for = {"a person": people, "a secret": self._secrets()}
        return self.codes_in(written) + [
            (place, what)
            for place, content in written.items()
            for what, words in looked_for.items()
            if any(word.casefold() in content.casefold() for word in words)
        ]

    def _secrets(self) -> list[str]:
        of_people = [kept for each in self.people.values() for kept in (each.password, each.secret)]
        named = ("MASTER_KEY", "CALLBACK_SECRET", "KANNEL_PASSWORD", "API_KEY", "WEBHOOK_SECRET")
        of_settings = [value for name, value in self.cbi.settings.items() if name.endswith(named)]
        return [each for each in (self.token, *of_people, *of_settings) if each]


def settings(
    database: URL, house: House, kannel: Kannel, prism: Prism, issuer: FarIssuer
) -> dict[str, str]:
    """The deployment's environment, as whoever runs it would write it."""
    callbacks = f"{house.address}/api/v1/callbacks/dz"
    as_application = database.set(username="cbi_app")
    engine = {
        "DATABASE_URL": as_application.render_as_string(hide_password=False),
        "OWNER_DATABASE_URL": database.render_as_string(hide_password=False),
        "MASTER_KEY": base64.b64encode(token_bytes(32)).decode(),
        "DATA_DIR": "data",
        "PORT": house.address.rpartition(":")[2],
        "PROVIDERS": "post_office,mobile_money,cards",
        "RECALL_MINUTES": "0",
        "SMS_CALLBACK_URL": house.address,
        "SMS_CALLBACK_SECRET": SMS_SECRET,
    }
    operator = {
        "BASE_URL": prism.url,
        "ACCOUNT": gsma.ACCOUNT,
        "API_KEY": gsma.API_KEY,
        "CALLBACK_URL": f"{callbacks}/mobile_money",
        "CALLBACK_SECRET": gsma.CALLBACK_SECRET,
        "MAXIMUM_DZD": "100000",
    }
    cards = {**CARD_SETTINGS, "BASE_URL": issuer.address()}
    return (
        {f"CBI_{name}": value for name, value in engine.items()}
        | {f"CBI_FSP_MOBILE_MONEY_{name}": value for name, value in operator.items()}
        | {f"CBI_FSP_CARDS_{name}": value for name, value in cards.items()}
        | kannel.environment()
    )


@contextmanager
def begun(
    database: URL, house: House, window: OpenWindow, shared_data: Path, folder: Path
) -> Iterator[Day]:
    """Every part started, and nobody there yet."""
    kannel_is_here()
    prism_is_here()
    localstripe_is_here()
    inbound = house.address.replace("//", f"//kannel:{SMS_SECRET}@")
    with ExitStack() as stack:
        kannel = stack.enter_context(
            running_kannel(
                folder / "kannel", inbound_url=f"{inbound}/api/v1/sms/dz/kannel/received?id=%I"
            )
        )
        operator = stack.enter_context(operator_apart("DZD"))
        prism = stack.enter_context(
            running_prism(disbursements(shared_data, folder), operator.listen())
        )
        issuer = stack.enter_context(issuer_apart(shared_data))
        stripe = stack.enter_context(localstripe(folder))
        cbi = stack.enter_context(
            deployed(folder / "cbi", settings(database, house, kannel, prism, issuer))
        )
        office = create_engine(database, connect_args={"options": "-c search_path=dz"})
        stack.callback(office.dispose)
        handset = stack.enter_context(kannel.handset())
        yield Day(
            cbi, kannel, handset, operator, prism, issuer, stripe, office, window, house, folder
        )
