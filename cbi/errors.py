"""What the engine answers when it will not do something: five kinds, each with a stable code.

    CbiError
    ├── NotFound    there is no such thing (or not for you)
    ├── Forbidden   you may not
    ├── Conflict    not now: the state of things forbids it
    ├── Invalid     what you gave cannot be used
    └── Unavailable not here at present, whatever is asked

Subclasses sit in the file that raises them. The doors (`app`, `cli`) decide once how each kind is shown.
"""

from collections.abc import Mapping
from typing import ClassVar


class CbiError(Exception):
    """A refusal: what is wrong and where, and what to do next, in the user's words.

    `code` is stable and documented; programs may rely on it. `details` holds plain JSON values and never a secret
    or a person's data.
    """

    code: ClassVar[str] = "error"

    keeps_work: ClassVar[bool] = False
    """Whether what the transaction wrote before this refusal stays. Only for refusals that must be counted (a wrong
    password, a wrong code); whoever raises one has written nothing else."""

    def __init__(self, message: str, *, next_step: str = "", **details: object) -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step
        self.details: Mapping[str, object] = details

    def __str__(self) -> str:
        return f"{self.message} {self.next_step}".strip()


class NotFound(CbiError):
    """There is no such thing, or none that the asker may know of."""

    code = "not_found"


class Forbidden(CbiError):
    """The asker may not do this."""

    code = "forbidden"


class Conflict(CbiError):
    """The present state of things forbids it; the same request may succeed later."""

    code = "conflict"


class Invalid(CbiError):
    """What was given cannot be used as it is."""

    code = "invalid"


class Unavailable(CbiError):
    """This machine can do nothing at present, whatever it is asked. Nothing was done; the same may work later."""

    code = "unavailable"
