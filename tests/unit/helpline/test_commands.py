"""What recipients text is understood in four languages and any digits, and never guessed at."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbi.helpline.commands import Asked, Command, one_slip_apart, read, sounds_alarming
from cbi.helpline.words import ALONE, DIGITS, EXACT, FILLERS, LANGUAGE_NAMES, PHRASES, WORDS
from cbi.registry.text import folded

C = Command
EVERY_WORD = [
    (word, command, language)
    for command, languages in WORDS.items()
    for language, words in languages.items()
    for word in words.split()
]
SCRIPTS = {"latin": 0x30, "arabic": 0x660, "persian": 0x6F0, "bengali": 0x9E6, "full width": 0xFF10}
INVISIBLE = ("\u200f", "\u200e", "\u202b", "\u2067", "\u2069", "\ufeff", "\u200b")


@pytest.mark.parametrize("zero", SCRIPTS.values(), ids=SCRIPTS)
@pytest.mark.parametrize(("digit", "command"), DIGITS.items())
def test_a_digit_means_the_same_in_every_script(zero: int, digit: str, command: Command) -> None:
    assert read(chr(zero + int(digit))).command is command


@pytest.mark.parametrize(("word", "command", "language"), EVERY_WORD)
def test_every_word_is_understood_however_it_is_written(
    word: str, command: Command, language: str
) -> None:
    for spelt in (word, word.upper(), f" {word}!! ", f"\u200f{word}\u200f", f"{word}."):
        asked = read(spelt)
        assert asked.command is command, spelt
        assert asked.language in (language, None)


@pytest.mark.parametrize(
    ("text", "command", "language"),
    [
        ("Stauts", C.STATUS, "en"), ("statuss", C.STATUS, "en"), ("offce", C.WHERE, "en"),
        ("compliant", C.COMPLAIN, "en"), ("PROBLEM", C.PROBLEM, "en"), ("where is it?", None, "en"),
        ("status please", C.STATUS, "en"), ("hello, my code please", C.CODE, None),
        ("Post office", C.WHERE, "en"), ("call me", C.CALL, "en"), ("wrong number", C.WRONG, "en"),
        ("Code lost", C.LOST, "en"), ("I want my money", None, None),
    ],
)  # fmt: skip
def test_english(text: str, command: Command | None, language: str | None) -> None:
    assert read(text).command is command
    assert command is None or read(text).language == language


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("aidé", C.HELP), ("État", C.STATUS), ("ETAT SVP", C.STATUS), ("où", C.WHERE), ("OU?", C.WHERE),
        ("burau", C.WHERE), ("Réclamation", C.COMPLAIN), ("reclamtion", C.COMPLAIN), ("volé", C.LOST),
        ("code perdu", C.LOST), ("Perdu mon téléphone", C.LOST), ("non", C.PROBLEM), ("Arrêt", C.STOP),
        ("ARRET", C.STOP), ("début", C.START), ("erreur", C.WRONG), ("faux numéro", C.WRONG),
        ("Bonjour, mon code svp", C.CODE), ("rappelez-moi", C.CALL), ("oui merci", C.YES),
        ("arrêt de bus", None), ("où est mon argent", None), ("si vous voulez", None),
    ],
)  # fmt: skip
def test_french(text: str, command: Command | None) -> None:
    assert read(text).command is command


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("¿Dónde?", C.WHERE), ("código", C.CODE), ("codgo", C.CODE), ("ESTADO", C.STATUS), ("¡Ayuda!", C.HELP),
        ("no recibí todo", C.PROBLEM), ("robado", C.LOST), ("no fui yo", C.LOST), ("alta", C.START),
        ("alto", C.STOP), ("baja", C.STOP), ("sí", C.YES), ("Equivocado", C.WRONG), ("número equivocado", C.WRONG),
        ("llámenme", C.CALL), ("queja: me cobraron", C.COMPLAIN), ("error en mi nombre", None), ("baja la voz", None),
    ],
)  # fmt: skip
def test_spanish(text: str, command: Command | None) -> None:
    assert read(text).command is command


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("مساعدة", C.HELP), ("مُسَاعَدَة", C.HELP), ("مـــساعده", C.HELP), ("المساعدة", C.HELP), ("حاله", C.STATUS),
        ("الرمز", C.CODE), ("رَمْز", C.CODE), ("مكتب", C.WHERE), ("المكاتب", C.WHERE), ("أين", C.WHERE),
        ("شكوي", C.COMPLAIN), ("شكوى أخذوا مني", C.COMPLAIN), ("ضاع الرمز", C.LOST), ("سُرقت", C.LOST),
        ("لا", C.PROBLEM), ("لا لم أستلم", C.PROBLEM), ("مشكله", C.PROBLEM), ("لغة", C.LANG), ("اتصلوا بي", C.CALL),
        ("إيقاف", C.STOP), ("توقف", C.STOP), ("ابدأ", C.START), ("إبدأ", C.START), ("خطأ", C.WRONG),
        ("رقم خطأ", C.WRONG), ("نعم", C.YES), ("توقف عن الكذب", None), ("السلام عليكم", None),
    ],
)  # fmt: skip
def test_arabic(text: str, command: Command | None) -> None:
    assert read(text).command is command


def test_persian_letters_are_read_as_the_arabic_ones_they_look_like() -> None:
    assert read("شکوی").command is C.COMPLAIN
    assert read("مکتب").command is C.WHERE


@pytest.mark.parametrize(
    "text",
    [
        "2 weeks without money", "5 days I wait", "1 and 2", "12", "2 4831", "48312", "5000 dinars are missing",
        "stop taking my money", "wrong code", "start again please now", "code and status", "9 48312", "", "   ", "…",
        "\u200f", "2 4831.2907.5526", "code: 4831*******", "يوم 5", "yes but not all", "0 1",
    ],
)  # fmt: skip
def test_what_could_mean_something_else_is_not_guessed_at(text: str) -> None:
    assert read(text).command is None


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("2 48312", Asked(C.CODE, ref="48312")),
        ("٢ ٤٨٣١٢", Asked(C.CODE, ref="48312")),
        ("code 4831290", Asked(C.CODE, ref="4831290")),
        ("1 48312", Asked(C.STATUS, ref="48312")),
        ("6 48312 he took 500", Asked(C.PROBLEM, ref="48312", in_words=True)),
        ("6", Asked(C.PROBLEM)),
        ("4 they want money", Asked(C.COMPLAIN, in_words=True)),
        ("5 48312", Asked(C.LOST, ref="48312")),
        ("7", Asked(C.LANG)),
        ("7 fr", Asked(C.LANG, target="fr")),
        ("٧ عربي", Asked(C.LANG, target="ar")),
        ("لغة العربية", Asked(C.LANG, "ar", target="ar")),
        ("Language: Spanish", Asked(C.LANG, "en", target="es")),
        ("7 klingon", Asked(C.LANG)),
        ("7 fr ar", Asked(C.LANG)),
    ],
)
def test_what_follows_a_command(text: str, asked: Asked) -> None:
    assert read(text) == asked


@pytest.mark.parametrize(
    "words", [words.split() for words in LANGUAGE_NAMES.values()], ids=LANGUAGE_NAMES
)
def test_a_language_goes_by_its_name_in_every_language(words: list[str]) -> None:
    assert len({read(f"7 {word}").target for word in words}) == 1


def test_no_word_names_two_commands_and_none_is_a_politeness() -> None:
    meant: dict[str, Command] = {}
    for word, command, _ in EVERY_WORD:
        alias = folded(word)
        assert meant.setdefault(alias, command) is command, word
        assert alias not in FILLERS
    for command, languages in PHRASES.items():
        for phrases in languages.values():
            assert all(read(phrase).command is command for phrase in phrases), command


def test_no_word_is_one_slip_away_from_another_command() -> None:
    loose = [(folded(word), command) for word, command, _ in EVERY_WORD if len(folded(word)) > 4]
    near = [
        (one, other)
        for one, first in loose
        for other, second in loose
        if first is not second and not {first, second} & EXACT and one_slip_apart(one, other)
    ]
    assert near == []


@pytest.mark.parametrize("command", sorted(EXACT))
def test_what_does_harm_by_mistake_forgives_no_slip(command: Command) -> None:
    for words in WORDS[command].values():
        for word in words.split():
            assert read(word[:-1] + "q" + word[-1]).command is not command


@pytest.mark.parametrize("command", sorted(ALONE))
def test_what_is_meant_alone_is_not_understood_with_more_words(command: Command) -> None:
    for words in WORDS[command].values():
        assert read(f"{words.split()[0]} tomorrow maybe").command is None


@given(st.text(max_size=300))
def test_any_text_is_read_without_an_error(text: str) -> None:
    asked = read(text)
    assert asked.ref is None or asked.ref.isdecimal()
    assert isinstance(sounds_alarming(text), bool)


@given(st.sampled_from(EVERY_WORD), st.data())
def test_marks_that_nobody_sees_change_nothing(
    chosen: tuple[str, Command, str], data: st.DataObject
) -> None:
    word, command, _ = chosen
    marked = "".join(letter + data.draw(st.sampled_from(["", "", *INVISIBLE])) for letter in word)
    decomposed = unicodedata.normalize("NFD", marked)
    assert read(marked).command is command
    assert read(decomposed).command is command


@given(
    st.sampled_from(sorted(DIGITS)),
    st.sampled_from(sorted(SCRIPTS)),
    st.text(" \t\n.!?،؛-*", max_size=6),
)
def test_a_digit_is_found_among_punctuation(digit: str, script: str, around: str) -> None:
    assert read(f"{around}{chr(SCRIPTS[script] + int(digit))}{around}").command is DIGITS[digit]


@given(st.text("abcdefghij", min_size=5, max_size=9), st.data())
def test_one_slip_is_one_slip_in_either_direction(word: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(word) - 1))
    for slipped in (
        word[:at] + word[at + 1 :],
        word[:at] + "x" + word[at:],
        word[:at] + "x" + word[at + 1 :],
    ):
        assert one_slip_apart(word, slipped)
        assert one_slip_apart(slipped, word)
        assert not one_slip_apart(word, slipped + "yy")


def test_a_reference_is_not_in_what_a_log_would_show() -> None:
    assert "48312" not in repr(read("2 48312"))


@pytest.mark.parametrize(
    "text",
    ["he touched me", "il m'a menacé", "me amenazó", "هددني", "التحرش", "4 they want a BRIBE"],
)
def test_words_of_abuse_are_heard(text: str) -> None:
    assert sounds_alarming(text)


@pytest.mark.parametrize(
    "text", ["6", "je n'ai pas touché mon argent", "لم أستلم المبلغ", "no recibí"]
)
def test_other_words_are_not_taken_for_abuse(text: str) -> None:
    assert not sounds_alarming(text)
