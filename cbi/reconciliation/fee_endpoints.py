"""Over HTTP: fees against tariffs."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query
from pydantic import BaseModel

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.http.requests import OfficeSession
from cbi.http.routing import Router
from cbi.ledger.schemas import Amount
from cbi.reconciliation import fee_queries
from cbi.reconciliation.fee_queries import Compared

router = Router(tags=["reconciliation"])
Reader = Annotated[Actor, Depends(may(Permission.DISCREPANCY_READ))]


class FeesComparedOut(BaseModel):
    """What a provider took and what its tariff says; `above` and `below` are added up line by line.

    `unexplained` fees are not in the other sums. With `statement_id`, those of one statement.
    """

    provider: str
    statement_id: UUID | None
    file: str | None
    fees: int
    charged: Amount
    by_tariff: Amount
    above: Amount
    below: Amount
    unexplained_fees: int
    unexplained: Amount

    @classmethod
    def of(cls, line: Compared) -> "FeesComparedOut":
        return cls(
            provider=line.provider, statement_id=line.statement_id, file=line.file, fees=line.fees,
            charged=Amount.of(line.charged), by_tariff=Amount.of(line.by_tariff), above=Amount.of(line.above),
            below=Amount.of(line.below), unexplained_fees=line.unexplained_fees,
            unexplained=Amount.of(line.unexplained),
        )  # fmt: skip


@router.get("/fees", summary="What providers took in fees, against their tariffs")
def compare(
    session: OfficeSession,
    actor: Reader,
    first: date,
    last: date,
    provider: Annotated[str | None, Query(max_length=64)] = None,
    by_statement: Annotated[bool, Query()] = False,  # noqa: FBT002 - a query parameter
) -> list[FeesComparedOut]:
    ask = fee_queries.by_statement if by_statement else fee_queries.compare
    return [FeesComparedOut.of(line) for line in ask(session, actor, first, last, provider)]
