"""Reads a registration list into households: one row each, or a sheet of households and a sheet of their people."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from functools import partial

from cbi.registry.intake import checks
from cbi.registry.intake.cells import Cells, cell
from cbi.registry.intake.checks import Reason, Unusable
from cbi.registry.intake.facts import Candidate, HouseholdFacts, PersonFacts, Row, place
from cbi.registry.intake.listed import row_of
from cbi.registry.intake.mapping import (
    Bound,
    ColumnMapping,
    PeopleRule,
    Pick,
    bind,
    find_column,
    find_path,
)
from cbi.registry.intake.parts import Entry, Part
from cbi.registry.models import USUAL_SCORECARD, FactorKind, Sex
from cbi.registry.numbers import DOUBTS, phone
from cbi.registry.personal import normal_factor


@dataclass(frozen=True, slots=True)
class Rules:
    """What an office takes: its country for telephone numbers, its languages (the first is the usual one), today."""

    region: str
    languages: tuple[str, ...]
    today: date
    keyed: Callable[[str], str]
    """Makes the keyed hash that stands for a registration number which identifies a person."""


def read(part: Part, mapping: ColumnMapping, rules: Rules) -> Iterator[Candidate]:
    """Every household of a part of a list, in its order. Raises MissingColumns."""
    bound = bind(mapping.households, part.own.columns, part.own.sheet, by_path=part.by_path)
    people = _People(part, mapping.people) if part.people and mapping.people else None
    reading = _Reading(mapping, rules)
    for entry in part.entries:
        if entry.own is None:
            assert people is not None
            yield people.orphans(entry)
            continue
        found = reading.candidate(Cells(bound, row_of(part.own, entry.own)), people, entry)
        found.names, found.edited = entry.names, entry.edited
        reject_whole(found)
        yield found


class _People:
    """What the rows of people are called, and which of them is the head and the collector."""

    def __init__(self, part: Part, rule: PeopleRule) -> None:
        assert part.people is not None
        self._sheet, self._rule = part.people, rule
        self.bound = bind(rule, part.people.columns, part.people.sheet, by_path=part.by_path)
        self._find = find_path if part.by_path else find_column
        self._head, self._collector = self._column(rule.head), self._column(rule.collector)

    def _column(self, pick: Pick | None) -> int | None:
        return self._find(pick.column, self._sheet.columns) if pick else None

    def rows(self, entry: Entry) -> list[Row]:
        """The rows of a household's people."""
        return [row_of(self._sheet, line) for line in entry.people]

    def picks(self, row: Row) -> tuple[bool, bool]:
        """Whether the row is marked as the head, and as the collector."""
        head, collector = self._rule.head, self._rule.collector
        return (
            bool(head and head.fits(_text(row, self._head))),
            bool(collector and collector.fits(_text(row, self._collector))),
        )

    def orphans(self, entry: Entry) -> Candidate:
        """People whose household is not in the list."""
        rows = self.rows(entry)
        link = find_column(self._rule.household, self._sheet.columns)
        reason = Reason(
            "no_household", self._sheet.columns[link] if link is not None else "",
            "No household of this number is in the list.",
            "Correct the number, or add the household to its sheet.",
        )  # fmt: skip
        for row in rows:
            row.reasons.append(reason)
        return Candidate(rows, is_orphan=True)


def _text(row: Row, index: int | None) -> str:
    try:
        return cell(row, index)
    except Unusable:
        return ""


def reject_whole(found: Candidate) -> None:
    """A household lands whole or not at all: one row with a reason keeps its other rows out too."""
    wrong = next((row for row in found.rows if row.reasons), None)
    if wrong is None:
        return
    found.facts = None
    for row in found.rows:
        if not row.reasons:
            message = f"The household cannot be taken because of {place(wrong)}."
            row.reasons.append(Reason("household_incomplete", "", message, "Correct that row."))


