"""What identifies a person, sealed under a key of that person's own and opened only for a purpose.

The person's key is itself sealed (`cbi/wrapping.py`); destroying it erases the person and keeps the books. What has
to be found again (a telephone, a document) is beside it as a keyed hash that says nothing without the office's key.
"""

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import CollectionAggregate, ColumnElement, Uuid, any_, bindparam, select, true
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from cbi.errors import NotFound
from cbi.keys import Keyring, Unreadable, new_key, seal, unseal
from cbi.offices import office_of
from cbi.registry.intake.facts import PersonFacts
from cbi.registry.models import FactorKind, PaymentAccount, Person
from cbi.registry.text import folded, plain_digits
from cbi.wrapping import Wrapper

PHONE = "phone"
CARD = "card"
"""An account that is a card: its value is our own random name for it, under which the card's issuer keeps it."""
DATA_KEYS = "registry/data keys"
_FACTORS = "registry/second factors"
_FACTOR_DIGITS = 4


class UnknownPerson(NotFound):
    """There is no such person, or their data was erased."""

    code = "registry.unknown_person"


def normal_factor(kind: FactorKind, typed: str) -> str:
    """One spelling of what a recipient says or shows: the last four characters of a number, or the whole word."""
    if kind == FactorKind.WORD:
        return folded(typed)
    return "".join(c for c in plain_digits(typed).upper() if c.isalnum())[-_FACTOR_DIGITS:]


class Sealer:
    """Seals people for one office. Derives the office's keys once, so that a long list keeps its pace."""

    def __init__(self, keys: Keyring) -> None:
        self._keys = keys
        self._data_keys = Wrapper(keys, DATA_KEYS)
        self._factors = keys.derive(_FACTORS)

    def person(self, person_id: UUID, facts: PersonFacts) -> tuple[bytes, dict[str, object]]:
        """A new key for this person (to seal what else is theirs), and the columns that hold what identifies them."""
        key = new_key()
        columns: dict[str, object] = {
            "data_key": self._data_keys.wrap(key, key_place(person_id)),
            "name": seal(key, facts.name, f"person/{person_id}/name"),
            "born_on": None,
            "document": None,
            "document_index": None,
            "factor_kind": facts.factor_kind,
            "factor": None,
        }
        if born := _born(facts):
            columns["born_on"] = seal(key, born, f"person/{person_id}/born_on")
        if facts.document:
            document = f"{facts.document_kind or ''}\n{facts.document}"
            columns["document"] = seal(key, document, f"person/{person_id}/document")
            columns["document_index"] = self._keys.fingerprint("document", facts.document)
        if facts.factor_kind and facts.factor:
            columns["factor"] = self.factor(person_id, facts.factor_kind, facts.factor)
        return key, columns

    def account(self, key: bytes, account_id: UUID, kind: str, value: str) -> tuple[bytes, bytes]:
        """A telephone number or a card's name, sealed under its person's key, and its keyed hash."""
        return seal(key, value, f"account/{account_id}"), self._keys.fingerprint(kind, value)

    def factor(self, person_id: UUID, kind: FactorKind, normal: str) -> bytes:
        """A keyed hash that holds for this person only: two people with one word cannot be told to share it."""
        return hmac.digest(self._factors, f"{person_id}/{kind}/{normal}".encode(), hashlib.sha256)

    def key_of(self, person_id: UUID, data_key: bytes) -> bytes:
        """The person's key. Raises Unreadable."""
        return self._data_keys.unwrap(data_key, key_place(person_id))


def key_place(person_id: UUID) -> str:
    """Where a person's own key belongs: it cannot be opened as somebody else's."""
    return f"person/{person_id}/key"


def _born(facts: PersonFacts) -> str | None:
    # A day, or the age at registration: what was said, not what could be worked out from it.
    if facts.born_on:
        return facts.born_on.isoformat()
    return f"age {facts.age}" if facts.age is not None else None


def numbers(session: Session, account_ids: Sequence[UUID]) -> dict[UUID, str]:
    """The telephone numbers (E.164) among payment accounts; see `accounts`."""
    return _opened(session, account_ids, PaymentAccount.kind == PHONE)


def accounts(session: Session, account_ids: Sequence[UUID]) -> dict[UUID, str]:
    """What a provider knows payment accounts by (a telephone in E.164, a card's name), for the moment it is used.

    Left out are accounts that nothing may go to: unknown ones, those of people whose data was erased, and those whose
    value is not the one that approvers saw (its keyed hash differs, so it was altered in the database).
    """
    return _opened(session, account_ids, true())


