"""Recipients' cards: made once, handed over, and stopped and replaced when they are lost, whatever was left staying whole.

Whoever can stop a card (a complaint handler) can neither make nor hand over another one, so nobody alone can divert
what is on it. The provider is asked within the transaction: each of these acts may be repeated without harm.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from sqlalchemy import String, cast, exists, select
from sqlalchemy.orm import Session

from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit.models import AuditEntry
from cbi.audit.record import record
from cbi.errors import CbiError, Conflict, NotFound
from cbi.fsp.adapter import IssuesCards
from cbi.fsp.cards import Card, CardHolder, CardLoss
from cbi.offices import office_of
from cbi.payments.sending import providers
from cbi.registry import personal
from cbi.registry.models import Household, PaymentAccount, Person
from cbi.registry.queries import ACTIVE

Answer = TypeVar("Answer")
log = logging.getLogger(__name__)


class NotByCard(NotFound):
    """The household's recipient is not paid by card."""

    code = "card.not_by_card"


class NoCards(Conflict):
    """The provider issues no cards."""

    code = "card.no_cards"


class NoCardYet(NotFound):
    """The recipient has no card at the provider."""

    code = "card.none_yet"


class NoClearAnswer(Conflict):
    """The provider may have done it, or not. The audit log keeps that it was asked."""

    code = "card.no_clear_answer"
    keeps_work = True


@dataclass(frozen=True, slots=True)
class _Recipient:
    person_id: UUID
    account: str


def household_called(session: Session, registration_number: str) -> UUID:
    """The household of that registration number. Raises NotByCard when there is not exactly one."""
    found = session.scalars(
        select(Household.id).where(Household.source_id == registration_number)
    ).all()
    if len(found) != 1:
        raise NotByCard(
            f"There are {len(found)} households with the number {registration_number}.",
            next_step="Give the number as the registry lists it.",
        )
    return found[0]


def issue(
    session: Session,
    actor: Actor,
    provider: str,
    household_id: UUID,
    *,
    name: str = "",
    currency: str = "",
) -> Card:
    """The recipient's card, made now if there was none. `name` stands on it where the registered one cannot.

    Without `currency` it is the office's. Raises NotPermitted, NotByCard, NoCards, NotSent, NoClearAnswer.
    """
    actor.require(Permission.CARD_ISSUE)
    issuer, recipient = _issuer(provider), _recipient(session, household_id)
    holder = CardHolder(
        account=recipient.account,
        name=name or personal.name_of(session, recipient.person_id),
        phone=_phone(session, recipient.person_id),
    )
    wanted = currency or office_of(session).currency
    return _do(
        session,
        actor,
        "card.issued",
        provider,
        recipient,
        lambda: issuer.issue_card(holder, wanted),
    )


@dataclass(frozen=True, slots=True)
class Cardless:
    """A household whose recipient is to be paid by card and was never given one."""

    household_id: UUID
    registration_number: str


def without_card(session: Session, actor: Actor, provider: str) -> list[Cardless]:
    """Everybody who waits for a first card from this provider, by registration number. Raises NotPermitted, NoCards."""
    actor.require(Permission.CARD_ISSUE)
    _issuer(provider)
    given = exists().where(
        AuditEntry.subject_kind == "person", AuditEntry.subject_id == cast(Person.id, String),
        AuditEntry.act == "card.issued", AuditEntry.details["provider"].astext == provider,
    )  # fmt: skip
    waiting = session.execute(
        select(Household.id, Household.source_id)
        .join(Person, Person.household_id == Household.id)
        .join(PaymentAccount, PaymentAccount.person_id == Person.id)
        .where(
            Household.status == ACTIVE, Person.is_recipient, PaymentAccount.kind == personal.CARD,
            PaymentAccount.replaced_at.is_(None), ~given,
        )
        .order_by(Household.source_id, Household.id)
    )  # fmt: skip
    return [Cardless(*row) for row in waiting]


