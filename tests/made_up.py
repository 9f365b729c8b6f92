"""People who are nobody, and unlike one another: who sounds like somebody else is not paid before a person has looked."""

import hashlib

_FIRST = ("b", "d", "f", "g", "h", "j", "k", "l", "m", "n", "p", "q", "r", "s", "t", "z")
_THEN = ("a", "e", "i", "o", "u", "ai", "au", "ei")


def name(word: str) -> str:
    """A name and a surname that follow from the word, of three syllables each."""
    digest = hashlib.sha256(word.encode()).digest()
    syllables = [_FIRST[byte % 16] + _THEN[byte // 16 % 8] for byte in digest[:6]]
    return " ".join("".join(part).capitalize() for part in (syllables[:3], syllables[3:]))


def document(word: str, ending: str) -> str:
    """A document's number that ends so, and has little else in common with another word's."""
    digest = hashlib.sha256(
        word.encode()
    ).digest()  # letters only: a number with an E in it looks shortened
    return "".join(chr(ord("A") + byte % 26) for byte in digest[:6]) + ending
