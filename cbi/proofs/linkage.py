"""Promises about people on record twice: a pair is settled only as enough people said of it."""

from collections.abc import Iterator

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from cbi.db import chunks
from cbi.proofs.promise import Breaches, none_of
from cbi.registry.linkage import candidates, queries, rules
from cbi.registry.linkage.models import Pair, PairState, Verdict
from cbi.registry.linkage.rules import Said

_AT_ONCE = 1_000


def too_many_alike(session: Session) -> Iterator[str]:
    """How many groups of people share both of a key's hashes and were too many to be compared by it."""
    groups, people = session.execute(
        text(
            "SELECT count(*), sum(people) FROM (SELECT count(*) AS people FROM link_keys GROUP BY hash, finer"
            " HAVING count(*) > :crowded) crowded"
        ),
        {"crowded": candidates.CROWDED},
    ).one()
    if groups:
        yield (
            f"{groups} groups of more than {candidates.CROWDED} people who agree in two signs were not compared by these"
            f" signs ({people} in all, who are compared by their others): see whether a list filled in the same for many"
        )


def settled_as_was_said(session: Session) -> Breaches:
    """Every pair's state is what its verdicts make of it by the rules, worked out anew."""
    asked_about = select(Verdict.pair_id).distinct()
    settled = select(Pair).where(Pair.id.in_(asked_about) | (Pair.state != PairState.OPEN))
    for pairs in chunks(session.scalars(settled.order_by(Pair.id)), _AT_ONCE):
        yield from _wrong(session, pairs)


def _wrong(session: Session, pairs: list[Pair]) -> Iterator[str]:
    said, sides = queries.verdicts(session, pairs), queries.sides(session, pairs)
    for pair in pairs:
        both = (pair.first_id, pair.second_id)
        registrars = queries.registrars(sides[each] for each in both if each in sides)
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
        "pair {pair_id}: what was made one was parted by one person",
        "SELECT v.pair_id FROM link_verdicts v WHERE v.finding = 'taken_back'"
        # What was settled before it: one person.
        " AND (SELECT s.finding FROM link_verdicts s WHERE s.pair_id = v.pair_id AND s.id < v.id AND s.settles"
        " AND NOT EXISTS (SELECT 1 FROM link_verdicts b WHERE b.pair_id = v.pair_id AND b.finding = 'taken_back'"
        " AND b.id BETWEEN s.id AND v.id - 1) ORDER BY s.id DESC LIMIT 1) = 'same'"
        " AND NOT EXISTS (SELECT 1 FROM link_verdicts a WHERE a.pair_id = v.pair_id AND a.finding = 'undo_asked'"
        " AND a.said_by <> v.said_by AND a.id = (SELECT max(l.id) FROM link_verdicts l WHERE l.pair_id = v.pair_id"
        " AND l.id < v.id))"
        # One person was enough before; such entries do not say who asked.
        " AND NOT EXISTS (SELECT 1 FROM audit_entries e WHERE e.subject_kind = 'pair' AND e.subject_id = v.pair_id::text"
        " AND e.act = 'registry.pair_taken_back' AND e.actor_id = v.said_by AND NOT e.details ? 'asked_by')",
    ),
    none_of(
        "flag {id}: one person alone found that one document belongs to several",
        "SELECT f.id FROM duplicate_flags f WHERE f.kind = 'same_document' AND f.decision = 'different'"
        " AND (f.proposed_by IS NULL OR f.proposed_by = f.decided_by OR NOT EXISTS (SELECT 1 FROM audit_entries e"
        " WHERE e.subject_kind = 'duplicate_flag' AND e.subject_id = f.id::text AND e.act = 'duplicate.proposed'"
        " AND e.actor_id = f.proposed_by)) AND NOT EXISTS (SELECT 1 FROM audit_entries e"
        " WHERE e.subject_kind = 'duplicate_flag' AND e.subject_id = f.id::text AND e.act = 'duplicate.decided'"
        " AND e.actor_id IS NOT DISTINCT FROM f.decided_by AND NOT e.details ? 'proposed_by')",
    ),
    none_of(
        "key {key}: {told} hashes of another agency were answered, and {counted} are counted",
        "SELECT coalesce(e.key, d.key_name) AS key, coalesce(e.told, 0) AS told, coalesce(d.lines, 0) AS counted"
        " FROM (SELECT subject_id AS key,"
        " sum((details ->> 'counted')::bigint) AS told FROM audit_entries WHERE subject_kind = 'exchange'"
        " AND details ? 'counted' GROUP BY subject_id) e FULL JOIN (SELECT key_name, sum(lines) AS lines FROM exchange_days"
        " GROUP BY key_name) d ON d.key_name = e.key WHERE e.told IS DISTINCT FROM d.lines",
    ),
    none_of(
        "flag {id} is not decided as the audit log says",
        "SELECT f.id FROM duplicate_flags f WHERE f.decision IS NOT NULL AND NOT EXISTS (SELECT 1 FROM audit_entries e"
        " WHERE e.subject_kind = 'duplicate_flag' AND e.subject_id = f.id::text AND e.act = 'duplicate.decided'"
        " AND e.actor_id IS NOT DISTINCT FROM f.decided_by AND e.details ->> 'decision' = f.decision)",
    ),
    none_of(
        "the scores of version {version} hold, and no two people agreed on them",
        "SELECT t.version FROM link_thresholds t WHERE t.decision = 'accepted' AND (t.decided_by = t.proposed_by OR NOT"
        " EXISTS (SELECT 1 FROM audit_entries e WHERE e.subject_kind = 'thresholds' AND e.subject_id = t.version::text"
        " AND e.act = 'registry.thresholds_accepted' AND e.actor_id = t.decided_by"
        " AND (e.details ->> 'ask')::bigint = t.ask AND (e.details ->> 'certain')::bigint = t.certain))",
    ),
)
