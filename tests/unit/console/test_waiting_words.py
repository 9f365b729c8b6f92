"""How proposals are said: days, amounts and rates as the reader writes them, names escaped, rules compared."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from cbi.console import waiting
from cbi.console.languages import NAMES, texts
from cbi.console.visit import Visit
from cbi.console.waiting_words import differences, shown
from cbi.money import Money

READER = cast(Visit, SimpleNamespace(language="en", gettext=lambda text: text))


@pytest.mark.parametrize(
    ("fact", "said"),
    [
        ({"day": "2026-11-02"}, '<time datetime="2026-11-02">2 Nov 2026</time>'),
        ({"minor": 123450, "currency": "DZD"}, '<bdi class="amount">1,234.50\u00a0DZD</bdi>'),
        (Money(5, "KWD"), '<bdi class="amount">0.005\u00a0KWD</bdi>'),
        ({"over": 293, "under": 2, "base": "EUR", "quote": "DZD"}, '<bdi dir="ltr">1 EUR = 146.5 DZD</bdi>'),
        (12000, "12,000"),
        ("<b>winter</b>", "<bdi>&lt;b&gt;winter&lt;/b&gt;</bdi>"),
    ],
)  # fmt: skip
def test_a_fact_is_said_as_its_reader_writes_it(fact: Any, said: str) -> None:
    assert shown(READER, fact) == said


def test_rules_are_compared_place_by_place_and_what_went_away_is_seen() -> None:
    before = {"bands": [{"fixed": "10"}, {"fixed": "20"}], "days": 31, "for": ["a", "b"]}
    after = {"bands": [{"fixed": "15"}], "days": 31, "for": ["a"], "minimum": "5"}
    assert differences(before, after) == [
        ("bands 1.fixed", "10", "15"),
        ("for", "a, b", "a"),
        ("minimum", "–", "5"),
        ("bands 2.fixed", "20", "–"),
    ]
    assert differences(after, after) == []
    assert differences({}, {"controls": {}, "days": 1}) == [("days", "–", "1")]


def test_every_kind_has_an_address_and_a_way_to_end() -> None:
    codes = [kind.code for kind in waiting.KINDS]
    assert len(set(codes)) == len(codes)
    for kind in waiting.KINDS:
        assert kind.refuse or kind.otherwise, kind.code


@pytest.mark.parametrize("language", sorted(NAMES))
def test_every_kind_is_said_in_every_language_with_all_that_it_needs(language: str) -> None:
    spoken = texts(language)
    for kind in waiting.KINDS:
        sentences = [kind.sentence] if isinstance(kind.sentence, str) else kind.sentence.values()
        for text in sentences:
            wanted = {word.partition(")")[0] for word in text.split("%(")[1:]}
            told = spoken.gettext(text) % dict.fromkeys(wanted, "x")
            assert "%(" not in told
