"""How a text leaves: what every way out must do, and the one that puts it on a simulated telephone."""

from dataclasses import dataclass
from typing import Protocol
from uuid import uuid4

from cbi.fsp.errors import NotSent
from cbi.messaging.numbers import UnusableNumber
from cbi.messaging.phones import Phones

__all__ = ["NoAnswer", "NotSent", "Sent", "Simulator", "SmsTransport"]


@dataclass(frozen=True, slots=True)
class Sent:
    """The gateway took the text. `reference` is its own name for it, if it gives one."""

    reference: str | None = None


class NoAnswer(Exception):
    """The gateway may have taken the text or not. Says what kind of failure it was, and nothing of the text."""


class SmsTransport(Protocol):
    """A way out for texts, used by one worker at a time."""

    @property
    def is_simulated(self) -> bool:
        """Whether texts reach no real telephone."""

    def trouble(self) -> str | None:
        """Why the gateway would not take a text at this moment, in a sentence, or None. Asks it without sending anything.

        Raises nothing.
        """

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

    def trouble(self) -> str | None:
        """Nothing ever."""
        return None

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
