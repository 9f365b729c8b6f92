"""Which column of a foreign list is which of our fields, and what to make of its words."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from cbi.registry.intake import vocabulary
from cbi.registry.intake.checks import DateOrder
from cbi.registry.intake.tables import UnusableFile
from cbi.registry.models import FactorKind
from cbi.registry.text import folded

HOUSEHOLD_FIELDS = (
    "source_id", "size", "area", "language", "needs", "band", "scorecard", "consent", "consent_on",
)  # fmt: skip
PERSON_FIELDS = (
    "name",
    "phone",
    "sex",
    "born_on",
    "age",
    "document_kind",
    "document",
    "card",
    "word",
    "prefers",
)
RECIPIENT_FIELDS = ("phone", "card", "word", "prefers")
"""What only the recipient's row is asked for; in a list of two sheets it may stand with the household."""
IDENTIFYING = frozenset({"name", "phone", "document", "card", "word", "born_on"})
ALWAYS_NEEDED = ("source_id", "name", "phone", "size")


class MissingColumns(UnusableFile):
    """Columns that the mapping names, or that no registration can do without, are not in the file."""

    code = "registry.missing_columns"


@dataclass(frozen=True, slots=True)
class FieldRule:
    """Where one of our fields comes from.

    `required`: True, the row needs it; None, it may be blank but not wrong; False, it may be blank or wrong, and is
    then left out with a warning. `keyed`: only a keyed hash of it is kept. `counted`: it is the number of people
    listed. `names` are the headers that will do, the first of which is shown to people.
    """

    names: tuple[str, ...] = ()
    constant: str | None = None
    default: str | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    required: bool | None = None
    keyed: bool = False
    counted: bool = False
    must_be_there: bool = True
    """Whether a file without such a column is refused."""
    several: bool = False
    """Whether the cell holds several words with spaces between them, as a form's question with many answers does."""
    label: bool = False
    """Whether the form's label stands for the name of the choice."""
    after: tuple[str, ...] = ()
    """Further columns whose cells follow, with a space between: a name that is written in several columns."""


Fields = Mapping[str, FieldRule]


@dataclass(frozen=True, slots=True)
class Pick:
    """Picks a row by one of its columns: filled with anything, or holding one of these words."""

    column: str
    words: frozenset[str] | None

    def fits(self, text: str) -> bool:
        """Whether this cell picks its row."""
        return bool(text) if self.words is None else folded(text) in self.words


@dataclass(frozen=True, slots=True)
class SheetRule:
    """A sheet (None: the only one), the row its header stands in (None: the first filled one), and its fields."""

    fields: Fields
    sheet: str | None = None
    header_row: int | None = None


@dataclass(frozen=True, slots=True)
class PeopleRule(SheetRule):
    """The sheet of people: the column that names their household, and which row is the head and the collector."""

    household: str = ""
    head: Pick | None = None
    collector: Pick | None = None


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """Everything that a mapping file says. `source` names where these households were registered."""

    source: str
    households: SheetRule
    people: PeopleRule | None = None
    region: str | None = None
    dates: DateOrder | None = None
    encoding: str | None = None
    delimiter: str | None = None
    factors: tuple[FactorKind, ...] = (FactorKind.DOCUMENT, FactorKind.CARD, FactorKind.WORD)
    """Which of what a person gave is asked for at the counter: the first there is."""
    consent_notice: str | None = None
    """The notice that people were given when they agreed: its name and version."""
    repeat: str | None = None
    """For submissions of a form: the path of the questions that are asked for each person."""
    labels: str | None = None
    """The language of the labels that stand for names of choices (None: the office's usual one)."""
    known: tuple[str, ...] | None = None
    """The paths of the form's questions, if the form was given: one that is in neither form nor answers is a mistake."""
    text: str | None = None
    """The mapping file as it was given; None for a mapping that no file describes."""
    answers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """What a form told of the choices, by field (`people.sex`): their labels by their names."""


TEMPLATE = ColumnMapping(
    source="template",
    households=SheetRule(
        {
            name: FieldRule(
                names=(*headers, name),
                required=True if name in ALWAYS_NEEDED else None,
                must_be_there=name in ALWAYS_NEEDED,
            )
            for name, headers in vocabulary.TEMPLATE_COLUMNS.items()
        }
    ),
)
"""The office's own template, in any of its four languages, for files that come without a mapping."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A rule tied to a sheet: the index of its column (None: there is none) and the header to tell people."""

    rule: FieldRule
    index: int | None
    label: str
    after: tuple[int, ...] = ()


def bind(
    rule: SheetRule, columns: tuple[str, ...], sheet: str | None, *, by_path: bool = False
) -> dict[str, Bound]:
    """Find each field's column. Raises MissingColumns, unless columns are paths of questions: not all are answered."""
    bound: dict[str, Bound] = {}
    missing: list[str] = []
    find = find_path if by_path else find_column
    for name, field_rule in rule.fields.items():
        places = (find(each, columns) for each in field_rule.names)
        index = next((place for place in places if place is not None), None)
        label = (
            columns[index]
            if index is not None
            else field_rule.names[0]
            if field_rule.names
            else name
        )
        if index is None and field_rule.names and field_rule.must_be_there:
            missing.append(label)
        after = [(each, find(each, columns)) for each in field_rule.after]
        missing += [each for each, place in after if place is None and field_rule.must_be_there]
        there = tuple(place for _, place in after if place is not None)
        bound[name] = Bound(field_rule, index, label, there)
    if missing and not by_path:
        raise missing_columns(missing, sheet)
    return bound


def find_column(wanted: str, columns: tuple[str, ...]) -> int | None:
    """Where the column of that name is: spelt so, or the only one that differs in nothing but signs and accents."""
    exact = [index for index, name in enumerate(columns) if name.casefold() == wanted.casefold()]
    if exact:
        return exact[0]
    alike = [index for index, name in enumerate(columns) if folded(name) == folded(wanted) != ""]
    return alike[0] if len(alike) == 1 else None


def find_path(wanted: str, columns: tuple[str, ...]) -> int | None:
    """Where the answers to a question are, by its path or, where only one question is called so, by the end of it."""
    if wanted in columns:
        return columns.index(wanted)
    if ends := [index for index, name in enumerate(columns) if name.endswith(f"/{wanted}")]:
        return ends[0] if len(ends) == 1 else None
    # A path that begins further up, as in front of a question within a repeat.
    if inner := [name for name in columns if wanted.endswith(f"/{name}")]:
        return columns.index(max(inner, key=len))
    # Groups change from one version of a form to the next; what a question is called does so rarely.
    called = wanted.rpartition("/")[2]
    alike = [i for i, name in enumerate(columns) if name == called or name.endswith(f"/{called}")]
    return alike[0] if len(alike) == 1 else None


def column_index(wanted: str, columns: tuple[str, ...], sheet: str | None) -> int:
    """Where the column of that name is. Raises MissingColumns."""
    found = find_column(wanted, columns)
    if found is None:
        raise missing_columns([wanted], sheet)
    return found


def missing_columns(names: list[str], sheet: str | None) -> MissingColumns:
    """The refusal of a file, or of a sheet, without these columns."""
    where = f"The sheet {sheet!r}" if sheet else "The file"
    return MissingColumns(
        f"{where} has no column {', '.join(repr(name) for name in names)}.",
        next_step="Name the columns so, or say in a mapping file what they are called in this list.",
        columns=names,
    )
