"""Which people share enough with a newcomer to be compared with them at all: two of many, by keyed hashes in SQL."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from cbi.db import planned_for_few
from cbi.registry.linkage.blocking import RULES
from cbi.registry.linkage.memory import Pairs

CROWDED = 60
"""So many people may share a key; among more, only those who share the finer one are compared."""
_SHARED = """
    WITH mine AS MATERIALIZED (SELECT person_id, hash, finer FROM link_keys WHERE person_id = ANY(:people)),
    shared AS MATERIALIZED (
        SELECT m.hash, n.people FROM (SELECT DISTINCT hash FROM mine) m CROSS JOIN LATERAL (
            SELECT count(*) AS people FROM (
                SELECT 1 FROM link_keys k WHERE k.hash = m.hash LIMIT CAST(:crowded AS bigint) + 1) few) n
        WHERE n.people > 1),
    split AS MATERIALIZED (
        SELECT m.hash, m.finer, n.people FROM (
            SELECT DISTINCT m.hash, m.finer FROM mine m JOIN shared s ON s.hash = m.hash WHERE s.people > :crowded) m
        CROSS JOIN LATERAL (
            SELECT count(*) AS people FROM (
                SELECT 1 FROM link_keys k WHERE k.hash = m.hash AND k.finer = m.finer
                LIMIT CAST(:crowded AS bigint) + 1) few) n
        WHERE n.people > 1)
"""
"""Nobody is counted beyond one too many, so a step costs no more in a registry of a million than in one of a thousand."""
_PAIRS = (
    _SHARED  # noqa: S608 - both parts are ours
    + """,
    sharing AS MATERIALIZED (
        SELECT m.person_id AS one, k.person_id AS other FROM mine m
        JOIN shared s ON s.hash = m.hash AND s.people <= :crowded
        CROSS JOIN LATERAL (SELECT k.person_id FROM link_keys k WHERE k.hash = m.hash OFFSET 0) k
        UNION ALL
        SELECT m.person_id, k.person_id FROM mine m
        JOIN split s ON s.hash = m.hash AND s.finer = m.finer AND s.people <= :crowded
        CROSS JOIN LATERAL (
            SELECT k.person_id FROM link_keys k WHERE k.hash = m.hash AND k.finer = m.finer OFFSET 0) k),
    found AS (
        SELECT DISTINCT least(one, other) AS one, greatest(one, other) AS other FROM sharing WHERE one <> other),
    marked AS (
        SELECT o.other AS person, CASE WHEN l.rules = :rules THEN l.linked_at END AS at
        FROM (SELECT DISTINCT other FROM sharing) o LEFT JOIN linked_persons l ON l.person_id = o.other)
    SELECT f.*, m.*, (SELECT count(*) FROM split WHERE people > :crowded)
    FROM (SELECT string_agg(uuid_send(one), ''), string_agg(uuid_send(other), '') FROM found) f,
        (SELECT string_agg(uuid_send(person), ''),
            string_agg(int8send(coalesce((extract(epoch FROM at) * 1000000)::bigint, 0)), '') FROM marked) m
"""
)
"""Keys are put together in the database: hundreds of thousands of rows would cost more to read than to find."""


@dataclass(frozen=True, slots=True)
class Sharing:
    """Pairs that share a key, and everybody in them with the moment they were compared at, as 8 bytes (see `Memory`)."""

    pairs: Pairs
    people: bytes
    marks: bytes
    crowded: int
    """How many groups were too many to compare."""


def sharing(session: Session, people: list[UUID]) -> Sharing:
    """Who shares a key with one of these people, who have theirs by now."""
    told = {"people": people, "crowded": CROWDED, "rules": RULES}
    with planned_for_few(session):
        row = session.execute(text(_PAIRS), told).one()
    first, second, everybody, marks = (bytes(each or b"") for each in row[:4])
    return Sharing(Pairs(first, second), everybody, marks, row[4])
