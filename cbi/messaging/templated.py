"""Hands texts to a gateway of any kind that takes them over HTTP, as a file describes it."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx

from cbi.messaging import addresses, templates
from cbi.messaging.addresses import UnusableSettings
from cbi.messaging.asking import ask
from cbi.messaging.templates import Description
from cbi.messaging.transports import NoAnswer, NotSent, Sent, SmsTransport
from cbi.settings import Settings

TIMEOUT = httpx.Timeout(connect=10, write=20, read=60, pool=10)
_LONGEST_REFERENCE = 200


class Templated:
    """One way out through a described gateway."""

    is_simulated = False

    def __init__(self, chosen: Settings, described: Description, client: httpx.Client) -> None:
        self._described = described
        self._client = client
        secret = chosen.sms_http_secret
        self._always = {
            "from": chosen.sms_sender or "",
            "secret": secret.get_secret_value() if secret else "",
        }

    def trouble(self) -> str | None:
        """Why it would not take a text now, as far as can be told by knocking: whether its address is open."""
        place = urlsplit(self._described.url)
        port = place.port or (443 if place.scheme == "https" else 80)
        try:
            with socket.create_connection((place.hostname or "", port), timeout=5):
                return None
        except OSError as error:
            return f"The SMS gateway does not answer ({type(error).__name__})."

    def send(self, number: str, text: str, reference: str) -> Sent:
        """Hand over one text. Raises NotSent where the file says that an answer means so, or nobody was reached."""
        values = {
            "to": number,
            "to_no_plus": number.removeprefix("+"),
            "text": text,
            "id": reference,
        }
        request = templates.fill(self._described, self._always | values)
        answer = ask(
            self._client, self._described.method, request.url, request.headers, request.body
        )
        return self._judged(answer)

    def _judged(self, answer: httpx.Response) -> Sent:
        status, body = answer.status_code, answer.text
        if self._described.taken.fits(status, body):
            found = self._described.reference.find(body)
            return Sent(found[:_LONGEST_REFERENCE] if found else None)
        for refusal in self._described.refused:
            if refusal.fits(status, body):
                raise NotSent(
                    f"The gateway refused the text ({status}).", retry_helps=refusal.again
                )
        raise NoAnswer(f"status {status}")


@contextmanager
def opened(chosen: Settings, office: str) -> Iterator[SmsTransport]:
    """The gateway as its file describes it. Raises UnusableSettings, UnusableTemplate."""
    addresses.check(chosen)
    described = templates.described(chosen)
    uses_secret = any(
        "secret" in templates.PLACEHOLDER.findall(written)
        for written in (described.url, described.body, *described.headers.values())
    )
    if uses_secret and chosen.sms_http_secret is None:
        raise UnusableSettings(
            "The gateway's description uses {{secret}}, and there is none.",
            next_step="Set CBI_SMS_HTTP_SECRET.",
        )
    with httpx.Client(timeout=TIMEOUT) as client:
        yield Templated(chosen, described, client)
