"""What a recipient's text asks for: one command, understood in four languages and any digits, or none. Never a guess."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

from cbi.helpline.words import (
    ALARMS,
    ALONE,
    DIGITS,
    EXACT,
    FILLERS,
    LANGUAGE_NAMES,
    PHRASES,
    TAKES_WORDS,
    WORDS,
    Command,
)
from cbi.registry.text import folded

__all__ = ["Asked", "Command", "read", "sounds_alarming"]

LONGEST = 1000
"""Characters that are read. Nobody asks for anything after that many."""

REF_DIGITS = (5, 6, 7)
"""How long a payment's public reference is: that of a code's locator."""

_LOOSE_FROM = 5
"""Letters from which on one slip in a word is forgiven; shorter words are too near to one another."""

_ARTICLE = "ال"


@dataclass(frozen=True, slots=True)
class Asked:
    """What one text asks for. `command` is None where it is not understood.

    `language` is that of the word used, None for a digit or a word of several languages. `ref` is a payment's
    reference, `target` the language asked for. `in_words` says that the person wrote something of their own.
    """

    command: Command | None
    language: str | None = None
    ref: str | None = field(default=None, repr=False)
    target: str | None = None
    in_words: bool = False


def read(text: str) -> Asked:
    """Understand one text, or not.

    The first word decides, politeness apart. Where anything stands after it that does not belong there, nothing is
    understood, rather than the wrong thing: `2 weeks without money` asks for no new code.
    """
    said = [word for word in _tokens(text) if word not in FILLERS]
    if not said:
        return Asked(None)
    if whole := _phrases().get(" ".join(_spelt(word) for word in said)):
        return Asked(*whole)
    command, language = _first(said[0])
    ref, own = _leading_ref(said[1:])
    if command in TAKES_WORDS or (command is Command.LOST and said[0] not in DIGITS):
        return Asked(command, language, ref, in_words=bool(own))
    if command is Command.LANG:
        return _language_asked(language, said[1:])
    if command is None or own or (ref and command in ALONE):
        return Asked(None, language or _spoken(said), in_words=True)
    return Asked(command, language, ref)


def sounds_alarming(text: str) -> bool:
    """Whether a word in a text may speak of abuse, so that few people should read it."""
    return any(_spelt(word) in _alarms() for word in _tokens(text))


def _tokens(text: str) -> Iterator[str]:
    """The words of a text in one spelling: no accents, vowel signs, capitals or marks that nobody sees."""
    word: list[str] = []
    for character in unicodedata.normalize("NFKC", text[:LONGEST]) + " ":
        kind = unicodedata.category(character)
        if kind[0] in "LMN":
            word.append(character)
        elif kind != "Cf" and character != "ـ" and word:  # a mark that is not seen parts no word
            if one := folded("".join(word)):
                yield one
            word = []


def _spelt(word: str) -> str:
    """Without the Arabic article, where a word is left."""
    return word[2:] if word.startswith(_ARTICLE) and len(word) > len(_ARTICLE) + 1 else word


def _first(word: str) -> tuple[Command | None, str | None]:
    if word in DIGITS:
        return DIGITS[word], None
    exact = _aliases().get(_spelt(word))
    return exact if exact else _nearly(_spelt(word))


def _nearly(word: str) -> tuple[Command | None, str | None]:
    """The one command that the word is one slip away from."""
    if len(word) < _LOOSE_FROM:
        return None, None
    near = {
        meant
        for alias, meant in _aliases().items()
        if len(alias) >= _LOOSE_FROM and meant[0] not in EXACT and one_slip_apart(word, alias)
    }
    commands = {command for command, _ in near}
    if len(commands) != 1:
        return None, None
    languages = {language for _, language in near}
    return commands.pop(), languages.pop() if len(languages) == 1 else None


def one_slip_apart(one: str, other: str) -> bool:
    """Whether a single letter is wrong, missing, too many, or two neighbours changed places."""
    if one == other or abs(len(one) - len(other)) > 1:
        return False
    if len(one) > len(other):
        one, other = other, one
    at = next((at for at, letter in enumerate(one) if letter != other[at]), len(one))
    if len(one) < len(other):
        return one[at:] == other[at + 1 :]
    swapped = one[at : at + 2] == other[at : at + 2][::-1]
    return one[at + 1 :] == other[at + 1 :] or (swapped and one[at + 2 :] == other[at + 2 :])


def _leading_ref(words: list[str]) -> tuple[str | None, list[str]]:
    if words and words[0].isdecimal() and len(words[0]) in REF_DIGITS:
        return words[0], words[1:]
    return None, words


def _language_asked(language: str | None, rest: list[str]) -> Asked:
    named = {name for word in rest if (name := _language_names().get(_spelt(word)))}
    strange = any(_spelt(word) not in _language_names() for word in rest)
    if len(named) > 1 or strange:
        return Asked(Command.LANG, language)  # the list of languages is the answer that helps
    return Asked(Command.LANG, language, target=named.pop() if named else None)


def _spoken(words: list[str]) -> str | None:
    """The language of a text that is not understood, where a word or the script gives it away."""
    if any("\u0600" <= letter <= "\u06ff" for word in words for letter in word):
        return "ar"
    known = {meant[1] for word in words if (meant := _aliases().get(word)) and meant[1]}
    return known.pop() if len(known) == 1 else None


@cache
def _aliases() -> dict[str, tuple[Command, str | None]]:
    """Each word with its command and language; None where several languages share it."""
    found: dict[str, tuple[Command, str | None]] = {}
    for command, languages in WORDS.items():
        for language, words in languages.items():
            for word in words.split():
                alias = _spelt(folded(word))
                before = found.get(alias)
                found[alias] = (
                    command,
                    language if before in (None, (command, language)) else None,
                )
    return found


@cache
def _phrases() -> dict[str, tuple[Command, str]]:
    return {
        " ".join(_spelt(folded(word)) for word in phrase.split()): (command, language)
        for command, languages in PHRASES.items()
        for language, phrases in languages.items()
        for phrase in phrases
    }


@cache
def _language_names() -> dict[str, str]:
    return {
        _spelt(folded(name)): language
        for language, names in LANGUAGE_NAMES.items()
        for name in names.split()
    }


@cache
def _alarms() -> frozenset[str]:
    return frozenset(_spelt(folded(word)) for words in ALARMS.values() for word in words.split())
