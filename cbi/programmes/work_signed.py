"""Which rows of a sheet count: those that a supervisor has signed, until a signed row corrects them."""

from sqlalchemy import ColumnElement, and_, exists
from sqlalchemy.orm import aliased

from cbi.programmes.work_models import WorkRow, WorkSignature

_is_signed = exists().where(
    WorkSignature.sheet_id == WorkRow.sheet_id, WorkSignature.version == WorkRow.version
)


def is_in_force() -> ColumnElement[bool]:
    """Of rows: signed, and not corrected by another row that is signed."""
    later, its_signature = aliased(WorkRow), aliased(WorkSignature)
    corrected = exists().where(
        later.corrects_id == WorkRow.id,
        its_signature.sheet_id == later.sheet_id,
        its_signature.version == later.version,
    )
    return and_(_is_signed, ~corrected)
