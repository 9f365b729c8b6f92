"""Which people share enough with a newcomer to be compared with them at all: two of many, by keyed hashes in SQL."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from cbi.db import planned_for_few

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
    + """
    SELECT DISTINCT least(one, other) AS one, greatest(one, other) AS other FROM (
        SELECT m.person_id AS one, k.person_id AS other FROM mine m
        JOIN shared s ON s.hash = m.hash AND s.people <= :crowded
        CROSS JOIN LATERAL (SELECT k.person_id FROM link_keys k WHERE k.hash = m.hash OFFSET 0) k
        UNION ALL
        SELECT m.person_id, k.person_id FROM mine m
        JOIN split s ON s.hash = m.hash AND s.finer = m.finer AND s.people <= :crowded
        CROSS JOIN LATERAL (
            SELECT k.person_id FROM link_keys k WHERE k.hash = m.hash AND k.finer = m.finer OFFSET 0) k) AS found
    WHERE one <> other ORDER BY 1, 2
"""
)
_STILL_CROWDED = _SHARED + "SELECT count(*) FROM split WHERE people > :crowded"  # noqa: S608


def pairs(session: Session, people: list[UUID]) -> tuple[list[tuple[UUID, UUID]], int]:
    """Pairs that share a key with one of these people, and how many groups were too many to compare."""
    told = {"people": people, "crowded": CROWDED}
    with planned_for_few(session):
        found = [(one, other) for one, other in session.execute(text(_PAIRS), told)]
        return found, session.scalar(text(_STILL_CROWDED), told) or 0
