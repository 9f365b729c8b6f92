"""Whether another agency knows the same people, told by keyed hashes alone: no name, number or key of ours leaves.

Both agencies hold one secret key, given by another way. A file has a salt of its own, so two files cannot be compared
with each other by whoever finds them; its lines are sorted and say nothing of whom they are about.
"""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit.record import record
from cbi.errors import Invalid
from cbi.registry import personal
from cbi.registry.consent.models import Scope
from cbi.registry.consent.standing import said_no
from cbi.registry.disclosing import disclosing
from cbi.registry.disclosing.models import Form
from cbi.registry.linkage import asking
from cbi.registry.linkage.likeness import birth
from cbi.registry.linkage.queries import comparable
from cbi.registry.linkage.sounds import words
from cbi.registry.models import Household, Person

VERSION = 1
KEY_BYTES = 32
MOST_LINES = 5_000_000
_AT_ONCE = 1_000
_HEADING = re.compile(r"cbi-exchange 1 key ([0-9a-f]{8}) salt ([0-9a-f]{32})\Z")
_LINE = re.compile(r"(document|phone|name) ([0-9a-f]{64})\Z")


class UnusableExchangeKey(Invalid):
    """The shared key is missing, too short, or is not the one that the file was made with."""

    code = "exchange.unusable_key"


class UnusableExchangeFile(Invalid):
    """The file is not one of keyed hashes."""

    code = "exchange.unusable_file"


@dataclass(frozen=True, slots=True)
class Shared:
    """Which of our people the other agency has, by what they share: their keys and numbers here, and no value."""

    theirs: Mapping[str, int]
    """How many hashes of each kind the file holds."""
    ours: Mapping[str, int]
    """How many people of ours are among them, by each kind."""
    people: tuple[tuple[UUID, str, tuple[str, ...]], ...]
    """Our person, the number of their household, and what is shared: `document`, `phone` or `name`."""


def key_in(text: str) -> bytes:
    """The shared key from a file: at least 32 bytes in base64. Raises UnusableExchangeKey."""
    try:
        key = base64.b64decode("".join(text.split()), validate=True)
    except (ValueError, binascii.Error):
        key = b""
    if len(key) < KEY_BYTES:
        raise UnusableExchangeKey(
            f"The shared key has to be at least {KEY_BYTES} bytes in base64.",
            next_step="One agency makes it with: openssl rand -base64 32, and gives it to the other in person.",
        )
    return key


def export(
    session: Session, actor: Actor, key: bytes, disclosure: int, *, salt: bytes | None = None
) -> Iterator[str]:
    """The lines of a file about all our people, under the disclosure of that number; that it was made is written down.

    Raises NotPermitted, NothingAllowsIt, MoreThanApproved.
    """
    actor.require(Permission.REGISTRY_EXCHANGE)
    allowed = disclosing.allowing(session, Form.HASHES, number=disclosure)
    chosen, people = salt or secrets.token_bytes(16), 0
    lines: set[str] = set()
    for _, _, found in _ours(session, key, chosen):
        people += bool(found)
        lines.update(f"{kind} {digest}" for kind, digest in found)
    disclosing.check_size(allowed, people)
    hashes = sorted(lines)
    counted = Counter(line.partition(" ")[0] for line in hashes)
    record(
        session, actor, "exchange.exported", "exchange", _key_name(key), hashes=dict(counted), salt=chosen.hex(),
        disclosure=disclosure,
    )  # fmt: skip
    yield f"cbi-exchange {VERSION} key {_key_name(key)} salt {chosen.hex()}"
    yield from hashes


def check(
    session: Session, actor: Actor, lines: Iterable[str], key: bytes, disclosure: int
) -> Shared:
    """Which of our people are in another agency's file; the question and its counts are written down.

    Raises NotPermitted, NothingAllowsIt, UnusableExchangeFile, UnusableExchangeKey, TooManyQuestions.
    """
    actor.require(Permission.REGISTRY_EXCHANGE)
    disclosing.allowing(session, Form.HASHES, number=disclosure)
    rows = iter(lines)
    salt = _salt(next(rows, "").strip(), key)
    theirs = _theirs(rows)
    counted = sum(map(len, theirs.values()))
    asking.count(session, _key_name(key), counted)
    people = []
    for person, number, found in _ours(session, key, salt):
        if shared := tuple(kind for kind, digest in found if bytes.fromhex(digest) in theirs[kind]):
            people.append((person, number, shared))
    told = Shared(
        {kind: len(found) for kind, found in theirs.items()},
        Counter(kind for _, _, shared in people for kind in shared),
        tuple(people),
    )
    record(
        session, actor, "exchange.checked", "exchange", _key_name(key), theirs=dict(told.theirs), ours=dict(told.ours),
        people=len(people), salt=salt.hex(), counted=counted, disclosure=disclosure,
    )  # fmt: skip
    return told


