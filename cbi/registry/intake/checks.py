"""What can stand in one cell: pure checks that read it, or say in the user's words why it cannot be read."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from cbi.fsp.messages import DeliveryMechanism
from cbi.registry import not_asked
from cbi.registry.intake import vocabulary
from cbi.registry.models import Sex
from cbi.registry.text import clean, folded, is_scientific, plain_digits

LARGEST_HOUSEHOLD = 60
OLDEST = 120
EARLIEST = date(1900, 1, 1)
LONGEST_NAME = 200
LONGEST_ID = 100
LONGEST_BAND = 40

_COUNTED = re.compile(r"(.*?[^\W\d_])[\s:x×*(]+(\d{1,3})\)?\Z", re.IGNORECASE)
_NO_VALUE = {"-", "–", "—", "--", "---"}
_SIGNED_NUMBER = re.compile(
    r"[+\-][\d\s().,/;:+\-]*\d(?:\s*(?:x|ext\.?|#)\s*\d+)?\Z", re.ASCII | re.IGNORECASE
)
_ISO_DATE = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T ].*)?\Z", re.ASCII)
_PARTED_DATE = re.compile(r"(\d{1,2})([-/. ])(\d{1,2})\2(\d{4})(?: \d{1,2}:.*)?\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something cannot be taken, or needs a look: a stable code, the column, a sentence, and what to do next.

    It never repeats what stood in the cell: reasons are kept and shown in clear, the cell is not.
    """

    code: str
    column: str
    message: str
    next_step: str

    @classmethod
    def of(cls, told: Mapping[str, str]) -> "Reason":
        """From what `as_json` gave."""
        return cls(told["code"], told["column"], told["message"], told["next_step"])

    def as_json(self) -> dict[str, str]:
        """For the rejected row and the API."""
        return {
            "code": self.code,
            "column": self.column,
            "message": self.message,
            "next_step": self.next_step,
        }


class Unusable(Exception):
    """A cell cannot be read. Caught where the row is put together; it becomes a Reason there."""

    def __init__(self, code: str, message: str, next_step: str) -> None:
        super().__init__(code)
        self.code, self.message, self.next_step = code, message, next_step


class DateOrder(StrEnum):
    """How `03/04/2024` is meant."""

    DAY_FIRST = "day-first"
    MONTH_FIRST = "month-first"


def cell_text(text: str) -> str:
    """The cell as one cleaned line; a dash alone is an empty cell. Raises Unusable for formulas and line breaks."""
    cleaned = clean(text)
    if cleaned in _NO_VALUE:
        return ""
    if "\n" in cleaned:
        raise Unusable(
            "line_break", "The cell runs over several lines.",
            "Put it on one line. In a CSV file, a quotation mark may be missing here or in a row above.",
        )  # fmt: skip
    if _is_formula(plain_digits(cleaned)):
        raise Unusable(
            "formula", "The cell begins like a formula (=, +, - or @).",
            "Type the value itself, without the sign in front.",
        )  # fmt: skip
    if "\ufffd" in cleaned:
        raise Unusable(
            "damaged_letters", "Letters were lost in this cell: it holds the sign for an unreadable character.",
            "Export the list again from where it was registered, as “CSV UTF-8” or XLSX.",
        )  # fmt: skip
    return cleaned


def band(text: str) -> str:
    """A band of an assessment in a word or a few. Raises Unusable."""
    if not folded(text) or len(text) > LONGEST_BAND:
        raise Unusable(
            "band", f"A band is a word or a few, at most {LONGEST_BAND} characters.",
            "Write the word that the scorecard uses, such as severe.",
        )  # fmt: skip
    return _asked(text)


def scorecard(text: str) -> tuple[str, int]:
    """A scorecard's name, folded, and its version: `vulnerability/2`; without a number, the first. Raises Unusable."""
    name, _, version = plain_digits(text).rpartition("/") if "/" in text else (text, "", "1")
    if not folded(name) or len(name) > LONGEST_BAND or not re.fullmatch("[1-9][0-9]{0,3}", version):
        raise Unusable(
            "scorecard", "A scorecard has a name, and after a stroke the number of its version.",
            "Write it as in vulnerability/2.",
        )  # fmt: skip
    return folded(name), int(version)


def _is_formula(text: str) -> bool:
    if text[:1] in ("+", "-"):
        return not (_SIGNED_NUMBER.match(text) or is_scientific(text))
    return text[:1] in ("=", "@")


