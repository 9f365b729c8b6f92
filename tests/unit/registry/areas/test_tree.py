"""Which area somebody means by a code or a name."""

import pytest

from cbi.registry.areas.tree import AmbiguousArea, Tree, UnknownArea, grown

ROWS = [
    ("DZ", ("DZ",)),
    ("DZ31", ("DZ31", "DZ")),
    ("DZ3101", ("DZ3101", "DZ31", "DZ")),
    ("DZ3102", ("DZ3102", "DZ31", "DZ")),
    ("DZ2701", ("DZ2701", "DZ")),
    ("DZ1602", ("DZ1602", "DZ")),
]
NAMES = [
    ("DZ31", "fr", "Wahran"),
    ("DZ31", "fr", "Oran"),
    ("DZ31", "ar", "وهران"),
    ("DZ3101", "fr", "Oran"),
    ("DZ3102", "fr", "Es Sénia"),
    ("DZ2701", "fr", "Sidi Ali"),
    ("DZ1602", "fr", "Sidi Ali"),
]
TREE = grown(ROWS, NAMES)


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("DZ3102", "DZ3102"), ("dz 3102", "DZ3102"), ("es senia", "DZ3102"), ("ES-SÉNIA", "DZ3102"),
        ("وهران", "DZ31"), ("Wahran", "DZ31"), ("Oran / Es Senia", "DZ3102"), ("Oran > Oran", "DZ3101"),
        ("DZ2701 / Sidi Ali", None), ("DZ / Es Sénia", "DZ3102"),
    ],
)  # fmt: skip
def test_an_area_is_found_by_code_or_any_name(written: str, code: str | None) -> None:
    if code is None:
        with pytest.raises(UnknownArea):
            TREE.find(written)
    else:
        assert TREE.find(written).code == code


def test_a_name_that_several_have_is_refused_with_all_of_them() -> None:
    with pytest.raises(AmbiguousArea, match=r"DZ31 Oran.*DZ3101 Oran"):
        TREE.find("Oran")
    with pytest.raises(AmbiguousArea) as refusal:
        TREE.find("sidi ali")
    assert refusal.value.details["candidates"] == ["DZ1602", "DZ2701"]


def test_an_unknown_name_means_nothing() -> None:
    for written in ("Atlantis", "/", "Oran /", ""):
        with pytest.raises(UnknownArea):
            TREE.find(written)


def test_a_household_lives_in_all_that_its_area_lies_in() -> None:
    words = TREE.words(["DZ3102", "Es Senia", "Harbour", "Oran"])
    assert words["DZ3102"] == {"dz3102", "essenia", "dz31", "wahran", "oran", "وهران", "dz"}
    assert words["Es Senia"] == words["DZ3102"]
    assert words["Harbour"] == {"harbour"}
    assert words["Oran"] == {"oran"}  # nobody knows which of the two


def test_the_latest_name_of_a_language_is_the_one_that_is_shown() -> None:
    assert TREE.places["DZ31"].name("fr") == "Oran"
    assert TREE.places["DZ31"].name("es", "ar") == "وهران"
    assert TREE.places["DZ"].name("fr") == "DZ"


def test_without_a_tree_there_is_none() -> None:
    assert not Tree({})
    assert Tree({}).words(["Béjaïa"]) == {"Béjaïa": {"bejaia"}}
