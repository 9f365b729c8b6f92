"""Makes up households for the demonstration: nobody in this list exists, and the same number makes the same list."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from openpyxl import Workbook

COLUMNS = (
    "Registration number", "Name", "Phone", "Language", "Household size", "Area", "Sex", "Date of birth",
    "Document type", "Document number",
)  # fmt: skip

_NAMES = {
    "ar": (("أمينة", "كريم", "يوسف", "سارة", "نور", "خالد", "ليلى", "عمر"),
           ("حداد", "بن علي", "منصوري", "زروقي", "قاسم", "العربي", "شريف")),
    "fr": (("Awa", "Moussa", "Fatou", "Ibrahim", "Mariam", "Jean", "Aline", "Koffi"),
           ("Traoré", "Diallo", "Kouassi", "N'Dour", "Camara", "Mbemba", "Sow")),
    "en": (("Grace", "Daniel", "Blessing", "Samuel", "Hope", "Peter", "Joy", "Emeka"),
           ("Okafor", "Mensah", "Tesfaye", "Deng", "Adeyemi", "Kamau", "Bello")),
}  # fmt: skip
_AREAS = ("Harbour", "Old Market", "Station", "Hillside", "Palm Grove")


@dataclass(frozen=True, slots=True)
class MadeUp:
    """One made-up household. `document` is what its recipient will show at the counter."""

    number: str
    name: str
    phone: str
    language: str
    size: int
    area: str
    sex: str
    born_on: str
    document: str

    def row(self) -> tuple[str, ...]:
        """The household as a line of the spreadsheet, everything as text."""
        return (
            self.number, self.name, self.phone, self.language, str(self.size), self.area, self.sex, self.born_on,
            "consular card", self.document,
        )  # fmt: skip


def households(count: int, seed: int = 26) -> list[MadeUp]:
    """So many households in three languages; every fortieth shares the telephone of the one before it."""
    chance = random.Random(seed)  # noqa: S311 - made-up people, not secrets
    made: list[MadeUp] = []
    for at in range(count):
        language = chance.choices(("ar", "fr", "en"), (5, 3, 2))[0]
        first, last = _NAMES[language]
        phone = f"0{chance.choice('567')}{50_000_000 + at * 137:08d}"
        made.append(
            MadeUp(
                number=f"WADI-{at + 1:05d}",
                name=f"{chance.choice(first)} {chance.choice(last)}",
                phone=made[-1].phone if at % 40 == 39 else phone,
                language=language,
                size=chance.choices(range(1, 10), (4, 6, 8, 8, 6, 4, 2, 1, 1))[0],
                area=chance.choice(_AREAS),
                sex=chance.choice(("female", "female", "male")),
                born_on=f"{chance.randint(1950, 2004)}-{chance.randint(1, 12):02d}-{chance.randint(1, 28):02d}",
                document=f"CC{chance.randint(10**7, 10**8 - 1)}",
            )
        )
    return made


def _spoiled(made: list[MadeUp]) -> Iterator[tuple[str, ...]]:
    """The rows that every real list has: a phone that a spreadsheet ruined, a missing size, somebody listed twice."""
    last = made[-1].row()
    yield ("WADI-90001", last[1], "2.13550E+11", *last[3:9], "CC11111111")
    yield ("WADI-90002", last[1], "0555000111", "fr", "", *last[5:9], "CC22222222")
    yield ("WADI-90003", made[0].name, "0555000222", *made[0].row()[3:9], made[0].document)


def write(made: list[MadeUp], path: Path) -> None:
    """Write the list as a workbook, with three spoiled rows at its end."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Households"
    sheet.append(COLUMNS)
    for row in [*(household.row() for household in made), *_spoiled(made)]:
        sheet.append(row)
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)