def refuse_shortened(text: str, what: str) -> None:
    """Raise Unusable when a spreadsheet has shortened the number, so that its last digits are gone."""
    if is_scientific(plain_digits(text)):
        raise Unusable(
            "spreadsheet_number",
            f"A spreadsheet has shortened this {what} to a number with an exponent (such as 2.5E+11): its last digits"
            " are lost and cannot be brought back from this file.",
            f"Go back to the original list. Format the whole {what} column as Text before the list is opened, pasted or"
            " typed there, check that all digits show, then export it again.",
        )  # fmt: skip


def name(text: str) -> str:
    """A person's name. Raises Unusable."""
    if not any(character.isalpha() for character in text):
        raise Unusable(
            "name_without_letters", "There are no letters in this name.", "Check that the columns have not shifted."
        )  # fmt: skip
    if len(text) > LONGEST_NAME:
        raise Unusable(
            "name_too_long", f"The name is longer than {LONGEST_NAME} characters.",
            "Check that the columns have not shifted.",
        )  # fmt: skip
    return text


def identifier(text: str, what: str) -> str:
    """A registration number, an area, a card number: short text kept as it is. Raises Unusable."""
    refuse_shortened(text, what)
    if len(text) > LONGEST_ID:
        raise Unusable(
            "too_long", f"The {what} is longer than {LONGEST_ID} characters.",
            "Check that the columns have not shifted.",
        )  # fmt: skip
    return text


def document(text: str, what: str = "document number") -> str:
    """A document's or card's number as all spellings of it come out: capitals and digits only. Raises Unusable."""
    refuse_shortened(text, what)
    number = "".join(c for c in plain_digits(text).upper() if c.isalnum())
    if not 4 <= len(number) <= 40 or not any(c.isdigit() for c in number):
        raise Unusable(
            "document", f"This cannot be a {what}: one has 4 to 40 letters and digits, among them a digit.",
            "Correct it, or leave the cell empty if there is none.",
        )  # fmt: skip
    if len(set(number)) == 1:
        raise Unusable(
            "document_placeholder", f"The {what} is one digit repeated, as typed where there is none.",
            "Leave the cell empty if there is none: otherwise all such people look like one person.",
        )  # fmt: skip
    return number


def memorable_word(text: str) -> str:
    """A word that a recipient says at the counter: at least three letters or digits. Raises Unusable."""
    if not 3 <= len(folded(text)) <= LONGEST_ID:
        raise Unusable(
            "word", "A memorable word has at least three letters or digits.", "Ask the person for another word."
        )  # fmt: skip
    return text


def needs(text: str) -> tuple[tuple[str, int], ...]:
    """Named needs, separated by ; or ,: each with the members concerned after it (`pregnancy; disability 2`), else 1.

    Raises Unusable.
    """
    found: dict[str, tuple[str, int]] = {}
    for part in filter(None, map(str.strip, re.split("[;,؛،]", text))):
        match = _COUNTED.match(plain_digits(part))
        word, members = (part[: match.end(1)], int(match[2])) if match else (part, 1)
        if not 1 <= members <= LARGEST_HOUSEHOLD:
            raise Unusable(
                "needs_members", f"A need concerns 1 to {LARGEST_HOUSEHOLD} members.", "Correct the number."
            )  # fmt: skip
        if folded(need(word)) in found:
            raise Unusable(
                "needs_repeated", "The same need is named twice.", "Name it once, with a number."
            )
        found[folded(word)] = (word, members)
    return tuple(found.values())


def need(text: str) -> str:
    """A household's need in a word or a few. Raises Unusable."""
    digits = sum(character.isdigit() for character in text)
    if not folded(text) or not text[0].isalpha() or len(text) > LONGEST_ID or digits > 4:
        raise Unusable(
            "need", f"A need is a word or a few, at most {LONGEST_ID} characters, and no long number.",
            "Write the words that the programmes use, separated by ; and with the number of members after each.",
        )  # fmt: skip
    return _asked(text)


def _asked(word: str) -> str:
    if not_asked.sorts_people(word):
        raise Unusable(
            "not_asked", f"Nobody is sorted by {not_asked.THESE}.", not_asked.ASK_INSTEAD
        )
    return word


def household_size(text: str) -> int:
    """How many people live in the household, 1 to 60. Raises Unusable."""
    return whole_number(text, 1, LARGEST_HOUSEHOLD, "household_size", "household size")


def age(text: str) -> int:
    """An age in completed years, 0 to 120. Raises Unusable."""
    return whole_number(text, 0, OLDEST, "age", "age")


