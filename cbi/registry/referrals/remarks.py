"""What an officer remarks on somebody who came in, for colleagues: sealed under the referral's own key, and gone with it."""

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from cbi.keys import is_sealed, seal, unseal
from cbi.offices import office_of
from cbi.registry.referrals.models import Referral
from cbi.registry.referrals.receiving import KEYS, place
from cbi.wrapping import Wrapper

CHUNK = 1_000


def sealed(session: Session, row: Referral, remark: str | None) -> bytes | None:
    """The remark as it is kept; None where there is none, or where the referral's key was destroyed. Raises Unreadable."""
    if remark is None or row.data_key is None:
        return None
    return seal(_key(session, row), remark, _place(row))


def opened(session: Session, row: Referral) -> str | None:
    """The remark; None where there is none, or where it was destroyed. Raises Unreadable."""
    if row.remark is None or row.data_key is None:
        return None
    if not is_sealed(row.remark):  # an older one, which the worker has not come to yet
        return row.remark.decode()
    return unseal(_key(session, row), row.remark, _place(row)).decode()


def _key(session: Session, row: Referral) -> bytes:
    assert row.data_key is not None
    return Wrapper(office_of(session).keys, KEYS).unwrap(row.data_key, place(row.id))


def _place(row: Referral) -> str:
    return f"{place(row.id)}/remark"


def seal_older(session: Session) -> int:
    """Seal some remarks that an older version kept in clear; returns how many. May be interrupted and repeated."""
    numbers = session.scalars(
        text(
            "SELECT number FROM referrals WHERE remark IS NOT NULL AND substr(remark, 1, 1) <> '\\x01'"
            " AND data_key IS NOT NULL ORDER BY number LIMIT :some FOR UPDATE SKIP LOCKED"
        ),
        {"some": CHUNK},
    ).all()
    rows = session.scalars(
        select(Referral)
        .where(Referral.number.in_(numbers))
        .execution_options(populate_existing=True)
    ).all()
    for row in rows:
        row.remark = sealed(session, row, opened(session, row))
    session.flush()
    return len(rows)
