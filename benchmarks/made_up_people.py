"""People who do not exist, registered more than once: from one seed, with the errors that registration really makes."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from uuid import UUID

from cbi.registry.linkage.likeness import Likeness, likeness

SEEN_ON = date(2026, 6, 1)

MEN = (
    ("Mohamed", "Muhammad", "Mohammed", "محمد"), ("Ahmed", "Ahmad", "أحمد"), ("Ali", "Aly", "علي"),
    ("Ibrahim", "Ebrahim", "إبراهيم"), ("Abdelkader", "Abd al-Qadir", "Abdul Kader", "عبد القادر"),
    ("Youssef", "Yusuf", "Yousef", "يوسف"), ("Omar", "Oumar", "Umar", "عمر"), ("Karim", "Kareem", "كريم"),
    ("Mustapha", "Mostafa", "Mustafa", "مصطفى"), ("Rachid", "Rashid", "رشيد"), ("Said", "Saeed", "سعيد"),
    ("Hassan", "Hasan", "حسن"), ("Hussein", "Houcine", "Hussain", "حسين"), ("Jamal", "Djamel", "Yamal", "جمال"),
    ("Khaled", "Khalid", "Jaled", "خالد"), ("Abdallah", "Abdullah", "Abdellah", "عبد الله"), ("Walid", "Oualid", "وليد"),
    ("Moussa", "Musa", "موسى"), ("Mamadou", "Mamadu"), ("Amadou", "Amadu"), ("Boubacar", "Abu Bakr", "بوبكر"),
    ("Ousmane", "Usman"), ("Sekou", "Sékou"), ("Ibrahima",), ("Cheikh", "Sheikh"), ("Modou", "Modu"), ("Jean",),
    ("Pierre",), ("Daniel",), ("Samuel",), ("Emmanuel",), ("Carlos",), ("José", "Jose"), ("Luis",), ("Miguel",),
    ("Juan",), ("Peter",), ("David",), ("Tesfaye", "Tesfaie"), ("Dawit", "Dawid"), ("Yonas", "Jonas"),
)  # fmt: skip
WOMEN = (
    ("Fatima", "Fatma", "Fatema", "فاطمة"), ("Khadija", "Khadidja", "Jadiya", "خديجة"), ("Aicha", "Aisha", "عائشة"),
    ("Mariam", "Maryam", "Meriem", "مريم"), ("Zineb", "Zainab", "Zeinab", "زينب"), ("Leila", "Layla", "ليلى"),
    ("Sara", "Sarah", "سارة"), ("Amina", "Aminah", "أمينة"), ("Nadia", "Nadya", "نادية"), ("Samira", "Sameera", "سميرة"),
    ("Hanane", "Hanan", "حنان"), ("Rachida", "Rashida", "رشيدة"), ("Yasmina", "Iasmina", "ياسمينة"), ("Houria", "حورية"),
    ("Fatou",), ("Aminata",), ("Mariama",), ("Kadiatou", "Kadiatu"), ("Hawa", "Haoua"), ("Oumou", "Umu"), ("Awa",),
    ("Marie",), ("Grace",), ("Esther",), ("Blessing",), ("Maria", "María"), ("Ana",), ("Carmen",), ("Lucia", "Lucía"),
    ("Rosa",), ("Hope",), ("Joy",), ("Selam", "Salam"), ("Hiwot",), ("Tigist", "Tegist"),
)  # fmt: skip
FAMILIES = (
    ("Benali", "Ben Ali", "بن علي"), ("Haddad", "Hadad", "حداد"), ("Mansouri", "Mansuri", "منصوري"),
    ("Zerrouki", "Zeruki", "زروقي"), ("Kaci", "Kassi", "قاسي"), ("El Amrani", "Al-Amrani", "العمراني"),
    ("Cherif", "Sharif", "شريف"), ("Bouzid", "Bou Zid", "بوزيد"), ("Belkacem", "Belqasem", "بلقاسم"),
    ("Saidi", "Saeedi", "سعيدي"), ("Ghazali", "Gazali", "الغزالي"), ("Al-Masri", "El Masry", "المصري"),
    ("Khoury", "Juri", "خوري"), ("Najjar", "Najar", "نجار"), ("Rahmani", "رحماني"), ("Hamdi", "حمدي"),
    ("Toumi", "Tumi", "تومي"), ("Diallo", "Jallow"), ("Traoré", "Traore"), ("Keita", "Keïta"), ("Camara", "Kamara"),
    ("Coulibaly", "Kulibali"), ("Sow", "So"), ("Ba", "Bah"), ("Barry", "Bari"), ("Ndiaye", "N'Diaye"), ("Diop", "Jobe"),
    ("Touré", "Toure"), ("Konaté", "Konate"), ("Sissoko", "Cissoko"), ("Ouattara", "Watara"), ("Mensah",), ("Okafor",),
    ("Adeyemi",), ("Kamau",), ("Tesfay", "Tesfai"), ("Gebremariam", "Gebre Mariam"), ("Hagos",), ("García", "Garcia"),
    ("Rodríguez", "Rodriguez"), ("Pérez", "Perez"), ("Mendoza",), ("Castro",), ("Morales",), ("Kabongo",), ("Mbala",),
    ("Ilunga",), ("Deng",), ("Lual",), ("Akol",), ("Bakary",), ("Sylla", "Silla"), ("Kaba",), ("Doumbia", "Dumbia"),
)  # fmt: skip
PLACES = tuple(f"place {at}" for at in range(40))
_CONSONANTS = "bcdfghjklmnprstvwz"
_SYLLABLES = (
    "ba",
    "de",
    "ko",
    "mi",
    "ra",
    "su",
    "la",
    "no",
    "ti",
    "ga",
    "fe",
    "mou",
    "cha",
    "zi",
    "wa",
    "yo",
    "han",
    "lem",
)

Name = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MadeUp:
    """One registration of somebody. `who` is the same for every registration of the same person."""

    who: int
    home: int
    given: Name
    middle: Name | None
    family: Name
    born: date
    sex: str
    place: str
    size: int
    phone: str | None
    document: str | None
    name: str = ""
    told: str = ""
    """The birth as it is registered."""


def people(count: int, seed: int, *, registered_again: float = 0.1) -> list[MadeUp]:
    """So many registrations; that share of them are of somebody who is there already, with errors."""
    chance = random.Random(seed)
    families = _wider(FAMILIES, 30 + count // 40, chance)
    men, women = (_wider(each, 30 + count // 100, chance) for each in (MEN, WOMEN))
    found: list[MadeUp] = []
    who = home = 0
    while len(found) < count * (1 - registered_again):
        home += 1
        size = chance.randint(1, 8)
        family, place = _often(families, chance), chance.choice(PLACES)
        phone = f"+2135{chance.randrange(10**8):08d}" if chance.random() < 0.85 else None
        father = _often(men, chance)
        for _ in range(min(size, chance.choice((1, 1, 2, 3)))):
            who += 1
            sex = chance.choice(("female", "male"))
            found.append(_written(
                MadeUp(
                    who, home, _often(men if sex == "male" else women, chance),
                    father if chance.random() < 0.3 else None, family, _born(chance), sex, place, size, phone,
                    f"D{chance.randrange(10**9):09d}" if chance.random() < 0.6 else None,
                ), chance,
            ))  # fmt: skip
    firsts = list(found)
    while len(found) < count:
        home += 1
        found.append(again(chance.choice(firsts), home, chance))
    return found


def _wider(names: Sequence[Name], more: int, chance: random.Random) -> list[Name]:
    """The same names, and made-up ones that few people have."""
    return [
        *names,
        *(
            ("".join(chance.choices(_SYLLABLES, k=chance.choice((2, 3, 3)))).title(),)
            for _ in range(more)
        ),
    ]


def _often(names: Sequence[Name], chance: random.Random) -> Name:
    """One of the names; the first are much more common than the last."""
    return names[int(len(names) * chance.random() ** 2)]


def _born(chance: random.Random) -> date:
    day = date(2026, 1, 1) - timedelta(days=chance.randrange(365, 365 * 75))
    return day.replace(month=1, day=1) if chance.random() < 0.12 else day


def _written(one: MadeUp, chance: random.Random) -> MadeUp:
    """The same person as one officer writes them: in one alphabet, in one of the spellings."""
    arabic = chance.random() < 0.3 and all(
        _arabic(part) for part in (one.given, one.family, one.middle or one.given)
    )
    parts = [one.given, *([one.middle] if one.middle else []), one.family]
    name = " ".join(
        _arabic(part)
        if arabic
        else chance.choice([each for each in part if each.isascii() or each[0] < "\u0600"])
        for part in parts
    )
    return replace(one, name=name, told=one.told or one.born.isoformat())


def _arabic(part: Name) -> str:
    return next((each for each in part if each[0] >= "\u0600"), "")


def again(one: MadeUp, home: int, chance: random.Random) -> MadeUp:
    """Somebody registered once more, elsewhere and by somebody else: each thing may come out otherwise."""
    changed = replace(
        one,
        home=home,
        middle=one.middle if chance.random() < 0.6 else None,
        place=one.place if chance.random() < 0.6 else chance.choice(PLACES),
        size=one.size
        if chance.random() < 0.6
        else max(1, one.size + chance.choice((-2, -1, 1, 2))),
        phone=one.phone if chance.random() < 0.35 else f"+2136{chance.randrange(10**8):08d}",
        sex=one.sex if chance.random() < 0.985 else {"male": "female", "female": "male"}[one.sex],
        document=_document_again(one.document, chance),
        told=_told_again(one.born, chance),
    )
    written = _written(changed, chance)
    name = written.name
    if chance.random() < 0.15:
        name = mistyped(name, chance)
    if chance.random() < 0.15:
        name = " ".join(reversed(name.split()))
    return replace(written, name=name)


def _document_again(document: str | None, chance: random.Random) -> str | None:
    luck = chance.random()
    if luck < 0.25:
        return document
    if luck < 0.29 and document:
        at = chance.randrange(1, len(document))
        return f"{document[:at]}{(int(document[at]) + 1) % 10}{document[at + 1 :]}"
    return f"D{chance.randrange(10**9):09d}" if luck < 0.34 else None


def _told_again(born: date, chance: random.Random) -> str:
    luck = chance.random()
    if luck < 0.01:
        return _born(chance).isoformat()
    if luck < 0.5:
        return born.isoformat()
    if luck < 0.6 and born.day <= 12:
        return f"{born.year}-{born.day:02d}-{born.month:02d}"
    if luck < 0.68:
        return (born + timedelta(days=chance.choice((-1, 1)))).isoformat()
    if luck < 0.76:
        return f"{born.year + chance.choice((-1, 1))}-{born:%m-%d}"
    if luck < 0.82:
        return f"{born.year}-{chance.randint(1, 12):02d}-{born:%d}"
    if luck < 0.9:
        return f"{born.year}-01-01"
    return f"age {SEEN_ON.year - born.year + chance.choice((-1, 0, 0, 0, 1, 2, -3))}"


def mistyped(name: str, chance: random.Random) -> str:
    """One letter left out, doubled, changed, or changed places with the next."""
    at = chance.randrange(1, len(name) - 1)
    return chance.choice(
        (
            name[:at] + name[at + 1 :],
            name[:at] + name[at] + name[at:],
            name[:at] + chance.choice(_CONSONANTS) + name[at + 1 :],
            name[:at] + name[at + 1] + name[at] + name[at + 2 :],
        )
    )


def compared(people: Sequence[MadeUp]) -> Iterator[Likeness]:
    """The same people as the engine compares them."""
    for at, one in enumerate(people):
        yield likeness(
            UUID(int=at + 1), UUID(int=one.home), one.name, one.told, SEEN_ON, sex=one.sex, place=one.place,
            size=one.size, phones=(one.phone,) if one.phone else (), document=f"/{one.document}" if one.document else None,
        )  # fmt: skip
