"""What keeps somebody's data from being destroyed yet: whatever is still open about them, and would end without them."""

from collections.abc import Iterator, Mapping
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from cbi import clock
from cbi.offices import office_of
from cbi.payments.signing import waiver_seals
from cbi.registry.linkage import rules

_CURRENT = (
    "NOT EXISTS (SELECT FROM duplicate_flags l WHERE l.kind = f.kind AND l.value_index = f.value_index"
    " AND l.household_count > f.household_count)"
)
_ASKED_OF = (
    "({one}.gone = 'left' OR ({one}.gone IS NULL OR {one}.gone = 'died')"
    " AND {home}.status IN ('active', 'departed'))"
)
"""As `registry.queries.is_asked_about` has it."""
_ASKED_ABOUT = (
    "SELECT unnest(ARRAY[first_id, second_id]) FROM link_pairs k WHERE k.state = 'open' AND k.per_mille >= coalesce("
    "(SELECT ask FROM link_thresholds WHERE decision = 'accepted' ORDER BY decided_at DESC, version DESC LIMIT 1),"
    f" {rules.ASK}) AND NOT EXISTS (SELECT FROM persons o WHERE o.id IN (k.first_id, k.second_id)"
    " AND (o.data_key IS NULL OR o.gone = 'same'))"
)
"""People in pairs that the office asks about: of a lower score nobody ever decides, nor of whoever was erased or is no
record of their own any more.
"""
_NAMED_BY_REQUESTS = (
    "SELECT named #>> '{}' FROM household_requests q, jsonb_path_query(q.details, '$.**') named"
    " WHERE q.decision IS NULL"
)

OBSTACLES: Mapping[str, str] = {
    "their household is active: it would still be paid": """
        SELECT p.id FROM persons p JOIN households h ON h.id = p.household_id
        WHERE h.status = 'active' AND p.gone IS NULL""",
    "a payment to them is not settled": """
        SELECT y.person_id FROM payments y WHERE y.live AND y.state <> 'paid'""",
    "a payment to them is in a discrepancy that nobody has explained": """
        SELECT y.person_id FROM payments y JOIN discrepancies d ON d.payment_id = y.id
        WHERE d.settled_at IS NULL""",
    "what was found of a payment to them waits for a second person": """
        SELECT y.person_id FROM payments y JOIN (
            SELECT payment_id FROM unpaid_findings WHERE confirmed_at IS NULL AND refusal_id IS NULL
            UNION ALL
            SELECT payment_id FROM amount_findings WHERE confirmed_at IS NULL AND refusal_id IS NULL
            UNION ALL
            SELECT payment_id FROM line_findings WHERE confirmed_at IS NULL AND refusal_id IS NULL
        ) f ON f.payment_id = y.id""",
    "money that was paid to them is owed back": """
        SELECT y.person_id FROM payments y JOIN receivables r ON r.payment_id = y.id
        WHERE r.state = 'open'""",
    "work of theirs was signed and is not paid": """
        SELECT r.person_id FROM work_rows r
        JOIN work_signatures s ON s.sheet_id = r.sheet_id AND s.version = r.version
        LEFT JOIN work_rows c ON c.id = r.corrects_id
        WHERE NOT EXISTS (SELECT FROM work_pay w WHERE w.row_id = r.id)
        GROUP BY r.person_id HAVING sum(r.earned_minor - coalesce(c.earned_minor, 0)) > 0""",
    "a top-up for their household waits for a second person": """
        SELECT p.id FROM persons p JOIN top_up_rows r ON r.household_id = p.household_id
        JOIN top_ups t ON t.id = r.top_up_id WHERE t.decision IS NULL""",
    "that their household met a condition waits for a second person": """
        SELECT p.id FROM persons p JOIN conditions_met c ON c.household_id = p.household_id
        WHERE c.decision IS NULL""",
    "a complaint of theirs is open": """
        SELECT c.person_id FROM complaints c WHERE c.state <> 'closed' AND c.person_id IS NOT NULL
        UNION
        SELECT a.person_id FROM payment_accounts a JOIN complaints c ON c.number_index = a.value_index
        WHERE c.state <> 'closed'
        UNION
        SELECT y.person_id FROM payments y JOIN complaints c ON c.payment_id = y.id
        WHERE c.state <> 'closed'""",
    "an appeal of theirs is not decided": """
        SELECT p.id FROM persons p JOIN appeals a ON a.household_id = p.household_id
        WHERE a.outcome IS NULL
        UNION
        SELECT a.person_id FROM appeals a WHERE a.outcome IS NULL AND a.person_id IS NOT NULL""",
    "an assessment of theirs waits for a second person": """
        SELECT p.id FROM persons p JOIN assessments a ON a.household_id = p.household_id
        WHERE a.needs_second
          AND NOT EXISTS (SELECT FROM assessment_decisions d WHERE d.assessment_id = a.id)""",
    "a change of their household waits for a second person": f"""
        SELECT p.id FROM persons p JOIN household_requests q ON q.household_id = p.household_id
        WHERE q.decision IS NULL
        UNION
        SELECT q.person_id FROM household_requests q WHERE q.decision IS NULL AND q.person_id IS NOT NULL
        UNION
        SELECT p.id FROM persons p
        WHERE p.id::text IN ({_NAMED_BY_REQUESTS}) OR p.household_id::text IN ({_NAMED_BY_REQUESTS})""",
    "they answer for a child of an active household": """
        SELECT g.guardian_id FROM guardianships g JOIN persons c ON c.id = g.child_id
        JOIN households h ON h.id = c.household_id
        WHERE g.ended_on IS NULL AND c.gone IS NULL AND h.status = 'active'""",
    "they may be the same person as somebody else": f"""
        {_ASKED_ABOUT} UNION SELECT p.id FROM persons p WHERE p.same_as IN ({_ASKED_ABOUT})""",
    "a telephone or document of theirs is another household's, too": f"""
        SELECT p.id FROM persons p JOIN duplicate_flags f ON f.value_index = p.document_index
        WHERE f.kind = 'same_document' AND f.decision IS NULL AND {_CURRENT}
        UNION
        SELECT a.person_id FROM payment_accounts a JOIN duplicate_flags f ON f.value_index = a.value_index
        WHERE f.kind = 'shared_phone' AND a.replaced_at IS NULL AND f.decision IS NULL AND {_CURRENT}""",
    "they may be a member of staff, or a teller": """
        SELECT m.person_id FROM staff_matches m WHERE m.decision IS NULL""",
    "a request from their telephone waits for a decision": """
        SELECT a.person_id FROM payment_accounts a JOIN referrals r ON r.phone_index = a.value_index
        WHERE r.state = 'waiting'""",
    "a text to them waits to be sent": """
        SELECT a.person_id FROM payment_accounts a JOIN messages m ON m.account_id = a.id
        WHERE m.waiting""",
    "a text of theirs waits to be read": """
        SELECT a.person_id FROM payment_accounts a JOIN inbound_texts t ON t.sender_index = a.value_index
        WHERE t.handled_at IS NULL""",
    "they are one person with somebody else who shows their document: both go together, or are made one first": f"""
        SELECT p.id FROM persons p JOIN households h ON h.id = p.household_id
        JOIN duplicate_flags f ON f.value_index = p.document_index AND f.kind = 'same_document' AND f.decision = 'same'
        JOIN persons o ON o.document_index = p.document_index AND o.household_id <> p.household_id
        JOIN households w ON w.id = o.household_id
        WHERE {_CURRENT} AND {_ASKED_OF.format(one="p", home="h")} AND {_ASKED_OF.format(one="o", home="w")}
          AND NOT EXISTS (SELECT FROM erasure_persons g
            WHERE g.erasure_id = :erasure AND g.person_id = o.id AND g.obstacle IS NULL)""",
}
"""Why somebody's data must stay for now, and who is concerned. What names nobody but by a keyed hash is in `note`.

The last one asks who else goes in this erasure, whom nothing before it stands in the way of.
"""

