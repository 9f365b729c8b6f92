"""The demonstration's world outside the engine: recipients with their telephones, and a post office with its own books.

It knows codes only by reading them off the telephones, as people do, and keeps its settlement from its own receipts.
"""

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from sqlalchemy.orm import Session

from cbi import offices
from cbi.access.actor import Actor
from cbi.demo.people import MadeUp
from cbi.demo.staff import new_password
from cbi.messaging.phones import Phones
from cbi.money import Money
from cbi.redemption import counter, counters, tellers
from cbi.redemption.holding import Authorised

_CODE = re.compile(r"\d{4}\.\d{4}\.\d{4}")
MISTYPES = 0.1


@dataclass(slots=True)
class PostOffice:
    """Counters that pay, and the list of what they paid."""

    office: str
    tellers: list[Actor] = field(default_factory=list)
    passwords: dict[str, str] = field(default_factory=dict, repr=False)
    receipts: list[tuple[str, str, Money]] = field(default_factory=list)

    def open_counters(self, session: Session, supervisor: Actor) -> None:
        """Three post offices with a teller each."""
        for number, name in (("101", "Harbour"), ("102", "Old Market"), ("103", "Station")):
            place = counters.create_office(
                session,
                supervisor,
                provider="post_office",
                code=number,
                name=f"Post office {name}",
                area=name,
            )
            self._employ(session, supervisor, place.id, f"teller-{number}")

    def _employ(self, session: Session, supervisor: Actor, place: UUID, username: str) -> None:
        self.passwords[username] = new_password()
        teller = counters.create_teller(
            session, supervisor, office_id=place, username=username, full_name=f"Teller {username[-3:]}",
            password=self.passwords[username],
        )  # fmt: skip
        actor = tellers.actor_of_teller(session, teller.id)
        assert actor is not None
        self.tellers.append(actor)

    def pay(self, people: list[MadeUp], phones: Phones, progress: Callable[[int], None]) -> int:
        """Let these people come to the counters with what their telephone shows; returns how many were paid."""
        chance = random.Random(7)  # noqa: S311 - who mistypes, in a story
        paid = 0
        for at, person in enumerate(people):
            progress(1)
            teller = self.tellers[at % len(self.tellers)]
            for code in _codes(phones, person.e164):
                if chance.random() < MISTYPES:
                    self._redeem(teller, code[:-1] + str((int(code[-1]) + 1) % 10), person.document)
                if self._redeem(teller, code, person.document):
                    paid += 1
                    break  # on a shared telephone the other code is the neighbour's
        return paid

    def _redeem(self, teller: Actor, code: str, document: str) -> bool:
        """Code and document first, then the cash; True when it was handed over."""
        checked = offices.transact(
            self.office,
            lambda session: counter.authorise(session, teller, code=code, factor=document[-4:]),
        )
        if not isinstance(checked, Authorised):
            return False
        receipt = offices.transact(
            self.office,
            lambda session: counter.confirm(session, teller, checked.authorisation_id),
        )
        self.receipts.append((receipt.office, receipt.receipt, receipt.amount))
        return True

    def settlement(self, today: date) -> bytes:
        """The post office's own list of the day: one receipt is missing, one amount is wrong, one line is nobody's."""
        lines = [(office, receipt, amount) for office, receipt, amount in self.receipts[1:]]
        office, receipt, amount = lines[0]
        lines[0] = (office, receipt, amount - Money(50000, amount.currency))
        lines.append((office, "0000000", Money(100000, amount.currency)))
        total = sum(amount.minor for _, _, amount in lines)
        return "\n".join(
            [
                "date;office;receipt;amount;currency",
                *(f"{today};{o};{r};{a.decimal};{a.currency}" for o, r, a in lines),
                f"TOTAL;{len(lines)};;{Money(total, amount.currency).decimal};{amount.currency}",
            ]
        ).encode()


def _codes(phones: Phones, number: str) -> Iterator[str]:
    for text in phones.inbox(number):
        yield from _CODE.findall(text.body)
