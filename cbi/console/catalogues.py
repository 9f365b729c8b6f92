"""Keeps the catalogues of texts in step with the pages: `python -m cbi.console.catalogues` after a text has changed."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_file
from babel.messages.pofile import read_po, write_po

from cbi.console.languages import AREAS, LOCALES, NAMES

_HERE = Path(__file__).parent
_TEMPLATES = _HERE / "templates"
_SOURCE = "en"

TRANSLATED = tuple(language for language in NAMES if language != _SOURCE)
"""The languages that need a catalogue; English stands in the pages themselves."""


def sources(area: str) -> Iterator[tuple[Path, str]]:
    """The files of an area, and how texts are found in them. What belongs to no other area belongs to `base`."""
    for path in sorted(_TEMPLATES.rglob("*.html")):
        if _area_of(path.relative_to(_TEMPLATES).parts[0]) == area:
            yield path, "jinja2.ext:babel_extract"
    for path in sorted(_HERE.glob("*.py")):
        if _area_of(path.stem) == area:
            yield path, "python"


def _area_of(name: str) -> str:
    return next((area for area in AREAS if name == area or name.startswith(f"{area}_")), "base")


def template(area: str) -> Catalog:
    """Every text of an area, untranslated. What the base has already is not listed again."""
    catalogue = Catalog()
    known = {message.id for message in template("base") if message.id} if area != "base" else set()
    for path, method in sources(area):
        options: dict[str, Any] = (
            {"trimmed": "true", "silent": "false"} if path.suffix == ".html" else {}
        )
        found = extract_from_file(method, path, keywords=DEFAULT_KEYWORDS, options=options)
        for _line, text, comments, context in found:
            if text not in known:
                where = path.relative_to(_HERE).as_posix()
                catalogue.add(text, None, [(where, 0)], auto_comments=comments, context=context)
    return catalogue


def read(area: str, language: str) -> Catalog:
    """The catalogue as it stands in the tree; empty when there is none."""
    path = LOCALES / language / f"{area}.po"
    if not path.is_file():
        return Catalog(locale=language)
    with path.open("rb") as file:
        return read_po(file, locale=language)


def update(area: str, language: str) -> Catalog:
    """Bring one catalogue up to date: new texts come in empty, old ones go, nothing is guessed."""
    catalogue = read(area, language)
    catalogue.update(template(area), no_fuzzy_matching=True)
    path = LOCALES / language / f"{area}.po"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(
            file, catalogue, width=110, omit_header=True, ignore_obsolete=True, sort_by_file=True,
            include_lineno=False,
        )  # fmt: skip
    return catalogue


def untranslated(catalogue: Catalog) -> list[str]:
    """The texts that still have no translation, or not in every plural form."""
    return [
        str(message.id)
        for message in catalogue
        if message.id
        and not all(message.string if isinstance(message.string, tuple) else (message.string,))
    ]


def main() -> None:
    """Update every catalogue, or those of the areas that are named, and say what is left to translate."""
    for area in sys.argv[1:] or AREAS:
        for language in TRANSLATED:
            for text in untranslated(update(area, language)):
                print(f"{language}/{area}.po: {text}")  # noqa: T201 - a command


if __name__ == "__main__":
    main()
