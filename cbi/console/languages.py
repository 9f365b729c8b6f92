"""The languages of the pages: which one a visitor gets, and its texts."""

import re
from collections.abc import Sequence
from functools import cache
from io import BytesIO
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations

from cbi.offices import LANGUAGES

LOCALES = Path(__file__).parent / "locales"

AREAS = (
    "base",
    "overview",
    "approvals",
    "counter",
    "decisions",
    "demo",
    "waivers",
    "waiting",
    "finance",
    "referrals",
    "registry_pairs",
    "registry_scorecards",
)
"""Parts of the pages, each with a catalogue of its own in every language: `locales/<language>/<area>.po`."""

NAMES = {"en": "English", "fr": "Français", "ar": "العربية", "es": "Español"}
"""Each language as those who read it call it."""

RIGHT_TO_LEFT = frozenset({"ar"})

LOCALE = {"en": "en_GB", "fr": "fr", "ar": "ar", "es": "es"}
"""How numbers and dates are written for each language: the day before the month in all of them."""

_WISH = re.compile(r"\s*([a-zA-Z]{1,8})(?:-[\w-]*)?\s*(?:;\s*q=(\d(?:\.\d{0,3})?))?\s*\Z", re.ASCII)


def N_(text: str) -> str:  # noqa: N802 - the name that gettext's tools look for
    """Marks a text for translation where it is written; it is translated where it is shown."""
    return text


def choose(cookie: str | None, accepted: str, preferred: Sequence[str]) -> str:
    """The visitor's language: what they chose, else what their browser asks for, else the office's first."""
    if cookie in LANGUAGES:
        return cookie
    wishes = [found for part in accepted[:500].split(",") if (found := _WISH.match(part))]
    for wish in sorted(wishes, key=lambda found: found[2] or "1", reverse=True):
        if wish[1].lower() in LANGUAGES and (wish[2] or "1").strip("0.") != "":
            return wish[1].lower()
    return next((language for language in preferred if language in LANGUAGES), "en")


@cache
def texts(language: str) -> NullTranslations:
    """Every text of the pages in this language; English stands in the pages themselves."""
    merged = NullTranslations()
    for area in AREAS:
        path = LOCALES / language / f"{area}.po"
        if not path.is_file():
            continue
        compiled = BytesIO()
        with path.open("rb") as file:
            write_mo(compiled, read_po(file, locale=language))
        compiled.seek(0)
        found = Translations(compiled)
        merged = merged.merge(found) if isinstance(merged, Translations) else found
    return merged
