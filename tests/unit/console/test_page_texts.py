"""What pages say and how: amounts to the last unit, days, ages, languages, and refusals that can be read."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError

from cbi import clock
from cbi.console import areas, formats, forms, refusals
from cbi.console.languages import LOCALE, choose
from cbi.console.templating import environment
from cbi.errors import CbiError
from cbi.http.problems import Problem
from cbi.money import LARGEST_MINOR, Money

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("language", "shown"),
    [
        ("en", "1,234,567.50"),
        ("fr", "1\u202f234\u202f567,50"),
        ("ar", "1,234,567.50"),
        ("es", "1.234.567,50"),
    ],
)
def test_an_amount_has_the_separators_of_the_language_and_its_currency(
    language: str, shown: str
) -> None:
    written = formats.amount(Money(123_456_750, "DZD"), language)
    assert written == f'<bdi class="amount">{shown}\u00a0DZD</bdi>'


@given(
    st.integers(-LARGEST_MINOR, LARGEST_MINOR),
    st.sampled_from(["DZD", "JPY", "KWD"]),
    st.sampled_from(sorted(LOCALE)),
)
def test_no_unit_is_lost_however_large_the_amount(minor: int, currency: str, language: str) -> None:
    written = str(formats.amount(Money(minor, currency), language))
    digits = "".join(sign for sign in written if sign.isdigit())
    assert int(digits) == abs(minor)
    assert ("-" in written.removeprefix('<bdi class="amount">')) == (minor < 0)


def test_days_and_times_are_those_of_the_office_with_the_month_in_words() -> None:
    assert ">2 Jan 2026<" in formats.day(date(2026, 1, 2), "en")
    assert ">2 janv. 2026<" in formats.day(date(2026, 1, 2), "fr")
    late = datetime(2026, 1, 2, 23, 30, tzinfo=UTC)
    assert ">3 Jan 2026, 00:30<" in formats.instant(late, "en", ZoneInfo("Africa/Algiers"))


@pytest.mark.parametrize(
    ("gone", "shown"),
    [
        (timedelta(seconds=-5), "just now"), (timedelta(seconds=59), "just now"),
        (timedelta(minutes=1), "1 minute"), (timedelta(hours=2), "2 hours"),
        (timedelta(days=1, hours=23), "1 day"), (timedelta(days=3), "3 days"),
    ],
)  # fmt: skip
def test_an_age_is_told_in_the_largest_unit(gone: timedelta, shown: str) -> None:
    with clock.frozen(NOW):
        assert formats.age(NOW - gone, "en") == shown


def test_arabic_counts_in_its_own_forms() -> None:
    with clock.frozen(NOW):
        told = {formats.age(NOW - timedelta(days=days), "ar") for days in (1, 2, 5, 11, 100)}
    assert len(told) == 5


def test_a_digest_is_read_aloud_in_groups() -> None:
    assert ">00112233 44556677<" in formats.digest("0011223344556677")
    assert ">00ff<" in formats.digest(b"\x00\xff")


@pytest.mark.parametrize(
    ("cookie", "accepted", "office", "chosen"),
    [
        ("es", "fr", ("ar",), "es"),
        ("xx", "fr-FR,fr;q=0.9,en;q=0.8", ("ar",), "fr"),
        (None, "de,pt;q=0.9", ("ar", "fr"), "ar"),
        (None, "de, es;q=0.3, ar-DZ;q=0.7", ("en",), "ar"),
        (None, "fr;q=0, de", ("es",), "es"),
        (None, "", (), "en"),
        (None, "\x00;;;,q=", (), "en"),
    ],
)
def test_a_visitor_gets_the_language_they_chose_or_ask_for(
    cookie: str | None, accepted: str, office: tuple[str, ...], chosen: str
) -> None:
    assert choose(cookie, accepted, office) == chosen


def test_what_is_typed_by_people_is_escaped_and_an_unknown_name_is_an_error() -> None:
    made = environment("en")
    assert made.from_string("{{ x }}").render(x="<b>&") == "&lt;b&gt;&amp;"
    assert "&lt;b&gt;" in made.from_string("{{ _('Hello %(x)s', x=x) }}").render(x="<b>")
    with pytest.raises(UndefinedError):
        made.from_string("{{ y }}").render()


@pytest.mark.parametrize(
    "path",
    ["//x", "/\\x", "https://x", "x", "", None, 7, "/a b", "/a\nb", "/é", "/" + "a" * 1001, "\\/x"],
)
def test_only_a_path_of_this_site_is_local(path: object) -> None:
    assert forms.local(path) is None


@pytest.mark.parametrize("path", ["/", "/a", "/a?b=c%20d&e=/f", "/a//b"])
def test_a_path_of_this_site_is_local(path: str) -> None:
    assert forms.local(path) == path


def test_every_refusal_of_the_pages_can_be_told_in_every_language() -> None:
    todo, ours = list(CbiError.__subclasses__()), set()
    while todo:
        kind = todo.pop()
        todo += kind.__subclasses__()
        if kind.__module__.startswith("cbi.console"):
            ours.add(kind.code)
    known = set(refusals.known()) | {code for area in areas.AREAS for code in area.REFUSALS}
    assert ours - known == set()


def problem(code: str, **details: object) -> Problem:
    """A refusal as the door knows it."""
    return Problem(
        title="Refused",
        status=403,
        code=code,
        detail="You may not.",
        next_step="Ask.",
        details=details,
    )


def test_a_refusal_is_told_in_the_language_of_the_page_with_its_values() -> None:
    told = refusals.tell(problem("access.not_permitted", permission="run.read"), "fr")
    assert told.what == "Vous n'avez pas l'autorisation run.read."
    assert told.language == "fr"


def test_a_refusal_without_a_translation_is_told_in_english_and_says_so() -> None:
    for unknown in (problem("some.other"), problem("access.not_permitted")):
        told = refusals.tell(unknown, "ar")
        assert (told.what, told.next_step, told.language) == ("You may not.", "Ask.", "en")
