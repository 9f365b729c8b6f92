"""How a text leaves: what every way out must do, and the choice among them by `CBI_SMS_TRANSPORT`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol
from uuid import uuid4

from cbi.errors import Invalid
from cbi.fsp.errors import NotSent
from cbi.messaging.phones import Phones, UnusableNumber, phones
from cbi.settings import Settings

__all__ = ["NotSent", "Sent", "Simulator", "SmsTransport", "UnknownTransport", "transport"]


class UnknownTransport(Invalid):
    """The deployment's settings name a way out that there is not."""

    code = "messaging.unknown_transport"


@dataclass(frozen=True, slots=True)
class Sent:
    """The gateway took the text. `reference` is its own name for it, if it gives one."""

    reference: str | None = None


class SmsTransport(Protocol):
    """A way out for texts, used by one worker at a time."""

    @property
    def is_simulated(self) -> bool:
        """Whether texts reach no real telephone."""

    def send(self, number: str, text: str, reference: str) -> Sent:
        """Hand one text to the gateway. `number` is E.164; `reference` is our own name for the text.

        Raises NotSent only where the gateway certainly has not taken it, with `retry_helps=False` where it never
        will; the text is then sent again later. Any other exception means that nobody knows, and the text is
        never sent again. No message of an exception may hold the number or the text.
        """


class Simulator:
    """Puts texts on the simulated telephones."""

    is_simulated = True

    def __init__(self, telephones: Phones, sender: str = "CBI") -> None:
        self._telephones = telephones
        self._sender = sender

    def send(self, number: str, text: str, reference: str) -> Sent:
        """Put it on the telephone. Raises NotSent when the number or the disk does not allow it."""
        try:
            self._telephones.send(number, text, sender=self._sender)
        except UnusableNumber as error:
            raise NotSent(error.message, retry_helps=False) from None
        except OSError as error:
            raise NotSent(
                f"The simulated telephone could not be written ({error.strerror})."
            ) from None
        return Sent(uuid4().hex)


_TRANSPORTS: Mapping[str, Callable[[Settings], SmsTransport]] = {
    "simulator": lambda chosen: Simulator(phones(chosen)),
}


def transport(chosen: Settings) -> SmsTransport:
    """The way out that the deployment's settings name. Raises UnknownTransport."""
    build = _TRANSPORTS.get(chosen.sms_transport)
    if build is None:
        raise UnknownTransport(
            f"There is no SMS transport {chosen.sms_transport!r}.",
            next_step=f"Set CBI_SMS_TRANSPORT to one of: {', '.join(_TRANSPORTS)}.",
        )
    return build(chosen)
