"""Over HTTP: baskets, rounds of market prices, and the transfer values that come of them."""

import io
from typing import Annotated, Literal

from fastapi import Depends, File, Form, Path, Query, Response, UploadFile

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.http.requests import OfficeSession
from cbi.http.routing import Router
from cbi.offices import LANGUAGES, office_of
from cbi.programmes import baskets, price_rounds, revaluing, value_queries
from cbi.programmes.value_schemas import (
    AcceptValue,
    AppliedBasketOut,
    ApplyBasket,
    BasketOut,
    ItemOut,
    MakeRound,
    OutcomeOut,
    PricesOut,
    RefuseValue,
    RoundDetailOut,
    RoundOut,
    ValueOut,
)

router = Router(tags=["programmes"])
Reader = Annotated[Actor, Depends(may(Permission.PROGRAMME_READ))]
Enterer = Annotated[Actor, Depends(may(Permission.PRICES_ENTER))]
Proposer = Annotated[Actor, Depends(may(Permission.VALUE_PROPOSE))]
Accepter = Annotated[Actor, Depends(may(Permission.VALUE_ACCEPT))]
Number = Annotated[int, Path(ge=1, le=2**53)]
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@router.get("/baskets", summary="The latest version of every basket, by code")
def list_baskets(session: OfficeSession, actor: Reader) -> list[BasketOut]:
    return [BasketOut.of(row) for row in baskets.listed(session, actor)]


@router.post("/baskets", status_code=201, summary="Apply a basket file; it changes no amount")
def apply_basket(
    session: OfficeSession,
    actor: Annotated[Actor, Depends(may(Permission.PROGRAMME_APPLY))],
    body: ApplyBasket,
) -> AppliedBasketOut:
    return AppliedBasketOut.of(baskets.apply(session, actor, body.file))


@router.post("/baskets/{code}/rounds", status_code=201, summary="Make a round of market prices")
def make_round(session: OfficeSession, actor: Enterer, code: str, body: MakeRound) -> RoundOut:
    return RoundOut.of(price_rounds.make(session, actor, code, body.name))


@router.get("/price-rounds", summary="Rounds of market prices, the latest first")
def list_rounds(session: OfficeSession, actor: Reader) -> list[RoundOut]:
    return [RoundOut.of(row) for row in value_queries.rounds(session, actor)]


@router.post("/price-rounds/imports", status_code=201, summary="Hand in prices (XLSX, CSV)")
def take_in(
    session: OfficeSession,
    actor: Enterer,
    response: Response,
    file: Annotated[UploadFile, File(description="The sheet as it was exported, filled in.")],
    *,
    dry_run: Annotated[bool, Form(description="Check everything, and change nothing.")] = False,
) -> PricesOut:
    made = price_rounds.take_in(session, actor, file.file, dry_run=dry_run)
    if made.repeated or made.dry_run:
        response.status_code = 200
    return PricesOut.of(made)


@router.get("/price-rounds/{number}", summary="A round with its latest prices and medians")
def show_round(session: OfficeSession, actor: Reader, number: Number) -> RoundDetailOut:
    round_, items = value_queries.items(session, actor, number)
    currency = baskets.find(session, round_.basket, round_.basket_version)[1].currency
    return RoundDetailOut(
        **RoundOut.of(round_).model_dump(), items=[ItemOut.of(item, currency) for item in items]
    )


@router.get("/price-rounds/{number}/file", summary="The price sheet as it goes to the markets")
def export(
    session: OfficeSession,
    actor: Enterer,
    number: Number,
    form: Annotated[Literal["xlsx", "csv"], Query()] = "xlsx",
    language: Annotated[str | None, Query(pattern="^[a-z]{2}$")] = None,
) -> Response:
    target = io.BytesIO()
    spoken = language if language in LANGUAGES else office_of(session).languages[0]
    round_ = price_rounds.find(session, number)
    price_rounds.export(session, actor, round_, target, form=form, language=spoken)
    return Response(
        target.getvalue(),
        media_type=_XLSX if form == "xlsx" else "text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="prices-{number}.{form}"'},
    )


@router.post(
    "/price-rounds/{number}/proposals",
    status_code=201,
    summary="Propose what a round makes of every programme that rests on its basket",
)
def propose(session: OfficeSession, actor: Proposer, number: Number) -> list[OutcomeOut]:
    return [OutcomeOut.of(each) for each in revaluing.propose_all(session, actor, number)]


@router.get("/transfer-values", summary="Transfer values that were proposed, the latest first")
def list_values(session: OfficeSession, actor: Reader, *, waiting: bool = False) -> list[ValueOut]:
    return [ValueOut.of(each) for each in value_queries.values(session, actor, waiting=waiting)]


@router.get("/transfer-values/{number}", summary="One transfer value with its calculation and cost")
def show(session: OfficeSession, actor: Reader, number: Number) -> ValueOut:
    return ValueOut.of(value_queries.value(session, actor, number))


@router.post(
    "/transfer-values/{number}/acceptance",
    summary="Let a colleague's proposal hold for the cycles opened from now on",
)
def accept(session: OfficeSession, actor: Accepter, number: Number, body: AcceptValue) -> ValueOut:
    revaluing.accept(session, actor, number, body.one_time_code)
    return ValueOut.of(value_queries.value(session, actor, number))


@router.post("/transfer-values/{number}/refusal", summary="Refuse a proposal, with a reason")
def refuse(session: OfficeSession, actor: Reader, number: Number, body: RefuseValue) -> ValueOut:
    revaluing.refuse(session, actor, number, body.reason)
    return ValueOut.of(value_queries.value(session, actor, number))
