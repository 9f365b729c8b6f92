"""The lists behind a run's sheet: which households are meant, by number and area, never by name."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit.record import record
from cbi.http.pages import Page, page
from cbi.money import Money
from cbi.payments.models import PaymentRun
from cbi.payments.runs import summaries
from cbi.payments.runs.runs import programme_of
from cbi.payments.runs.sheet_models import FindingKind, RunFinding
from cbi.payments.signing import openings
from cbi.registry.models import Household
from cbi.registry.queries import Recipient, recipients


@dataclass(frozen=True, slots=True)
class FindingLine:
    """One payment in such a list. `recipient` is masked, and shown only to whoever may read the registry."""

    number: int | None
    household: str
    area: str | None
    together: int | None
    before: Money | None
    after: Money | None
    recipient: Recipient | None


def listed(
    session: Session,
    actor: Actor,
    run: PaymentRun,
    kind: FindingKind,
    *,
    limit: int,
    cursor: str | None = None,
) -> Page[FindingLine]:
    """A part of what was found of one kind when the run was locked. That it was looked at is recorded, and lets one sign.

    Raises NotPermitted, UnusableCursor.
    """
    actor.require(Permission.PAYMENT_READ, programme_of(session, run).code)
    found: Page[RunFinding] = page(
        session,
        select(RunFinding).where(
            RunFinding.run_id == run.id,
            RunFinding.revision == run.revision,
            RunFinding.kind == kind,
        ),
        lambda row: row,
        by=(RunFinding.place,),
        limit=limit,
        cursor=cursor,
    )
    ids = list({row.household_id for row in found.items})
    households = {
        each.id: each for each in session.scalars(select(Household).where(Household.id.in_(ids)))
    }
    masked = _masked(session, actor, ids)
    record(
        session, actor, "payment_run.list_viewed", "payment_run", run.id, list=kind.value, rows=len(found.items),
        first=found.items[0].place if found.items else None, recipients=bool(masked),
    )  # fmt: skip
    openings.note(session, actor, run, kind.value)
    return Page[FindingLine].model_construct(
        items=[_line(row, households.get(row.household_id), masked) for row in found.items],
        next_cursor=found.next_cursor,
    )


def unusual(
    session: Session, actor: Actor, run: PaymentRun, *, limit: int
) -> dict[FindingKind, Page[FindingLine]]:
    """The beginning of every list of what is unusual in a run: who is shown it has opened what must be opened to sign.

    Raises NotPermitted, SummaryAltered.
    """
    openings.note(session, actor, run)
    kinds = openings.to_open([str(kind) for kind in summaries.of(session, run).found])
    return {
        FindingKind(kind): listed(session, actor, run, FindingKind(kind), limit=limit)
        for kind in kinds
    }


def _masked(session: Session, actor: Actor, ids: list[UUID]) -> dict[UUID, Recipient]:
    return dict(recipients(session, ids)) if actor.may(Permission.REGISTRY_READ) else {}


def _line(
    row: RunFinding, household: Household | None, masked: dict[UUID, Recipient]
) -> FindingLine:
    return FindingLine(
        number=row.payment_number,
        household=household.source_id if household else "?",
        area=household.area if household else None,
        together=row.together,
        before=None if row.before_minor is None else Money(row.before_minor, row.currency),
        after=None if row.after_minor is None else Money(row.after_minor, row.currency),
        recipient=masked.get(row.household_id),
    )
