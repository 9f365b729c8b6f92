"""Over HTTP: on which legal basis a programme uses people's data, and who accepted it."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Path
from pydantic import BaseModel, ConfigDict, Field

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.http.requests import OfficeSession
from cbi.http.routing import Router
from cbi.programmes import legal_basis
from cbi.programmes.legal_models import Ground, LegalBasis

router = Router(tags=["programmes"])
Reader = Annotated[Actor, Depends(may(Permission.PROGRAMME_READ))]
Accepter = Annotated[Actor, Depends(may(Permission.LEGAL_BASIS_ACCEPT))]
Number = Annotated[int, Path(ge=1, le=2**31)]


class RefuseBasis(BaseModel):
    """Why it is refused."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(min_length=3, max_length=500, examples=["Nobody signed a contract"])


class LegalBasisOut(BaseModel):
    """One version of a programme's legal basis."""

    version: int
    ground: Ground
    because: str
    proposed_by: UUID
    proposed_at: datetime
    decision: str | None = Field(description="accepted, refused, or null while it waits.")
    decided_by: UUID | None
    decided_at: datetime | None
    reason: str | None

    @classmethod
    def of(cls, row: LegalBasis) -> "LegalBasisOut":
        return cls(
            version=row.version, ground=row.ground, because=row.because, proposed_by=row.proposed_by,
            proposed_at=row.proposed_at, decision=row.decision, decided_by=row.decided_by,
            decided_at=row.decided_at, reason=row.reason,
        )  # fmt: skip


@router.get("/programmes/{code}/legal-bases", summary="A programme's legal bases, the latest first")
def list_bases(session: OfficeSession, actor: Reader, code: str) -> list[LegalBasisOut]:
    return [LegalBasisOut.of(row) for row in legal_basis.versions(session, actor, code)]


@router.post(
    "/programmes/{code}/legal-bases/{version}/accept",
    summary="Accept what a colleague's file names",
)
def accept(session: OfficeSession, actor: Accepter, code: str, version: Number) -> LegalBasisOut:
    return LegalBasisOut.of(legal_basis.accept(session, actor, code, version))


@router.post(
    "/programmes/{code}/legal-bases/{version}/refuse",
    summary="Refuse what a colleague's file names",
)
def refuse(
    session: OfficeSession, actor: Accepter, code: str, version: Number, body: RefuseBasis
) -> LegalBasisOut:
    return LegalBasisOut.of(legal_basis.refuse(session, actor, code, version, body.reason))
