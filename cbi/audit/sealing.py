"""Binds finished audit entries into the chain, in the background, so that no work waits for it."""

import json
import logging

from sqlalchemy import text
from sqlalchemy.orm import Session

from cbi import clock, offices
from cbi.audit import chain
from cbi.audit.chain import COLUMNS

BATCH = 20_000

_log = logging.getLogger(__name__)

# Every transaction below the snapshot's xmin is over, so no entry can still appear before one that is sealed.
_FOLLOWING = text(
    f"""
    SELECT e.id, {COLUMNS} FROM audit_entries e
    WHERE (e.written_in, e.id) > (:written_in, :entry_id)
      AND e.written_in < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
    ORDER BY e.written_in, e.id LIMIT :limit
    """  # noqa: S608 - the columns are a constant
)
_FOLLOWING_ON_A_NEW_SERVER = text(
    f"""
    SELECT e.id, {COLUMNS} FROM audit_entries e, pg_current_snapshot() AS now
    WHERE NOT EXISTS (SELECT FROM audit_seals s WHERE s.entry_id = e.id)
      AND (e.written_in < pg_snapshot_xmin(now)::text::bigint
        OR e.written_in >= pg_snapshot_xmax(now)::text::bigint)
    ORDER BY e.written_in < pg_snapshot_xmax(now)::text::bigint, e.written_in, e.id LIMIT :limit
    """  # noqa: S608 - the columns are a constant
)


def seal(session: Session, limit: int = BATCH) -> int:
    """Seal the next entries, at most `limit`; returns how many. Call it again until it returns 0.

    Only entries of transactions that are over are taken. One sealer works at a time; another gets 0 at once.
    """
    office = offices.office_of(session).code
    ours = session.scalar(
        text("SELECT pg_try_advisory_xact_lock(hashtextextended(:name, 0))"),
        {"name": f"audit seal of {office}"},
    )
    if not ours:
        return 0
    last = chain.head(session)
    if chain.came_from_another_server(session, last):
        found = session.execute(_FOLLOWING_ON_A_NEW_SERVER, {"limit": limit})
    else:
        found = session.execute(
            _FOLLOWING, {"written_in": last.written_in, "entry_id": last.entry_id, "limit": limit}
        )
    key, link, position = chain.key_of(session), last.chain, last.position
    ids: list[int] = []
    links: list[bytes] = []
    for entry_id, *values in found:
        position += 1
        link = chain.link(key, link, position, values)
        ids.append(entry_id)
        links.append(link)
    if not ids:
        return 0
    session.execute(
        text(
            "INSERT INTO audit_seals (position, entry_id, chain, sealed_at)"
            " SELECT :last + place, entry_id, link, :now"
            " FROM unnest(CAST(:ids AS bigint[]), CAST(:links AS bytea[])) WITH ORDINALITY AS t (entry_id, link, place)"
        ),
        {"last": last.position, "ids": ids, "links": links, "now": clock.now()},
    )
    # Logs leave the machine, so the head in them shows if the end of the chain is cut off and made anew.
    _log.info(json.dumps({"office": office, "audit_head": position, "chain": link.hex()}))
    return len(ids)
