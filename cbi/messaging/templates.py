"""The file that describes a gateway of any kind: what is sent to it, and what its answers mean.

It is read to the end before the first text: whatever could go wrong in it is named at the start.
"""

import html
import json
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote, quote_plus, urlsplit
from xml.etree import ElementTree as ET

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from cbi.errors import Invalid
from cbi.settings import Settings

PLACEHOLDER = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
KNOWN = frozenset({"to", "to_no_plus", "text", "id", "from", "secret"})
ALLOWED: Mapping[str, frozenset[str]] = {
    "url": frozenset({"id", "from"}),
    "headers": frozenset({"id", "from", "secret"}),
    "body": KNOWN,
}
"""Which placeholder may stand where. Addresses are logged on the way, so they hold nothing that is anybody's."""
_SAMPLE = {
    "to": "+213550000000",
    "to_no_plus": "213550000000",
    "text": "One & <two> \"three\" \\ 'four'\nfive é ست",
    "id": "00000000-0000-4000-8000-000000000000",
    "from": "CBI & co",
    "secret": "s&<>\"'\\",
}

Escape = Callable[[str], str]


class UnusableTemplate(Invalid):
    """The file that describes the gateway cannot be used. The message says where and why, and shows no value."""

    code = "messaging.unusable_template"


def _pattern(written: str) -> str:
    try:
        re.compile(written)
    except re.error as error:
        raise ValueError(f"is no regular expression ({error.msg})") from None
    return written


