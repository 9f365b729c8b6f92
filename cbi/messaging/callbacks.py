"""Where SMS gateways call us: with the texts that come in, and with what became of those that went out.

No token of ours opens these doors. A report on one text is opened by the token in the address that went out with that
text; everything else by the secret that the deployment shares with its gateway.
"""

import base64
import binascii
from collections.abc import Callable
from email.message import Message as Headers
from typing import Annotated, TypeVar
from urllib.parse import parse_qs
from uuid import UUID

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Query, Request
from fastapi.responses import PlainTextResponse
from sqlalchemy.orm import Session

from cbi import clock, offices
from cbi.errors import Forbidden, Invalid
from cbi.http.refused import BodyTooLarge, HttpRefusal
from cbi.http.requests import entrance
from cbi.keys import keyring
from cbi.messaging import addresses, inbound, kannel, reports, templates
from cbi.messaging.addresses import ROUTES
from cbi.messaging.states import News
from cbi.offices import office_of
from cbi.settings import settings

Result = TypeVar("Result")

REPORT = f"{ROUTES}/reports/{{message_id}}/{{token}}"
FROM_KANNEL = f"{ROUTES}/kannel/received"
RECEIVED = f"{ROUTES}/received"
TOLD = {
    f"{ROUTES}/sent": News.ACCEPTED,
    f"{ROUTES}/delivered": News.DELIVERED,
    f"{ROUTES}/failed": News.UNDELIVERABLE,
}
LARGEST = 20_000
"""Bytes of a text that comes in, with everything around it."""

AT_ONCE, IN_LINE = 8, 1000
"""Calls that work at the same time, so that a flood of reports leaves room for people, and calls that may wait."""

PUBLIC = frozenset(
    {("GET", REPORT), ("POST", FROM_KANNEL), ("POST", RECEIVED)}
    | {(method, path) for path in TOLD for method in ("GET", "POST")}
)

router = APIRouter(tags=["SMS gateway"], default_response_class=PlainTextResponse)
_line = CapacityLimiter(AT_ONCE)


class NotTheGateway(Forbidden):
    """Whoever calls does not know what the gateway knows, or there is no such office: which of them is not said."""

    code = "messaging.not_the_gateway"


class UnusableCall(Invalid):
    """What the gateway brought lacks something that it needs."""

    code = "messaging.unusable_call"


class TooMuchAtOnce(HttpRefusal):
    """More calls wait than can be answered in time; gateways try again."""

    code = "messaging.too_much_at_once"
    status = 503


class NotKnownYet(HttpRefusal):
    """The gateway calls a text by a name that we do not know; gateways try again."""

    code = "messaging.not_known_yet"
    status = 503


@router.get(REPORT, summary="What became of one text, as Kannel reports it", status_code=200)
async def report(
    request: Request,
    office: str,
    message_id: UUID,
    token: str,
    status: Annotated[int, Query(ge=0, le=1023, description="Kannel's %d: a sum of bits.")],
) -> str:
    def work(session: Session) -> None:
        if news := kannel.news_of(status):
            reports.receive(session, message_id, news)

    await _work(
        request, office, work,
        allowed=lambda: addresses.is_report_token(keyring(office), message_id, token),
    )  # fmt: skip
    return "ok"


@router.post(FROM_KANNEL, summary="A text that came in, from Kannel (post-url)")
async def from_kannel(
    request: Request,
    office: str,
    id: Annotated[str, Query(max_length=200, description="Kannel's %I.")] = "",
) -> str:
    body = await _opened(request)
    sender = request.headers.get("x-kannel-from", "")
    text = _decoded(body, request.headers.get("content-type", ""))
    told_at = request.headers.get("x-kannel-time", "")
    await _keep(request, office, "kannel", id, sender, text, told_at)
    return "ok"


@router.post(RECEIVED, summary="A text that came in, from a gateway that a file describes")
async def received(request: Request, office: str) -> str:
    body = await _opened(request)
    names = templates.described(settings()).incoming
    field = _fields(request, body)
    await _keep(
        request, office, "http", field(names.id), field(names.sender), field(names.text), ""
    )
    return "ok"


