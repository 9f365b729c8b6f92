"""Whatever the counter can refuse is told in every language, with what to do next."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import product
from zoneinfo import ZoneInfo

import pytest

from cbi import redemption
from cbi.console import areas, counter, counter_refusals, refusals
from cbi.console.catalogues import TRANSLATED
from cbi.console.counter_words import big, hour, in_full, spaced
from cbi.errors import CbiError
from cbi.money import Money
from cbi.redemption import refusals as counter_says
from cbi.redemption.codes import Mistyped, read
from cbi.redemption.limits import Standing
from cbi.redemption.refusals import Refused
from cbi.redemption.states import CollectedAs
from cbi.registry.models import FactorKind

NOW, ALGIERS = datetime(2026, 11, 21, 12, 4, tzinfo=UTC), ZoneInfo("Africa/Algiers")
OF_RUNS = {"redemption.locators_scarce", "redemption.one_office_only"}
"""Met by whoever releases a run, never at a counter."""


def every_refusal() -> Iterator[Refused]:
    """All that `redemption.refusals` can say, in each of its cases."""
    yield from (each for each in vars(counter_says).values() if isinstance(each, Refused))
    for standing in (Standing(0, stopped=True), Standing(0, paused_until=NOW)):
        refusal = counter_says.held_up(standing, ALGIERS)
        assert refusal is not None
        yield refusal
    yield from (counter_says.not_recognised(left) for left in (3, 0))
    yield counter_says.already_paid("21/11/2026 13:04", "Hydra")
    yield counter_says.part_paid("21/11/2026 13:04", "Hydra")
    yield counter_says.expired("20/11/2026")
    yield counter_says.held_elsewhere("Hydra", "13:19")
    for kind, asked in product(FactorKind, CollectedAs):
        yield counter_says.factor_missing(kind, asked)
        yield from (counter_says.wrong_factor(kind, left, asked) for left in (2, 0))
    for typed in ("1", "123456789012", "12x", "1" * 100):
        with pytest.raises(Mistyped) as caught:
            read(typed, 5)
        slip = caught.value
        yield Refused(slip.code, slip.message, slip.next_step, details=slip.details)


def test_no_way_of_refusing_is_forgotten() -> None:
    makers = {
        name for name, each in vars(counter_says).items()
        if callable(each) and getattr(each, "__annotations__", {}).get("return") in (Refused, Refused | None)
    }  # fmt: skip
    assert makers == {
        "held_up", "not_recognised", "already_paid", "part_paid", "expired", "wrong_factor", "factor_missing",
        "held_elsewhere",
    }  # fmt: skip
    told = {counter_refusals.key(each) for each in every_refusal()}
    of_tries = {
        code for code in counter_refusals.TABLE if code.split(".")[1] in _names(every_refusal())
    }
    assert told == of_tries


def _names(found: Iterator[Refused]) -> set[str]:
    return {each.code.split(".")[1] for each in found}


@pytest.mark.parametrize("language", ["en", *TRANSLATED])
@pytest.mark.parametrize("no", list(every_refusal()), ids=counter_refusals.key)
def test_every_refusal_at_the_counter_is_told_in_the_tellers_language(
    no: Refused, language: str
) -> None:
    refusals.learn(counter.REFUSALS)
    english, told = (refusals.tell(counter_refusals.problem(no), each) for each in ("en", language))
    assert told.language == language
    assert told.next_step
    assert not re.search(r"%\(|None", told.what + told.next_step)
    assert language == "en" or told.what != english.what


def test_every_error_of_redemption_that_a_page_can_meet_is_told() -> None:
    for module in pkgutil.iter_modules(redemption.__path__, "cbi.redemption."):
        importlib.import_module(module.name)
    todo, ours = list(CbiError.__subclasses__()), set()
    while todo:
        kind = todo.pop()
        todo += kind.__subclasses__()
        if kind.__module__.startswith("cbi.redemption"):
            ours.add(kind.code)
    known = {code for area in areas.AREAS for code in area.REFUSALS}
    assert ours - known - OF_RUNS - {Mistyped.code} == set()


def test_a_wrong_person_is_never_told_what_was_expected() -> None:
    for each in every_refusal():
        said = str(counter_refusals.problem(each))
        assert not re.search(r"expected|registered as", said)


@pytest.mark.parametrize(
    ("language", "figure", "words"),
    [
        ("en", "25,000\u00a0DZD", "25,000 Algerian dinars"),
        ("fr", "25\u202f000\u00a0DZD", "25\u202f000 dinars algériens"),
        ("ar", "25,000\u00a0DZD", "25,000 دينار جزائري"),
        ("es", "25.000\u00a0DZD", "25.000 dinares argelinos"),
    ],
)
def test_an_amount_is_shown_twice_and_noughts_never_look_like_more(
    language: str, figure: str, words: str
) -> None:
    amount = Money(2_500_000, "DZD")
    assert figure in big(amount, language)
    assert in_full(amount, language).replace("\u00a0", " ") == words
    odd = Money(2_500_050, "DZD")
    assert big(odd, language) != big(amount, language)
    assert re.search(r"25.?000[.,]50", in_full(odd, language))


def test_a_time_is_that_of_the_office_and_a_receipt_can_be_read_aloud() -> None:
    assert ">13:04<" in hour(NOW, ALGIERS)
    assert ">482 913 0557<" in spaced("4829130557")
