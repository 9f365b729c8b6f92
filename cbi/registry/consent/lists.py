"""Brings in a list of what people who are registered already said, row by row: never against what they said since."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from cbi import clock, ids
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit.models import AuditEntry
from cbi.audit.record import record
from cbi.db import chunks
from cbi.errors import CbiError, Invalid
from cbi.offices import office_of
from cbi.registry import naming
from cbi.registry.consent import list_reading, notices, standing
from cbi.registry.consent.list_reading import Said, Whole
from cbi.registry.consent.models import Answer, Consent, Notice, Scope
from cbi.registry.households.models import Guardianship
from cbi.registry.households.queries import SHORTEST
from cbi.registry.intake.facts import Outcome, place
from cbi.registry.intake.files import Table, opened
from cbi.registry.intake.reports import write_annotated
from cbi.registry.intake.results import RowNote, count_reasons
from cbi.registry.intake.wording import copy_word, told
from cbi.registry.models import Household, Person

MOST = 100_000
CHUNK = 1_000


class ListTooLong(Invalid):
    """The list has more rows than are taken in at once."""

    code = "consent.list_too_long"


@dataclass(frozen=True, slots=True)
class TakenIn:
    """What came of a list: `taken`, `unchanged` and `refused` are rows, `words` what was recorded, purpose by purpose."""

    filename: str
    taken: int
    unchanged: int
    words: int
    rows: tuple[RowNote, ...] = field(repr=False)
    dry_run: bool = False

    def counts(self) -> dict[str, int]:
        """The numbers by name."""
        return {
            "taken": self.taken, "unchanged": self.unchanged, "refused": len(self.rows), "words": self.words,
        }  # fmt: skip


def take_in(
    session: Session,
    actor: Actor,
    content: Path | BinaryIO,
    *,
    filename: str = "",
    whole: Whole = Whole(),
    dry_run: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> TakenIn:
    """Record for each row (XLSX or CSV) what somebody said to its purposes: all of the row, or none.

    It is the household's collector, unless the row names a member by their number.

    A word that is on record already changes nothing. Whatever was said on a later day stands, and so does a no of the
    same day. `whole` is what holds for all rows. Raises UnusableFile kinds, MissingColumns, ListTooLong.
    """
    actor.require(Permission.CONSENT_RECORD)
    if not dry_run:
        standing.bring_list(session)
    office, now = office_of(session), clock.now()
    sum_ = _Sum(session)
    with opened(content) as file:
        table, digest = file.table(), file.digest().hex()
        read = list_reading.rows(table, whole, clock.today(office.timezone), office.languages)
        for part in chunks(_not_too_many(read), CHUNK):
            fresh = _weigh(session, part, sum_)
            if not dry_run:
                _write(session, actor, fresh, now)
            progress(len(part))
    result = TakenIn(filename, sum_.taken, sum_.unchanged, sum_.words, tuple(sum_.notes), dry_run)
    if result.taken and not dry_run:
        record(session, actor, "consent.list_taken_in", "consent_list", digest, **result.counts())
        session.flush()
    return result


def write_report(
    result: TakenIn, content: Path | BinaryIO, target: Path | BinaryIO, *, cover: Iterable[str] = (), language: str = "en"
) -> None:  # fmt: skip
    """Write a copy of the user's own list (XLSX) with the reasons beside the rows, and the numbers in front."""
    with opened(content) as file:
        table: Table = file.table()
        write_annotated(
            file, target, result.rows, headers={table.sheet: (table.header_line, len(table.columns))},
            summary=_summary(result, language), cover=cover, right_to_left=language == "ar", language=language,
        )  # fmt: skip


class _Sum:
    def __init__(self, session: Session) -> None:
        self.taken = self.unchanged = self.words = 0
        self.notes: list[RowNote] = []
        self.seen: dict[tuple[UUID, Scope], Said] = {}
        self._session = session
        self._notices: dict[tuple[str, Scope, date, str], Notice | CbiError] = {}

    def notice(self, said: Said, scope: Scope) -> Notice | CbiError:
        """The notice with which somebody was asked, looked up once for all rows that say the same."""
        key = (said.notice, scope, said.on, said.language)
        if key not in self._notices:
            try:
                self._notices[key] = notices.to_ask(self._session, *key)
            except (notices.UnknownNotice, notices.CannotAskSo) as refusal:
                self._notices[key] = refusal
        return self._notices[key]


@dataclass(frozen=True, slots=True)
class _Fresh:
    """What is to be recorded of one row."""

    said: Said
    person_id: UUID
    new: Mapping[Scope, Notice | None]


def _not_too_many(read: Iterator[Said]) -> Iterator[Said]:
    for at, said in enumerate(read, start=1):
        if at > MOST:
            raise ListTooLong(
                f"The list has more than {MOST:,} rows.", next_step="Split it into several lists."
            )
        yield said


def _weigh(session: Session, part: Sequence[Said], sum_: _Sum) -> list[_Fresh]:
    households = naming.by_number(session, [said.number for said in part if said.number])
    kept = [each.id for each in households.values() if isinstance(each, Household)]
    living = Person.household_id.in_(kept), Person.gone.is_(None), Person.data_key.is_not(None)
    whoever = select(Person).where(*living)
    if not any(said.member for said in part):
        whoever = whoever.where(Person.is_recipient)
    homes: dict[UUID, list[Person]] = {}
    for person in session.scalars(whoever):
        homes.setdefault(person.household_id, []).append(person)
    people = [person.id for home in homes.values() for person in home]
    wards = set(
        session.scalars(
            select(Guardianship.child_id).where(
                Guardianship.child_id.in_(people), Guardianship.ended_on.is_(None)
            )
        )
    )
    story: dict[tuple[UUID, Scope], list[Consent]] = {}
    for row in reversed(standing.story(session, people, counting=True)):
        story.setdefault((row.person_id, row.scope), []).append(row)
    fresh = []
    for said in part:
        household = households.get(said.number)
        who = _who(said, homes.get(household.id, ())) if isinstance(household, Household) else None
        new = _row(said, household, who, wards, story, sum_)
        if said.row.reasons:
            sum_.notes.append(
                RowNote(said.row.sheet, said.row.line.number, Outcome.REJECTED, tuple(said.row.reasons), ())
            )  # fmt: skip
        elif not new or who is None:
            sum_.unchanged += 1
        else:
            sum_.taken += 1
            sum_.words += len(new)
            fresh.append(_Fresh(said, who.id, new))
    return fresh


