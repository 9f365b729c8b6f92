"""Reads an assessment form that comes back: what each row says, or in words why it cannot be taken."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from cbi.audit import reasons
from cbi.keys import Keyring
from cbi.registry import row_tokens
from cbi.registry.intake import checks, vocabulary
from cbi.registry.intake.cells import cell
from cbi.registry.intake.checks import Reason, Unusable
from cbi.registry.intake.facts import Row
from cbi.registry.intake.tables import Line
from cbi.registry.models import Household
from cbi.registry.scorecards.definition import Indicator, Kind
from cbi.registry.scorecards.form_layout import (
    DAY,
    QUESTION,
    REGISTRATION,
    TOKEN,
    WHY,
    Column,
    Paper,
)
from cbi.registry.scorecards.landing import Answered
from cbi.registry.text import folded

_NO_TOKEN = (
    "The row has no token of this form, so nobody can tell which household it is.",
    "Write the form again and fill in that copy; copy no rows by hand.",
)


@dataclass(slots=True, repr=False)
class Filled:
    """One row that was filled in. `answers` and `on` are whole only where `row` has no reasons."""

    row: Row
    registration: str
    token: row_tokens.Token | None
    answers: dict[str, Any]
    on: date
    why: str | None
    has_day: bool = False


class Reader:
    """Reads the rows of one file, each by itself."""

    def __init__(
        self,
        paper: Paper,
        keys: Keyring,
        places: Mapping[int, Column],
        page: str | None,
        today: date,
    ) -> None:
        self._paper, self._keys, self._page, self._today = paper, keys, page, today
        self._places = places
        self._seen: dict[int, Row] = {}

    def read(self, line: Line) -> Filled | None:
        """What a row says; None where nothing was filled in."""
        row = Row(self._page, line)
        texts = {place: self._text(row, place, column) for place, column in self._places.items()}
        filled = [
            text for place, text in texts.items() if text and self._places[place].holds == QUESTION
        ]
        if not filled and not row.reasons:
            return None
        by_name = {
            column.holds: texts[place]
            for place, column in self._places.items()
            if column.holds != QUESTION
        }
        found = Filled(row, by_name.get(REGISTRATION, ""), None, {}, self._today, None)
        self._take_token(found, by_name.get(TOKEN, ""))
        for indicator in self._paper.scorecard.asked(self._paper.form):
            self._take(found, indicator, texts)
        self._take_day(found, by_name.get(DAY, ""))
        self._take_reason(found, by_name.get(WHY, ""))
        return found

    def whose(self, found: Filled, household: Household | str | None) -> Answered | None:
        """The row as the household's, once its number was looked up; None where there is a reason against it."""
        if isinstance(household, str) or household is None:
            problem = Unusable(
                "household", household or "The row has no number.", "Check the number."
            )
            self._note(found.row, problem, REGISTRATION)
        elif found.token is not None and not row_tokens.is_ours(
            self._keys, found.token, household.id, kind=row_tokens.ASSESSMENTS
        ):
            problem = Unusable(
                "token_of_another", "The token of this row is that of another household.",
                "Rows may have been swapped or sorted in part: put each row back as it was written.",
            )  # fmt: skip
            self._note(found.row, problem, TOKEN)
        if found.row.reasons or found.token is None or not isinstance(household, Household):
            return None
        return Answered(
            household.id, found.answers, found.on, f"form {self._paper.form_id}", found.why,
            self._paper.form_id, found.token.number,
        )  # fmt: skip

    def _take_token(self, found: Filled, text: str) -> None:
        try:
            given = row_tokens.read(text)
            if given is None:
                raise Unusable("wrong_token" if text else "no_token", *_NO_TOKEN)
            if (given.sheet, given.version, given.of) != (
                self._paper.form_id, self._paper.version, self._paper.of
            ):  # fmt: skip
                raise Unusable(
                    "foreign_token", f"This row belongs to the form {given.sheet}.",
                    "Move it there, or delete it here.",
                )  # fmt: skip
            first = self._seen.setdefault(given.number, found.row)
            if first is not found.row:
                raise Unusable(
                    "repeated", f"The same token stands in row {first.line.number} already.",
                    "A row was copied: keep the right one of the two.",
                )  # fmt: skip
            found.token = given
        except Unusable as problem:
            self._note(found.row, problem, TOKEN)

    def _take(self, found: Filled, indicator: Indicator, texts: Mapping[int, str]) -> None:
        own = {
            place: column for place, column in self._places.items() if column.indicator is indicator
        }
        try:
            answer = self._answer(indicator, own, texts)
        except Unusable as problem:
            heading = next(iter(own.values())).heading
            found.row.reasons.append(
                Reason(problem.code, heading, problem.message, problem.next_step)
            )
            return
        if answer is not None:
            found.answers[indicator.name] = answer

    def _answer(
        self, indicator: Indicator, own: Mapping[int, Column], texts: Mapping[int, str]
    ) -> Any:
        """The answer, None where an optional one was left out. Raises Unusable."""
        if indicator.kind is Kind.MANY:
            chosen = [
                column.option.code
                for place, column in own.items()
                if column.option and texts[place] and _is_yes(texts[place])
            ]
            return sorted(chosen)
        text = texts[next(iter(own))]
        if not text:
            if indicator.optional:
                return None
            raise Unusable(
                "missing", "The answer is missing.", "Fill it in, or empty the whole row."
            )
        if indicator.kind is Kind.NUMBER:
            return checks.whole_number(text, indicator.least, indicator.largest, "number", "answer")
        if indicator.kind is Kind.YES_NO:
            return _is_yes(text)
        for option in indicator.options:
            if folded(text) in {folded(option.code), *map(folded, option.say.values())}:
                return option.code
        raise Unusable(
            "answer", "This is no answer of the question.", "Choose one from the cell's list."
        )

    def _take_day(self, found: Filled, text: str) -> None:
        if not text:
            return
        try:
            found.on, found.has_day = checks.past_date(text, None, self._today), True
        except Unusable as problem:
            self._note(found.row, problem, DAY)

    def _take_reason(self, found: Filled, text: str) -> None:
        if not text:
            return
        try:
            found.why = reasons.plain(text)
        except reasons.UnusableReason as problem:
            self._note(found.row, Unusable("reason", problem.message, problem.next_step), WHY)

    def _text(self, row: Row, place: int, column: Column) -> str:
        try:
            return cell(row, place)
        except Unusable as problem:
            row.reasons.append(
                Reason(problem.code, column.heading, problem.message, problem.next_step)
            )
            return ""

    def _note(self, row: Row, problem: Unusable, name: str) -> None:
        heading = next((each.heading for each in self._places.values() if each.holds == name), "")
        row.reasons.append(Reason(problem.code, heading, problem.message, problem.next_step))


def _is_yes(text: str) -> bool:
    word = folded(text)
    if word in vocabulary.YES or word == "x":
        return True
    if word in vocabulary.NO:
        return False
    raise Unusable(
        "yes_or_no",
        "It cannot be told whether this is yes or no.",
        "Choose one from the cell's list.",
    )
