"""Writing attempts down as sets, each with the key that a provider would know it by."""

from sqlalchemy import CTE, ColumnElement, DateTime, String, bindparam, cast, func, insert, select
from sqlalchemy.orm import QueryableAttribute

from cbi.payments.models import Attempt

COLUMNS = ["payment_id", "number", "provider", "idempotency_key", "started_at"]


def key_in_sql(
    payment_id: ColumnElement[object] | QueryableAttribute[object],
    number: ColumnElement[int] | QueryableAttribute[int],
) -> ColumnElement[str]:
    """What `fsp.keys.idempotency_key` makes."""
    digits = func.replace(cast(payment_id, String), "-", "")
    return digits.concat("-").concat(func.lpad(cast(number, String), 2, "0"))


def begun(moved: CTE) -> CTE:
    """The attempt of each payment that `moved` yields, for the statement that begins and ends its sending."""
    return (
        insert(Attempt)
        .from_select(
            COLUMNS,
            select(
                moved.c.id, moved.c.attempt, bindparam("by", type_=String),
                key_in_sql(moved.c.id, moved.c.attempt), bindparam("moved_at", type_=DateTime(timezone=True)),
            ),
        )
        .cte("begun")
    )  # fmt: skip
