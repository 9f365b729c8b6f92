"""People sealed under a key of their own, and their second factor."""

from datetime import date
from uuid import uuid4

import pytest

from cbi.keys import Keyring, Unreadable, unseal
from cbi.registry.intake.facts import PersonFacts
from cbi.registry.models import FactorKind, Sex
from cbi.registry.personal import Sealer, normal_factor

KEYS = Keyring(b"k" * 32, "dz")
AMINA = PersonFacts(
    name="Amina Benali", sex=Sex.FEMALE, born_on=date(1990, 5, 31), document_kind="passport", document="AB123456",
    phone="+213550123456", factor_kind=FactorKind.DOCUMENT, factor="3456",
)  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "typed", "normal"),
    [
        (FactorKind.DOCUMENT, "3456", "3456"),
        (FactorKind.DOCUMENT, " ab 12-34 56 ", "3456"),
        (FactorKind.DOCUMENT, "٣٤٥٦", "3456"),
        (FactorKind.DOCUMENT, "\u200f۳۴۵۶", "3456"),
        (FactorKind.CARD, "x-9z", "X9Z"),
        (FactorKind.WORD, "  BÉJAÏA ", "bejaia"),
        (FactorKind.WORD, "أُمّي", "امي"),
    ],
)
def test_a_second_factor_is_one_however_it_is_typed(
    kind: FactorKind, typed: str, normal: str
) -> None:
    assert normal_factor(kind, typed) == normal


def test_nothing_that_identifies_a_person_stands_in_the_columns() -> None:
    _, columns = Sealer(KEYS).person(uuid4(), AMINA)
    stored = b"".join(value for value in columns.values() if isinstance(value, bytes))
    for secret in ("Amina", "Benali", "AB123456", "123456", "3456", "1990"):
        assert secret.encode() not in stored


def test_a_column_opens_only_for_its_own_person() -> None:
    sealer, me, other = Sealer(KEYS), uuid4(), uuid4()
    key, columns = sealer.person(me, AMINA)
    data_key, name = columns["data_key"], columns["name"]
    assert isinstance(data_key, bytes)
    assert isinstance(name, bytes)
    assert sealer.key_of(me, data_key) == key
    assert unseal(key, name, f"person/{me}/name") == b"Amina Benali"
    with pytest.raises(Unreadable):
        sealer.key_of(other, data_key)
    with pytest.raises(Unreadable):
        unseal(key, name, f"person/{other}/name")


def test_one_document_has_one_keyed_hash_and_one_word_has_many() -> None:
    sealer, first, second = Sealer(KEYS), uuid4(), uuid4()
    _, mine = sealer.person(first, AMINA)
    _, same = sealer.person(second, AMINA)
    assert mine["document_index"] == same["document_index"]
    assert mine["factor"] != same["factor"]
    assert (
        Sealer(Keyring(b"k" * 32, "ke")).person(first, AMINA)[1]["document_index"]
        != mine["document_index"]
    )
