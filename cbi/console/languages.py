"""The languages of the pages: which one a visitor gets, and its texts."""

from collections.abc import Sequence
from functools import cache
from io import BytesIO
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations

from cbi.http.languages import wished
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
    "programmes",
    "referrals",
    "exports",
    "registry_pairs",
    "registry_consent",
    "registry_scorecards",
    "registry_rows",
    "registry_lists",
    "registry_households",
    "registry_assessing",
    "registry_appeals",
    "work",
)
"""Parts of the pages, each with a catalogue of its own in every language: `locales/<language>/<area>.po`."""

NAMES = {"en": "English", "fr": "Français", "ar": "العربية", "es": "Español"}
"""Each language as those who read it call it."""

RIGHT_TO_LEFT = frozenset({"ar"})

LOCALE = {"en": "en_GB", "fr": "fr", "ar": "ar", "es": "es"}
"""How numbers and dates are written for each language: the day before the month in all of them."""


def N_(text: str) -> str:  # noqa: N802 - the name that gettext's tools look for
    """Marks a text for translation where it is written; it is translated where it is shown."""
    return text


def choose(cookie: str | None, accepted: str, preferred: Sequence[str]) -> str:
    """The visitor's language: what they chose, else what their browser asks for, else the office's first."""
    if cookie in LANGUAGES:
        return cookie
    if wish := wished(accepted):
        return wish
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