def hand_over(session: Session, actor: Actor, provider: str, household_id: UUID) -> Card:
    """The recipient has the card in hand: it can be used from now on. Raises as `issue`."""
    actor.require(Permission.CARD_ISSUE)
    issuer, recipient = _issuer(provider), _recipient(session, household_id)
    return _do(
        session, actor, "card.handed_over", provider, recipient,
        lambda: issuer.hand_over_card(recipient.account),
    )  # fmt: skip


def block(
    session: Session, actor: Actor, provider: str, household_id: UUID, loss: CardLoss
) -> Card:
    """Stop a card that is lost or stolen, for ever. Raises as `issue`."""
    actor.require(Permission.CARD_BLOCK)
    issuer, recipient = _issuer(provider), _recipient(session, household_id)
    return _do(
        session, actor, "card.blocked", provider, recipient,
        lambda: issuer.block_card(recipient.account, loss), loss=loss.value,
    )  # fmt: skip


def replace(session: Session, actor: Actor, provider: str, household_id: UUID) -> Card:
    """A new card in the place of a blocked one, with what was left on it. Raises as `issue`."""
    actor.require(Permission.CARD_ISSUE)
    issuer, recipient = _issuer(provider), _recipient(session, household_id)
    return _do(
        session, actor, "card.replaced", provider, recipient,
        lambda: issuer.replace_card(recipient.account),
    )  # fmt: skip


def show(session: Session, actor: Actor, provider: str, household_id: UUID) -> Card:
    """The recipient's card as it stands at the provider. Raises as `issue`, and NoCardYet."""
    actor.require(Permission.CARD_READ)
    issuer, recipient = _issuer(provider), _recipient(session, household_id)
    card = _asked(provider, lambda: issuer.find_card(recipient.account))
    if card is None:
        raise NoCardYet("The recipient has no card yet.", next_step="See: cbi card issue")
    return card


def _issuer(provider: str) -> IssuesCards:
    adapter = providers.adapter(provider)
    if not isinstance(adapter, IssuesCards):
        raise NoCards(
            f"{provider} issues no cards.",
            next_step="Name the provider that the programme's cards are from.",
        )
    return adapter


def _recipient(session: Session, household_id: UUID) -> _Recipient:
    found = session.execute(
        select(Person.id, PaymentAccount.id)
        .join(PaymentAccount, PaymentAccount.person_id == Person.id)
        .where(
            Person.household_id == household_id, Person.is_recipient,
            PaymentAccount.kind == personal.CARD, PaymentAccount.replaced_at.is_(None),
        )
    ).one_or_none()  # fmt: skip
    opened = personal.accounts(session, [found[1]]) if found else {}
    if found is None or found[1] not in opened:
        raise NotByCard(
            "The household has no recipient who is paid by card.",
            next_step="Register that the recipient asks to be paid by card.",
        )
    return _Recipient(found[0], opened[found[1]])


def _phone(session: Session, person_id: UUID) -> str | None:
    account_id = session.scalar(
        select(PaymentAccount.id).where(
            PaymentAccount.person_id == person_id, PaymentAccount.kind == personal.PHONE,
            PaymentAccount.replaced_at.is_(None),
        )
    )  # fmt: skip
    return personal.numbers(session, [account_id]).get(account_id) if account_id else None


def _do(
    session: Session, actor: Actor, act: str, provider: str, recipient: _Recipient, work: Callable[[], Card],
    **details: object,
) -> Card:  # fmt: skip
    try:
        card = _asked(provider, work)
    except NoClearAnswer:
        record(
            session, actor, f"{act}_without_answer", "person", recipient.person_id, provider=provider, **details
        )  # fmt: skip
        raise
    record(
        session, actor, act, "person", recipient.person_id, provider=provider, card=card.name, **details
    )  # fmt: skip
    return card


def _asked(provider: str, work: Callable[[], Answer]) -> Answer:
    try:
        return work()
    except CbiError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever went wrong, the provider may have done it
        log.warning("no answer from %s about a card: %s", provider, type(error).__name__)
        raise NoClearAnswer(
            f"{provider} gave no clear answer: it may be done, or not.",
            next_step="Do the same again: what is done already is not done twice.",
        ) from None
