"""Programme files of each kind, and what cycles of them came to, for tests."""

import textwrap
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi.programmes.models import EligibilityDecision, Entitlement
from cbi.registry.models import Household


def kind_file(
    part: str,
    *,
    kind: str = "stipend",
    code: str = "winter-2026",
    every: str = "month",
    first: str = "2026-01",
    last: str = "2026-12",
    extra: str = "",
) -> str:
    """A programme file in dinars whose part of its kind is `part`, with further lines after it."""
    name = "work" if kind == "cash_for_work" else kind
    file = f"""\
        programme: {{code: {code}, name: "Winter", kind: {kind}, languages: [ar, fr, en]}}
        fund: {{code: grant-26, name: "Winter grant", amount: "5000000", valid_from: 2026-01-01, valid_to: 2026-12-31}}
        currency: DZD
        {name}: PART
        schedule: {{every: {every}, first: {first}, last: {last}}}
        delivery: {{provider: post_office, mechanism: cash_over_counter}}
        """
    return textwrap.dedent(file).replace("PART", part.rstrip()) + extra


def owed(session: Session, cycle_id: UUID) -> dict[tuple[UUID, str], tuple[str, str]]:
    """Amount and trace of every entitlement of a cycle, by household and component."""
    rows = session.scalars(select(Entitlement).where(Entitlement.cycle_id == cycle_id))
    return {
        (row.household_id, row.component): (
            f"{row.amount_minor // 100}.{row.amount_minor % 100:02}",
            row.trace,
        )
        for row in rows
    }


def reasons(session: Session, cycle_id: UUID) -> dict[UUID, list[str]]:
    """Every decision's reasons in a cycle, by household."""
    rows = session.scalars(
        select(EligibilityDecision).where(EligibilityDecision.cycle_id == cycle_id)
    )
    return {row.household_id: row.reasons for row in rows}


def number_of(session: Session, household_id: UUID) -> str:
    """A household's registration number."""
    return session.get_one(Household, household_id).source_id
