"""What providers send us of their own accord: kept raw, once, and read afterwards.

This is the other place that commits in the middle: a callback must survive a parse error, and a crash while it is read.
"""

import hashlib
import json
import logging
from collections.abc import Mapping
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cbi import clock, keys, offices
from cbi.fsp.adapter import QueriesStatus, ReadsCallbacks
from cbi.fsp.errors import UntrustedCallback
from cbi.fsp.messages import ABOUT, Callback
from cbi.offices import office_of
from cbi.payments.models import InboundCallback
from cbi.payments.outcomes.outcomes import apply

log = logging.getLogger(__name__)


def receive(
    office: str, provider: str, adapter: ReadsCallbacks, headers: Mapping[str, str], body: bytes
) -> bool:
    """Keep a callback and read it; False when exactly this one came before. Raises UntrustedCallback, keeping nothing.

    One that is authentic but cannot be understood stays in the inbox, with the kind of error, for `read_waiting`.
    """
    try:
        adapter.parse_callback(Callback(headers, body))
    except UntrustedCallback:
        raise
    except Exception as error:  # noqa: BLE001 - the message is kept whatever is wrong with it
        log.warning("a callback of %s cannot be read yet: %s", provider, type(error).__name__)
    kept = offices.transact(office, lambda session: _keep(session, provider, headers, body))
    if kept is None:
        return False
    _read(office, kept, adapter)
    return True


def _keep(session: Session, provider: str, headers: Mapping[str, str], body: bytes) -> UUID | None:
    """The id under which the callback is kept; None when exactly this one is kept already."""
    # Two payments may fail in the very same words; only the address they were told to sets the messages apart.
    about = Callback(headers, body).header(ABOUT) or ""
    digest = hashlib.sha256(about.encode() + body).digest()
    key = office_of(session).keys.derive("inbox")
    raw = json.dumps({"headers": dict(headers), "body": body.decode("latin-1")})
    return session.scalar(
        insert(InboundCallback)
        .values(
            provider=provider, digest=digest, sealed=keys.seal(key, raw, digest.hex()), received_at=clock.now()
        )
        .on_conflict_do_nothing(index_elements=["provider", "digest"])
        .returning(InboundCallback.id)
    )  # fmt: skip


def read_waiting(office: str, provider: str, adapter: ReadsCallbacks) -> int:
    """Read every kept callback that was not read to the end; returns how many now are."""
    unread = (
        select(InboundCallback.id)
        .where(InboundCallback.provider == provider, InboundCallback.handled_at.is_(None))
        .order_by(InboundCallback.received_at)
    )
    waiting = offices.transact(office, lambda session: session.scalars(unread).all())
    return sum(_read(office, callback_id, adapter) for callback_id in waiting)


def _read(office: str, callback_id: UUID, adapter: ReadsCallbacks) -> bool:
    return offices.transact(office, lambda session: _take_in(session, callback_id, adapter))


def _take_in(session: Session, callback_id: UUID, adapter: ReadsCallbacks) -> bool:
    row = session.scalars(
        select(InboundCallback).where(InboundCallback.id == callback_id).with_for_update()
    ).one()
    if row.handled_at is not None:
        return False
    raw = json.loads(
        keys.unseal(office_of(session).keys.derive("inbox"), row.sealed, row.digest.hex())
    )
    try:
        updates = adapter.parse_callback(
            Callback(raw["headers"], raw["body"].encode("latin-1"), row.received_at)
        )
    except Exception as error:  # noqa: BLE001 - it stays waiting, and blocks no other
        row.outcome = {"unreadable": type(error).__name__}
        return False
    source, can_ask = f"callback:{callback_id}", isinstance(adapter, QueriesStatus)
    results = [
        apply(session, news, provider=row.provider, source=source, can_ask=can_ask).value
        for news in updates
    ]
    row.handled_at = clock.now()
    row.outcome = {"results": results}
    return True
