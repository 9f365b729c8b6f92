"""The proofs over HTTP, for auditors and whoever signs."""

from typing import Annotated

from fastapi import Depends
from pydantic import BaseModel, Field

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.http.requests import OfficeSession
from cbi.http.routing import Router
from cbi.proofs.verify import verify

router = Router(tags=["proofs"])


class VerdictOut(BaseModel):
    """One promise. `kept` is false where it is broken, and where nothing covers it yet (`covered` says which)."""

    number: int
    sentence: str
    covered: bool
    kept: bool
    breaches: list[str]
    notes: list[str] = Field(
        description="What could not be looked at any more, and why that is right."
    )


@router.get("/proofs", summary="Prove every promise from the raw tables, now")
def prove(
    session: OfficeSession, actor: Annotated[Actor, Depends(may(Permission.PROOF_READ))]
) -> list[VerdictOut]:
    actor.require(Permission.PROOF_READ)
    return [
        VerdictOut(
            number=verdict.promise.number,
            sentence=verdict.promise.sentence,
            covered=verdict.covered,
            kept=verdict.kept,
            breaches=list(verdict.breaches),
            notes=list(verdict.notes),
        )
        for verdict in verify(session)
    ]