def answer(
    session: Session, actor: Actor, lines: Iterable[str], key: bytes, disclosure: int
) -> Iterator[str]:
    """The lines of an answer to another agency's file: to each of its hashes yes or no, and nothing else of ours.

    Raises NotPermitted, NothingAllowsIt, UnusableExchangeFile, UnusableExchangeKey, TooManyQuestions,
    MoreThanApproved.
    """
    actor.require(Permission.REGISTRY_EXCHANGE)
    allowed = disclosing.allowing(session, Form.HASHES, number=disclosure)
    rows = iter(lines)
    salt = _salt(next(rows, "").strip(), key)
    theirs = _theirs(rows)
    counted = sum(map(len, theirs.values()))
    asking.count(session, _key_name(key), counted)
    known: dict[str, set[bytes]] = {kind: set() for kind in theirs}
    people = 0
    for _, _, found in _ours(session, key, salt):
        told = [(kind, bytes.fromhex(digest)) for kind, digest in found]
        people += any(digest in theirs[kind] for kind, digest in told)
        for kind, digest in told:
            known[kind].add(digest)
    disclosing.check_size(allowed, people)
    yes = {kind: len(asked & known[kind]) for kind, asked in theirs.items()}
    record(
        session, actor, "exchange.answered", "exchange", _key_name(key),
        asked={kind: len(asked) for kind, asked in theirs.items()}, yes=yes, salt=salt.hex(),
        counted=counted, disclosure=disclosure,
    )  # fmt: skip
    yield f"cbi-answer {VERSION} key {_key_name(key)} salt {salt.hex()}"
    for kind in sorted(theirs):
        for one in sorted(theirs[kind]):
            yield f"{kind} {one.hex()} {'yes' if one in known[kind] else 'no'}"


def _key_name(key: bytes) -> str:
    """Eight characters that tell two keys apart and say nothing about either."""
    return hmac.new(key, b"cbi-exchange key name", hashlib.sha256).hexdigest()[:8]


def _salt(heading: str, key: bytes) -> bytes:
    found = _HEADING.match(heading)
    if found is None:
        raise UnusableExchangeFile(
            "This is no file of keyed hashes.", next_step="Ask for one made with: cbi registry exchange export"
        )  # fmt: skip
    if not hmac.compare_digest(found[1], _key_name(key)):
        raise UnusableExchangeKey(
            "The file was made with another key.", next_step="Use the key that both agencies share."
        )
    return bytes.fromhex(found[2])


def _theirs(rows: Iterable[str]) -> dict[str, set[bytes]]:
    found: dict[str, set[bytes]] = {"document": set(), "phone": set(), "name": set()}
    for at, row in enumerate(rows, start=2):
        if not row.strip():
            continue
        line = _LINE.match(row.strip())
        if line is None or at > MOST_LINES:
            raise UnusableExchangeFile(
                f"Line {at} is no keyed hash, or there are more than {MOST_LINES:,}.",
                next_step="Ask for the file again, or for several smaller ones.",
            )
        found[line[1]].add(bytes.fromhex(line[2]))
    return found


def _ours(
    session: Session, key: bytes, salt: bytes
) -> Iterator[tuple[UUID, str, list[tuple[str, str]]]]:
    """Every member of a household who has not said no to such checks, with the hashes of what identifies them."""
    after: UUID | None = None
    while True:
        some = select(Person, Household.source_id).join(
            Household, Household.id == Person.household_id
        )
        some = some.where(
            *comparable(), Person.gone.is_(None), ~said_no(Person.id, Scope.DUPLICATES)
        )
        if after is not None:
            some = some.where(Person.id > after)
        rows = session.execute(some.order_by(Person.id).limit(_AT_ONCE)).all()
        if not rows:
            return
        clear = personal.in_clear(session, [person for person, _ in rows])
        for person, number in rows:
            one = clear[person.id]
            plain = _plain(one.name, one.born_on, one.document, one.phone)
            yield (
                person.id,
                number,
                [(kind, _hash(key, salt, kind, value)) for kind, value in plain],
            )
        after = rows[-1][0].id


def _plain(
    name: str | None, born: str | None, document: str | None, phone: str | None
) -> Iterator[tuple[str, str]]:
    """What is hashed, in one spelling for both agencies: the number of the document without its kind, the telephone in
    E.164, and the name as it sounds with the whole day of birth.
    """
    if document:
        yield "document", document.split()[-1]
    if phone:
        yield "phone", phone
    known = birth(born, date.min)  # an age gives no day, whenever it was told
    if name and known and known.day and known.month:
        sound = " ".join(sorted(word.sound for word in words(name)))
        yield "name", f"{sound}|{known.year}-{known.month}-{known.day}"


def _hash(key: bytes, salt: bytes, kind: str, value: str) -> str:
    own = hmac.digest(key, salt + kind.encode(), hashlib.sha256)
    return hmac.new(own, value.encode(), hashlib.sha256).hexdigest()
