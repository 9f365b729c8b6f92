"""What lists of households and what comes of them are called on pages."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from cbi.console.languages import N_
from cbi.console.refusals import Table
from cbi.console.visit import Visit
from cbi.errors import CbiError
from cbi.registry.duplicates import Kind
from cbi.registry.import_models import Import, ImportState
from cbi.registry.intake.checks import Reason
from cbi.registry.intake.mapping import ALWAYS_NEEDED, MissingColumns
from cbi.registry.intake.results import ImportResult, RowNote
from cbi.registry.intake.taking import CHANGED, EDITED
from cbi.registry.intake.vocabulary import TEMPLATE_COLUMNS
from cbi.registry.intake.wording import copy_word, told

STATES: Mapping[ImportState, tuple[str, str]] = {
    ImportState.ARRIVING: (N_("is arriving"), "wait"),
    ImportState.WAITING: (N_("the worker reads it"), "wait"),
    ImportState.DONE: (N_("read to its end"), "good"),
    ImportState.REFUSED: (N_("no row of it could be used"), "bad"),
}
"""Each state in words, with its sign."""

REFUSALS: Table = {
    "registry.encrypted_list": (
        N_("This list came encrypted, and the copy would not be."),
        N_("Hand it in without asking for a copy: what is still wrong waits as before."),
    ),
    "registry.file_too_large": (
        N_("The file, or something in it, is larger than is taken at once."),
        N_("Hand it in as several files, without pictures, attachments and empty columns."),
    ),
    "registry.unknown_encoding": (
        N_("The letters of this file cannot be made out."),
        N_("Export it as “CSV UTF-8” or as XLSX, or name its encoding in a mapping file."),
    ),
    "registry.unusable_file": (N_("The file cannot be used."), N_("Export the list again.")),
    "registry.unusable_mapping": (
        N_("The mapping file cannot be used."), N_("It asks for the labels of choices: hand in the form as well."),
    ),
    "registry.wrong_kind_of_mapping": (
        N_("The mapping file is for submissions of a form, and this is a list."),
        N_("Choose another mapping, or hand in the submissions as JSON."),
    ),
    "registry.not_a_form": (N_("This is no XLSForm."), N_("Hand in the file that the form was made from.")),
    "registry.form_differs": (
        N_("The mapping file and the form do not fit together."),
        N_("Compare the questions in both, and mend the mapping file."),
    ),
}  # fmt: skip

_FLAGS: Mapping[str, str] = {
    Kind.SHARED_PHONE: N_("Telephones that several households share"),
    Kind.SAME_DOCUMENT: N_("Documents that several households show"),
}
_ORDER = ("en", "fr", "es", "ar")
"""In which the template's columns are named in each language."""


def state(visit: Visit, found: Import) -> tuple[str, str]:
    """How far a list is, in the visitor's words, and the sign for it."""
    text, sign = STATES[found.state]
    return visit.gettext(text), sign


def flags(visit: Visit, found: ImportResult) -> list[tuple[str, int]]:
    """What households of a list share with others, and how many times."""
    return [(visit.gettext(_FLAGS[kind]), n) for kind, n in found.flags.items() if n]


def of_row(note: RowNote, language: str) -> list[Reason]:
    """What is said of a row: why it cannot be taken; or what is to be looked at, where it can."""
    said = [told(each, language) for each in note.reasons or note.warnings]
    if note.reasons:
        return said
    first = copy_word("but_look", language)
    return [replace(each, message=f"{first} {each.message}") for each in said]


def changed(found: ImportResult) -> int:
    """How many households of a list are registered with other facts; they are among the rejected ones."""
    codes = {CHANGED.code, EDITED.code}
    return sum(any(each.code in codes for each in note.reasons) for note in found.rows)


def columns(language: str) -> list[tuple[str, bool]]:
    """The columns of the office's own template in a language, and whether each is needed."""
    at = _ORDER.index(language)
    return [(names[at], field in ALWAYS_NEEDED) for field, names in TEMPLATE_COLUMNS.items()]


def missing(refusal: CbiError | None) -> Sequence[str]:
    """The columns for want of which a list was refused."""
    lost = refusal.details.get("columns") if isinstance(refusal, MissingColumns) else ()
    return lost if isinstance(lost, Sequence) else ()
