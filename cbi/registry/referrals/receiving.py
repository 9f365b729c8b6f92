"""What comes in from outside: somebody registers themself, a partner refers somebody, or somebody only asks.

Nothing of it is in the registry before an officer has decided. The sender gets a word by which they look up the answer;
it is shown once and kept as a keyed hash only.
"""

import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cbi import clock, ids
from cbi.access.actor import SYSTEM
from cbi.audit.record import record
from cbi.errors import Conflict, Forbidden, Invalid
from cbi.keys import new_key, seal
from cbi.offices import office_of
from cbi.registry import numbers
from cbi.registry.intake.checks import Unusable
from cbi.registry.personal import PHONE
from cbi.registry.referrals.models import Referral, ReferralPartner
from cbi.registry.referrals.states import ReferralKind, ReferralState
from cbi.registry.text import clean, plain_digits
from cbi.settings import settings
from cbi.wrapping import Wrapper

KEYS = "registry/referral keys"
MOST_WAITING = 20_000
"""So that nobody fills the disk through an open form."""
LONGEST_NAME, LONGEST_WORDS = 200, 500
_FOLLOW = "referral follow word"
_FOLLOW_DIGITS = 12


class UnusableReferral(Invalid):
    """Something that is needed is missing, or cannot be read."""

    code = "referral.unusable"


class QueueFull(Conflict):
    """So many wait that no more are taken for now."""

    code = "referral.queue_full"


