"""What is destroyed of people, set by set, and what keeps somebody's data from being destroyed yet.

A person's own key is destroyed, and with it everything sealed under it, also in the events and changes that name them;
then whatever finds or tells about them beside it. Kept are the person's id, amounts, days, place, sex and year of
birth: the books stay as they were, to the cent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from cbi import clock

OBSTACLES: Mapping[str, str] = {
    "their household is active: it would still be paid": """
        SELECT p.id FROM persons p JOIN households h ON h.id = p.household_id
        WHERE h.status = 'active' AND p.gone IS NULL""",
    "a payment to them is not settled": """
        SELECT y.person_id FROM payments y WHERE y.live AND y.state <> 'paid'""",
    "a payment to them is in a discrepancy that nobody has explained": """
        SELECT y.person_id FROM payments y JOIN discrepancies d ON d.payment_id = y.id
        WHERE d.settled_at IS NULL""",
    "money that was paid to them is owed back": """
        SELECT y.person_id FROM payments y JOIN receivables r ON r.payment_id = y.id
        WHERE r.state = 'open'""",
    "a complaint of theirs is open": """
        SELECT p.id FROM persons p
        LEFT JOIN payment_accounts a ON a.person_id = p.id
        JOIN complaints c ON c.person_id = p.id OR c.number_index = a.value_index
        WHERE c.state <> 'closed'""",
    "an appeal of theirs is not decided": """
        SELECT p.id FROM persons p JOIN appeals a ON a.household_id = p.household_id
        WHERE a.outcome IS NULL""",
    "a text to them waits to be sent": """
        SELECT a.person_id FROM payment_accounts a JOIN messages m ON m.account_id = a.id
        WHERE m.waiting""",
    "a text of theirs waits to be read": """
        SELECT a.person_id FROM payment_accounts a JOIN inbound_texts t ON t.sender_index = a.value_index
        WHERE t.handled_at IS NULL""",
}
"""Why somebody's data must stay for now, and who is concerned."""


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
    keys_digest: str


def note_obstacles(session: Session, erasure_id: UUID) -> None:
    """Note for each person of a proposal what stands in the way now; one statement for each kind of obstacle."""
    session.execute(
        text("UPDATE erasure_persons SET obstacle = NULL WHERE erasure_id = :erasure"),
        {"erasure": erasure_id},
    )
    for why, whom in OBSTACLES.items():
        session.execute(
            text(
                "UPDATE erasure_persons e SET obstacle = :why"
                f" WHERE e.erasure_id = :erasure AND e.obstacle IS NULL AND e.person_id IN ({whom})"
            ),
            {"erasure": erasure_id, "why": why},
        )


_MINE = "(SELECT person_id FROM erasure_persons WHERE erasure_id = :erasure AND erased_at = :now)"
_NUMBERS = f"""
    SELECT a.value_index FROM payment_accounts a WHERE a.kind = 'phone' AND a.person_id IN {_MINE}
    EXCEPT
    SELECT b.value_index FROM payment_accounts b JOIN persons o ON o.id = b.person_id
    WHERE b.kind = 'phone' AND o.data_key IS NOT NULL AND b.replaced_at IS NULL"""
"""Their telephones, but for those that others have too: what those wrote is theirs."""

_ERASED = "sha256(convert_to('erased/' || {id}, 'UTF8'))"
"""What stands where a keyed hash stood: another one for each row, so that nothing can be matched by it."""


def destroy(
    session: Session,
    erasure_id: UUID,
    *,
    texts_before: datetime | None,
    rows_before: datetime | None,
) -> Destroyed:
    """Destroy the data of everybody of the proposal whom nothing stands in the way of, and what is old enough.

    The caller holds their households, so that nobody is put into a run meanwhile.
    """
    at = {"erasure": erasure_id, "now": clock.now(), "texts": texts_before, "rows": rows_before}

    def count(statement: str) -> int:
        done = session.execute(
            text(f"WITH done AS ({statement} RETURNING 1) SELECT count(*) FROM done"), at
        )
        return int(done.scalar_one())

    people = count(
        "UPDATE erasure_persons SET erased_at = :now WHERE erasure_id = :erasure AND obstacle IS NULL"
    )
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
        at,
    ).one()
    # Before the numbers are gone by which they are found.
    notes = count(
        "UPDATE complaint_events SET note = NULL WHERE note IS NOT NULL AND complaint_id IN ("
        f" SELECT id FROM complaints WHERE person_id IN {_MINE} OR number_index IN ({_NUMBERS}))"
    )
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
    for keyed in ("link_keys", "linked_persons"):
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
    # What somebody wrote to be registered goes with their household, or once it was kept as long as texts are.
    referrals = count(
        "UPDATE referrals SET data_key = NULL, words = NULL, phone_index = NULL WHERE data_key IS NOT NULL"
        " AND (decided_at < :texts OR household_id IN ("
        f" SELECT household_id FROM persons WHERE id IN {_MINE})"
        " AND NOT EXISTS (SELECT FROM persons o WHERE o.household_id = referrals.household_id"
        " AND o.data_key IS NOT NULL))"
    )
    return Destroyed(
        people,
        households,
        int(kept or 0),
        accounts,
        texts,
        notes,
        old_texts,
        old_rows,
        referrals,
        digest,
    )
