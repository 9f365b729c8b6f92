"""A list of what registered people said: row by row, again and again, and never against what they said since."""

import io
import itertools
from datetime import date, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from openpyxl import load_workbook
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from cbi import scope
from cbi.access.actor import NotPermitted
from cbi.access.permissions import Role
from cbi.audit.models import AuditEntry
from cbi.proofs import consent as proofs
from cbi.registry.consent import lists, recording, standing
from cbi.registry.consent.list_reading import Whole
from cbi.registry.consent.lists import TakenIn
from cbi.registry.consent.models import Answer, Consent, How, Scope
from cbi.registry.consent.recording import Word
from cbi.registry.households import merging
from cbi.registry.households.queries import number_of
from cbi.registry.intake.mapping import MissingColumns
from cbi.registry.models import Household, Person
from tests import consenting
from tests.factories import EVERYTHING, colleague, households, office_day
from tests.household_factory import ASKER, CONFIRMER, change, family
from tests.places import take_in

HEADER = "Registration number,Purposes,Answer,Date,How,Notice,Language"


@pytest.fixture
def numbers(session: Session) -> list[str]:
    """Three households, and a notice that asks for everything."""
    consenting.accepted(session, consenting.notice_file())
    return households(session, [2, 3, 4])


def collector(session: Session, number: str) -> UUID:
    """Who collects for the household of that number."""
    wanted = select(Person.id).join(Household, Household.id == Person.household_id)
    return session.scalars(wanted.where(Household.source_id == number, Person.is_recipient)).one()


def days(ago: int) -> date:
    """So many days ago."""
    return office_day() - timedelta(days=ago)


def brought(session: Session, *rows: str, whole: Whole | None = None, dry_run: bool = False) -> TakenIn:  # fmt: skip
    """Bring in a list of these rows."""
    content = io.BytesIO("\n".join([HEADER, *rows]).encode())
    return lists.take_in(
        session, EVERYTHING, content, filename="paper.csv", whole=whole or Whole(), dry_run=dry_run
    )


def codes(result: TakenIn) -> list[tuple[int, str]]:
    """Which rows were not taken, and why."""
    return [(note.line, each.code) for note in result.rows for each in note.reasons]


def words(session: Session, number: str) -> dict[Scope, Answer]:
    """The latest word of a household's collector."""
    person = collector(session, number)
    return {scope: row.answer for scope, row in standing.latest(session, [person])[person].items()}


def test_each_row_records_a_word_for_each_of_its_purposes_once(
    session: Session, numbers: list[str]
) -> None:
    day = days(9)
    rows = (
        f'{numbers[0]},"assistance; SMS",yes,{day},signed,registration/1,ar',
        f"{numbers[1]},assistance,non,{day},en personne,registration,fr",
        f"{numbers[2]},texts,withdrawn,{day},téléphone,,",
    )
    dry = brought(session, *rows, dry_run=True)
    assert dry.counts() == {"taken": 3, "unchanged": 0, "refused": 0, "words": 4}
    assert session.scalars(select(Consent)).all() == []
    assert brought(session, *rows).counts() == dry.counts()
    assert words(session, numbers[0]) == {Scope.ASSISTANCE: Answer.GIVEN, Scope.TEXTS: Answer.GIVEN}
    assert words(session, numbers[1]) == {Scope.ASSISTANCE: Answer.REFUSED}
    assert words(session, numbers[2]) == {Scope.TEXTS: Answer.WITHDRAWN}
    said = session.scalars(
        select(Consent).where(Consent.person_id == collector(session, numbers[0]))
    )
    assert {(row.said_on, row.how, row.notice_version, row.language) for row in said} == {
        (day, How.SIGNED, 1, "ar")
    }
    again = brought(session, *rows)
    assert again.counts() == {"taken": 0, "unchanged": 3, "refused": 0, "words": 0}
    acts = session.scalars(select(AuditEntry.act).where(AuditEntry.act.like("consent.%"))).all()
    assert sorted(acts) == sorted(
        ["consent.given", "consent.refused", "consent.withdrawn", "consent.list_taken_in"]
    )