class UnknownPartner(Forbidden):
    """The key is not that of a partner who may refer people."""

    code = "referral.unknown_partner"


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wrote in a form. Every field is theirs; nothing but `name` and `size` is needed to register."""

    name: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)
    size: str = ""
    area: str = field(default="", repr=False)
    words: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Received:
    """The number that we know it by, and the word by which its sender looks up the answer: shown once."""

    number: int
    follow: str = field(repr=False)
    is_new: bool = True
    """False: the same form was sent before, and this is what came of it."""


def register(
    session: Session, asked: Asked, *, language: str, agreed: bool, form: str = ""
) -> Received:
    """Take in somebody's own request to be registered.

    `form` is the form's own key: the same words under the same key are one request, however often they are sent, and
    lead to the same number. Raises UnusableReferral, QueueFull.
    """
    _needed(asked, agreed=agreed)
    return _take(session, ReferralKind.SELF, asked, language, None, form)


def refer(
    session: Session, key: str, asked: Asked, *, language: str, agreed: bool, form: str = ""
) -> Received:
    """Take in a partner's referral; `agreed`: the person wants to be referred, `form` as in `register`.

    Raises UnknownPartner, UnusableReferral, QueueFull.
    """
    partner = session.scalars(
        select(ReferralPartner).where(
            ReferralPartner.key_hash == hashed(key), ReferralPartner.disabled_at.is_(None)
        )
    ).one_or_none()
    if partner is None:
        raise UnknownPartner(
            "This is not the key of a partner who may refer people.",
            next_step="Check the key, or ask the office for a new one.",
        )
    _needed(asked, agreed=agreed)
    return _take(session, ReferralKind.PARTNER, asked, language, partner, form)


def question(session: Session, asked: Asked, *, language: str, form: str = "") -> Received:
    """Take in a question. It needs no name; a telephone only from whoever wants to be called; `form` as in `register`.

    Raises UnusableReferral, QueueFull.
    """
    if not clean(asked.words):
        raise UnusableReferral("Write your question.", field="words")
    return _take(session, ReferralKind.QUESTION, asked, language, None, form)


def _needed(asked: Asked, *, agreed: bool) -> None:
    if not any(letter.isalpha() for letter in clean(asked.name)):
        raise UnusableReferral("A name is needed.", field="name")
    size = plain_digits(asked.size).strip()
    if not size.isdigit() or not 1 <= int(size) <= 60:
        raise UnusableReferral("Say how many people live together: 1 to 60.", field="size")
    if not agreed:
        raise UnusableReferral(
            "Nobody is registered who has not agreed to it.",
            next_step="Read what we do with what you write, and agree to it.",
            field="agreed",
        )


def _take(
    session: Session,
    kind: ReferralKind,
    asked: Asked,
    language: str,
    partner: ReferralPartner | None,
    form: str,
) -> Received:
    office = office_of(session)
    phone = _number(session, asked.phone)
    if len(clean(asked.name)) > LONGEST_NAME or len(clean(asked.words)) > LONGEST_WORDS:
        raise UnusableReferral(f"Write at most {LONGEST_WORDS} characters.", field="words")
    said = {
        "name": clean(asked.name), "phone": phone or "", "size": plain_digits(asked.size).strip(),
        "area": clean(asked.area)[:LONGEST_NAME], "words": clean(asked.words),
    }  # fmt: skip
    follow = _follow(session, f"{form}/{kind}/{partner and partner.code}", said if form else None)
    follow_index = office.keys.fingerprint(_FOLLOW, follow)
    if before := _before(session, follow_index, follow):
        return before
    waiting = session.scalar(
        select(func.count()).select_from(Referral).where(Referral.state == ReferralState.WAITING)
    )
    if (waiting or 0) >= MOST_WAITING:
        raise QueueFull(
            "Too many requests wait for us today.",
            next_step=f"Come back tomorrow, or call {office.hotline}.",
        )
    referral_id, key = ids.fresh(), new_key()
    number = session.scalar(
        insert(Referral)
        .values(
            id=referral_id, kind=kind, partner_id=partner and partner.id, state=ReferralState.WAITING,
            language=language if language in office.languages else office.languages[0],
            data_key=Wrapper(office.keys, KEYS).wrap(key, place(referral_id)),
            words=seal(key, json.dumps(said, ensure_ascii=False), place(referral_id)),
            phone_index=office.keys.fingerprint(PHONE, phone) if phone else None,
            follow_index=follow_index, received_at=clock.now(),
        )
        .on_conflict_do_nothing(index_elements=["follow_index"])
        .returning(Referral.number)
    )  # fmt: skip
    if (
        number is None
    ):  # the same form came at this very moment: this has waited until that was taken in
        before = _before(session, follow_index, follow)
        assert before is not None
        return before
    record(
        session, SYSTEM, "referral.received", "referral", referral_id, number=number, kind=str(kind),
        partner=partner.code if partner else None,
    )  # fmt: skip
    return Received(number, _grouped(follow))


def _follow(session: Session, form: str, said: Mapping[str, str] | None) -> str:
    """The word by which a sender looks up the answer: drawn, or following from the form and what was written in it.

    What somebody sends again after changing it is another request.
    """
    if said is None:
        return f"{secrets.randbelow(10**_FOLLOW_DIGITS):0{_FOLLOW_DIGITS}d}"
    told = json.dumps([form, said], ensure_ascii=False, sort_keys=True)
    drawn = hmac.digest(
        office_of(session).keys.derive("registry/referral forms"), told.encode(), sha256
    )
    return f"{int.from_bytes(drawn) % 10**_FOLLOW_DIGITS:0{_FOLLOW_DIGITS}d}"


def _before(session: Session, follow_index: bytes, follow: str) -> Received | None:
    """What came of the same form, if it was taken in before."""
    number = session.scalar(select(Referral.number).where(Referral.follow_index == follow_index))
    return None if number is None else Received(number, _grouped(follow), is_new=False)


def _grouped(follow: str) -> str:
    return "-".join(follow[at : at + 4] for at in range(0, len(follow), 4))


def _number(session: Session, typed: str) -> str | None:
    if not clean(typed):
        return None
    try:
        return numbers.phone(clean(typed), office_of(session).region)[0]
    except Unusable as problem:
        raise UnusableReferral(
            problem.message, next_step=problem.next_step, field="phone"
        ) from None


def place(referral_id: object) -> str:
    """Where a referral's words belong: they cannot be opened as those of another."""
    return f"referral/{referral_id}"


def hashed(key: str) -> bytes:
    """A partner's key as it is kept; it is long and random, so a plain hash is enough."""
    return sha256(key.strip().encode()).digest()


def followed(session: Session, follow: str) -> Referral | None:
    """The referral with this word, or None: nobody is told whether a word was near."""
    digits = "".join(c for c in plain_digits(follow) if c.isdigit())
    if len(digits) != _FOLLOW_DIGITS:
        return None
    wanted = office_of(session).keys.fingerprint(_FOLLOW, digits)
    found = session.scalars(select(Referral).where(Referral.follow_index == wanted)).one_or_none()
    return found if found and hmac.compare_digest(found.follow_index, wanted) else None


def is_open() -> bool:
    """Whether the office takes requests from outside."""
    return settings().public_forms
