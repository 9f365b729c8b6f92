"""Wrong tries from one address are counted over all accounts, so that nobody tries a few on each; each use has a count.

So who guesses on a page for everybody keeps nobody of the same network from signing in. Requests that were taken in from
an address are counted here too, by the day.
"""

import threading
from collections import OrderedDict, deque
from datetime import datetime, timedelta
from enum import StrEnum

from fastapi import Request

from cbi import clock
from cbi.errors import Forbidden
from cbi.http.refused import HttpRefusal
from cbi.settings import settings

MOST = 30
WITHIN = timedelta(minutes=15)
A_DAY = timedelta(hours=24)
_ADDRESSES = 10_000


class Use(StrEnum):
    """What is tried. What is tried on one page is not counted on another."""

    STAFF = "staff"
    TELLER = "teller"
    SET_UP = "set_up"
    PARTNER = "partner"
    FOLLOW = "follow"
    REQUEST = "request"
    """No wrong try: a request that was taken in."""


class TooManyTries(Forbidden):
    """Too many wrong tries came from this address; every account also has a limit of its own."""

    code = "console.too_many_tries"


class TooManyRequests(HttpRefusal):
    """So many requests were taken in from this address today that no more are."""

    code = "console.too_many_requests"
    status = 429


_counted: dict[Use, OrderedDict[str, deque[datetime]]] = {use: OrderedDict() for use in Use}
_lock = threading.Lock()


def require_some_left(request: Request, use: Use) -> None:
    """Raise TooManyTries when this address has used up its wrong tries. A whole post office may share one address."""
    with _lock:
        if len(_recent(_address(request), use, WITHIN)) >= MOST:
            raise TooManyTries(
                "There were too many wrong tries from this place. Nothing is looked at for now.",
                next_step="Wait a quarter of an hour.",
            )


def count_wrong(request: Request, use: Use) -> None:
    """Count a wrong try, in the memory of this process only: it must not become a list of who was where."""
    with _lock:
        _count(_address(request), use, WITHIN)


def take_in(request: Request, hotline: str) -> datetime:
    """Count a request that is being taken in; what to give back if it was none. Raises TooManyRequests.

    It is counted before it is looked at, so that many at once are not more than one after the other.
    """
    with _lock:
        address = _address(request)
        if len(_recent(address, Use.REQUEST, A_DAY)) >= settings().public_requests_a_day:
            raise TooManyRequests(
                "Many requests came from this place today, so we take no more from here until tomorrow.",
                next_step=f"Nothing is lost: call {hotline}, come to the office, or send it from another connection.",
                hotline=hotline,
            )
        return _count(address, Use.REQUEST, A_DAY)


def give_back(request: Request, taken: datetime) -> None:
    """Uncount a request that was not taken in after all, or was before."""
    with _lock:
        known = _counted[Use.REQUEST].get(_address(request))
        if known and taken in known:
            known.remove(taken)


def forget() -> None:
    """Begin anew."""
    with _lock:
        for counted in _counted.values():
            counted.clear()


def _count(address: str, use: Use, within: timedelta) -> datetime:
    counted, now = _counted[use], clock.now()
    counted[address] = _recent(address, use, within)
    counted[address].append(now)
    counted.move_to_end(address)
    while len(counted) > _ADDRESSES:
        counted.popitem(last=False)
    return now


def _recent(address: str, use: Use, within: timedelta) -> deque[datetime]:
    known = _counted[use].get(address, deque())
    while known and known[0] <= clock.now() - within:
        known.popleft()
    return known


def _address(request: Request) -> str:
    return request.client.host if request.client else ""