def test_what_somebody_said_since_stands_above_a_list_of_an_earlier_day(
    session: Session, numbers: list[str]
) -> None:
    taken_back, that_day, told_again = numbers
    for number, ago in ((taken_back, 3), (that_day, 9), (told_again, 12)):
        word = Word([Scope.TEXTS], Answer.WITHDRAWN, How.CALL, on=days(ago))
        recording.say(session, EVERYTHING, collector(session, number), word)
    rows = [f"{number},texts,yes,{days(9)},signed,registration,ar" for number in numbers]
    result = brought(session, *rows)
    assert codes(result) == [(2, "consent_said_since"), (3, "consent_no_that_day")]
    assert result.taken == 1
    assert [words(session, each)[Scope.TEXTS] for each in numbers] == [
        Answer.WITHDRAWN, Answer.WITHDRAWN, Answer.GIVEN,
    ]  # fmt: skip
    breaches = itertools.chain.from_iterable(
        check(session) for check in proofs.against_nobodys_word
    )
    assert list(breaches) == []


def test_a_yes_that_was_taken_back_since_is_known_when_its_list_comes_again(
    session: Session, numbers: list[str]
) -> None:
    row = f"{numbers[0]},texts,yes,{days(9)},signed,registration,ar"
    brought(session, row)
    word = Word([Scope.TEXTS], Answer.WITHDRAWN, How.CALL)
    recording.say(session, EVERYTHING, collector(session, numbers[0]), word)
    assert brought(session, row).counts() == {"taken": 0, "unchanged": 1, "refused": 0, "words": 0}
    assert words(session, numbers[0]) == {Scope.TEXTS: Answer.WITHDRAWN}


def test_a_row_that_cannot_be_taken_says_why_and_the_others_are_taken(
    session: Session, numbers: list[str], tmp_path: Path
) -> None:
    day = days(2)
    file = tmp_path / "paper.csv"
    rows = [
        f"{numbers[0]},assistance,yes,{day},signed,registration,ar",
        f"{numbers[0]},assistance,no,{day},signed,registration,ar",
        f"H-nowhere,texts,yes,{day},signed,registration,ar",
        f"{numbers[1]},fun,maybe,{day},by fax,registration,ar",
        f"{numbers[1]},texts,yes,{days(-3)},signed,registration,ar",
        f"{numbers[1]},texts,yes,{day},signed,unknown,ar",
        f"{numbers[1]},texts,yes,{day},guardian,registration,ar",
        f"{numbers[1]},texts,yes,,,,",
    ]
    file.write_text("\n".join([HEADER, *rows]), encoding="utf-8")
    result = lists.take_in(session, EVERYTHING, file)
    assert result.taken == 1
    assert codes(result) == [
        (3, "consent_twice"), (4, "household_unknown"), (5, "consent_purpose"), (5, "consent_answer"),
        (5, "consent_how"), (6, "date_in_future"), (7, "consent_notice"), (8, "consent_guardian"),
        (9, "missing"), (9, "missing"), (9, "missing"),
    ]  # fmt: skip
    copy = tmp_path / "checked.xlsx"
    lists.write_report(result, file, copy, language="fr")
    book = load_workbook(copy)
    assert len(book.sheetnames) == 2
    assert "Aucun ménage n'a ce numéro" in str(book[book.sheetnames[1]].cell(4, 8).value)
    with copy.open("rb") as back:  # the copy comes back, corrected or not
        assert lists.take_in(session, EVERYTHING, back, dry_run=True).unchanged == 1
    last = brought(
        session, f"{numbers[1]},texts,yes,,,,", whole=Whole("call", "registration", "fr", day)
    )
    assert last.taken == 1


