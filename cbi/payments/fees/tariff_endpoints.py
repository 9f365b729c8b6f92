"""Over HTTP: what providers charge."""

from typing import Annotated

from fastapi import Depends
from fastapi import Path as InPath

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.http.requests import OfficeSession
from cbi.http.routing import Router
from cbi.payments.fees import tariffs
from cbi.payments.fees.tariff_schemas import ProposeTariff, TariffOut
from cbi.payments.signing.signing_schemas import OneTimeCode

router = Router(tags=["payments"])
Reader = Annotated[Actor, Depends(may(Permission.FUND_READ))]
Changer = Annotated[Actor, Depends(may(Permission.TARIFF_CHANGE))]
Provider = Annotated[str, InPath(max_length=64)]
Currency = Annotated[str, InPath(max_length=3)]


@router.get("/tariffs", summary="What providers charge: every version, the latest first")
def list_tariffs(session: OfficeSession, actor: Reader) -> list[TariffOut]:
    return [TariffOut.of(row) for row in tariffs.versions(session, actor)]


@router.post("/tariffs", status_code=201, summary="Propose a tariff; nothing changes yet")
def propose(session: OfficeSession, actor: Changer, body: ProposeTariff) -> TariffOut:
    return TariffOut.of(tariffs.propose(session, actor, body.file, body.one_time_code))


@router.post(
    "/tariffs/{provider}/{currency}/{version}/acceptance",
    summary="Let a colleague's proposal count from its first day",
)
def accept(
    session: OfficeSession, actor: Changer, provider: Provider, currency: Currency, version: int,
    body: OneTimeCode,
) -> TariffOut:  # fmt: skip
    return TariffOut.of(
        tariffs.accept(session, actor, provider, currency, version, body.one_time_code)
    )
