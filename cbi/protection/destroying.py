"""What is destroyed of people, set by set.

A person's own key is destroyed, and with it everything sealed under it, also in the events and changes that name them;
then whatever finds or tells about them beside it. Kept are the person's id, amounts, days, place, sex and year of
birth: the books stay as they were, to the cent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from cbi import clock
from cbi.registry.households import forgetting as changes
from cbi.registry.scorecards import appeal_words, forgetting


@dataclass(frozen=True, slots=True)
class Past:
    """What is older than this goes, beside people: texts, cells of rejected rows, answers of assessments. None: nothing."""

    texts: datetime | None = None
    rows: datetime | None = None
    answers: datetime | None = None


@dataclass(frozen=True, slots=True)
class Destroyed:
    """How much of each kind was destroyed. `keys_digest`: SHA-256 (hex) over the ids and the destroyed sealed keys."""

    people: int
    households: int
    kept: int
    accounts: int
    texts: int
    notes: int
    old_texts: int
    old_rows: int
    referrals: int
    answers: int
    keys_digest: str


_ERASED = "sha256(convert_to('erased/' || {id}, 'UTF8'))"
"""What stands where a keyed hash stood: another one for each row, so that nothing can be matched by it."""


def destroy(session: Session, erasure_id: UUID, past: Past) -> Destroyed:
    """Destroy the data of everybody of the proposal whom nothing stands in the way of, and what is old enough.

    The caller holds their households, so that nobody is put into a run meanwhile.
    """
    at = {"erasure": erasure_id, "now": clock.now()}
    people = session.scalars(
        text(
            "UPDATE erasure_persons SET erased_at = :now WHERE erasure_id = :erasure AND obstacle IS NULL"
            " RETURNING person_id"
        ),
        at,
    ).all()
    kept = session.scalar(
        text(
            "SELECT count(*) FROM erasure_persons WHERE erasure_id = :erasure AND erased_at IS NULL"
        ),
        at,
    )
    households, digest = session.execute(
        text(
            "SELECT count(DISTINCT household_id), encode(sha256(coalesce(string_agg("
            " uuid_send(id) || coalesce(data_key, ''), ''::bytea ORDER BY id), '')), 'hex')"
            f" FROM persons WHERE id IN {_MINE}"
        ),
        {"people": people},
    ).one()
    swept = _sweep(session, people, past)
    return Destroyed(len(people), households, int(kept or 0), **swept, keys_digest=digest)


def again(session: Session) -> int:
    """After an old backup was read back: destroy once more what confirmed erasures destroyed; returns how many people."""
    people = session.scalars(
        text(
            "SELECT id FROM persons WHERE data_key IS NOT NULL AND id IN"
            " (SELECT person_id FROM erasure_persons WHERE erased_at IS NOT NULL)"
        )
    ).all()
    past = session.execute(
        text(
            "SELECT max(texts_before), max(rows_before), max(answers_before) FROM erasures"
            " WHERE decision = 'confirmed'"
        )
    ).one()
    _sweep(session, people, Past(*past))
    return len(people)


_MINE = "(SELECT unnest(CAST(:people AS uuid[])))"
_NUMBERS = f"""
    SELECT a.value_index FROM payment_accounts a WHERE a.kind = 'phone' AND a.person_id IN {_MINE}
    EXCEPT
    SELECT b.value_index FROM payment_accounts b JOIN persons o ON o.id = b.person_id
    WHERE b.kind = 'phone' AND o.data_key IS NOT NULL AND b.replaced_at IS NULL AND o.id NOT IN {_MINE}"""
"""Their telephones, but for those that others have too: what those wrote is theirs."""


_THEIR_ROWS = f"""
    SELECT r.id FROM rejected_rows r JOIN rejected_row_ends e ON e.rejected_row_id = r.id
    JOIN imports i ON i.id = r.import_id JOIN households h ON h.source = i.source
    AND h.source_id IN (r.source_id, e.source_id)
    WHERE h.id IN (SELECT household_id FROM persons WHERE id IN {_MINE})
      AND NOT EXISTS (SELECT FROM persons o WHERE o.household_id = h.id AND o.data_key IS NOT NULL)"""
"""Rows of lists that could not land at first, and ended: what stood in them is on record, or was until now."""


OLD_NOTES = (
    "note IS NOT NULL AND complaint_id IN (SELECT id FROM complaints WHERE closed_at < :texts)"
)
"""Notes of handlers on complaints that were closed so long ago."""


def _sweep(session: Session, people: Sequence[UUID], past: Past) -> dict[str, int]:
    """Destroy whatever identifies these people, and what is older; returns how much of each kind, as it is certified."""
    at = {"people": people, "now": clock.now(), "texts": past.texts, "rows": past.rows}
    # While whom they are of can still be opened.
    answers = forgetting.forget(session, past.answers)
    forgetting.of_erased(session, people)
    while appeal_words.seal_older(session):
        pass
    appeal_words.destroy(session, people)
    changes.of_erased(session, people)

    def count(statement: str) -> int:
        done = session.execute(
            text(f"WITH done AS ({statement} RETURNING 1) SELECT count(*) FROM done"), at
        )
        return int(done.scalar_one())

    # Before the numbers are gone by which they are found.
    notes = count(
        "UPDATE complaint_events SET note = NULL WHERE note IS NOT NULL AND complaint_id IN ("
        f" SELECT id FROM complaints WHERE person_id IN {_MINE} OR number_index IN ({_NUMBERS}))"
    )
    # Also on what came from numbers of nobody on record, once it was kept as long as texts are.
    notes += count(f"UPDATE complaint_events SET note = NULL WHERE {OLD_NOTES}")
    texts = count(
        "UPDATE inbound_texts SET words = '', sender = '',"
        f" sender_index = {_ERASED.format(id='inbound_texts.id')}"
        f" WHERE sender_index IN ({_NUMBERS})"
    )
    count(
        f"UPDATE complaints SET number_index = {_ERASED.format(id='complaints.id')}"
        f" WHERE person_id IN {_MINE} OR number_index IN ({_NUMBERS})"
    )
    accounts = count(
        f"UPDATE payment_accounts SET value = '', value_index = {_ERASED.format(id='payment_accounts.id')},"
        f" replaced_at = coalesce(replaced_at, :now) WHERE person_id IN {_MINE}"
    )
    count(
        "UPDATE persons SET data_key = NULL, name = NULL, born_on = NULL, document = NULL,"
        f" document_index = NULL, factor_kind = NULL, factor = NULL WHERE id IN {_MINE}"
    )
    # Whoever compares them at this moment holds the first: the keys that come of it are there when this goes on.
    for keyed in ("linked_persons", "link_keys"):
        count(f"DELETE FROM {keyed} WHERE person_id IN {_MINE}")
    old_texts = count(
        "UPDATE inbound_texts SET words = '', sender = '',"
        f" sender_index = {_ERASED.format(id='inbound_texts.id')}"
        " WHERE received_at < :texts AND handled_at IS NOT NULL AND words <> '' AND id NOT IN ("
        " SELECT t.text_id FROM complaint_texts t JOIN complaints c ON c.id = t.complaint_id"
        " WHERE c.state <> 'closed')"
    )
    old_rows = count(
        "UPDATE rejected_rows SET cells = '' WHERE cells <> '' AND import_id IN ("
        " SELECT id FROM imports WHERE imported_at < :rows)"
    )
    count(
        "UPDATE rejected_row_ends SET cells = NULL WHERE cells IS NOT NULL AND rejected_row_id IN ("
        " SELECT r.id FROM rejected_rows r JOIN imports i ON i.id = r.import_id WHERE i.imported_at < :rows)"
    )
    for table, row in (("rejected_rows", "id"), ("rejected_row_ends", "rejected_row_id")):
        cells = "''" if table == "rejected_rows" else "NULL"
        count(f"UPDATE {table} SET cells = {cells} WHERE cells <> '' AND {row} IN ({_THEIR_ROWS})")
    # What somebody wrote to be registered goes with their household, or once it was kept as long as texts are.
    referrals = count(
        "UPDATE referrals SET data_key = NULL, words = NULL, remark = NULL, phone_index = NULL WHERE data_key IS NOT NULL"
        " AND (decided_at < :texts OR household_id IN ("
        f" SELECT household_id FROM persons WHERE id IN {_MINE})"
        " AND NOT EXISTS (SELECT FROM persons o WHERE o.household_id = referrals.household_id"
        " AND o.data_key IS NOT NULL))"
    )
    return {
        "accounts": accounts, "texts": texts, "notes": notes, "old_texts": old_texts, "old_rows": old_rows,
        "referrals": referrals, "answers": answers,
    }  # fmt: skip
