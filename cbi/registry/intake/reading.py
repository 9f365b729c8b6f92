"""Reads a registration list into households: one row each, or a sheet of households and a sheet of their people."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from functools import partial

from cbi.registry.intake import checks
from cbi.registry.intake.cells import Cells
from cbi.registry.intake.checks import Reason, Unusable
from cbi.registry.intake.facts import Candidate, HouseholdFacts, PersonFacts, Row, place
from cbi.registry.intake.files import File
from cbi.registry.intake.listed import Listed, row_of
from cbi.registry.intake.mapping import Bound, ColumnMapping, bind
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


def candidates(file: File, mapping: ColumnMapping, rules: Rules) -> Iterator[Candidate]:
    """Every household of the file, in its order. Raises UnusableFile in its kinds, before the first or on the way."""
    own = file.table(mapping.households.sheet, mapping.households.header_row)
    bound = bind(mapping.households, own.columns, own.sheet)
    reading = _Reading(mapping, rules)
    listed = Listed(file, mapping.people) if mapping.people else None
    for line in own.lines:
        row = row_of(own, line)
        household = Cells(bound, row)
        found = reading.candidate(household, listed)
        reading.refuse_repeated(found, household)
        _reject_whole(found)
        yield found
    if listed:
        yield from listed.orphans()


def _reject_whole(found: Candidate) -> None:
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
        self._seen: dict[str, str] = {}
        """Where each registration number stood first: the words only, for a row would keep all its cells in memory."""

    def candidate(self, household: Cells, listed: Listed | None) -> Candidate:
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
        if listed:
            rows = listed.pop(household.text("source_id"))
            people = self._people(household, listed, rows)
            size = self._counted(household, len(rows)) if size_rule.counted else size
            if size and rows and size != len(rows) and not size_rule.counted:
                problem = Unusable(
                    "size_differs", "The household size is not the number of people listed.",
                    "The size counts. Correct it, or say in the mapping file that people are counted.",
                )  # fmt: skip
                household.note(problem, "size", is_warning=True)
        else:
            rows = []
            people = self._only_person(household)
        found = Candidate([household.row, *rows], number)
        if number and size and people:
            language = language or self._rules.languages[0]
            if any(members > size for _, members in needs):
                problem = Unusable(
                    "needs_members", "More members have a need than the household has.", "Correct the number."
                )  # fmt: skip
                household.note(problem, "needs")
            found.facts = HouseholdFacts(
                number, size, area, language, consent_on, people, needs, band
            )
        return found

    @staticmethod
    def _band(household: Cells) -> tuple[str, int, str] | None:
        """What an assessment made of the household; a list that names no scorecard has the usual one."""
        band = household.take("band", checks.band)
        scorecard = household.take("scorecard", checks.scorecard)
        return (*(scorecard or (USUAL_SCORECARD, 1)), band) if band else None

    def refuse_repeated(self, found: Candidate, household: Cells) -> None:
        """A registration number that was there before is refused, naming where."""
        if found.number is None:
            return
        own = place(found.own)
        first = self._seen.setdefault(found.number, own)
        if first != own:
            household.row.reasons.clear()
            problem = Unusable(
                "repeated", f"The same registration number stands in {first} already.",
                "Keep one of the two rows, or give this household its own number.",
            )  # fmt: skip
            household.note(problem, "source_id")

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

    def _people(self, household: Cells, listed: Listed, rows: list[Row]) -> tuple[PersonFacts, ...]:
        if not rows:
            problem = Unusable(
                "no_people", "No person is listed for this household.",
                "Add its people to their sheet, or check the number that links the two sheets.",
            )  # fmt: skip
            household.note(problem, "source_id")
            return ()
        head, recipient = self._roles(household, [listed.picks(row) for row in rows])
        people = []
        documents: dict[str, Row] = {}
        for index, row in enumerate(rows):
            cells = Cells(listed.bound, row)
            person = replace(self._person(cells), is_head=index == head)
            if index == recipient:
                person = self._recipient(person, cells, household)
            people.append(person)
            if person.document and documents.setdefault(person.document, row) is not row:
                where = place(documents[person.document])
                problem = Unusable(
                    "document_repeated", f"The same document stands in {where} of this household.",
                    "Delete the row if it is the same person twice, or correct the document.",
                )  # fmt: skip
                cells.note(problem, "document")
        return tuple(people) if all(person.name for person in people) else ()

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
