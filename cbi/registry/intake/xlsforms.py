"""XLSForms: the questions of a Kobo or ODK form with their labels, and the choices that answers name."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from cbi.registry.intake import vocabulary
from cbi.registry.intake.files import File, opened
from cbi.registry.intake.mapping import (
    ColumnMapping,
    FieldRule,
    Fields,
    SheetRule,
    find_path,
)
from cbi.registry.intake.tables import UnusableFile
from cbi.registry.text import clean, folded

_BEGIN = re.compile(r"begin[_ ](group|repeat)\Z")
_END = re.compile(r"end[_ ](group|repeat)\Z")
_CHOICE = re.compile(r"select[_ ](one|multiple)\s+(\S+)")
_IN_BRACKETS = re.compile(r"\(\s*([A-Za-z]{2,3})\s*\)\Z")
_SILENT = frozenset(
    {"note", "audit", "start", "end", "today", "deviceid", "image", "audio", "video", "file"}
)

Labels = Mapping[str, str]
"""By language code; the form's first language also stands under an empty one."""


class NotAForm(UnusableFile):
    """The workbook has no sheets `survey` and `choices` as an XLSForm has."""

    code = "registry.not_a_form"


class FormDiffers(UnusableFile):
    """The mapping file asks the form for something that it does not have."""

    code = "registry.form_differs"


@dataclass(frozen=True, slots=True)
class Question:
    """One question: its path, what it takes, the path of the repeat it stands in, and its list of choices."""

    path: str
    kind: str
    labels: Labels
    repeat: str | None = None
    choices: str | None = None

    @property
    def is_several(self) -> bool:
        """Whether more than one choice may be taken."""
        return self.kind == "select_multiple"

    @property
    def is_silent(self) -> bool:
        """Whether nobody answers it, or its answer is a file."""
        return self.kind in _SILENT


@dataclass(frozen=True, slots=True)
class Form:
    """A form: its title, its questions in their order, and the choices of each list with their labels."""

    title: str
    questions: tuple[Question, ...]
    choices: Mapping[str, Mapping[str, Labels]]

    def question(self, name: str) -> Question | None:
        """The question of this path, or the only one that is called so."""
        paths = tuple(question.path for question in self.questions)
        index = find_path(name, paths)
        return None if index is None else self.questions[index]


def label_in(labels: Labels, language: str) -> str:
    """The label in a language, or in the form's own; empty where there is none."""
    return labels.get(language) or labels.get("") or ""


def read_form(content: Path | BinaryIO) -> Form:
    """Read an XLSForm (XLSX). Raises NotAForm, UnusableFile in its kinds."""
    with opened(content) as file:
        names = {folded(name): name for name in file.all_sheets if name}
        if "survey" not in names:
            raise NotAForm(
                "The workbook has no sheet `survey`, so it is no XLSForm.",
                next_step="In Kobo, take Form, then Download XLS; or send the file that the form was made from.",
            )
        questions = tuple(_questions(file, names["survey"]))
        choices = _choices(file, names["choices"]) if "choices" in names else {}
        title = _title(file, names["settings"]) if "settings" in names else ""
    if not questions:
        raise NotAForm("The sheet `survey` has no questions.", next_step="Send the form itself.")
    return Form(title, questions, choices)


class _Sheet:
    """A sheet of a form. Columns that nobody asks for may be called anything, also twice."""

    def __init__(self, file: File, sheet: str) -> None:
        self._lines = file.lines(sheet)
        self._name = sheet
        header = next(self._lines, None)
        self.columns = tuple(map(clean, header.cells)) if header else ()

    def column(self, wanted: str) -> str:
        """The name of a column that must be there, as it is written."""
        found = next((name for name in self.columns if folded(name) == folded(wanted)), None)
        if found is None:
            raise NotAForm(
                f"The sheet {self._name!r} has no column `{wanted}`.",
                next_step="Send the form itself.",
            )
        return found

    def rows(self) -> Iterator[dict[str, str]]:
        """What is filled in each row, by the names of the columns."""
        for line in self._lines:
            row: dict[str, str] = {}
            for name, text in zip(self.columns, line.cells, strict=False):
                if text:
                    row.setdefault(name, clean(text))
            yield row


