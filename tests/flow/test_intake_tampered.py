"""`cbi verify` names what somebody did to lists and rejected rows behind the engine's back."""

import io
from collections.abc import Iterator

import pytest
from sqlalchemy import URL, Connection, select, text

from cbi import offices
from cbi.protection.exporting import row_workbooks
from cbi.registry.import_models import RejectedRow
from cbi.registry.intake import correcting, waiting
from tests.flow.proving import broken
from tests.flow.tampering import Tampering, intruding
from tests.flow.test_intake_rejected import BAD, GOOD
from tests.flow.test_registry_import import OFFICER, rows, take

LANDED = "SELECT id FROM imports WHERE rows_landed > 0"
FIXED = "SELECT rejected_row_id FROM rejected_row_ends"
TAKEN = "SELECT number FROM row_workbooks"
WAITS = "SELECT id FROM imports WHERE state = 'waiting'"

TAMPERINGS = (
    Tampering(
        8, "an import made larger", LANDED,
        "UPDATE imports SET rows_landed = 9, rows_total = 9 + rows_rejected WHERE id = :victim",
    ),
    Tampering(
        8, "a rejected row counted away", LANDED, "UPDATE imports SET rows_rejected = 0 WHERE id = :victim"
    ),
    Tampering(
        8, "a part that waits is gone", WAITS, "DELETE FROM import_parts WHERE import_id = :victim"
    ),
    Tampering(
        8, "a row is said to have landed elsewhere", FIXED,
        "UPDATE rejected_row_ends SET source_id = 'A9' WHERE rejected_row_id = :victim",
    ),
    Tampering(
        8, "nobody has seen a row that left", TAKEN, "DELETE FROM rejected_row_views WHERE workbook = :victim"
    ),
    Tampering(
        8, "somebody else took a workbook", TAKEN,
        "UPDATE row_workbooks SET taken_by = gen_random_uuid() WHERE number = :victim",
    ),
    Tampering(
        8, "a workbook that nobody knows of", TAKEN, "DELETE FROM row_workbooks WHERE number = :victim"
    ),
)  # fmt: skip


@pytest.fixture(scope="module")
def story(own_database: URL) -> URL:
    """A list with a bad row that was taken to the field and corrected, and a list that waits for the worker."""
    take(rows(GOOD, BAD))
    with offices.transaction("dz") as session:
        row_workbooks.take(session, OFFICER)
        row = session.scalars(select(RejectedRow.id)).one()
        correcting.correct(session, OFFICER, row, {"phone": "0550777777", "size": "5"})
    with offices.transaction("dz") as session:
        waiting.store(session, OFFICER, io.BytesIO(rows(GOOD)), filename="later.csv")
    return own_database


@pytest.fixture
def intruder(story: URL) -> Iterator[Connection]:
    """The owner of the database in a transaction that is undone."""
    with intruding(story) as connection:
        yield connection


def test_lists_that_nobody_touched_keep_every_promise(intruder: Connection) -> None:
    assert broken(intruder) == {}


@pytest.mark.parametrize("tampering", TAMPERINGS, ids=lambda each: each.what.replace(" ", "-"))
def test_what_was_done_to_lists_is_found_and_named(
    intruder: Connection, tampering: Tampering
) -> None:
    victim = intruder.scalar(text(tampering.victim))
    assert victim is not None
    assert intruder.execute(text(tampering.deeds), {"victim": victim}).rowcount != 0
    named = broken(intruder).get(tampering.promise, ())
    assert any(str(victim) in breach for breach in named), named
