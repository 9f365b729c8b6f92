"""Lists of places, in the shapes that people have them."""

import io

import pytest
from openpyxl import Workbook

from cbi.registry.areas.reading import Listed, UnusableAreas, in_order, read
from cbi.registry.intake.files import File


def places(text: str) -> list[Listed]:
    return read(File(io.BytesIO(text.encode())))


def codes(found: list[Listed]) -> dict[str, str | None]:
    return {each.code: each.parent for each in found}


def problems(text: str, known: dict[str, str | None] | None = None) -> str:
    with pytest.raises(UnusableAreas) as refusal:
        in_order(places(text), known or {})
    return refusal.value.message


def test_levels_of_a_common_operational_dataset_are_read_with_every_language() -> None:
    found = places(
        "ADM0_PCODE,ADM1_PCODE,ADM1_EN,ADM1_FR,ADM1_AR,ADM1_REF,ADM2_PCODE,ADM2_FR,validOn\n"
        "DZ,DZ31,Oran,Oran,وهران,Oran,DZ3101,Oran,2024-01-01\n"
        "DZ,DZ31,Oran,Oran,وهران,Oran,DZ3102,Es Sénia,2024-01-01\n"
    )
    assert codes(found) == {"DZ": None, "DZ31": "DZ", "DZ3101": "DZ31", "DZ3102": "DZ31"}
    assert found[1].names == {"en": "Oran", "fr": "Oran", "ar": "وهران", "ref": "Oran"}


def test_the_other_two_shapes_of_the_same_are_read() -> None:
    older = places(
        "admin1Pcode,admin1Name_fr,admin2Pcode,admin2Name_fr\nHT08,Artibonite,HT 0811-07,Nord\n"
    )
    assert codes(older) == {"HT08": None, "HT0811-07": "HT08"}
    newer = places("adm1_pcode,adm1_name,adm1_name1,lang,lang1\nDZ31,Oran,وهران,fr,ar\n")
    assert newer[0].names == {"fr": "Oran", "ar": "وهران"}


def test_a_level_that_is_not_there_is_passed_over() -> None:
    found = places("ADM0_PCODE,ADM1_PCODE,ADM3_PCODE,ADM3_EN\nAZ,AZ9,AZ911,Baku\nAZ,AZ8,,\n")
    assert codes(found) == {"AZ": None, "AZ9": "AZ", "AZ911": "AZ9", "AZ8": "AZ"}


def test_a_list_of_code_name_and_parent_may_have_any_order() -> None:
    found = places("code,name,name_ar,parent\ncamp-b,Block B,,camp\ncamp,The camp,المخيم,\n")
    assert codes(found) == {"camp-b": "camp", "camp": None}
    assert [(each.code, line) for each, line in in_order(found, {})] == [
        ("camp", ("camp",)), ("camp-b", ("camp-b", "camp")),
    ]  # fmt: skip
    assert found[1].names == {"und": "The camp", "ar": "المخيم"}


def test_every_sheet_of_a_workbook_that_has_codes_is_read() -> None:
    book = Workbook()
    book.active.title = "ADM1"  # type: ignore[union-attr]
    for row in (["ADM1_PCODE", "ADM1_EN"], ["DZ31", "Oran"]):
        book["ADM1"].append(row)
    sheet = book.create_sheet("ADM2")
    for row in (
        ["ADM1_PCODE", "ADM1_EN", "ADM2_PCODE", "ADM2_EN"],
        ["DZ31", "Oran", "DZ3101", "Oran"],
    ):
        sheet.append(row)
    notes = book.create_sheet("notes")
    for row in (["what", "when"], ["made", "once"]):
        notes.append(row)
    content = io.BytesIO()
    book.save(content)
    assert codes(read(File(content))) == {"DZ31": None, "DZ3101": "DZ31"}


def test_an_orphan_a_cycle_and_a_double_are_refused_with_their_rows() -> None:
    assert "row 2: b lies in x, which is neither in the list nor on record." in problems(
        "code,parent\nb,x\n"
    )
    told = problems("code,parent\na,c\nb,a\nc,b\n")
    assert "row 2: a lies in itself: a in c in b in a." in told
    told = problems("code,name,parent\na,One,\nb,Two,a\nb,Three,\n")
    assert "row 4: b lies in nothing here, and in a in row 3." in told
    assert "row 4: b is called 'Three' here, and 'Two' in row 3." in told
    assert "row 3: The codes DZ31 (row 2) and dz-31 differ" in problems("code\nDZ31\ndz-31\n")


def test_a_code_that_no_code_can_be_is_refused() -> None:
    assert "row 2: 'é' cannot be a code." in problems("code,name\né,Somewhere\n")
    assert "row 2: There is no code." in problems("code,name\n,Somewhere\n")
    assert "row 2: '--' cannot be the name of a place." in problems("code,name\na,--\n")
    assert "No sheet has columns of codes" in problems("place,inhabitants\nOran,800000\n")


def test_a_place_keeps_what_it_lies_in() -> None:
    known = {"DZ": None, "DZ31": "DZ", "DZ16": "DZ", "DZ3101": "DZ31"}
    told = problems("code,parent\nDZ3101,DZ16\n", dict(known))
    assert "row 2: DZ3101 lies in DZ31 on record, and in DZ16 here." in told
    assert "stands on record as DZ31" in problems("code,parent\ndz31,DZ\n", dict(known))
    below = in_order(places("code,parent\nDZ3102,DZ31\nDZ3101,DZ31\nDZ31,\n"), dict(known))
    assert [(each.code, line) for each, line in below] == [("DZ3102", ("DZ3102", "DZ31", "DZ"))]
