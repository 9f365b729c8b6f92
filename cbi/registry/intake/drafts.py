"""Drafts a mapping file from a form: what is surely ours is filled in, every other question stands as a comment."""

import re
from collections.abc import Iterator, Mapping

from cbi.registry.intake import vocabulary
from cbi.registry.intake.mapping import PERSON_FIELDS
from cbi.registry.intake.submissions import UUID
from cbi.registry.intake.xlsforms import Form, Question, label_in
from cbi.registry.text import folded

_SHOWN_CHOICES = 8
_LONGEST_LABEL = 100
_NOT_SLUG = re.compile(r"[^a-z0-9]+")
_PEOPLE_ONLY = frozenset(PERSON_FIELDS)


def draft(form: Form, language: str) -> str:
    """A mapping file (YAML) for the submissions of this form, to be finished by a person; labels in that language."""
    repeats = [question.repeat for question in form.questions if question.repeat]
    repeat = max(dict.fromkeys(repeats), key=repeats.count) if repeats else None
    own = [each for each in form.questions if each.repeat is None and not each.is_silent]
    people = [
        each for each in form.questions if each.repeat == repeat and repeat and not each.is_silent
    ]
    lines = [
        f"# Draft for the form {one_line(form.title) or '(no title)'}. Check every line that is filled in, fill in what is",
        "# missing, and delete the rest: each question is a comment with its label and its choices.",
        f"source: {_slug(form.title)}",
        "# region: DZ                 # country of telephone numbers that are written without one",
        "# consent_notice: …          # the notice that people were given",
        f"# labels: {language}                 # language of labels, where a field says `label: true`",
        "columns:",
        f"  source_id: {UUID}",
        *_fields(form, own, language, "  ", not_here=_PEOPLE_ONLY if repeat else frozenset()),
    ]
    if repeat:
        lines += [
            "repeat:",
            f"  path: {repeat}",
            "  columns:",
            *_fields(
                form,
                people,
                language,
                "    ",
                not_here=frozenset({"source_id", "size"}),
                within=repeat,
            ),
            *_picks(form, people, repeat),
        ]
    return "\n".join(lines) + "\n"


def _slug(title: str) -> str:
    slug = _NOT_SLUG.sub("-", "-".join(map(folded, title.split())))[:40].strip("-")
    return slug if len(slug) > 1 else "form"


def one_line(text: str) -> str:
    """A label as it may stand in a comment."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_LABEL else f"{line[: _LONGEST_LABEL - 1]}…"


def _fields(
    form: Form,
    questions: list[Question],
    language: str,
    indent: str,
    *,
    not_here: frozenset[str],
    within: str = "",
) -> Iterator[str]:
    taken: set[str] = set(not_here) | {"source_id"}
    for question in questions:
        path = question.path.removeprefix(f"{within}/") if within else question.path
        field = next(iter(_guesses(question, language) - taken), None)
        label = one_line(label_in(question.labels, language))
        told = f"{label} ({question.kind})" if label else f"({question.kind})"
        if field:
            taken.add(field)
            written = f"{{column: {path}, several: true}}" if question.is_several else path
            yield f"{indent}{field}: {written}   # {told}"
        else:
            yield f"{indent}# {path}   # {told}"
        if choices := form.choices.get(question.choices or ""):
            yield f"{indent}#     {_told(choices, language)}"


def _told(choices: Mapping[str, Mapping[str, str]], language: str) -> str:
    shown = [
        f"{name} = {one_line(label_in(labels, language))}"
        for name, labels in list(choices.items())[:_SHOWN_CHOICES]
    ]
    more = len(choices) - len(shown)
    return "; ".join(shown) + (f"; and {more} more" if more > 0 else "")


def _guesses(question: Question, language: str) -> set[str]:
    """Our fields that a question is surely meant for: by its name or by one of its labels."""
    name = question.path.rpartition("/")[2]
    words = {folded(name), *map(folded, question.labels.values())} - {""}
    return {
        field
        for field, columns in vocabulary.TEMPLATE_COLUMNS.items()
        if words & {folded(field), *map(folded, columns), *_OTHER_NAMES.get(field, ())}
    }


_OTHER_NAMES: Mapping[str, tuple[str, ...]] = {
    field: tuple(map(folded, names))
    for field, names in {
        "name": ("full name", "full_name", "nom complet", "nombre completo", "الاسم الكامل"),
        "phone": (
            "phone number",
            "phone_number",
            "numéro de téléphone",
            "número de teléfono",
            "رقم الهاتف",
        ),
        "size": ("hh size", "hh_size", "household_size", "what is the household size?"),
        "sex": ("gender", "genre", "género", "الجنس"),
        "born_on": ("birth date", "birth_date", "date_of_birth"),
        "document": ("id number", "id_number", "national id", "national_id"),
        "consent": ("do you consent?",),
    }.items()
}


def _picks(form: Form, people: list[Question], repeat: str) -> Iterator[str]:
    for part, words in (
        ("head", ("head", "chef", "jefe")),
        ("collector", ("primary", "collector")),
    ):
        for question in people:
            choices = form.choices.get(question.choices or "", {})
            word = next((name for name in choices if folded(name) in words), None)
            if word is not None:
                column = question.path.removeprefix(f"{repeat}/")
                yield f"  {part}: {{column: {column}, is: {word}}}"
                break
        else:
            yield f"  # {part}: {{column: …, is: …}}"