Pattern = Annotated[str, AfterValidator(_pattern)]
Status = Annotated[int, Field(ge=100, le=599)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Answer(_Part):
    """An answer that is recognised: by its status, and by a pattern somewhere in it where one is given."""

    status: tuple[Status, ...] = Field(min_length=1)
    pattern: Pattern | None = None

    def fits(self, status: int, body: str) -> bool:
        """Whether this is such an answer."""
        found = self.pattern is None or re.search(self.pattern, body) is not None
        return status in self.status and found


class Refusal(Answer):
    """An answer that certainly means: not taken. `again` says whether a later try can help."""

    again: bool


class Reference(_Part):
    """Where the gateway's own name for a text stands in its answer: a JSON pointer (RFC 6901) or a pattern's group 1."""

    pointer: str | None = Field(None, pattern=r"^(/[^/]*)+$")
    pattern: Pattern | None = None

    def find(self, body: str) -> str | None:
        """The gateway's name for the text, if it is there."""
        if self.pattern is not None:
            found = re.search(self.pattern, body)
            return found[1] if found else None
        if self.pointer is not None:
            return pointed(body, self.pointer)
        return None


class Incoming(_Part):
    """What the gateway calls the parts of a text or a report that it brings; with a leading `/`, a JSON pointer."""

    sender: str = "from"
    text: str = "text"
    id: str = "id"


class Description(_Part):
    """The whole file."""

    url: str
    method: Literal["POST", "PUT"] = "POST"
    headers: dict[str, str] = {}
    body: str
    taken: Answer
    refused: tuple[Refusal, ...] = ()
    reference: Reference = Reference()
    incoming: Incoming = Incoming()


@dataclass(frozen=True, slots=True)
class Request:
    """One request, ready to go. What nobody may see is not in its repr."""

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


def pointed(body: str, pointer: str) -> str | None:
    """The text or number at a JSON pointer, or None where there is none."""
    try:
        at: Any = json.loads(body)
        for part in pointer.split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            at = at[int(name)] if isinstance(at, list) else at[name]
    except (ValueError, LookupError, TypeError):
        return None
    return str(at) if isinstance(at, str | int) else None


def fill(description: Description, values: Mapping[str, str]) -> Request:
    """The request with every placeholder filled in, each escaped for the place where it stands."""
    return Request(
        _filled(description.url, values, lambda value: quote(value, safe="")),
        {name: _filled(line, values, str) for name, line in description.headers.items()},
        _filled(description.body, values, _escape(description)).encode(),
    )


def _filled(written: str, values: Mapping[str, str], escape: Escape) -> str:
    return PLACEHOLDER.sub(lambda found: escape(values[found[1]]), written)


def _kind(description: Description) -> str:
    for name, value in description.headers.items():
        if name.lower() == "content-type":
            return value.partition(";")[0].strip().lower()
    return ""


_ESCAPES: Mapping[str, Escape] = {
    "application/json": lambda value: json.dumps(value)[1:-1],
    "application/x-www-form-urlencoded": quote_plus,
    "application/xml": html.escape,
    "text/xml": html.escape,
    "text/plain": str,
}


def _escape(description: Description) -> Escape:
    return _ESCAPES[_kind(description)]


@cache
def read(path: Path) -> Description:
    """The description of the gateway in a file, checked. Raises UnusableTemplate."""
    try:
        described = Description.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise _unusable(path, f"it cannot be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _unusable(path, f"it is not TOML ({error})") from None
    except ValidationError as error:
        places = [
            f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}"
            for each in error.errors(include_input=False, include_url=False)
        ]
        raise _unusable(path, "; ".join(places)) from None
    if faults := list(_faults(described)):
        raise _unusable(path, "; ".join(faults))
    return described


def described(chosen: Settings) -> Description:
    """The gateway that the settings name. Raises UnusableTemplate."""
    if chosen.sms_http_template is None:
        raise UnusableTemplate(
            "No file describes the gateway.", next_step="Name it in CBI_SMS_HTTP_TEMPLATE."
        )
    return read(chosen.sms_http_template)


def _unusable(path: Path, why: str) -> UnusableTemplate:
    return UnusableTemplate(
        f"The gateway's description {path.name} cannot be used: {why}.",
        next_step="docs/sms.md describes the file.",
    )


def _faults(described: Description) -> list[str]:
    """What is wrong with a file whose parts are all there, each in words."""
    places = {"url": described.url, "body": described.body}
    places |= {f"headers.{name}": line for name, line in described.headers.items()}
    used = {place: set(PLACEHOLDER.findall(written)) for place, written in places.items()}
    faults = [
        f"{place}: there is no {{{{{name}}}}}"
        for place, names in used.items()
        for name in sorted(names - KNOWN)
    ]
    faults += [
        f"{place}: {{{{{name}}}}} must not stand here"
        for place, names in used.items()
        for name in sorted((names & KNOWN) - ALLOWED[place.partition(".")[0]])
    ]
    if "text" not in used["body"] or not used["body"] & {"to", "to_no_plus"}:
        faults.append("body: it needs {{text}} and {{to}} or {{to_no_plus}}")
    if (
        urlsplit(described.url).scheme not in {"http", "https"}
        or not urlsplit(described.url).netloc
    ):
        faults.append("url: this is no http or https address")
    if _kind(described) not in _ESCAPES:
        faults.append(f"headers: Content-Type must be one of {', '.join(_ESCAPES)}")
    return faults or _unread(described)


def _unread(described: Description) -> list[str]:
    """Whether a text full of awkward characters would come out of the body as it went in."""
    filled = fill(described, _SAMPLE).body.decode()
    kind = _kind(described)
    if kind == "application/json":
        try:
            whole = json.dumps(json.loads(filled), ensure_ascii=False)
        except ValueError:
            return ["body: filled in, it is no JSON; placeholders stand between quotation marks"]
        return [] if json.dumps(_SAMPLE["text"], ensure_ascii=False)[1:-1] in whole else [
            "body: {{text}} must stand between quotation marks"
        ]  # fmt: skip
    if kind.endswith("/xml"):
        try:
            ET.fromstring(filled)  # noqa: S314 - the operator's own file, filled with a sample
        except ET.ParseError:
            return ["body: filled in, it is no XML"]
    return []