class _Reading:
    def __init__(self, mapping: ColumnMapping, rules: Rules) -> None:
        self._mapping, self._rules = mapping, rules
        self._region = mapping.region or rules.region

    def candidate(self, household: Cells, people: _People | None, entry: Entry) -> Candidate:
        number = household.take("source_id", self._source_id(household.bound["source_id"]))
        size_rule = household.bound["size"].rule
        size = None if size_rule.counted else household.take("size", checks.household_size)
        area = household.take("area", partial(checks.identifier, what="area"))
        language = household.take(
            "language", partial(checks.language, spoken=self._rules.languages)
        )
        needs = household.take("needs", checks.needs) or ()
        band = self._band(household)
        household.take("consent", checks.consent)
        consent_on = household.take("consent_on", self._past_date)
        if people:
            rows = people.rows(entry)
            members = self._members(household, people, rows)
            size = self._counted(household, len(rows)) if size_rule.counted else size
            if size and rows and size != len(rows) and not size_rule.counted:
                problem = Unusable(
                    "size_differs", "The household size is not the number of people listed.",
                    "The size counts. Correct it, or say in the mapping file that people are counted.",
                )  # fmt: skip
                household.note(problem, "size", is_warning=True)
        else:
            rows = []
            members = self._only_person(household)
        found = Candidate([household.row, *rows], number, household.bound["source_id"].label)
        if number and size and members:
            language = language or self._rules.languages[0]
            if any(concerned > size for _, concerned in needs):
                problem = Unusable(
                    "needs_members", "More members have a need than the household has.", "Correct the number."
                )  # fmt: skip
                household.note(problem, "needs")
            found.facts = HouseholdFacts(
                number, size, area, language, consent_on, members, needs, band
            )
        return found

    @staticmethod
    def _band(household: Cells) -> tuple[str, int, str] | None:
        """What an assessment made of the household; a list that names no scorecard has the usual one."""
        band = household.take("band", checks.band)
        scorecard = household.take("scorecard", checks.scorecard)
        return (*(scorecard or (USUAL_SCORECARD, 1)), band) if band else None

    def _source_id(self, bound: Bound) -> Callable[[str], str]:
        if not bound.rule.keyed:
            return partial(checks.identifier, what="registration number")
        return lambda text: self._rules.keyed(checks.document(text, "registration number"))

    def _past_date(self, text: str) -> date:
        return checks.past_date(text, self._mapping.dates, self._rules.today)

    @staticmethod
    def _counted(household: Cells, people: int) -> int | None:
        if 1 <= people <= checks.LARGEST_HOUSEHOLD:
            return people
        if people:
            problem = Unusable(
                "household_size", f"More than {checks.LARGEST_HOUSEHOLD} people are listed for this household.",
                "Check the column that says whose household a person belongs to.",
            )  # fmt: skip
            household.note(problem, "source_id")
        return None

    def _only_person(self, row: Cells) -> tuple[PersonFacts, ...]:
        person = self._recipient(self._person(row), row, row)
        return (replace(person, is_head=True),) if person.name else ()

    def _members(
        self, household: Cells, people: _People, rows: list[Row]
    ) -> tuple[PersonFacts, ...]:
        if not rows:
            problem = Unusable(
                "no_people", "No person is listed for this household.",
                "Add its people to their sheet, or check the number that links the two sheets.",
            )  # fmt: skip
            household.note(problem, "source_id")
            return ()
        head, recipient = self._roles(household, [people.picks(row) for row in rows])
        members = []
        documents: dict[str, Row] = {}
        for index, row in enumerate(rows):
            cells = Cells(people.bound, row)
            person = replace(self._person(cells), is_head=index == head)
            if index == recipient:
                person = self._recipient(person, cells, household)
            members.append(person)
            if person.document and documents.setdefault(person.document, row) is not row:
                where = place(documents[person.document])
                problem = Unusable(
                    "document_repeated", f"The same document stands in {where} of this household.",
                    "Delete the row if it is the same person twice, or correct the document.",
                )  # fmt: skip
                cells.note(problem, "document")
        return tuple(members) if all(person.name for person in members) else ()

    @staticmethod
    def _roles(household: Cells, picks: list[tuple[bool, bool]]) -> tuple[int | None, int | None]:
        """Which of the people is the head, and which receives: the collector if one is marked, otherwise the head."""
        heads = [index for index, (is_head, _) in enumerate(picks) if is_head]
        collectors = [index for index, (_, collects) in enumerate(picks) if collects]
        for found, code, what in (
            (heads, "several_heads", "head"),
            (collectors, "several_collectors", "collector"),
        ):
            if len(found) > 1:
                problem = Unusable(
                    code, f"More than one person of this household is marked as its {what}.", "Mark one only."
                )  # fmt: skip
                household.note(problem, "source_id")
        head = heads[0] if heads else 0 if len(picks) == 1 else None
        recipient = collectors[0] if collectors else head
        if recipient is None:
            problem = Unusable(
                "no_recipient", "Nobody of this household is marked as its head or collector.",
                "Mark who receives for the household.",
            )  # fmt: skip
            household.note(problem, "source_id")
        return head, recipient

    def _person(self, cells: Cells) -> PersonFacts:
        """The person of a row; without a name, there was something wrong with it."""
        return PersonFacts(
            name=cells.take("name", checks.name) or "",
            sex=cells.take("sex", checks.sex) or Sex.UNKNOWN,
            born_on=cells.take("born_on", self._past_date),
            age=cells.take("age", checks.age),
            document_kind=cells.take(
                "document_kind", partial(checks.identifier, what="document type")
            ),
            document=cells.take("document", checks.document),
        )

    def _recipient(self, person: PersonFacts, cells: Cells, household: Cells) -> PersonFacts:
        """The same person with what only the recipient has: a telephone, a second factor, a way to be paid."""
        number = None
        own = cells if cells.has("phone") else household
        found = own.take("phone", partial(phone, region=self._region))
        if found:
            number, doubt = found
            if doubt:
                own.note(Unusable(doubt, *DOUBTS[doubt]), "phone", is_warning=True)
        kind, factor = self._factor(cells, household, person.document)
        asked = (cells if cells.has("prefers") else household).take("prefers", checks.way)
        return replace(
            person, is_recipient=True, phone=number, factor_kind=kind, factor=factor, prefers=asked
        )

    def _factor(
        self, cells: Cells, household: Cells, document: str | None
    ) -> tuple[FactorKind | None, str | None]:
        def given(name: str) -> Cells:
            return cells if cells.has(name) else household

        texts = {
            FactorKind.DOCUMENT: document,
            FactorKind.CARD: given("card").take(
                "card", partial(checks.document, what="card number")
            ),
            FactorKind.WORD: given("word").take("word", checks.memorable_word),
        }
        for kind in self._mapping.factors:
            if text := texts[kind]:
                return kind, normal_factor(kind, text)
        return None, None
