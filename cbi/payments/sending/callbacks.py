"""Where providers call us back: no token opens this door, the provider's own signature does."""

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from cbi import db
from cbi.errors import NotFound
from cbi.fsp.adapter import ReadsCallbacks
from cbi.fsp.errors import AdapterUnavailable
from cbi.fsp.messages import ABOUT
from cbi.http.refused import BodyTooLarge
from cbi.http.requests import entrance
from cbi.http.routing import API
from cbi.payments.sending import inbox, providers

PATH = f"{API}/callbacks/{{office}}/{{provider}}"
PATH_ABOUT = f"{PATH}/{{about}}"
"""For a provider that may not say which payment it means: we asked for the answer at an address of the payment's own."""
LARGEST = 1_000_000

router = APIRouter(tags=["callbacks"])


class NobodyThere(NotFound):
    """No such office, or no provider of it that calls back: which of them is not said."""

    code = "callback.nobody_there"


class Received(BaseModel):
    """`new` is false when exactly this message came before."""

    new: bool


@router.post(
    PATH,
    status_code=202,
    summary="A provider's message about payments, signed as the provider signs",
)
async def receive(request: Request, office: str, provider: str) -> Received:
    return Received(new=await _take(request, office, provider))


@router.put(
    PATH,
    status_code=204,
    summary="The same, for providers that put their messages (GSMA Mobile Money API)",
)
async def put(request: Request, office: str, provider: str) -> None:
    await _take(request, office, provider)


@router.put(
    PATH_ABOUT,
    status_code=204,
    summary="The same, at the address that was given for one payment",
)
async def put_about(request: Request, office: str, provider: str, about: str) -> None:
    await _take(request, office, provider, about)


async def _take(request: Request, office: str, provider: str, about: str = "") -> bool:
    body = b""
    async for block in request.stream():
        body += block
        if len(body) > LARGEST:
            raise BodyTooLarge("A message from a provider has at most one megabyte.")
    return await run_in_threadpool(_keep, request, office, provider, about, body)


def _keep(request: Request, office: str, provider: str, about: str, body: bytes) -> bool:
    try:
        adapter = providers.adapter(provider)
    except AdapterUnavailable:
        raise NobodyThere("Nobody here takes this message.") from None
    if not isinstance(adapter, ReadsCallbacks) or not entrance(request.app).knows(office):
        raise NobodyThere("Nobody here takes this message.")
    headers = {name: text for name, text in request.headers.items() if name != ABOUT.lower()}
    if about:
        headers[ABOUT] = about
    return db.repeatable(lambda: inbox.receive(office, provider, adapter, headers, body))
