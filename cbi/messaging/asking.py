"""Asking a gateway over HTTP, and telling a text that certainly did not leave from one that perhaps did."""

from collections.abc import Mapping

import httpx

from cbi.messaging.transports import NoAnswer, NotSent

_NOTHING_LEFT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
)


def ask(
    client: httpx.Client, method: str, url: str, headers: Mapping[str, str], content: bytes
) -> httpx.Response:
    """The gateway's answer. Raises NotSent where no connection came about, NoAnswer for whatever else went wrong.

    An error of httpx never goes further: what it says can quote the request.
    """
    try:
        return client.request(method, url, headers=headers, content=content)
    except _NOTHING_LEFT as error:
        raise NotSent(f"The SMS gateway was not reached ({type(error).__name__}).") from None
    except httpx.HTTPError as error:
        raise NoAnswer(type(error).__name__) from None
