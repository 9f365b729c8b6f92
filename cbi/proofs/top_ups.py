"""Promises about top-ups: two people decided them, what they owe is what was accepted, and a run of its own pays it."""

from sqlalchemy import func, literal, select
from sqlalchemy.orm import Session

from cbi import money
from cbi.programmes.models import Cycle, Entitlement
from cbi.programmes.top_up_models import TopUp, TopUpRow
from cbi.programmes.top_up_owing import rows_digest, trace
from cbi.proofs.promise import Breaches, none_of


def rows_are_what_was_decided(session: Session) -> Breaches:
    """Every top-up's rows have the digest that was proposed, and as many rows and as much money."""
    for top_up in session.scalars(select(TopUp).order_by(TopUp.proposed_at)):
        count, minor, digest = session.execute(
            select(func.count(), func.sum(TopUpRow.amount_minor), rows_digest()).where(
                TopUpRow.top_up_id == top_up.id
            )
        ).one()
        if (count, int(minor or 0), digest) != (
            top_up.households,
            top_up.total_minor,
            top_up.digest,
        ):
            yield f"top-up {top_up.id}: its rows are not those that were proposed"


def traces_are_those_of_the_rows(session: Session) -> Breaches:
    """What a top-up's entitlement says of its calculation is what its row makes."""
    for currency in session.scalars(select(TopUp.currency).distinct()):
        told = trace(TopUp.number.expression, Cycle.period.expression, money.exponent(currency))
        rows = session.execute(
            select(Entitlement.id, Entitlement.trace, told)
            .join(TopUp, TopUp.id == Entitlement.top_up_id)
            .join(Cycle, Cycle.id == TopUp.cycle_id)
            .join(
                TopUpRow,
                (TopUpRow.top_up_id == TopUp.id)
                & (TopUpRow.household_id == Entitlement.household_id),
            )
            .where(TopUp.currency == literal(currency), Entitlement.trace != told)
            .limit(100)
        )
        for entitlement, said, made in rows:
            yield f"entitlement {entitlement} says {said!r}, and its top-up makes {made!r}"


topped_up = (
    rows_are_what_was_decided,
    traces_are_those_of_the_rows,
    none_of(
        "top-up {id} was accepted, and no two people decided so",
        "SELECT t.id FROM top_ups t WHERE t.decision = 'accepted' AND (t.decided_by = t.proposed_by OR NOT EXISTS"
        " (SELECT 1 FROM audit_entries e WHERE e.subject_kind = 'top_up' AND e.subject_id = t.id::text"
        " AND e.act = 'top_up.accepted' AND e.actor_id = t.decided_by"
        " AND e.details ->> 'digest' = encode(t.digest, 'hex')))",
    ),
    none_of(
        "household {household_id}: top-up {top_up_id} makes it {decided}, and {owed} is owed",
        "SELECT coalesce(e.household_id, r.household_id) AS household_id, coalesce(e.top_up_id, r.top_up_id) AS top_up_id,"
        " coalesce(r.amount_minor, 0) AS decided, coalesce(e.amount_minor, 0) AS owed FROM (SELECT * FROM entitlements"
        " WHERE top_up_id IS NOT NULL OR component ~ '^topup-[0-9]+$') e FULL JOIN (SELECT r.*, t.cycle_id,"
        " 'topup-' || t.number AS component FROM top_up_rows r JOIN top_ups t ON t.id = r.top_up_id"
        " WHERE t.decision = 'accepted') r ON r.top_up_id = e.top_up_id AND r.household_id = e.household_id"
        " WHERE (e.amount_minor, e.currency, e.cycle_id, e.component) IS DISTINCT FROM"
        " (r.amount_minor, r.currency, r.cycle_id, r.component)",
    ),
    none_of(
        "run {number}: payment {id} is for something else than the run",
        "SELECT r.number, p.id FROM payments p JOIN payment_runs r ON r.id = p.run_id JOIN entitlements e"
        " ON e.id = p.entitlement_id WHERE e.top_up_id IS DISTINCT FROM r.top_up_id",
    ),
)
