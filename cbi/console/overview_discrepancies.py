"""Discrepancies: what does not agree, how much and how old it is, whose it is, and what explained it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Depends, Form, Query
from fastapi.responses import Response
from sqlalchemy.orm import Session

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.holders import holding, names_of
from cbi.access.permissions import Permission
from cbi.console.overview_findings import asked
from cbi.console.overview_words import KINDS, Kind, kind_of
from cbi.console.pages import Pages
from cbi.console.visit import ThisVisit, Visit
from cbi.http.pages import Cursor, page
from cbi.http.requests import OfficeSession
from cbi.money import Money
from cbi.payments.models import Discrepancy
from cbi.payments.outcomes import settling as use
from cbi.payments.outcomes.discrepancies import CLOSING_DIFFERS
from cbi.payments.outcomes.settling import LONGEST_RESOLUTION, UnknownDiscrepancy
from cbi.reconciliation import queries
from cbi.reconciliation.models import StatementFile, StatementLine
from cbi.reconciliation.queries import AGES
from cbi.settings import settings

router = Pages()
SHOWN = 25
MINE, NOBODYS = "me", "nobody"

Reader = Annotated[Actor, Depends(may(Permission.DISCREPANCY_READ))]
Settler = Annotated[Actor, Depends(may(Permission.DISCREPANCY_SETTLE))]
Wish = Annotated[str, Query(max_length=64)]


@dataclass(frozen=True, slots=True)
class Line:
    """One discrepancy as it stands in a list."""

    id: UUID
    kind: Kind
    provider: str
    amount: Money | None
    days: int
    owner: str | None
    payment_id: UUID | None
    is_open: bool


@dataclass(frozen=True, slots=True)
class Chosen:
    """What of the list is wanted."""

    kind: str = ""
    provider: str = ""
    owner: str = ""
    settled: str = ""
    statement: str = ""

    def path(self, cursor: str = "") -> str:
        """The address of this list, or of its next part."""
        asked = {
            name: value
            for name in ("kind", "provider", "owner", "settled", "statement")
            if (value := getattr(self, name))
        }
        if cursor:
            asked["cursor"] = cursor
        return "/discrepancies" + (f"?{urlencode(asked)}" if asked else "")


@router.get("/discrepancies")
def listed(
    visit: ThisVisit,
    session: OfficeSession,
    actor: Reader,
    kind: Wish = "",
    provider: Wish = "",
    owner: Wish = "",
    settled: Wish = "",
    statement: UUID | None = None,
    cursor: Cursor = None,
) -> Response:
    """What is open by kind and provider, the last statements, and the list, a part at a time."""
    chosen = Chosen(kind, provider, owner, settled, str(statement or ""))
    found = page(
        session,
        queries.discrepancies(
            actor, kind=kind or None, provider=provider or None, is_open=settled != "yes",
            owner_id=actor.id if owner == MINE else None, unowned=owner == NOBODYS, statement_id=statement,
        ),
        lambda each: each,
        by=[Discrepancy.since, Discrepancy.id],
        limit=SHOWN,
        cursor=cursor,
    )  # fmt: skip
    whole = actor.may(Permission.DISCREPANCY_READ)
    return visit.show(
        "overview/discrepancies.html",
        lines=_lines(session, found.items),
        more=chosen.path(found.next_cursor) if found.next_cursor else None,
        is_first=cursor is None,
        chosen=chosen,
        by_kind=[(kind_of(each.kind), each) for each in queries.summary(session, actor)],
        by_provider=queries.by_provider(session, actor),
        ages=AGES,
        kinds=sorted({(name, visit.gettext(each.name)) for name, each in KINDS.items()}, key=lambda pair: pair[1]),
        providers=settings().providers,
        statements=queries.last_statements(session, actor) if whole else [],
        may_read_statements=whole,
        may_import=visit.may(Permission.STATEMENT_IMPORT),
    )  # fmt: skip


@router.get("/discrepancies/{discrepancy_id}")
def one(visit: ThisVisit, session: OfficeSession, actor: Reader, discrepancy_id: UUID) -> Response:
    """One discrepancy: what it means, what to do, what it is about, and what explained it."""
    found = session.scalars(
        queries.discrepancies(actor).where(Discrepancy.id == discrepancy_id)
    ).one_or_none()
    if found is None:
        raise UnknownDiscrepancy(
            "There is no such discrepancy.", next_step="Go back to the list: /discrepancies"
        )
    ways = asked(visit, session, actor, found)
    names = names_of(
        session, [found.owner_id, found.settled_by, *(each.by for each in ways.reports)]
    )
    line = session.get(StatementLine, found.line_id) if found.line_id else None
    return visit.show(
        "overview/discrepancy.html",
        found=found,
        kind=kind_of(found.kind),
        line=_line(found, queries.age_days(session, found), names),
        statement_line=line,
        file=session.get(StatementFile, line.statement_id) if line else None,
        may_read_statements=actor.may(Permission.DISCREPANCY_READ),
        our_amount=_our_amount(found),
        of_day=date.fromisoformat(found.details["day"]) if "day" in found.details else None,
        settled_by=names.get(found.settled_by) if found.settled_by else None,
        colleagues=_settlers(session) if visit.may(Permission.DISCREPANCY_SETTLE) else [],
        longest=LONGEST_RESOLUTION,
        is_mine=found.owner_id is not None and found.owner_id == actor.id,
        me=str(actor.id),
        asked=ways,
        names=names,
    )


@router.post("/discrepancies/{discrepancy_id}/assign")
def assign(
    visit: ThisVisit,
    session: OfficeSession,
    actor: Settler,
    discrepancy_id: UUID,
    owner: Annotated[str, Form(max_length=64)] = "",
) -> Response:
    """Give it to somebody who can see to it."""
    try:
        owner_id = UUID(owner)
    except ValueError:
        raise use.NoSuchOwner(
            "There is no such member of staff.", next_step="Name somebody whose account is in use."
        ) from None
    use.assign(session, actor, discrepancy_id, owner_id)
    return visit.go(f"/discrepancies/{discrepancy_id}", visit.gettext("It has an owner now."))


@router.post("/discrepancies/{discrepancy_id}/settle")
def settle(
    visit: ThisVisit,
    session: OfficeSession,
    actor: Settler,
    discrepancy_id: UUID,
    explanation: Annotated[str, Form(max_length=2 * LONGEST_RESOLUTION)] = "",
) -> Response:
    """Settle it with the words of whoever explained it."""
    use.settle(session, actor, discrepancy_id, explanation)
    return visit.go("/discrepancies", visit.gettext("The discrepancy is settled."))


def lines_about(visit: Visit, session: Session, actor: Actor, payment_id: UUID) -> list[Line]:
    """Every discrepancy about one payment, open and settled, as far as the visitor may see them."""
    if not visit.may(Permission.DISCREPANCY_READ):
        return []
    found = session.scalars(
        queries.discrepancies(actor)
        .where(Discrepancy.payment_id == payment_id)
        .order_by(Discrepancy.since, Discrepancy.id)
    ).all()
    return _lines(session, found)


def _lines(session: Session, found: Sequence[Discrepancy]) -> list[Line]:
    names = names_of(session, [each.owner_id for each in found])
    return [_line(each, queries.age_days(session, each), names) for each in found]


def _line(found: Discrepancy, days: int, names: dict[UUID, str]) -> Line:
    known = found.amount_minor is not None and found.currency is not None
    return Line(
        found.id, kind_of(found.kind), found.provider.replace("_", " "),
        Money(found.amount_minor or 0, found.currency or "") if known else None, days,
        names.get(found.owner_id) if found.owner_id else None, found.payment_id, found.settled_at is None,
    )  # fmt: skip


def _our_amount(found: Discrepancy) -> Money | None:
    """What our books say the amount is, where a line says another."""
    minor, currency = found.details.get("our_amount_minor"), found.details.get("our_currency")
    if not isinstance(minor, int) or not isinstance(currency, str):
        return None
    ours = Money(minor, currency)
    if found.kind == CLOSING_DIFFERS:
        return ours  # its own amount is the difference
    return None if (minor, currency) == (found.amount_minor, found.currency) else ours


def _settlers(session: Session) -> list[tuple[str, str]]:
    """Whoever may settle discrepancies, for choosing an owner."""
    held = {
        (str(holder.user_id), holder.full_name)
        for holder in holding(session, Permission.DISCREPANCY_SETTLE)
    }
    return sorted(held, key=lambda pair: pair[1])