WAIVED = "a control is waived for their household, or it was asked for"


def note(session: Session, erasure_id: UUID) -> None:
    """Note for each person of a proposal what stands in the way now; one statement for each kind of obstacle."""
    session.execute(
        text("UPDATE erasure_persons SET obstacle = NULL WHERE erasure_id = :erasure"),
        {"erasure": erasure_id},
    )
    if waived := list(_waived(session, erasure_id)):
        members = "SELECT id FROM persons WHERE household_id = ANY(CAST(:households AS uuid[]))"
        _note(session, erasure_id, WAIVED, members, households=waived)
    for why, whom in OBSTACLES.items():
        _note(session, erasure_id, why, whom)


def _note(session: Session, erasure_id: UUID, why: str, whom: str, **more: object) -> None:
    session.execute(
        text(
            "UPDATE erasure_persons e SET obstacle = :why"
            f" WHERE e.erasure_id = :erasure AND e.obstacle IS NULL AND e.person_id IN ({whom})"
        ),
        {"erasure": erasure_id, "why": why, **more},
    )


def _waived(session: Session, erasure_id: UUID) -> Iterator[UUID]:
    """Households of the proposal that a waiver is for which still holds, or waits to be granted."""
    concerned = set(
        session.scalars(
            text(
                "SELECT DISTINCT unnest(w.concerns) FROM waivers w WHERE w.last_day >= :today AND NOT EXISTS"
                " (SELECT FROM waiver_decisions d WHERE d.waiver_id = w.id AND d.what <> 'granted')"
            ),
            {"today": clock.today(office_of(session).timezone)},
        )
    )
    households = session.scalars(
        text(
            "SELECT DISTINCT p.household_id FROM persons p JOIN erasure_persons e ON e.person_id = p.id"
            " WHERE e.erasure_id = :erasure AND :some"
        ),
        {"erasure": erasure_id, "some": bool(concerned)},
    )
    for household in households:
        if waiver_seals.concern(session, household) in concerned:
            yield household
