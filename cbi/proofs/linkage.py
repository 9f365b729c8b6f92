"""Promises about people on record twice: a pair is settled only as enough people said of it."""

from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi.db import chunks
from cbi.proofs.promise import Breaches, none_of
from cbi.registry.linkage import queries, rules
from cbi.registry.linkage.models import Pair, PairState, Verdict
from cbi.registry.linkage.rules import Said

_AT_ONCE = 1_000


def settled_as_was_said(session: Session) -> Breaches:
    """Every pair's state is what its verdicts make of it by the rules, worked out anew."""
    asked_about = select(Verdict.pair_id).distinct()
    settled = select(Pair).where(Pair.id.in_(asked_about) | (Pair.state != PairState.OPEN))
    for pairs in chunks(session.scalars(settled.order_by(Pair.id)), _AT_ONCE):
        yield from _wrong(session, pairs)


def _wrong(session: Session, pairs: list[Pair]) -> Iterator[str]:
    said, sides = queries.verdicts(session, pairs), queries.sides(session, pairs)
    for pair in pairs:
        registrars = {
            side.registered_by
            for each in (pair.first_id, pair.second_id)
            if (side := sides.get(each))
        }
        verdicts = [
            Said(each.finding, each.said_by, each.kept_id) for each in said.get(pair.id, ())
        ]
        follows = rules.state_after(verdicts, registrars)
        if follows is not pair.state:
            yield f"pair {pair.id} is {pair.state}, and what people said of it makes it {follows}"


on_record_once = (
    settled_as_was_said,
    none_of(
        "pair {id}: what was said of it is not in the audit log",
        "SELECT p.id FROM link_pairs p JOIN link_verdicts v ON v.pair_id = p.id WHERE v.settles AND NOT EXISTS"
        " (SELECT 1 FROM audit_entries e WHERE e.subject_kind = 'pair' AND e.subject_id = p.id::text"
        " AND e.act = 'registry.pair_said' AND e.actor_id = v.said_by AND e.details ->> 'finding' = v.finding)",
    ),
    none_of(
        "the scores of version {version} hold, and no two people agreed on them",
        "SELECT t.version FROM link_thresholds t WHERE t.decision = 'accepted' AND (t.decided_by = t.proposed_by OR NOT"
        " EXISTS (SELECT 1 FROM audit_entries e WHERE e.subject_kind = 'thresholds' AND e.subject_id = t.version::text"
        " AND e.act = 'registry.thresholds_accepted' AND e.actor_id = t.decided_by"
        " AND (e.details ->> 'ask')::bigint = t.ask AND (e.details ->> 'certain')::bigint = t.certain))",
    ),
)
