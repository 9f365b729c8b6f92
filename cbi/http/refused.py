"""The refusals of the door itself, each with a status of its own. Sign-in raises them too, also where nothing is served."""

from typing import ClassVar

from cbi.errors import CbiError


class HttpRefusal(CbiError):
    """A refusal of the door itself, with a status of its own."""

    status: ClassVar[int] = 400


class Unauthenticated(HttpRefusal):
    """We do not know who asks: no token, or one that is wrong, ended or expired."""

    code = "http.unauthenticated"
    status = 401


class BodyTooLarge(HttpRefusal):
    """More was sent than this route takes."""

    code = "http.body_too_large"
    status = 413
