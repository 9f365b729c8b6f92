"""Recipients' cards over HTTP: issue, hand over, block, replace, and look."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends
from pydantic import BaseModel, Field

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.fsp.cards import Card, CardLoss, CardStanding
from cbi.http.requests import OfficeSession
from cbi.http.routing import Router
from cbi.payments.sending import cards

router = Router(tags=["cards"])
Issuer = Annotated[Actor, Depends(may(Permission.CARD_ISSUE))]
Blocker = Annotated[Actor, Depends(may(Permission.CARD_BLOCK))]
Reader = Annotated[Actor, Depends(may(Permission.CARD_READ))]
Provider = Annotated[str, Field(pattern="^[a-z0-9_]{1,40}$")]


class AtProvider(BaseModel):
    """Whose card it is."""

    provider: Provider


class IssueCard(AtProvider):
    """`name` stands on the card where the registered name has letters that no card can carry."""

    name: str = Field(default="", max_length=60)
    currency: str = Field(default="", pattern="^([A-Z]{3})?$")


class BlockCard(AtProvider):
    """Why the card is stopped."""

    loss: CardLoss


class CardOut(BaseModel):
    """A card as it stands at the provider."""

    name: str = Field(description="The provider's own name for it.")
    last_digits: str
    standing: CardStanding
    replaces: str | None

    @classmethod
    def of(cls, card: Card) -> "CardOut":
        return cls(
            name=card.name,
            last_digits=card.last_digits,
            standing=card.standing,
            replaces=card.replaces,
        )


@router.get("/households/{household_id}/card", summary="The recipient's card as it stands")
def show(session: OfficeSession, actor: Reader, household_id: UUID, provider: Provider) -> CardOut:
    return CardOut.of(cards.show(session, actor, provider, household_id))


@router.post("/households/{household_id}/card", summary="Issue the recipient's card, once")
def issue(session: OfficeSession, actor: Issuer, household_id: UUID, body: IssueCard) -> CardOut:
    return CardOut.of(
        cards.issue(
            session, actor, body.provider, household_id, name=body.name, currency=body.currency
        )
    )


@router.post("/households/{household_id}/card/hand-over", summary="The recipient has it in hand")
def hand_over(
    session: OfficeSession, actor: Issuer, household_id: UUID, body: AtProvider
) -> CardOut:
    return CardOut.of(cards.hand_over(session, actor, body.provider, household_id))


@router.post("/households/{household_id}/card/block", summary="Stop a lost or stolen card for ever")
def block(session: OfficeSession, actor: Blocker, household_id: UUID, body: BlockCard) -> CardOut:
    return CardOut.of(cards.block(session, actor, body.provider, household_id, body.loss))


@router.post("/households/{household_id}/card/replace", summary="A new card, with what was left")
def replace(session: OfficeSession, actor: Issuer, household_id: UUID, body: AtProvider) -> CardOut:
    return CardOut.of(cards.replace(session, actor, body.provider, household_id))
