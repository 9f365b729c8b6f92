"""The demonstration's mobile-money operator: the engine's sandbox, which declines one payment and is late with another."""

from typing import Protocol, cast

from cbi.payments.sending import providers

PROVIDER = "sandbox"


class _Rehearsing(Protocol):
    """As much of the sandbox as a story needs."""

    @property
    def provider(self) -> "_House": ...
    def rehearse(self, account: str, act: str, code: str = "BROKEN") -> None: ...


class _House(Protocol):
    def statement(self, currency: str) -> bytes: ...


def plan_trouble(declined: str, late: str) -> None:
    """Let the operator know no wallet at the first of these numbers, and think about the second until it is asked."""
    sandbox = cast(_Rehearsing, providers.adapter(PROVIDER))
    sandbox.rehearse(declined, "decline", "NO_SUCH_ACCOUNT")
    sandbox.rehearse(late, "pay_later")


def settlement(currency: str) -> bytes:
    """The operator's own list of what it did."""
    return cast(_Rehearsing, providers.adapter(PROVIDER)).provider.statement(currency)
