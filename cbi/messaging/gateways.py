"""Which way out texts take: the one that `CBI_SMS_TRANSPORT` names."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext

from cbi.errors import Invalid
from cbi.messaging import kannel, templated
from cbi.messaging.phones import phones
from cbi.messaging.transports import Simulator, SmsTransport
from cbi.settings import Settings

Opened = AbstractContextManager[SmsTransport]


class UnknownTransport(Invalid):
    """The deployment's settings name a way out that there is not."""

    code = "messaging.unknown_transport"


def _simulator(chosen: Settings, office: str) -> Opened:
    return nullcontext(Simulator(phones(chosen)))


_TRANSPORTS: Mapping[str, Callable[[Settings, str], Opened]] = {
    "simulator": _simulator,
    "kannel": kannel.opened,
    "http": templated.opened,
}


def transport(chosen: Settings, office: str) -> Opened:
    """The way out of an office, by the deployment's settings; its connections are closed when the block ends.

    Raises UnknownTransport, and UnusableSettings or UnusableTemplate where the settings cannot work.
    """
    build = _TRANSPORTS.get(chosen.sms_transport)
    if build is None:
        raise UnknownTransport(
            f"There is no SMS transport {chosen.sms_transport!r}.",
            next_step=f"Set CBI_SMS_TRANSPORT to one of: {', '.join(_TRANSPORTS)}.",
        )
    return build(chosen, office)
