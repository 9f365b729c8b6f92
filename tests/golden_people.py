"""Labelled pairs of registrations, made up: names of four languages in the spellings that registration lists have.

None of these names is among those that the model was trained on (`benchmarks/made_up_people.py`). Half of the pairs are
one person registered twice, by two officers; the other half are two people whom a hasty officer would take for one.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import cycle
from uuid import UUID

from cbi.registry.linkage.likeness import Likeness, likeness

SEEN_ON = date(2026, 6, 1)
SEED = 411
PAIRS = 240
"""Of each kind."""

GIVEN = {
    "male": (
        ("Abderrahmane", "Abd ar-Rahman", "Abdurrahman", "عبد الرحمن"), ("Abdelaziz", "Abdul Aziz", "عبد العزيز"),
        ("Othmane", "Uthman", "عثمان"), ("Chakib", "Shakib", "شكيب"), ("Tarek", "Tariq", "Tarik", "طارق"),
        ("Lakhdar", "Al-Akhdar", "Lajdar"), ("Bachir", "Bashir", "بشير"), ("Ghassan", "Gassan", "غسان"),
        ("Noureddine", "Nur ad-Din", "Nour Eddine", "نور الدين"), ("Salah", "Saleh", "صالح"), ("Yacine", "Yasin", "ياسين"),
        ("Djaber", "Jabir", "Yaber", "جابر"), ("Farouk", "Faruq", "فاروق"), ("Hakim", "Hakeem", "حكيم"),
        ("Ilyès", "Ilyas", "Elias"), ("Souleymane", "Suleiman", "سليمان"), ("Demba",), ("Lamine", "Lamin"),
        ("Kwame", "Kuame"), ("Tadesse", "Tadese"), ("Javier", "Xavier"), ("Andrés", "Andres"), ("Wilson",),
        ("Moïse", "Moise"),
    ),
    "female": (
        ("Kheira", "Jeira", "خيرة"), ("Djamila", "Jamila", "Yamila", "جميلة"), ("Chérifa", "Sharifa", "شريفة"),
        ("Ghania", "Gania", "غنية"), ("Latifa", "Lateefa", "لطيفة"), ("Naïma", "Naima", "Na'ima", "نعيمة"),
        ("Soumia", "Sumaya", "سمية"), ("Wafa", "Ouafa", "وفاء"), ("Zahra", "Zohra", "زهرة"), ("Hafsa", "Hafsah", "حفصة"),
        ("Bouchra", "Bushra", "بشرى"), ("Ikram", "Ikrame", "إكرام"), ("Fanta",), ("Coumba", "Kumba"),
        ("Ramatoulaye", "Ramatulai"),
        ("Almaz", "Almas"), ("Tsehay", "Tsehai"), ("Guadalupe",), ("Jimena", "Ximena"), ("Florence",), ("Chantal",),
    ),
}  # fmt: skip
FAMILY = (
    ("Boudiaf", "Bou Diaf", "بوضياف"), ("Benyoucef", "Ben Youssef", "Benyusuf", "بن يوسف"), ("Chaouche", "Shawsh", "شاوش"),
    ("El Khatib", "Al-Khateeb", "الخطيب"), ("Qasmi", "Kacemi", "قاسمي"), ("Guerroudj", "Gerroudj"),
    ("Meziane", "Mezian", "مزيان"),
    ("Ouyahia", "Uyahia"), ("Tlemçani", "Tlemsani", "تلمساني"), ("Haffaf", "Hafaf", "حفاف"), ("Djebbar", "Jabbar", "جبار"),
    ("Zitouni", "Zaytuni", "زيتوني"), ("Abou Bakr", "Abu Bakr", "Boubakr"), ("Fofana", "Fofanah"), ("Dembélé", "Dembele"),
    ("Cissé", "Cisse"), ("Gueye", "Guèye"), ("Mbaye", "M'Baye"), ("Yeboah",), ("Onyango",), ("Wolde", "Uolde"),
    ("Bekele", "Bekelle"),
    ("Ibáñez", "Ibanez"), ("Quispe",), ("Villalobos",), ("Tshisekedi",), ("Mukendi",), ("Garang",), ("Majok",),
    ("Kouyaté", "Kouyate"),
)  # fmt: skip
Name = tuple[str, ...]
Other = tuple[str, str, str, str]
"""The other person's name, birth and sex, and what they have in common."""
PLACES = (
    "harbour",
    "old market",
    "station",
    "hillside",
    "palm grove",
    "north gate",
    "mill",
    "lower town",
)


@dataclass(frozen=True, slots=True)
class LabelledPair:
    """Two registrations, whether they are one person, and what was done to them."""

    first: Likeness
    second: Likeness
    same: bool
    about: str