def _opened(
    session: Session, account_ids: Sequence[UUID], which: ColumnElement[bool]
) -> dict[UUID, str]:
    office = office_of(session)
    sealer = Sealer(office.keys)
    found = session.execute(
        select(
            PaymentAccount.id,
            PaymentAccount.kind,
            PaymentAccount.value,
            PaymentAccount.value_index,
            Person.id,
            Person.data_key,
        )
        .join(Person, Person.id == PaymentAccount.person_id)
        .where(PaymentAccount.id == _any_of(account_ids), which)
    )
    opened: dict[UUID, str] = {}
    for account_id, kind, value, value_index, person_id, data_key in found:
        if data_key is None:
            continue
        try:
            plain = unseal(
                sealer.key_of(person_id, data_key), value, f"account/{account_id}"
            ).decode()
        except Unreadable:
            continue
        if hmac.compare_digest(office.keys.fingerprint(kind, plain), value_index):
            opened[account_id] = plain
    return opened


def _any_of(ids: Iterable[UUID]) -> CollectionAggregate[bool]:
    # One array, however many: a list of parameters would end at 65,535.
    return any_(bindparam(None, list(ids), ARRAY(Uuid)))


def names(session: Session, person_ids: Iterable[UUID]) -> dict[UUID, str]:
    """The names of people; whoever is unknown or erased is left out. Raises Unreadable."""
    sealer = Sealer(office_of(session).keys)
    found = session.execute(
        select(Person.id, Person.data_key, Person.name).where(Person.id == _any_of(person_ids))
    )
    return {
        person_id: unseal(
            sealer.key_of(person_id, data_key), name, f"person/{person_id}/name"
        ).decode()
        for person_id, data_key, name in found
        if data_key and name
    }


@dataclass(frozen=True, slots=True, repr=False)
class Clear:
    """What identifies one person, readable for the moment it is needed. None: not known, or erased."""

    name: str | None = None
    phone: str | None = None
    document: str | None = None
    born_on: str | None = None


def in_clear(session: Session, people: Sequence[Person]) -> dict[UUID, Clear]:
    """People with everything readable; whoever shows it to somebody notes the look (`viewing`). Raises Unreadable."""
    sealer = Sealer(office_of(session).keys)
    phones = _phones(session, [person.id for person in people])
    found: dict[UUID, Clear] = {}
    for person in people:
        if person.data_key is None:
            found[person.id] = Clear()
            continue
        key = sealer.key_of(person.id, person.data_key)

        def read(
            sealed: bytes | None, what: str, key: bytes = key, who: UUID = person.id
        ) -> str | None:
            return unseal(key, sealed, f"person/{who}/{what}").decode() if sealed else None

        kind, _, number = (read(person.document, "document") or "").partition("\n")
        found[person.id] = Clear(
            read(person.name, "name"),
            phones.get(person.id),
            " ".join(filter(None, (kind, number))) or None,
            read(person.born_on, "born_on"),
        )
    return found


def _phones(session: Session, person_ids: Sequence[UUID]) -> dict[UUID, str]:
    held = session.execute(
        select(PaymentAccount.id, PaymentAccount.person_id).where(
            PaymentAccount.person_id == _any_of(person_ids),
            PaymentAccount.kind == PHONE,
            PaymentAccount.replaced_at.is_(None),
        )
    )
    owners = dict(iter(held))
    return {
        owners[account_id]: number for account_id, number in numbers(session, list(owners)).items()
    }


def name_of(session: Session, person_id: UUID) -> str:
    """A person's name. Raises UnknownPerson, Unreadable."""
    name = names(session, [person_id]).get(person_id)
    if name is None:
        raise UnknownPerson(
            "There is no such person, or their data was erased.",
            next_step="Check the household's record.",
        )
    return name


_FACTOR = select(Person.factor_kind, Person.factor).where(Person.id == bindparam("person"))


def factor_matches(session: Session, person_id: UUID, typed: str) -> bool | None:
    """Whether what a teller typed is the person's second factor; None when none was registered.

    Of a document or card the last four characters count, in any digit script; of a word neither capitals nor accents.
    """
    found = session.connection().execute(_FACTOR, {"person": person_id}).one_or_none()
    if found is None or found.factor is None or found.factor_kind is None:
        return None
    typed_factor = Sealer(office_of(session).keys).factor(
        person_id, found.factor_kind, normal_factor(found.factor_kind, typed)
    )
    return hmac.compare_digest(typed_factor, found.factor)