def test_a_list_needs_its_columns_and_somebody_who_may_record(
    session: Session, numbers: list[str]
) -> None:
    with pytest.raises(MissingColumns):
        lists.take_in(session, EVERYTHING, io.BytesIO(b"Registration number,Answer\nH-1,yes\n"))
    treasurer = colleague(session, Role.TREASURER).actor
    with pytest.raises(NotPermitted):
        lists.take_in(session, treasurer, io.BytesIO(b"x"))


def test_a_row_may_name_a_member_by_number(session: Session, numbers: list[str]) -> None:
    home, people = family(session, "Omar", "Lina 7")
    number, other, day = session.get_one(Household, home).source_id, numbers[0], days(3)
    head, omar = (number_of(people[who]) for who in ("head", "Omar"))

    def told(*rows: str) -> TakenIn:
        lines = [f"Registration number,Membre,Purposes,Answer\n{rows[0]}", *rows[1:]]
        content = io.BytesIO("\n".join(lines).encode())
        whole = Whole(how="signed", notice="registration", language="ar", on=day)
        return lists.take_in(session, EVERYTHING, content, filename="paper.csv", whole=whole)

    first = told(
        f"{number},{omar},research,yes", f"{number},,research,no", f"{number},{head.upper()},texts,yes",
        f"{other},{omar},texts,yes", f"{number},{omar[-5:]},texts,yes", f"{number},{head},research,yes",
    )  # fmt: skip
    assert codes(first) == [(5, "consent_member"), (6, "consent_member"), (7, "consent_twice")]
    said = standing.latest(session, people.values())
    assert {who: {scope: row.answer for scope, row in said[each].items()} for who, each in people.items()} == {
        "head": {Scope.RESEARCH: Answer.REFUSED, Scope.TEXTS: Answer.GIVEN}, "Omar": {Scope.RESEARCH: Answer.GIVEN},
        "Lina": {},
    }  # fmt: skip
    assert told(f"{number},{omar},research,yes").unchanged == 1
    change(session, "died", home, person=people["Omar"])
    assert codes(told(f"{number},{omar},texts,no")) == [(2, "consent_member")]


def test_a_field_office_brings_in_no_consents_of_another_s_district(
    session: Session, numbers: list[str]
) -> None:
    ours, theirs, nobody_s = numbers
    take_in(session)
    for number, area in ((ours, "DZ3101"), (theirs, "DZ1601")):
        session.execute(update(Household).where(Household.source_id == number).values(area=area))
    scope.look_only_at(session, "dz", ("DZ31",))
    rows = (f"{number},texts,no,{days(2)},signed,registration/1,ar" for number in numbers)
    result = brought(session, *rows)
    assert codes(result) == [(3, "household_unknown"), (4, "household_unknown")]
    (told,) = {each.message for note in result.rows[:1] for each in note.reasons}
    assert told == f"No household has the number {theirs!r}.", "as of a number that was never given"
    with scope.seeing_all(session):
        assert words(session, ours) == {Scope.TEXTS: Answer.REFUSED}
        assert words(session, theirs) == words(session, nobody_s) == {}


def test_a_no_that_came_with_a_merge_counts_no_more_than_the_merge(
    session: Session, numbers: list[str]
) -> None:
    ours, theirs = (collector(session, number) for number in numbers[:2])
    consenting.says(session, theirs, Answer.REFUSED, Scope.TEXTS, on=days(9))
    homes = [session.get_one(Person, each).household_id for each in (ours, theirs)]
    merge = merging.merge(
        session, CONFIRMER, *homes, reason="registered twice", same={theirs: ours}, asked_by=ASKER.id
    )  # fmt: skip
    assert words(session, numbers[0]) == {Scope.TEXTS: Answer.REFUSED}
    merging.undo_merge(session, CONFIRMER, merge, reason="they are two", asked_by=ASKER.id)
    for day in (days(9), days(5)):
        undo = session.begin_nested()
        assert brought(session, f"{numbers[0]},texts,no,{day},signed,registration/1,ar").taken == 1
        assert words(session, numbers[0]) == {Scope.TEXTS: Answer.REFUSED}
        undo.rollback()
