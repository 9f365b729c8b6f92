"""What was kept as long as it may be: found by its clocks, and proposed to be destroyed by two people like anything else."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.protection import erasing
from cbi.protection.destroying import OLD_NOTES, Past
from cbi.protection.models import Erasure, Ground
from cbi.registry.scorecards import forgetting
from cbi.settings import settings


@dataclass(frozen=True, slots=True)
class Due:
    """What was kept as long as it may be: households that take no part any more, texts, rows that did not land, answers.

    `past` is up to when each of them is: what an erasure of it destroys.
    """

    households: int
    people: int
    texts: int
    rows: int
    answers: int
    past: Past

    @property
    def anything(self) -> bool:
        return bool(self.people or self.texts or self.rows or self.answers)


_LONG_GONE = """
    SELECT p.id FROM persons p JOIN households h ON h.id = p.household_id
    WHERE h.status <> 'active' AND p.data_key IS NOT NULL AND h.registered_at < :before
      AND NOT EXISTS (
        SELECT FROM changed_households c JOIN household_changes k ON k.id = c.change_id
        WHERE c.household_id = h.id AND k.recorded_at >= :before)
      AND NOT EXISTS (
        SELECT FROM payments y JOIN payment_events e ON e.payment_id = y.id
        WHERE y.household_id = h.id AND e.at >= :before)
"""


def due(session: Session, actor: Actor) -> Due:
    """What a retention run would destroy now, if nothing stands in its way."""
    actor.require(Permission.ERASURE_ASK)
    kept, answers_before = settings(), _before(settings().keep_answers_days)
    past = Past(
        _before(kept.keep_texts_days), _before(kept.keep_rejected_rows_days), answers_before
    )
    at = {"before": _gone_before(), "texts": past.texts, "rows": past.rows}
    people, households = session.execute(
        text(
            f"SELECT count(*), count(DISTINCT household_id) FROM persons WHERE id IN ({_LONG_GONE})"
        ),
        at,
    ).one()
    texts = session.execute(
        text(
            "SELECT count(*) FROM inbound_texts"
            " WHERE received_at < :texts AND handled_at IS NOT NULL AND words <> ''"
        ),
        at,
    ).scalar_one()
    rows = session.execute(
        text(
            "SELECT count(*) FROM rejected_rows r JOIN imports i ON i.id = r.import_id"
            " WHERE r.cells <> '' AND i.imported_at < :rows"
        ),
        at,
    ).scalar_one()
    texts += session.execute(
        text("SELECT count(*) FROM referrals WHERE data_key IS NOT NULL AND decided_at < :texts"),
        at,
    ).scalar_one()
    texts += session.execute(
        text(f"SELECT count(*) FROM complaint_events WHERE {OLD_NOTES}"), at
    ).scalar_one()
    return Due(households, people, texts, rows, forgetting.due(session, answers_before), past)


def ask_for_what_is_due(session: Session, actor: Actor, reason: str) -> Erasure:
    """Propose to destroy what was kept as long as it may be. Raises NothingToErase, UnusableReason."""
    found = due(session, actor)
    if not found.anything:
        raise erasing.NothingToErase("Nothing has been kept as long as it may be.")
    erasure = erasing.new(session, actor, Ground.RETENTION, reason, found.past)
    session.execute(
        text(
            "INSERT INTO erasure_persons (erasure_id, person_id)"
            f" SELECT :erasure, due.id FROM ({_LONG_GONE}) due"
        ),
        {"erasure": erasure.id, "before": _gone_before()},
    )
    return erasing.asked(session, actor, erasure)


def _gone_before() -> datetime:
    return _before(settings().keep_households_days)


def _before(days: int) -> datetime:
    return clock.now() - timedelta(days=days)