def whole_number(text: str, least: int, most: int, code: str, what: str) -> int:
    """A whole number between these two, both included. Raises Unusable with that code."""
    digits = plain_digits(text).replace(" ", "").replace("\u066b", ".")
    match = re.fullmatch(r"(\d{1,9})(?:[.,]0+)?", digits, re.ASCII)
    if not match or not least <= int(match[1]) <= most:
        raise Unusable(
            code, f"The {what} is not a whole number from {least} to {most}.", "Correct it, without words or decimals."
        )  # fmt: skip
    return int(match[1])


def past_date(text: str, order: DateOrder | None, today: date) -> date:
    """A real day, not in the future and after 1900-01-01: of birth, or when consent was given. Raises Unusable."""
    day = calendar_date(text, order)
    if day <= EARLIEST:
        raise Unusable(
            "date_too_early",
            "The date is of 1900-01-01 or earlier: a spreadsheet shows such dates for an empty or broken cell, and so"
            " do dates of another calendar.",
            "Give the date in the Gregorian calendar, or leave the cell empty; an age will do for a date of birth.",
        )  # fmt: skip
    if day > today:
        raise Unusable("date_in_future", "The date is in the future.", "Correct it.")
    return day


def calendar_date(text: str, order: DateOrder | None) -> date:
    """A day written as 2024-05-31 or 31/05/2024. What can be read in two ways is refused. Raises Unusable."""
    plain = plain_digits(text)
    if match := _ISO_DATE.match(plain):
        return _day(int(match[1]), int(match[2]), int(match[3]))
    if match := _PARTED_DATE.match(plain):
        first, second, year = int(match[1]), int(match[3]), int(match[4])
        if (
            first > 12 or first == second or match[2] == "."
        ):  # with full stops the day always comes first
            return _day(year, second, first)
        if second > 12:
            return _day(year, first, second)
        if order is None:
            raise Unusable(
                "date_ambiguous", "The day and the month of this date can be told in two ways.",
                "Write dates as 2024-05-31, or say `dates: day-first` in a mapping file.",
            )  # fmt: skip
        return (
            _day(year, second, first) if order == DateOrder.DAY_FIRST else _day(year, first, second)
        )
    if re.fullmatch(r"\d{4,6}(?:[.,]\d+)?", plain, re.ASCII) or is_scientific(plain):
        raise Unusable(
            "date_number",
            "This is a number, not a date: a spreadsheet counts days so when a cell has lost its date format.",
            "Format the column as a date that shows as 2024-05-31, then export again. For a year alone, give the age.",
        )  # fmt: skip
    raise Unusable(
        "date", "This is not a date that can be read.", "Write dates as 2024-05-31 or 31/05/2024."
    )


def _day(year: int, month: int, day: int) -> date:
    try:
        return date(year, month, day)
    except ValueError:
        raise Unusable(
            "date_impossible", "There is no such day in the calendar.", "Correct it."
        ) from None


def sex(text: str) -> Sex:
    """Female, male, other or unknown, in four languages. Raises Unusable."""
    found = vocabulary.SEX.get(folded(text))
    if found is None:
        raise Unusable(
            "sex", "This word for the sex is not known.",
            "Use female, male, other or unknown, or list your words under `values:` in a mapping file.",
        )  # fmt: skip
    return found


def language(text: str, spoken: tuple[str, ...]) -> str:
    """One of the languages that the office writes in, by code or name. Raises Unusable."""
    found = vocabulary.LANGUAGES.get(folded(text), "")
    if found not in spoken:
        raise Unusable(
            "language", "This is not a language that the office sends texts in.",
            f"Use one of: {', '.join(spoken)}, or list your words under `values:` in a mapping file.",
        )  # fmt: skip
    return found


def way(text: str) -> DeliveryMechanism:
    """How the recipient asks to be paid. Raises Unusable."""
    found = vocabulary.WAYS.get(folded(text))
    if found is None:
        raise Unusable(
            "way_of_payment", "This way of being paid is not known.",
            "Use cash, mobile money, card, bank or home, or list your words under `values:` in a mapping file.",
        )  # fmt: skip
    return found


def consent(text: str) -> None:
    """That the person agreed. Raises Unusable when they did not, or when it cannot be told."""
    if folded(text) in vocabulary.NO:
        raise Unusable(
            "consent_refused", "The person did not agree that their data is held.",
            "Delete the person's data from the list.",
        )  # fmt: skip
    if folded(text) not in vocabulary.YES:
        raise Unusable("consent", "It cannot be told whether the person agreed.", "Use yes or no.")