async def told(request: Request, office: str) -> str:
    body = await _opened(request)
    news = TOLD[request.scope["route"].path]
    reference = _fields(request, body)(templates.described(settings()).incoming.id)
    if not reference:
        raise UnusableCall("The report does not say which text it is about.")
    await _work(
        request, office, lambda session: reports.receive(session, _named(session, reference), news)
    )
    return "ok"


def _named(session: Session, reference: str) -> UUID:
    known = reports.named(session, reference)
    if known is None:
        raise NotKnownYet("There is no such text, or not yet.", next_step="Call again in a while.")
    return known


for path in TOLD:
    for method in ("GET", "POST"):  # one by one, as each has a name of its own in the description
        router.add_api_route(
            path, told, methods=[method], summary="What became of one text, from such a gateway"
        )


async def _opened(request: Request) -> bytes:
    """The body of a call that shows the shared secret. Raises NotTheGateway, BodyTooLarge."""
    if not addresses.is_gateway(settings(), _secret(request)):
        raise _refused()
    body = b""
    async for block in request.stream():
        body += block
        if len(body) > LARGEST:
            raise BodyTooLarge(f"A text that comes in has at most {LARGEST} bytes.")
    return body


def _refused() -> NotTheGateway:
    return NotTheGateway(
        "Nobody here takes this call.",
        next_step="Compare the gateway's settings with CBI_SMS_CALLBACK_SECRET.",
    )


def _secret(request: Request) -> str:
    """The password of Basic authentication, a bearer token, or `secret` in the address, for gateways that know no other."""
    scheme, _, told = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(told.strip()).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return told.strip() if scheme.lower() == "bearer" else request.query_params.get("secret", "")


async def _keep(
    request: Request,
    office: str,
    channel: str,
    external_id: str,
    sender: str,
    text: str,
    told_at: str,
) -> None:
    if not sender.strip():
        raise UnusableCall("The call does not say who sent the text.")
    now = clock.now()

    def work(session: Session) -> bool:
        # Without a name of the gateway's, the same words from the same number at the same second are one text.
        whole = f"{sender}\n{told_at or now.isoformat()}\n{text}"
        name = external_id or office_of(session).keys.fingerprint("inbound text", whole).hex()
        return inbound.receive(session, channel, name, sender, text, now)

    await _work(request, office, work)


async def _work(
    request: Request,
    office: str,
    work: Callable[[Session], Result],
    allowed: Callable[[], bool] = lambda: True,
) -> Result:
    """Do the work in a transaction of the office. Raises NotTheGateway, TooMuchAtOnce."""
    if _line.statistics().tasks_waiting >= IN_LINE:
        raise TooMuchAtOnce("There is a long line.", next_step="Call again in some seconds.")

    def once() -> Result:
        if not entrance(request.app).knows(office) or not allowed():
            raise _refused()
        return offices.transact(office, work)

    return await to_thread.run_sync(once, limiter=_line)


def _decoded(body: bytes, content_type: str) -> str:
    """The words of a text in the character set that the gateway names; whatever is not in it becomes a mark."""
    header = Headers()
    header["content-type"] = content_type
    try:
        return body.decode(header.get_content_charset("utf-8"), errors="replace")
    except (LookupError, ValueError):  # no such alphabet, or none for texts
        return body.decode("utf-8", errors="replace")


def _fields(request: Request, body: bytes) -> Callable[[str], str]:
    """A way to the fields of a call, wherever the gateway puts them: JSON, a form, or the address."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    whole = _decoded(body, request.headers.get("content-type", ""))
    if kind == "application/json":
        return lambda name: templates.pointed(whole, name if name[:1] == "/" else f"/{name}") or ""
    form = parse_qs(whole)
    return lambda name: (form.get(name) or [request.query_params.get(name, "")])[0]