def pairs(seed: int = SEED) -> list[LabelledPair]:
    """All labelled pairs, the same for the same seed."""
    chance = random.Random(seed)
    numbers = iter(range(1, 10_000))

    def person(
        name: str,
        born: str,
        sex: str,
        *,
        place: str,
        size: int,
        phone: str | None = None,
        document: str | None = None,
    ) -> Likeness:
        at = next(numbers)
        return likeness(
            UUID(int=at), UUID(int=100_000 + at), name, born, SEEN_ON, sex=sex, place=place, size=size,
            phones=(phone,) if phone else (), document=f"passport/{document}" if document else None,
        )  # fmt: skip

    def facts() -> tuple[str, tuple[str, ...], tuple[str, ...], date, str, int]:
        sex = chance.choice(("female", "male"))
        born = date(2020, 1, 1) - timedelta(days=chance.randrange(1, 365 * 70))
        born = born.replace(day=max(born.day, 2))
        return (
            sex,
            chance.choice(GIVEN[sex]),
            chance.choice(FAMILY),
            born,
            chance.choice(PLACES),
            chance.randint(1, 9),
        )

    found: list[LabelledPair] = []
    for at in range(PAIRS):
        sex, given, family, born, place, size = facts()
        about, told = _birth_again(at, born, chance)
        first = f"{given[0]} {family[0]}"
        second = f"{chance.choice(given)} {chance.choice(family)}"
        if at % 5 == 0:
            second = " ".join(reversed(second.split(" ", 1)))
        moved = chance.random() < 0.3
        found.append(
            LabelledPair(
                person(first, born.isoformat(), sex, place=place, size=size, phone=f"p{at}"),
                person(
                    second, told, sex, place=chance.choice(PLACES) if moved else place,
                    size=size if at % 3 else min(size + 1, 9), phone=f"p{at}" if at % 4 == 0 else f"q{at}",
                ),
                same=True, about=about,
            )
        )  # fmt: skip
    for at, make in zip(range(PAIRS), cycle(_OTHERS), strict=False):
        sex, given, family, born, place, size = facts()
        name, told, other_sex, about = make(sex, given, family, born, chance)
        found.append(
            LabelledPair(
                person(f"{given[0]} {family[0]}", born.isoformat(), sex, place=place, size=size, phone=f"r{at}"),
                person(
                    name, told, other_sex, place=place, size=chance.randint(1, 9),
                    phone=f"r{at}" if about == "brothers or sisters" else f"s{at}",
                ),
                same=False, about=about,
            )
        )  # fmt: skip
    return found


def _birth_again(at: int, born: date, chance: random.Random) -> tuple[str, str]:
    match at % 8:
        case 0 | 1 | 2:
            return "the same day", born.isoformat()
        case 3:
            return "one day off", (born + timedelta(days=1)).isoformat()
        case 4:
            return (
                "one year off",
                f"{born.year + chance.choice((-1, 1))}-{born.month:02d}-{min(born.day, 28):02d}",
            )
        case 5:
            swapped = born.day <= 12
            return (
                "day and month swapped",
                f"{born.year}-{born.day:02d}-{born.month:02d}" if swapped else born.isoformat(),
            )
        case 6:
            return "only the year", f"{born.year}-01-01"
        case _:
            return "only an age", f"age {SEEN_ON.year - born.year}"


def _sibling(sex: str, given: Name, family: Name, born: date, chance: random.Random) -> Other:
    others = [each for each in GIVEN[sex] if each is not given]
    later = born + timedelta(days=chance.randrange(300, 2500))
    return f"{chance.choice(others)[0]} {family[-1]}", later.isoformat(), sex, "brothers or sisters"


def _namesake(sex: str, given: Name, family: Name, born: date, chance: random.Random) -> Other:
    years = chance.choice((-1, 1)) * chance.randrange(6, 25)
    month, day = chance.randint(1, 12), chance.randint(2, 28)
    return (
        f"{given[-1]} {family[-1]}",
        f"{born.year + years}-{month:02d}-{day:02d}",
        sex,
        "namesakes",
    )


def _twin(sex: str, given: Name, family: Name, born: date, chance: random.Random) -> Other:
    other = "female" if sex == "male" else "male"
    return f"{chance.choice(GIVEN[other])[0]} {family[-1]}", born.isoformat(), other, "twins"


def _neighbour(sex: str, given: Name, family: Name, born: date, chance: random.Random) -> Other:
    return (
        f"{given[-1]} {chance.choice([each for each in FAMILY if each is not family])[0]}",
        f"{born.year}-01-01",
        sex,
        "neighbours",
    )


def _stranger(sex: str, given: Name, family: Name, born: date, chance: random.Random) -> Other:
    others = [each for each in GIVEN[sex] if each is not given]
    families = [each for each in FAMILY if each is not family]
    return (
        f"{chance.choice(others)[0]} {chance.choice(families)[0]}",
        born.isoformat(),
        sex,
        "born the same day",
    )


_OTHERS: tuple[Callable[[str, Name, Name, date, random.Random], Other], ...] = (
    _sibling, _namesake, _twin, _neighbour, _stranger,
)  # fmt: skip
"""Ways in which two people look like one."""
