"""Makes up households for the demonstration: nobody in this list exists, and the same number makes the same list."""

import random
from dataclasses import dataclass
from pathlib import Path

from openpyxl import Workbook

COLUMNS = (
    "Registration number", "Name", "Phone", "Language", "Household size", "Area", "Sex", "Date of birth",
    "Document type", "Document number", "Paid by",
)  # fmt: skip

_NAMES = {
    "ar": (("أمينة", "كريم", "يوسف", "سارة", "نور", "خالد", "ليلى", "عمر"),
           ("حداد", "بن علي", "منصوري", "زروقي", "قاسم", "العربي", "شريف")),
    "fr": (("Awa", "Moussa", "Fatou", "Ibrahim", "Mariam", "Jean", "Aline", "Koffi"),
           ("Traoré", "Diallo", "Kouassi", "N'Dour", "Camara", "Mbemba", "Sow")),
    "en": (("Grace", "Daniel", "Blessing", "Samuel", "Hope", "Peter", "Joy", "Emeka"),
           ("Okafor", "Mensah", "Tesfaye", "Deng", "Adeyemi", "Kamau", "Bello")),
}  # fmt: skip
_AT_THE_COUNTER = {"ar": "البريد", "fr": "bureau de poste", "en": "post office"}
_BY_MOBILE_MONEY = {"ar": "محفظة الهاتف", "fr": "argent mobile", "en": "mobile money"}
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
    at_counter: bool
    """Whether they are paid at a post office; the others by mobile money."""

    @property
    def e164(self) -> str:
        """The telephone's number with the country in front."""
        return f"+213{self.phone[1:]}"

    def row(self) -> tuple[str, ...]:
        """The household as a line of the spreadsheet, everything as text."""
        return (
            self.number, self.name, self.phone, self.language, str(self.size), self.area, self.sex, self.born_on,
            "consular card", self.document,
            (_AT_THE_COUNTER if self.at_counter else _BY_MOBILE_MONEY)[self.language],
        )  # fmt: skip


def households(count: int, seed: int = 26) -> list[MadeUp]:
    """So many households in three languages; more of them begin with the same ones.

    Every fortieth shares the telephone of the one before it; every tenth wants mobile money.
    """
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
                at_counter=at % 10 != 4,
            )
        )
    return made


def as_it_comes(made: list[MadeUp]) -> list[tuple[str, ...]]:
    """The list with what every real one has: a phone that a spreadsheet ruined, a missing size, somebody listed twice."""
    last = made[-1].row()
    return [
        *(household.row() for household in made),
        ("WADI-90001", last[1], "2.13550E+11", *last[3:9], "CC11111111"),
        ("WADI-90002", last[1], "0555000111", "fr", "", *last[5:9], "CC22222222"),
        ("WADI-90003", made[0].name, "0555000222", *made[0].row()[3:9], made[0].document),
    ]


def write(rows: list[tuple[str, ...]], path: Path) -> None:
    """Write a list as a workbook."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Households"
    sheet.append(COLUMNS)
    for row in rows:
        sheet.append(row)
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)
