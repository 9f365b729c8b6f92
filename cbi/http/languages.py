"""Which language a caller wants to read: what a browser or a program says in `Accept-Language`."""

import re
from collections.abc import Collection
from typing import Annotated

from fastapi import Depends, Request

from cbi.offices import LANGUAGES

_WISH = re.compile(r"\s*([a-zA-Z]{1,8})(?:-[\w-]*)?\s*(?:;\s*q=(\d(?:\.\d{0,3})?))?\s*\Z", re.ASCII)
_LONGEST = 500


def wished(accepted: str, known: Collection[str] = LANGUAGES) -> str | None:
    """The language that is wished for most of those that are known; None where there is none among them."""
    wishes = [found for part in accepted[:_LONGEST].split(",") if (found := _WISH.match(part))]
    for wish in sorted(wishes, key=lambda found: found[2] or "1", reverse=True):
        if wish[1].lower() in known and (wish[2] or "1").strip("0.") != "":
            return wish[1].lower()
    return None


def spoken_by(request: Request) -> str:
    """The language of whoever asks; English where they do not say."""
    return wished(request.headers.get("accept-language", "")) or "en"


Spoken = Annotated[str, Depends(spoken_by)]
