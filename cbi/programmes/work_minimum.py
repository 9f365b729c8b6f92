"""Who earns less by their work than the minimum wage that stands in the programme for the days they gave."""

from uuid import UUID

from sqlalchemy import Select, and_, or_, select
from sqlalchemy.orm import Session

from cbi.programmes import queries
from cbi.programmes.models import Programme
from cbi.programmes.work_models import WorkPay, WorkRow, WorkSheet
from cbi.programmes.work_signed import is_in_force


def underpaid(session: Session, programme_id: UUID) -> Select[UUID] | None:
    """The entitlements that pay work below the minimum wage which stood on its sheet; None where no sheet has one.

    A row counts until its correction is signed, which then counts for itself. Days and pieces are held against the same
    wage, but a day rate below it is refused with the programme's file; and where no days are given nothing is compared.
    """
    versions = session.scalars(
        select(WorkSheet.programme_version).where(WorkSheet.programme_id == programme_id).distinct()
    ).all()
    if not versions:
        return None
    programme, below = session.get_one(Programme, programme_id), []
    for version in versions:
        terms = queries.definition(session, programme, version).work
        if terms is not None and terms.minimum_wage is not None:
            least = terms.minimum_wage.minor * WorkRow.half_days
            below.append(
                and_(WorkSheet.programme_version == version, WorkRow.earned_minor * 2 < least)
            )
    if not below:
        return None
    return (
        select(WorkPay.entitlement_id)
        .join(WorkRow, WorkRow.id == WorkPay.row_id)
        .join(WorkSheet, WorkSheet.id == WorkRow.sheet_id)
        .where(WorkSheet.programme_id == programme_id, or_(*below), is_in_force())
    )
