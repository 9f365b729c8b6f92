"""Hands texts to Kannel over its HTTP interface (`sendsms`), as POST: nothing of a text stands in an address.

Kannel's User Guide, chapter "Using the HTTP interface to send SMS messages", and what Kannel 1.4.5 was seen to answer.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from cbi.messaging import addresses
from cbi.messaging.addresses import UnusableSettings
from cbi.messaging.asking import ask
from cbi.messaging.segments import is_gsm
from cbi.messaging.states import News
from cbi.messaging.transports import NoAnswer, NotSent, Sent, SmsTransport
from cbi.settings import Settings

ALL_NEWS = 1 | 2 | 4 | 8 | 16
TIMEOUT = httpx.Timeout(connect=5, write=10, read=30, pool=5)

_BITS = (
    (1, News.DELIVERED),
    (32, News.EXPIRED),
    (16, News.REJECTED),
    (2, News.UNDELIVERABLE),
    (4, News.BUFFERED),
    (8, News.ACCEPTED),
)
_FOR_GOOD = ("white- and/or black-lists", "receiver number", "Not routable")
_TRY_AGAIN = "Temporal failure"


def news_of(status: int) -> News | None:
    """What a delivery report says, or None where it says nothing. `status` (`%d`) is a sum of bits, not a number.

    1 delivered, 2 undeliverable, 4 buffered, 8 accepted by the network, 16 rejected by it; 34, which is 2 and 32, was
    seen for an expired text. The most final bit counts.
    """
    return next((news for bit, news in _BITS if status & bit), None)


class Kannel:
    """One office's way out through Kannel. Kannel gives texts no name of its own and sends whatever it takes."""

    is_simulated = False

    def __init__(self, chosen: Settings, office: str, client: httpx.Client) -> None:
        self._chosen = chosen
        self._office = office
        self._client = client
        self._url = chosen.sms_kannel_url
        password = chosen.sms_kannel_password
        self._signed = {
            "X-Kannel-Username": chosen.sms_kannel_user or "",
            "X-Kannel-Password": password.get_secret_value() if password else "",
            "Content-Type": "text/plain; charset=UTF-8",
        }
        if chosen.sms_sender:
            self._signed["X-Kannel-From"] = chosen.sms_sender

    def trouble(self) -> str | None:
        """Why it would not take a text now. It is given one for nobody, which it refuses once it knows who asks."""
        try:
            answer = ask(self._client, "POST", self._url, self._signed | {"X-Kannel-To": ""}, b"")
        except (NotSent, NoAnswer):
            return "Kannel does not answer. Is smsbox running, and CBI_SMS_KANNEL_URL right?"
        if answer.status_code == httpx.codes.BAD_REQUEST and "receiver number" in answer.text:
            return None
        if answer.status_code == httpx.codes.FORBIDDEN:
            return "Kannel does not know this user and password. Compare them with its group sendsms-user."
        return f"What answers at CBI_SMS_KANNEL_URL is not Kannel's sendsms (status {answer.status_code})."

    def send(self, number: str, text: str, reference: str) -> Sent:
        """Hand over one text. Raises NotSent where Kannel certainly did not take it; any other error is no answer."""
        headers = self._signed | {
            "X-Kannel-To": number,
            "X-Kannel-Coding": "0" if is_gsm(text) else "2",
        }
        if address := addresses.report_address(self._chosen, self._office, reference):
            headers |= {
                "X-Kannel-DLR-Mask": str(ALL_NEWS),
                "X-Kannel-DLR-Url": f"{address}?status=%d",
            }
        answer = ask(self._client, "POST", self._url, headers, text.encode())
        _judge(answer)
        return Sent()


def _judge(answer: httpx.Response) -> None:
    if (
        answer.status_code == httpx.codes.ACCEPTED
    ):  # "0: Accepted", and "3: Queued": it will be sent
        return
    said = answer.text
    if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE and _TRY_AGAIN in said:
        raise NotSent("Kannel could not take the text just now.")
    if 400 <= answer.status_code < 500:
        for_good = any(sentence in said for sentence in _FOR_GOOD)
        raise NotSent(f"Kannel refused the text ({answer.status_code}).", retry_helps=not for_good)
    raise NoAnswer(f"status {answer.status_code}")


@contextmanager
def opened(chosen: Settings, office: str) -> Iterator[SmsTransport]:
    """Kannel as the settings describe it. Raises UnusableSettings."""
    addresses.check(chosen)
    if not chosen.sms_kannel_user or chosen.sms_kannel_password is None:
        raise UnusableSettings(
            "Kannel needs a user and a password to take texts.",
            next_step="Set CBI_SMS_KANNEL_USER and CBI_SMS_KANNEL_PASSWORD as in its group sendsms-user.",
        )
    # Whatever proxy the environment names is not for a gateway that stands beside us.
    with httpx.Client(timeout=TIMEOUT, trust_env=False) as client:
        yield Kannel(chosen, office, client)
