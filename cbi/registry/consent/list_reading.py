"""Reads a list of what people said before their words were kept here: one row is one person and some purposes."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from cbi.registry.consent.models import Answer, How, Scope
from cbi.registry.intake import checks, vocabulary
from cbi.registry.intake.cells import cell
from cbi.registry.intake.checks import Reason, Unusable
from cbi.registry.intake.facts import Row
from cbi.registry.intake.files import Table
from cbi.registry.intake.listed import row_of
from cbi.registry.intake.mapping import find_column, missing_columns
from cbi.registry.text import folded

HOUSEHOLD, MEMBER, PURPOSES, ANSWER, DAY, HOW, NOTICE, LANGUAGE = (
    "household", "member", "purposes", "answer", "day", "how", "notice", "language",
)  # fmt: skip
COLUMNS: Mapping[str, tuple[str, ...]] = {
    HOUSEHOLD: (*vocabulary.TEMPLATE_COLUMNS["source_id"], "source_id"),
    MEMBER: ("Member", "Membre", "Miembro", "الفرد"),
    PURPOSES: ("Purposes", "Purpose", "Finalités", "Finalité", "Finalidades", "Finalidad", "الأغراض", "الغرض"),
    ANSWER: ("Answer", "Consent", "Réponse", "Consentement", "Respuesta", "Consentimiento", "الجواب", "الموافقة"),
    DAY: ("Date", "Fecha", "التاريخ", *vocabulary.TEMPLATE_COLUMNS["consent_on"], "consent_on"),
    HOW: ("How", "Comment", "Cómo", "الطريقة"),
    NOTICE: ("Notice", "Avis", "Aviso", "الإشعار"),
    LANGUAGE: vocabulary.TEMPLATE_COLUMNS["language"],
}  # fmt: skip
"""What each column is called, in any of the four languages."""

_NEEDED = (HOUSEHOLD, PURPOSES, ANSWER)
_PURPOSES = {
    folded(word): scope
    for scope, words in {
        Scope.ASSISTANCE: (str(Scope.ASSISTANCE), "aide", "asistencia", "المساعدة"),
        Scope.PROVIDER: (str(Scope.PROVIDER), "prestataire", "proveedor", "مقدم الخدمة"),
        Scope.TEXTS: (str(Scope.TEXTS), "SMS", "messages", "mensajes", "الرسائل"),
        Scope.REFERRAL: (str(Scope.REFERRAL), "orientation", "derivación", "الإحالة"),
        Scope.DUPLICATES: (str(Scope.DUPLICATES), "doublons", "duplicados", "التكرار"),
        Scope.RESEARCH: (str(Scope.RESEARCH), "recherche", "investigación", "البحث"),
    }.items()
    for word in words
}  # fmt: skip
_WITHDRAWN = {folded(word) for word in ("withdrawn", "taken back", "retiré", "retirado", "سُحبت", "مسحوبة")}  # fmt: skip
_WAYS = {
    folded(word): how
    for how, words in {
        How.IN_PERSON: ("in_person", "en personne", "en persona", "شخصيا"),
        How.SIGNED: ("signed", "signé", "firmado", "موقع"),
        How.CALL: ("call", "telephone", "téléphone", "teléfono", "الهاتف"),
        How.GUARDIAN: ("guardian", "tuteur", "tutor", "الوصي"),
    }.items()
    for word in words
}


@dataclass(frozen=True, slots=True)
class Whole:
    """What holds for every row that does not say otherwise; empty: each row says it."""

    how: str = ""
    notice: str = ""
    language: str = ""
    on: date | None = None


@dataclass(slots=True, repr=False)
class Said:
    """One row as it was read; whole only where `row` has no reasons."""

    row: Row
    number: str
    member: str
    """The number of the member who said it; empty: whoever collects."""
    scopes: tuple[Scope, ...]
    answer: Answer
    how: How
    on: date
    notice: str
    language: str

    def refuse(self, code: str, message: str, next_step: str) -> None:
        """Keep the row out."""
        self.row.reasons.append(Reason(code, "", message, next_step))


def rows(table: Table, whole: Whole, today: date, spoken: Sequence[str]) -> Iterator[Said]:
    """Every row of a list; what is wrong with one stands in its reasons. Raises MissingColumns."""
    found = {
        what: next((at for name in names if (at := find_column(name, table.columns)) is not None), None)
        for what, names in COLUMNS.items()
    }  # fmt: skip
    if lacking := [COLUMNS[what][0] for what in _NEEDED if found[what] is None]:
        raise missing_columns(lacking, table.sheet)
    for line in table.lines:
        yield _Reader(row_of(table, line), found).read(whole, today, tuple(spoken))


class _Reader:
    def __init__(self, row: Row, columns: Mapping[str, int | None]) -> None:
        self._row, self._columns = row, columns

    def read(self, whole: Whole, today: date, spoken: tuple[str, ...]) -> Said:
        said = Said(
            self._row, self._text(HOUSEHOLD), self._text(MEMBER), (), Answer.GIVEN, How.IN_PERSON,
            whole.on or today, whole.notice, "",
        )  # fmt: skip
        if not said.number and not self._row.reasons:
            self._missing(HOUSEHOLD)
        said.scopes = self._purposes(self._text(PURPOSES))
        said.answer = self._answer(self._text(ANSWER)) or Answer.GIVEN
        said.how = self._way(self._text(HOW) or whole.how) or How.IN_PERSON
        said.notice = self._text(NOTICE) or whole.notice
        if said.answer is Answer.WITHDRAWN:
            said.notice = ""
        elif not said.notice:
            self._missing(NOTICE)
        self._take_day(said, self._text(DAY), whole.on, today)
        self._take_language(said, self._text(LANGUAGE) or whole.language, spoken)
        return said

    def _text(self, what: str) -> str:
        try:
            return cell(self._row, self._columns[what])
        except Unusable as problem:
            self._note(what, problem)
            return ""

    def _note(self, what: str, problem: Unusable) -> None:
        at = self._columns[what]
        label = self._row.columns[at] if at is not None else ""
        self._row.reasons.append(Reason(problem.code, label, problem.message, problem.next_step))

    def _missing(self, what: str) -> None:
        if self._columns[what] is None:
            said = f"The list has no column {COLUMNS[what][0]!r}, and nothing was said that holds for all rows."
            self._note(what, Unusable("missing", said, "Fill it in."))
        else:
            self._note(what, Unusable("missing", "The cell is empty, and this is needed.", "Fill it in."))  # fmt: skip

    def _purposes(self, text: str) -> tuple[Scope, ...]:
        words = [word for word in re.split("[;,؛،+]", text) if folded(word)]
        found = [_PURPOSES.get(folded(word)) for word in words]
        if not words:
            self._missing(PURPOSES)
        elif None in found:
            self._note(PURPOSES, Unusable(
                "consent_purpose", "This is not a purpose that anybody is asked for.",
                f"Write one or several of {', '.join(Scope)}, with ; between them.",
            ))  # fmt: skip
        return tuple(scope for scope in Scope if scope in found)

    def _answer(self, text: str) -> Answer | None:
        word = folded(text)
        if word in vocabulary.YES:
            return Answer.GIVEN
        if word in vocabulary.NO:
            return Answer.REFUSED
        if word in _WITHDRAWN:
            return Answer.WITHDRAWN
        if text:
            self._note(ANSWER, Unusable(
                "consent_answer", "It cannot be told whether this is a yes or a no.", "Write yes, no, or withdrawn.",
            ))  # fmt: skip
        else:
            self._missing(ANSWER)
        return None

    def _way(self, text: str) -> How | None:
        found = _WAYS.get(folded(text))
        if found is How.GUARDIAN:
            self._note(HOW, Unusable(
                "consent_guardian", "What a guardian says for somebody is recorded one by one.",
                "Record it for that household by itself, with the name of the guardian.",
            ))  # fmt: skip
        elif not text:
            self._missing(HOW)
        elif found is None:
            self._note(HOW, Unusable(
                "consent_how", "This way of saying yes or no is not known.", "Write in person, signed, or telephone.",
            ))  # fmt: skip
        return found

    def _take_day(self, said: Said, text: str, usual: date | None, today: date) -> None:
        if not text and usual is None:
            self._missing(DAY)
            return
        try:
            said.on = checks.past_date(text or str(usual), None, today)
        except Unusable as problem:
            self._note(DAY, problem)

    def _take_language(self, said: Said, text: str, spoken: tuple[str, ...]) -> None:
        try:
            said.language = checks.language(text, spoken) if text else ""
        except Unusable as problem:
            self._note(LANGUAGE, problem)
