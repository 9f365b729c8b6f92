"""How a name sounds, whatever alphabet and spelling it was written in: its consonants, by rules of our own.

`Mohamed`, `Muhammad` and `محمد` come out alike, and so do `Abdelkader`, `Abd al-Qadir` and `عبد القادر`. The rules are
for names as Arabic, French, English and Spanish write them; a name in another alphabet stands for itself.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import groupby

from cbi.registry.text import plain_digits

_ARTICLES = {
    "al", "el", "ul", "ar", "as", "ad", "an", "at", "az", "ach", "ash", "ech", "er", "es", "ed", "en", "et", "ez",
    "de", "da", "do", "dos", "das", "del", "la", "le", "las", "los", "les", "du", "des", "van", "von", "der", "den", "y",
    "ibn", "bint", "ابن", "بنت", "ال",
}  # fmt: skip
_SONS = {
    "ben", "bin", "beni", "bou", "abou", "abu", "ould", "oum", "um", "umm", "ait", "بن", "بو", "ابو", "ولد", "ام", "ايت",
}  # fmt: skip
_FAITH = {"din", "dine", "deen", "eddine", "eddin", "uddin", "دين"}
_SERVANT = re.compile(r"abd(?:[aeiou]+[lrnstdz]*)?\Z")
_SERVANT_OF = re.compile(r"abd[aeiou]+l(?=[a-z]{2})")
_FATHER = {"abou": "bou", "abu": "bou", "ابو": "بو"}
_APOSTROPHES = re.compile("['\u2018\u2019\u02bc\u02bb`\u0640]")
_ARABIC = {
    "ب": "b", "پ": "b", "ت": "t", "ث": "t", "ط": "t", "ج": "j", "ژ": "j", "چ": "S", "ش": "S", "ح": "h", "خ": "h",
    "ه": "h", "د": "d", "ذ": "d", "ض": "d", "ظ": "d", "ر": "r", "ز": "z", "س": "s", "ص": "s", "غ": "k",
    "ق": "k", "ك": "k", "ک": "k", "گ": "k", "ڨ": "k", "ف": "f", "ڤ": "f", "ل": "l", "م": "m", "ن": "n",
}  # fmt: skip
_ARABIC_VOWELS = "اعءيىیوؤئ"
_FIRST = (
    (re.compile("(?:ou|u|w)(?=[aeiouy])"), "w"),
    (re.compile("w"), "w"),
    (re.compile("[yi](?=[aeou])"), "y"),
)


@dataclass(frozen=True, slots=True)
class Word:
    """A part of a name: as it is spelt, as it sounds, and as it may also be read (the same where there is one way)."""

    spelling: str
    sound: str
    other: str


def words(name: str) -> tuple[Word, ...]:
    """The parts of a name that tell people apart, in their order; articles are left out, `Ben Ali` is one."""
    found = tuple(_words(_parts(name)))
    return found or tuple(Word(part, part, part) for part in _parts(name))


def _parts(name: str) -> list[str]:
    composed = unicodedata.normalize("NFC", plain_digits(name).casefold())
    marked = "".join(
        c for c in composed if not unicodedata.combining(c)
    )  # vowels written above letters
    text = _APOSTROPHES.sub("", marked).replace("ç", "s")
    # An attached article is seen before accents go: `إلياس` begins with no article, `الياسمين` does.
    bare = " ".join(
        part[2:] if part.startswith("ال") and len(part) > 4 else part
        for part in re.split(r"[\W_]+", text)
    )
    letters = unicodedata.normalize("NFKD", bare)
    plain = "".join(c for c in letters if not unicodedata.combining(c))
    return [part for part in plain.split() if part]


def _words(parts: list[str]) -> Iterator[Word]:
    before = ""
    for part in _joined(parts):
        if before in _SONS:
            joined = _FATHER.get(before, before) + part
            yield Word(joined, sound(joined), sound(part))
        elif before:  # a servant of: one name, with or without the article in between
            if part in _ARTICLES:
                continue
            yield _one("abd" + part if part.isascii() else "عبد" + part)
        elif part in _ARTICLES:
            continue
        elif part in _SONS or part == "عبد" or _SERVANT.match(part):
            before = part if part in _SONS else "abd"
            continue
        else:
            yield _one(part)
        before = ""
    if before:
        yield _one(before)


def _joined(parts: list[str]) -> list[str]:
    """`Nur ad-Din` is one name, as `Noureddine` is."""
    found: list[str] = []
    for part in parts:
        if part in _FAITH and len(found) > 1 and found[-1] in _ARTICLES:
            found.pop()
        if part in _FAITH and found:
            found[-1] += part
        else:
            found.append(part)
    return found


def _one(part: str) -> Word:
    if part.startswith("عبدال") and len(part) > 5:
        part = "عبد" + part[5:]
    part = _SERVANT_OF.sub("abd", part)
    usual = sound(part)
    other = usual
    if part.isascii():
        if re.match("la[bcdfghjkmnpqrstvwz]{2}|la[bcdfghjkmnpqrstvwz][aeiou]..", part):
            other = sound(part[1:])  # `Lakhdar` is how some write `al-Akhdar`
        elif re.match("[ae]l[bcdfghjkmnpqrstvwxz]..", part):
            other = sound(part[2:])
        elif part.startswith("g"):
            other = sound("j" + part[1:])
        elif re.search("j|y(?=[aeou])|ll", part) and not re.search("dj|kh|gh|sh|ou", part):
            other = sound(_as_spanish(part))
    return Word(part, usual, other)


def _rewriting(rules: dict[str, str]) -> Callable[[str], str]:
    # In one pass over alternatives, so that what one rule made is not taken for what another one looks for.
    codes = tuple(rules.values())
    either = re.compile("|".join(f"({pattern})" for pattern in rules))
    return partial(either.sub, lambda found: codes[(found.lastindex or 1) - 1])


_as_latin = _rewriting(
    {
        "[sct]?ch|sh": "S", "kh": "h", "gh": "k", "dj|dg(?=[eiy])": "j", "th": "t", "dh": "d", "ph": "f",
        "c(?=[eiy])": "s", "g(?=[eiy])": "j", "gu(?=[aeiy])|g": "k", "qu?|ck|c": "k", "x": "ks", "p": "b", "v": "f",
    }
)  # fmt: skip
_as_spanish = _rewriting({"ll": "y", "j": "h", "(?<![aeiou])y|y(?=[aeou])": "j"})


def sound(part: str) -> str:
    """The consonants of one word. What begins with a vowel begins with `a`; no vowel and no last `h` is kept."""
    codes = _arabic(part) if any(c in _ARABIC for c in part) else _latin(part)
    heard = "".join(code for code, _ in groupby(codes)) if codes else part
    return heard.rstrip("h").replace("_", "") or heard.replace("_", "") or part


def _arabic(part: str) -> str:
    codes = "".join(_ARABIC.get(c, "_" if c in _ARABIC_VOWELS else "") for c in part)
    first = {"و": "w", "ي": "y"}.get(part[0]) if len(part) > 1 else None
    if codes.startswith("_"):
        codes = (first or "a") + codes[1:]
    return codes


def _latin(part: str) -> str:
    if not part.isascii():
        return ""
    first, rest = "", part
    for pattern, code in _FIRST:
        if found := pattern.match(part):
            first, rest = code, part[found.end() :]
            break
    else:
        if part[0] in "aeiouy":
            first = "a"
    codes = first + _as_latin(rest)
    return first + "".join("_" if c in "aeiouwy" else c for c in codes[len(first) :])
