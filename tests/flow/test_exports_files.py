"""What stands in a list that leaves the house: what is kept, as text, and marks that tell where it leaked."""

import io

import openpyxl
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi.access.actor import NotPermitted
from cbi.access.permissions import Role
from cbi.audit.models import AuditEntry
from cbi.protection import erasing
from cbi.protection.exporting import asking, envelope, fetching, tracing
from cbi.protection.exporting.tracing import TooLongToTrace
from cbi.registry import personal
from cbi.registry.models import Household, Person
from tests.exporting import clear, placed, wish
from tests.factories import Colleague, colleague
from tests.flow.test_erasing import closed


@pytest.fixture
def asker(session: Session) -> Colleague:
    return colleague(session, Role.REGISTRATION_OFFICER)


@pytest.fixture
def second(session: Session) -> Colleague:
    return colleague(session, Role.PROTECTION_OFFICER)


def test_a_formula_in_a_name_stays_a_text(session: Session, asker: Colleague) -> None:
    (number,) = placed(session, 1)
    household = session.scalars(select(Household).where(Household.source_id == number)).one()
    household.area = "=1+1"
    session.flush()
    made = asking.ask(session, asker.actor, wish(("area",), area="=1+1"))
    words = fetching.passphrase(
        session, colleague(session, Role.PROTECTION_OFFICER).actor, made.number
    )
    _, book = envelope.opened(fetching.fetch(session, asker.actor, made.number).content, words)
    sheet = openpyxl.load_workbook(io.BytesIO(book))["People"]
    cell = sheet["A3"]
    assert (cell.value, cell.data_type, cell.quotePrefix) == ("=1+1", "s", True)
    for place in (sheet.oddHeader, sheet.oddFooter):
        assert place is not None
        assert (place.center.text or "").startswith("Export ")


def test_leaked_rows_tell_which_list_they_left_in(
    session: Session, asker: Colleague, second: Colleague
) -> None:
    placed(session, 30)
    files = {}
    for _ in range(3):
        made = asking.ask(session, asker.actor, wish())
        files[made.number] = made, fetching.fetch(session, asker.actor, made.number).content
    made, content = files[2]
    _, _, *rows = clear(session, made, content)

    def traced(text: bytes) -> list[tuple[int, str, int]]:
        return [
            (each.number, each.by, each.rows) for each in tracing.trace(session, second.actor, text)
        ]

    assert traced(content) == [(2, "file", 30)]
    assert traced("\n".join(";".join(row) for row in rows[:4]).encode()) == [(2, "mark", 4)]
    bare = "\n".join(["Number;Name", *(f"{row[0]};{row[1]}" for row in rows[5:25])])
    assert traced(bare.encode()) == [(2, "order", 20)]
    assert traced("\n".join(sorted(bare.splitlines())).encode()) == []
    assert traced(b"nothing of ours") == []
    assert session.scalars(select(AuditEntry).where(AuditEntry.act == "export.traced")).all()
    with pytest.raises(TooLongToTrace):
        tracing.trace(session, second.actor, bytes(tracing.MOST_BYTES + 1))
    with pytest.raises(NotPermitted):
        tracing.trace(session, asker.actor, content)


def test_names_in_the_list_are_those_that_are_kept(session: Session, asker: Colleague) -> None:
    placed(session, 4)
    made = asking.ask(session, asker.actor, wish(("name", "document", "born_on", "role")))
    rows = clear(session, made, fetching.fetch(session, asker.actor, made.number).content)[2:]
    people = session.scalars(
        select(Person)
        .join(Household, Household.id == Person.household_id)
        .where(Household.area == "Oran")
    ).all()
    known = personal.in_clear(session, people)
    assert {row[1] for row in rows} == {each.name for each in known.values()}
    assert {row[2] for row in rows} == {each.document for each in known.values()}


def test_whoever_was_erased_or_works_here_is_not_in_it(
    session: Session, asker: Colleague, second: Colleague
) -> None:
    closed(session, [2, 1])
    placed(session, 2)
    made = asking.ask(session, asker.actor, wish())
    assert made.people == 2, "those who take no part any more are not meant"
    household = session.scalars(select(Household).where(Household.area == "Oran")).first()
    assert household is not None
    household.status = "closed"
    session.flush()
    proposed = erasing.ask(session, asker.actor, [household.source_id], "They asked for it.")
    erasing.confirm(session, second.actor, proposed.number, second.code())
    assert fetching.fetch(session, asker.actor, made.number).people == 1
