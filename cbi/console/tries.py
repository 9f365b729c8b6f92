"""Wrong passwords from one address are counted over all accounts, so that nobody tries a few on each."""

import threading
from collections import OrderedDict, deque
from datetime import datetime, timedelta

from fastapi import Request

from cbi import clock
from cbi.errors import Forbidden

MOST = 30
WITHIN = timedelta(minutes=15)
_ADDRESSES = 10_000

_wrong: OrderedDict[str, deque[datetime]] = OrderedDict()
_lock = threading.Lock()


class TooManyTries(Forbidden):
    """Too many wrong tries came from this address; every account also has a limit of its own."""

    code = "console.too_many_tries"


def require_some_left(request: Request) -> None:
    """Raise TooManyTries when this address has used up its wrong tries. A whole post office may share one address."""
    with _lock:
        if len(_recent(_address(request))) >= MOST:
            raise TooManyTries(
                "There were too many wrong tries from this place. Nothing is looked at for now.",
                next_step="Wait a quarter of an hour.",
            )


def count_wrong(request: Request) -> None:
    """Count a wrong try, in the memory of this process only: it must not become a list of who was where."""
    with _lock:
        address = _address(request)
        _wrong[address] = _recent(address)
        _wrong[address].append(clock.now())
        _wrong.move_to_end(address)
        while len(_wrong) > _ADDRESSES:
            _wrong.popitem(last=False)


def forget() -> None:
    """Begin anew."""
    with _lock:
        _wrong.clear()


def _recent(address: str) -> deque[datetime]:
    known = _wrong.get(address, deque())
    while known and known[0] <= clock.now() - WITHIN:
        known.popleft()
    return known


def _address(request: Request) -> str:
    return request.client.host if request.client else ""
