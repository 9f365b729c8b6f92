"""Fills a payment run with what is owed and in no run yet, however many households that is."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    SQLColumnExpression,
    String,
    and_,
    cast,
    func,
    insert,
    literal,
    select,
)
from sqlalchemy.orm import Session, aliased

from cbi import ids
from cbi.fsp.messages import DeliveryMechanism
from cbi.payments.models import Payment, PaymentRun, RunRoute
from cbi.payments.outcomes import disputes
from cbi.payments.runs import digest
from cbi.payments.runs.still_owed import still_owed
from cbi.payments.states import PaymentState
from cbi.programmes.legal_basis import cycle_asks_for_consent
from cbi.programmes.models import Entitlement
from cbi.programmes.routing import account_kind_of, by_route, mechanism_of
from cbi.registry.consent.models import Scope
from cbi.registry.consent.standing import said_no
from cbi.registry.linkage.models import PairState
from cbi.registry.linkage.queries import paired_households
from cbi.registry.models import Household, PaymentAccount, Person
from cbi.registry.personal import PHONE
from cbi.registry.queries import ACTIVE, blocked_households

Routes = Mapping[DeliveryMechanism, str]
"""Each way of delivery with its provider, the usual one first."""


def unpaid(
    cycle_id: UUID, routes: Routes, *columns: SQLColumnExpression[Any]
) -> Select[*tuple[Any, ...]]:
    """These columns of every entitlement of the cycle that may be paid now and that no live payment covers."""
    return owed(cycle_id, routes, *columns).where(~no_longer_agrees(cycle_id))


def no_longer_agrees(cycle_id: UUID) -> ColumnElement[bool]:
    """Whether the collector has taken back the consent that the cycle rests on, in a query of `owed`."""
    return and_(cycle_asks_for_consent(cycle_id), said_no(Person.id, Scope.ASSISTANCE))


def owed(
    cycle_id: UUID, routes: Routes, *columns: SQLColumnExpression[Any]
) -> Select[*tuple[Any, ...]]:
    """The same, and those whose collector has taken back the consent that the cycle rests on.

    Not while somebody of the household may be on record twice, by a pair or by one document. What was given up in an
    earlier run is one of them, unless the earlier payment is in dispute.
    """
    covered, disputed = aliased(Payment), aliased(Payment)
    in_pairs = paired_households(PairState.OPEN, PairState.SAME).subquery("in_pairs")
    one_document = blocked_households().subquery("one_document")
    not_active = select(Household.id).where(Household.status != ACTIVE)  # few, so read once
    may_be_paid = select(disputed.entitlement_id).where(disputed.id.in_(disputes.in_dispute()))
    return (
        select(*columns)
        .select_from(Entitlement)
        .join(Person, and_(Person.household_id == Entitlement.household_id, Person.is_recipient))
        .join(
            PaymentAccount,
            and_(
                PaymentAccount.person_id == Person.id,
                PaymentAccount.kind == func.coalesce(account_kind_of(list(routes)), PHONE),
                PaymentAccount.replaced_at.is_(None),
            ),
        )
        .outerjoin(covered, and_(covered.entitlement_id == Entitlement.id, covered.live))
        .where(
            Entitlement.cycle_id == cycle_id, covered.id.is_(None), Entitlement.id.not_in(may_be_paid),
            Entitlement.id.not_in(disputes.owed_back()), Entitlement.household_id.not_in(not_active),
            Entitlement.household_id.not_in(select(in_pairs.c.household_id)),
            Entitlement.household_id.not_in(select(one_document.c.household_id)),
        )
    )  # fmt: skip


def add_payments(
    session: Session, run: PaymentRun, routes: Routes, which: ColumnElement[bool]
) -> None:
    """One INSERT … SELECT, each row with its own digest; numbered route by route, so that a route is one range.

    `which` of the unpaid entitlements are paid here.
    """
    provider, mechanism = by_route(routes), mechanism_of(list(routes))
    place = by_route({mechanism: f"{place:03d}" for place, mechanism in enumerate(routes)})
    rows = (
        unpaid(
            run.cycle_id, routes,
            ids.fresh_in_sql().label("id"),
            func.row_number().over(order_by=(place, Entitlement.id)).label("number"),
            provider.label("provider"), mechanism.label("mechanism"),
            Entitlement.id.label("entitlement_id"), Entitlement.component, Entitlement.household_id,
            still_owed().label("amount_minor"), Person.id.label("person_id"), PaymentAccount.id.label("account_id"),
            PaymentAccount.value_index.label("account_index"),
        )
        .where(which)
        .cte("owed")
        .prefix_with("MATERIALIZED", dialect="postgresql")
    )  # fmt: skip
    row = {
        "id": rows.c.id, "run_id": literal(run.id), "number": cast(rows.c.number, Integer),
        "entitlement_id": rows.c.entitlement_id, "programme_id": literal(run.programme_id),
        "fund_id": literal(run.fund_id), "period": literal(run.period, String), "component": rows.c.component,
        "household_id": rows.c.household_id, "person_id": rows.c.person_id, "account_id": rows.c.account_id,
        "account_index": rows.c.account_index, "provider": rows.c.provider,
        "mechanism": rows.c.mechanism, "amount_minor": rows.c.amount_minor,
        "currency": literal(run.currency, String),
    }  # fmt: skip
    payments = select(*(value.label(name) for name, value in row.items())).subquery("payments")
    session.execute(
        insert(Payment).from_select(
            [*row, "digest", "state", "live", "attempts", "heard_of"],
            select(
                payments,
                digest.payment_digest(payments),
                literal(PaymentState.READY.value),
                literal(value=True),
                literal(0),
                literal(0),
            ),
            include_defaults=False,
        )
    )


def add_routes(session: Session, run: PaymentRun) -> None:
    """Note which part of the run goes out by which provider."""
    session.execute(
        insert(RunRoute).from_select(
            [
                "run_id", "provider", "mechanism", "first_number", "last_number", "payment_count", "total_minor", "currency",
            ],
            select(
                Payment.run_id, Payment.provider, func.min(Payment.mechanism), func.min(Payment.number),
                func.max(Payment.number), func.count(), func.sum(Payment.amount_minor),
                literal(run.currency, String),
            )
            .where(Payment.run_id == run.id)
            .group_by(Payment.run_id, Payment.provider),
        )
    )  # fmt: skip