def _label_columns(columns: tuple[str, ...]) -> dict[str, str]:
    """The columns of labels by language code. `label::French (fr)`, `label:Arabic(AR)` and `label` are all in use."""
    found: dict[str, str] = {}
    for name in columns:
        start, _, language = name.partition(":")
        if folded(start) == "label":
            language = language.strip(": ")
            bracketed = _IN_BRACKETS.search(language)
            word = folded(bracketed[1] if bracketed else language)
            found.setdefault(vocabulary.LANGUAGES.get(word, word), name)
            found.setdefault("", name)
    return found


def _labels(row: Mapping[str, str], columns: Mapping[str, str]) -> Labels:
    return {language: row[name] for language, name in columns.items() if name in row}


def _questions(file: File, sheet: str) -> Iterator[Question]:
    table = _Sheet(file, sheet)
    kind_column, name_column = table.column("type"), table.column("name")
    label_columns = _label_columns(table.columns)
    groups: list[tuple[str, bool]] = []
    for row in table.rows():
        kind, name = " ".join(row.get(kind_column, "").split()), row.get(name_column, "")
        if begun := _BEGIN.match(kind):
            groups.append((name, begun[1] == "repeat"))
        elif _END.match(kind):
            groups = groups[:-1]
        elif kind and name:
            repeats = [index for index, (_, is_repeat) in enumerate(groups) if is_repeat]
            inside = "/".join(group for group, _ in groups[: repeats[-1] + 1]) if repeats else None
            chosen = _CHOICE.match(kind)
            yield Question(
                "/".join([*(group for group, _ in groups), name]),
                f"select_{chosen[1]}" if chosen else kind,
                _labels(row, label_columns),
                inside,
                chosen[2] if chosen else None,
            )


def _choices(file: File, sheet: str) -> dict[str, dict[str, Labels]]:
    table = _Sheet(file, sheet)
    list_column, name_column = table.column("list_name"), table.column("name")
    label_columns = _label_columns(table.columns)
    found: dict[str, dict[str, Labels]] = {}
    for row in table.rows():
        if row.get(list_column) and row.get(name_column):
            labels = _labels(row, label_columns)
            found.setdefault(row[list_column], {})[row[name_column]] = labels
    return found


def _title(file: File, sheet: str) -> str:
    row = next(_Sheet(file, sheet).rows(), {})
    return next(
        (text for name, text in row.items() if folded(name) in {"form title", "formtitle"}), ""
    )


def with_form(mapping: ColumnMapping, form: Form, language: str) -> ColumnMapping:
    """The mapping with what the form tells: its questions, and labels for names of choices where they are asked for.

    `language` is taken where the mapping file says none. Raises FormDiffers.
    """
    answers: dict[str, dict[str, str]] = {}
    for where, rule in (("", mapping.households), ("people.", mapping.people)):
        for name, field in rule.fields.items() if rule else ():
            question = form.question(field.names[0]) if field.names else None
            if question and question.is_several and not field.several:
                raise FormDiffers(
                    f"{where}{name}: the form takes several answers to this question.",
                    next_step="Write `several: true` there in the mapping file.",
                )
            if field.label:
                answers[f"{where}{name}"] = _answers(
                    form, question, mapping.labels or language, name
                )
    known = tuple(question.path for question in form.questions)
    return replace(with_answers(mapping, answers), known=known)


def _answers(form: Form, question: Question | None, language: str, name: str) -> dict[str, str]:
    choices = form.choices.get(question.choices or "") if question else None
    if not choices:
        raise FormDiffers(
            f"{name}: the form has no choices for this question, so there are no labels.",
            next_step="Name a question with choices in the mapping file, or take `label: true` out.",
        )
    return {choice: label_in(labels, language) or choice for choice, labels in choices.items()}


def with_answers(mapping: ColumnMapping, answers: Mapping[str, Mapping[str, str]]) -> ColumnMapping:
    """The mapping with labels for names of choices. What it says under `values:` of a name or a label goes first."""
    if not answers:
        return mapping
    people = mapping.people
    return replace(
        mapping,
        answers=answers,
        households=replace(mapping.households, fields=_labelled(mapping.households, "", answers)),
        people=people and replace(people, fields=_labelled(people, "people.", answers)),
    )


def _labelled(rule: SheetRule, where: str, answers: Mapping[str, Mapping[str, str]]) -> Fields:
    fields: dict[str, FieldRule] = {}
    for name, field in rule.fields.items():
        labels = answers.get(f"{where}{name}", {})
        values = {
            folded(choice) or choice: field.values.get(folded(label), label)
            for choice, label in labels.items()
        }
        fields[name] = replace(field, values=values | dict(field.values))
    return fields
