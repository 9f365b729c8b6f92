"""Which fund pays what: each entitlement by the first that may and has enough left, one of last resort after all others."""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, FromClause, SQLColumnExpression, and_, func, or_, select, true
from sqlalchemy.orm import Session

from cbi import clock
from cbi.db import planned_for_sets
from cbi.ledger import queries as books
from cbi.offices import office_of
from cbi.payments.models import Payment, PaymentRun
from cbi.payments.runs import costs
from cbi.payments.runs.costs import Costs
from cbi.payments.runs.filling import Routes, unpaid
from cbi.payments.runs.funding_models import RunFunding
from cbi.programmes.fund_terms import Pays
from cbi.programmes.funding import Grant, grants
from cbi.programmes.models import Cycle, Entitlement, Programme


class Why(StrEnum):
    """Why a fund does not pay something. The words are stored."""

    NOT_FOR_IT = "not_for_it"
    NOT_VALID = "not_valid"
    SPENT = "spent"

    @property
    def sentence(self) -> str:
        """In English, after the fund's name or for all of them."""
        return _SENTENCES[self]


_SENTENCES: Mapping[Why, str] = {
    Why.NOT_FOR_IT: "not for these payments",
    Why.NOT_VALID: "not valid on that day, or not in that period",
    Why.SPENT: "not enough left in its budget",
}


@dataclass(frozen=True, slots=True)
class Source:
    """A fund that may pay a part of a cycle now: `left` minor units of its budget are in no run, nor for the fees of one.
    None: no limit.

    Where there is one fund alone, nobody chooses: its run says what is missing, and is not authorised while it is.
    """

    grant: Grant
    version: int
    is_valid: bool
    left: int | None


@dataclass(frozen=True, slots=True)
class Passed:
    """An earlier fund that does not pay so many payments of a run, and why."""

    fund: str
    why: Why
    payments: int


@dataclass(frozen=True, slots=True)
class Funding:
    """Why a run is paid from its fund: its place in the order of so many, and what the funds before it did not pay."""

    fund: str
    place: int
    of: int
    last_resort: bool
    version: int
    pays: Mapping[str, Any]
    """What alone it pays, as its file says; empty: everything."""
    passed: tuple[Passed, ...]

    @property
    def rule(self) -> str:
        """What it pays, in English: `components: transit; for: areas Oran, Tlemcen`."""
        return "; ".join(f"{name}: {_said(value)}" for name, value in self.pays.items())

    @property
    def sentence(self) -> str:
        """Its place and its rule, in English."""
        place = f"fund {self.place} of {self.of}" if self.of > 1 else "the only fund"
        return f"{place}{', of last resort' if self.last_resort else ''}; pays {self.rule or 'everything'}"


def _said(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name.replace('_', ' ')} {_said(each)}" for name, each in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def sources(session: Session, programme: Programme, cycle: Cycle) -> list[Source]:
    """The programme's funds in their order, as they stand now."""
    today = clock.today(office_of(session).timezone)
    found = grants(session, programme, cycle)
    if len(found) == 1:
        return [Source(found[0], programme.version, is_valid=True, left=None)]
    return [
        Source(grant, programme.version, _is_valid(grant, cycle, today), _left(session, programme, grant))
        for grant in found
    ]  # fmt: skip


def _is_valid(grant: Grant, cycle: Cycle, today: date) -> bool:
    """Whether it may be spent today, and on this period."""
    first, last = grant.fund.valid_from, grant.fund.valid_to
    return first <= today <= last and cycle.starts_on <= last and first <= cycle.ends_on


def _left(session: Session, programme: Programme, grant: Grant) -> int:
    budget = books.available(session, programme.id, grant.fund.id, programme.currency)
    promised = costs.promised(session, programme.id, grant.fund.id, programme.currency)
    return max(0, budget.minor - promised)


def share(
    session: Session, source: Source, cycle: Cycle, routes: Routes, charged: Costs
) -> ColumnElement[bool] | None:
    """Which of the cycle's unpaid entitlements this fund pays now; None for none.

    One after the other in the order of their ids: each that it is for and has enough left for, with its fee.
    """
    fits = source.grant.fits
    if not source.is_valid:
        return None
    if source.left is None and source.grant.terms.pays is None:
        return fits
    cost = charged.owed(routes)
    owed = unpaid(cycle.id, routes, Entitlement.id, cost.label("amount_minor")).where(fits)
    with planned_for_sets(session):
        if source.left is None:
            return fits if session.scalar(select(owed.exists())) else None
        taking = owed.into("fundable", temporary=True)
        session.execute(taking)
        chosen = _within(session, taking.table, source.left, cost)
        taking.table.drop(session.connection())
    return None if chosen is None else and_(fits, chosen)


