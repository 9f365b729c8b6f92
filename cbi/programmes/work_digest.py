"""The fingerprint of a sheet: what a supervisor signs, and what paying it and `cbi verify` compute again."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, LargeBinary, Select, String, and_, cast, func, literal, select
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import InstrumentedAttribute, Session

from cbi.programmes.work_models import WorkRow, WorkSheet, WorkVersion

FORMAT = "cbi work sheet, version 1"

_SHEET = (
    WorkSheet.id, WorkSheet.programme_id, WorkSheet.programme_version, WorkSheet.activity_id, WorkSheet.group_id,
    WorkSheet.period, WorkSheet.starts_on, WorkSheet.ends_on, WorkVersion.version, WorkVersion.corrects,
)  # fmt: skip
_ROW = (
    # The calculation stands last: it is the only one that is not an identifier, a code or a number.
    WorkRow.number, WorkRow.id, WorkRow.person_id, WorkRow.household_id, WorkRow.corrects_id, WorkRow.attendance,
    WorkRow.half_days, WorkRow.pieces, WorkRow.earned_minor, WorkRow.currency, WorkRow.trace,
)  # fmt: skip


def digests(*which: ColumnElement[bool]) -> Select[int, int, bytes]:
    """Sheet, version and SHA-256 of each version of that kind, computed from what stands in the tables now."""
    in_order = aggregate_order_by(literal("\n"), WorkRow.number, WorkRow.id)
    body = func.string_agg(_line(_ROW), in_order)
    whole = func.concat_ws("\n", FORMAT, _line(_SHEET), body)
    return (
        select(
            WorkVersion.sheet_id,
            WorkVersion.version,
            func.sha256(func.convert_to(whole, "UTF8"), type_=LargeBinary).label("digest"),
        )
        .join(WorkSheet, WorkSheet.id == WorkVersion.sheet_id)
        .outerjoin(
            WorkRow,
            and_(WorkRow.sheet_id == WorkVersion.sheet_id, WorkRow.version == WorkVersion.version),
        )
        .where(*which)
        .group_by(WorkVersion.sheet_id, WorkVersion.version, WorkSheet.id)
    )


def digest_of(session: Session, sheet: int, version: int) -> bytes:
    """The digest of one version."""
    one = (WorkVersion.sheet_id == sheet, WorkVersion.version == version)
    return bytes(session.execute(digests(*one)).one().digest)


def _line(columns: Sequence[InstrumentedAttribute[Any]]) -> ColumnElement[str]:
    """Values with a separator between them; what is absent is a dash, so that nothing moves into its place."""
    return func.concat_ws("|", *(func.coalesce(cast(column, String), "-") for column in columns))
