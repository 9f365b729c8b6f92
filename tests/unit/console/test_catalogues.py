"""Every text of the pages is translated into every language, and no text stands outside the catalogues."""

import re
from pathlib import Path

import pytest

from cbi.console import catalogues
from cbi.console.catalogues import TRANSLATED
from cbi.console.languages import AREAS
from tests.unit.console.bare_texts import bare_texts

TEMPLATES = Path(catalogues.__file__).parent / "templates"
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[^(%]")


def _forms(texts: object) -> list[str]:
    return [str(text) for text in texts] if isinstance(texts, list | tuple) else [str(texts or "")]


@pytest.mark.parametrize("language", TRANSLATED)
@pytest.mark.parametrize("area", AREAS)
def test_every_text_is_translated_and_none_is_left_over(area: str, language: str) -> None:
    written = {message.id for message in catalogues.template(area) if message.id}
    catalogue = catalogues.read(area, language)
    translated = {message.id for message in catalogue if message.id}
    assert written - translated == set(), "run: python -m cbi.console.catalogues"
    assert translated - written == set(), "run: python -m cbi.console.catalogues"
    assert catalogues.untranslated(catalogue) == []
    assert [message.id for message in catalogue if message.fuzzy and message.id] == []
    assert not catalogue.obsolete


@pytest.mark.parametrize("language", TRANSLATED)
@pytest.mark.parametrize("area", AREAS)
def test_a_translation_has_the_places_of_its_text(area: str, language: str) -> None:
    wrong = []
    for message in catalogues.read(area, language):
        texts, forms = _forms(message.id), _forms(message.string)
        wanted = set(PLACEHOLDER.findall(texts[-1]))
        wrong += [
            f"{texts[-1]!r} → {form!r}"
            for form in (forms if texts[-1] else ())
            if set(PLACEHOLDER.findall(form)) != wanted
        ]
    assert wrong == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_two_areas_that_share_a_text_translate_it_alike(language: str) -> None:
    said: dict[object, set[object]] = {}
    for area in AREAS:
        for message in catalogues.read(area, language):
            if message.id:
                said.setdefault(message.id, set()).add(message.string)
    assert {text: words for text, words in said.items() if len(words) > 1} == {}


def test_a_plural_has_as_many_forms_as_the_language() -> None:
    forms = {language: catalogues.read("base", language).num_plurals for language in TRANSLATED}
    assert forms == {"fr": 2, "ar": 6, "es": 2}


@pytest.mark.parametrize(
    "path", sorted(TEMPLATES.rglob("*.html")), ids=lambda path: str(path.relative_to(TEMPLATES))
)
def test_no_text_of_a_page_stands_outside_the_catalogues(path: Path) -> None:
    assert bare_texts(path.read_text()) == []


@pytest.mark.parametrize(
    ("source", "bare"),
    [
        ("<p>Pay now</p>", "Pay now"),
        ("<p>{{ _('Pay') }} at once</p>", "at once"),
        ("{% trans %}Pay{% endtrans %} today", "today"),
        ('<img alt="A seal">', "A seal"),
        ('<input placeholder="Amount" name="x">', "Amount"),
        ('<nav aria-label="Menu"></nav>', "Menu"),
        ('<button value="Go" title="{{ x }} payments"></button>', "payments"),
        ("{{ kit.field('code', 'Your code') }}", "Your code"),
        ("{{ 'Yes' if x else 'no' }}", "Yes"),
        ("{{ 'yes' if x else 'no' }}", "no"),
        ("<option>Cash</option>", "Cash"),
        ("{{ kit.table(caption='Runs', columns=[]) }}", "Runs"),
    ],
)
def test_a_text_outside_the_catalogues_is_found(source: str, bare: str) -> None:
    assert any(bare in found for found in bare_texts(source))


@pytest.mark.parametrize(
    "source",
    [
        "<p>{{ _('Pay now') }}</p>",
        '<p class="box" data-code="A b">{% trans n=3 %}One{% pluralize %}Many{% endtrans %} · 12 %</p>',
        "{% block title %}{{ _('Runs') }}{% endblock %} · CBI",
        "{{ kit.form('/approvals', class='wide form') }}{{ kit.field('code', _('Code'), type='text') }}",
        '<style nonce="x">td { color: red }</style>',
        "{{ ngettext('%(num)s Day', '%(num)s Days', 3) }}",
        "{% if x == 'Certified' %}{% endif %}",
    ],
)
def test_what_is_no_text_or_is_translated_passes(source: str) -> None:
    assert bare_texts(source) == []