def _who(said: Said, members: Sequence[Person]) -> Person | None:
    """Whom of a household a row is about."""
    if not said.member:
        return next((each for each in members if each.is_recipient), None)
    end = said.member.replace("-", "").casefold()
    found = [each for each in members if len(end) >= SHORTEST and each.id.hex.endswith(end)]
    return found[0] if len(found) == 1 else None


def _row(
    said: Said, household: Household | str | None, person: Person | None, wards: set[UUID],
    story: Mapping[tuple[UUID, Scope], Sequence[Consent]], sum_: _Sum,
) -> dict[Scope, Notice | None]:  # fmt: skip
    """What is new of a row, purpose by purpose; why it cannot be taken stands in its reasons."""
    if said.number and not isinstance(household, Household):
        said.refuse("household_unknown", household or "The row has no number.", "Check the number.")
    elif said.number and person is None and said.member:
        said.refuse(
            "consent_member", "No living member of the household is called so, or several are.",
            "Write the member's number, as the household's page of consent shows it.",
        )  # fmt: skip
    elif said.number and person is None:
        said.refuse(
            "consent_nobody", "Nobody collects for this household, or their data was erased.",
            "Record it for the member who said it, by itself.",
        )  # fmt: skip
    if person is None or said.row.reasons:
        return {}
    if person.id in wards and said.answer is Answer.GIVEN:
        said.refuse(
            "consent_guardian", "What a guardian says for somebody is recorded one by one.",
            "Record it for that household by itself, with the name of the guardian.",
        )  # fmt: skip
    new: dict[Scope, Notice | None] = {}
    for scope in said.scopes:
        notice = sum_.notice(said, scope) if said.notice else None
        if isinstance(notice, CbiError):
            said.refuse("consent_notice", notice.message, notice.next_step)
            continue
        first = sum_.seen.setdefault((person.id, scope), said)
        if first is not said:
            said.refuse(
                "consent_twice", f"The same person and purpose stand in {place(first.row)} already.",
                "Leave one of the two rows.",
            )  # fmt: skip
        elif _stands(said, story.get((person.id, scope), ()), notice):
            new[scope] = notice
    return {} if said.row.reasons else new


def _stands(said: Said, story: Sequence[Consent], notice: Notice | None) -> bool:
    """Whether a row says something new; False where it is on record. `story` is what was said to the purpose, in order."""
    by = (notice.code, notice.version) if notice else (None, None)
    if any(
        (row.answer, row.said_on, row.how, row.notice_code, row.notice_version)
        == (said.answer, said.on, said.how, *by)
        for row in story
    ):
        return False
    last = story[-1] if story else None
    if last is None:
        return True
    if last.said_on > said.on:
        said.refuse(
            "consent_said_since", "The person said something about this purpose on a later day, which stands.",
            "Take the row out of the list.",
        )  # fmt: skip
    elif (
        last.said_on == said.on and last.answer is not Answer.GIVEN and said.answer is Answer.GIVEN
    ):
        said.refuse(
            "consent_no_that_day", "The person said no on the same day, and a list does not say which came last.",
            "If the yes came after it, record it for that household by itself.",
        )  # fmt: skip
    return last.answer is not said.answer or said.answer is Answer.GIVEN


def _write(session: Session, actor: Actor, fresh: Sequence[_Fresh], now: datetime) -> None:
    if not fresh:
        return
    rows, entries = [], []
    for each in fresh:
        said = each.said
        for scope, notice in each.new.items():
            rows.append({
                "id": ids.fresh(), "person_id": each.person_id, "scope": scope, "answer": said.answer,
                "said_on": said.on, "notice_code": notice.code if notice else None,
                "notice_version": notice.version if notice else None, "language": said.language or None,
                "how": said.how, "recorded_by": actor.id, "recorded_at": now,
            })  # fmt: skip
        notice = next(iter(each.new.values()))
        entries.append({
            "at": now, "actor_kind": actor.kind, "actor_id": actor.id, "act": f"consent.{said.answer}",
            "subject_kind": "person", "subject_id": str(each.person_id),
            "details": {
                "scopes": [str(scope) for scope in each.new], "how": str(said.how), "on": said.on.isoformat(),
                "notice": f"{notice.code}/{notice.version}" if notice else None, "list": True,
            },
        })  # fmt: skip
    session.execute(insert(Consent), rows)
    session.execute(insert(AuditEntry), entries)


def _summary(result: TakenIn, language: str) -> Iterator[tuple[str, ...]]:
    def word(name: str) -> str:
        return copy_word(name, language)

    yield (word("summary"), word("rows"))
    yield (word("would_land" if result.dry_run else "landed"), str(result.taken))
    yield (word("unchanged"), str(result.unchanged))
    yield (word("rejected"), str(len(result.rows)))
    yield ()
    yield (word("reason"), word("rows"), word("column"), word("next"))
    for reason, count in count_reasons(result.rows):
        said = told(reason, language)
        yield (said.message, str(count), said.column, said.next_step)