def _within(
    session: Session, owed: FromClause, left: int, cost: ColumnElement[int]
) -> ColumnElement[bool] | None:
    """As many as `left` covers, as ranges of ids: each ends before one that is too large, and takes smaller ones then.

    A range is one question, and after each of them what is asked for and what is left are less.
    """
    ranges: list[ColumnElement[bool]] = []
    after: UUID | None = None
    while True:
        small = _small(owed.c.id, owed.c.amount_minor, left, after)
        so_far = func.sum(owed.c.amount_minor).over(order_by=owed.c.id).label("so_far")
        added = select(owed.c.id, owed.c.amount_minor, so_far).where(small).subquery()
        too_large = session.execute(
            select(added.c.id, added.c.so_far - added.c.amount_minor)
            .where(added.c.so_far > left)
            .order_by(added.c.id)
            .limit(1)
        ).one_or_none()
        taken = _small(Entitlement.id, cost, left, after)
        if too_large is None:
            if not ranges and not session.scalar(select(select(owed).where(small).exists())):
                return None
            return or_(*ranges, taken)
        first, before = too_large
        ranges.append(and_(taken, Entitlement.id < first))
        left, after = left - int(before), first


def _small(
    number: SQLColumnExpression[UUID],
    amount: SQLColumnExpression[int],
    left: int,
    after: UUID | None,
) -> ColumnElement[bool]:
    """Those that are not too large, of the ids that come after one."""
    return and_(amount <= left, true() if after is None else number > after)


def keep(
    session: Session, run: PaymentRun, source: Source, before: Sequence[tuple[Source, int]], of: int, charged: Costs
) -> bytes:  # fmt: skip
    """Write down why a run that was just filled is paid from its fund; returns the seal.

    `before`: the funds before it in the order, with what each of them gave in this build, fees among it.
    """
    facts = {
        "fund": source.grant.terms.code,
        "place": source.grant.place,
        "of": of,
        "last_resort": source.grant.terms.last_resort is not None,
        "pays": _plain(source.grant.terms.pays),
        "tariffs": dict(charged.versions),
        "before": [
            {
                "fund": each.grant.terms.code,
                "valid": each.is_valid,
                "left": (each.left or 0) - gave,
                "passed": passed,
            }
            for (each, gave), passed in zip(before, _passed(session, run, before), strict=True)
        ],
    }
    seal = _seal(session, run.id, source.version, facts)
    session.add(
        RunFunding(run_id=run.id, version=source.version, facts=facts, seal=seal, made_at=clock.now())
    )  # fmt: skip
    return seal


def _plain(pays: Pays | None) -> dict[str, Any]:
    return pays.model_dump(mode="json", exclude_none=True, by_alias=True) if pays else {}


def _passed(
    session: Session, run: PaymentRun, before: Sequence[tuple[Source, int]]
) -> list[dict[str, int]]:
    """How many of the run's payments each earlier fund does not pay, by the reason."""
    if not before:
        return []
    fitting = session.execute(
        select(*(func.count().filter(each.grant.fits) for each, _ in before))
        .select_from(Payment)
        .join(Entitlement, Entitlement.id == Payment.entitlement_id)
        .where(Payment.run_id == run.id)
    ).one()
    found = []
    for (each, _), fits in zip(before, fitting, strict=True):
        why = Why.SPENT if each.is_valid else Why.NOT_VALID
        counts = {why.value: fits, Why.NOT_FOR_IT.value: run.payment_count - fits}
        found.append({reason: count for reason, count in counts.items() if count})
    return found


def of(session: Session, run: PaymentRun) -> Funding | None:
    """Why a run is paid from its fund; None for one that was built before this was kept."""
    kept = session.get(RunFunding, run.id)
    if kept is None:
        return None
    facts = kept.facts
    return Funding(
        facts["fund"], facts["place"], facts["of"], facts["last_resort"], kept.version, facts["pays"],
        tuple(
            Passed(each["fund"], Why(why), payments)
            for each in facts["before"]
            for why, payments in sorted(each["passed"].items())
        ),
    )  # fmt: skip


def is_sealed(session: Session, kept: RunFunding) -> bool:
    """Whether nobody without the office's key wrote or altered it."""
    return hmac.compare_digest(kept.seal, _seal(session, kept.run_id, kept.version, kept.facts))


def _seal(session: Session, run_id: UUID, version: int, facts: Mapping[str, Any]) -> bytes:
    text = json.dumps([str(run_id), version, facts], sort_keys=True, separators=(",", ":"))
    key = office_of(session).keys.derive("run fundings")
    return hmac.digest(key, text.encode(), hashlib.sha256)
