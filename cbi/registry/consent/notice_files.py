"""Reads a notice: which purposes it asks for, until when, and what it says of each in every language."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from cbi.errors import Invalid
from cbi.offices import LANGUAGES
from cbi.registry.consent.models import CODE_PATTERN, Scope
from cbi.registry.text import clean

LARGEST = 64 * 1024
SHORTEST, LONGEST = 20, 4000
"""Characters of what is said of one purpose in one language."""
_SHOWN = 8
_PARTS = {"notice", "asks_for", "valid_until", "texts"}


class UnusableNotice(Invalid):
    """The file is no notice that could be told to people. The message says every place that is wrong."""

    code = "notice.unusable"


@dataclass(frozen=True, slots=True)
class Told:
    """What a notice says. `texts` are by language, then by purpose."""

    code: str
    scopes: tuple[Scope, ...]
    valid_until: date
    texts: Mapping[str, Mapping[str, str]]

    def canonical(self) -> dict[str, Any]:
        """Plain values, the same for the same content however it was written."""
        return {
            "notice": self.code, "asks_for": [str(scope) for scope in self.scopes],
            "valid_until": self.valid_until.isoformat(),
            "texts": {language: dict(said) for language, said in sorted(self.texts.items())},
        }  # fmt: skip

    def digest(self) -> bytes:
        """SHA-256 of the canonical content."""
        return digest_of(self.canonical())


def digest_of(content: Mapping[str, Any]) -> bytes:
    """SHA-256 of what `canonical` gave."""
    said = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(said.encode()).digest()


def read(text: str, languages: tuple[str, ...]) -> Told:
    """The notice that a file (YAML) describes; it must speak all of the office's languages. Raises UnusableNotice."""
    if len(text) > LARGEST:
        raise UnusableNotice(f"A notice has at most {LARGEST // 1024} KiB.")
    try:
        values = YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        raise UnusableNotice(
            f"The file is no YAML{where}.", next_step="docs/consent.md has a whole notice."
        ) from None
    problems: list[str] = []
    told = _read(values if isinstance(values, dict) else {}, languages, problems)
    if told is None or problems:
        more = len(problems) - _SHOWN
        raise UnusableNotice(
            " ".join([*problems[:_SHOWN], *([f"And {more} more."] if more > 0 else [])]),
            next_step="docs/consent.md has a whole notice.",
        )
    return told


def _read(
    values: Mapping[Any, Any], languages: tuple[str, ...], problems: list[str]
) -> Told | None:
    if strange := sorted(str(name)[:40] for name in values.keys() - _PARTS):
        problems.append(f"Nothing of a notice is called {', '.join(strange)}.")
    code = values.get("notice")
    if not isinstance(code, str) or not re.match(CODE_PATTERN, code):
        problems.append("notice: give it a short name of small letters, digits, - and _.")
    asked = values.get("asks_for")
    scopes = _scopes(asked if isinstance(asked, list) else [], problems)
    until = values.get("valid_until")
    if not isinstance(until, date):
        problems.append("valid_until: write the last day on which people are asked, as 2027-12-31.")
    said = values.get("texts")
    texts = _texts(said if isinstance(said, dict) else {}, scopes, languages, problems)
    if problems or not isinstance(until, date):
        return None
    return Told(str(code), scopes, date(until.year, until.month, until.day), texts)


def _scopes(asked: list[Any], problems: list[str]) -> tuple[Scope, ...]:
    known = {str(scope) for scope in Scope}
    if strange := [str(each)[:40] for each in asked if each not in known]:
        problems.append(f"asks_for: there is no purpose {', '.join(strange)}.")
    if not asked or len(set(map(str, asked))) != len(asked):
        problems.append(f"asks_for: list some of {', '.join(Scope)}, each once.")
    return tuple(scope for scope in Scope if str(scope) in asked)


def _texts(
    said: Mapping[Any, Any],
    scopes: tuple[Scope, ...],
    languages: tuple[str, ...],
    problems: list[str],
) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    if strange := sorted(str(each)[:10] for each in said.keys() - set(LANGUAGES)):
        problems.append(f"texts: there is no language {', '.join(strange)}.")
    for language in LANGUAGES:
        if language not in said and language not in languages:
            continue
        own = said.get(language)
        words = own if isinstance(own, dict) else {}
        if extra := sorted(str(each)[:40] for each in words.keys() - {str(s) for s in scopes}):
            problems.append(f"texts.{language}: it does not ask for {', '.join(extra)}.")
        found[language] = {}
        for scope in scopes:
            text = words.get(str(scope))
            whole = clean(text) if isinstance(text, str) else ""
            if not SHORTEST <= len(whole) <= LONGEST:
                problems.append(
                    f"texts.{language}.{scope}: say in {SHORTEST} to {LONGEST:,} characters what it is for, what"
                    " happens to whoever says no, and how to take it back."
                )
            found[language][str(scope)] = whole
    return found
