"""The time, asked in one place so that a test or a simulation can set it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

Clock = Callable[[], datetime]


def of_this_machine() -> datetime:
    """What the machine's own clock says, in UTC, whatever clock was set here."""
    return datetime.now(UTC)


_clock: ContextVar[Clock] = ContextVar("clock", default=of_this_machine)


def now() -> datetime:
    """The present instant, in UTC."""
    return _clock.get()()


def today(timezone: ZoneInfo) -> date:
    """The calendar day it is in that time zone."""
    return now().astimezone(timezone).date()


@contextmanager
def running(clock: Clock) -> Iterator[None]:
    """Use another clock within the block (this thread or task only)."""
    token = _clock.set(clock)
    try:
        yield
    finally:
        _clock.reset(token)


@contextmanager
def frozen(at: datetime) -> Iterator[None]:
    """Stop the clock at an instant within the block."""
    with running(lambda: at):
        yield
