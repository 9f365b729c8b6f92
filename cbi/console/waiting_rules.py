"""Proposals about the office's rules that wait for a second person: months, the policy, who stands in, waivers."""

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Select, Uuid, cast, exists, func, select
from sqlalchemy.dialects.postgresql import ARRAY, array
from sqlalchemy.orm import aliased

from cbi.access.models import User
from cbi.access.permissions import Permission
from cbi.audit.standstill_models import Standstill
from cbi.console.approvals_policy_changes import changes
from cbi.console.finance_standstill import RESTORED, since, told_since
from cbi.console.finance_words import ACCOUNTS, CHECKS
from cbi.console.languages import N_
from cbi.console.overview_roles import ROLES
from cbi.console.waiting_proposals import (
    Kind,
    Listing,
    Looking,
    Sheet,
    of_day,
    refused,
    row,
)
from cbi.console.waiting_words import shown
from cbi.console.waivers_words import NAMES, told
from cbi.ledger.models import MonthClose
from cbi.ledger.queries import balance_line
from cbi.month_end import closing, reopening
from cbi.payments.models import MAKER, RunPart
from cbi.payments.signing import approval_policy, delegations, policies, waiver_register, waivers
from cbi.payments.signing.signing_models import ApprovalPolicy, Delegation
from cbi.payments.signing.waiver_models import Waiver, WaiverDecision
from cbi.programmes.models import Programme
from cbi.reconciliation import going_on

_later, _later_month = aliased(ApprovalPolicy), aliased(MonthClose)
_giver, _stand_in = aliased(User), aliased(User)
MONTH = func.to_char(MonthClose.month, "YYYY-MM")


def _close_of(looking: Looking) -> MonthClose:
    return looking.session.scalars(
        select(MonthClose)
        .where(MonthClose.month == date.fromisoformat(f"{looking.proposal.key}-01"))
        .order_by(MonthClose.number.desc())
        .limit(1)
    ).one()


def _month(looking: Looking) -> Sheet:
    gettext, visit, close = looking.visit.gettext, looking.visit, _close_of(looking)
    balances = [
        balance_line(each["code"], each["currency"], each["debits"], each["credits"])
        for each in close.facts["balances"]
    ]
    kept = Listing(
        gettext("What the books held on the last day"),
        [(gettext("Account"), "text"), (gettext("Debits"), "number"), (gettext("Credits"), "number"),
         (gettext("Balance"), "number")],
        [
            [
                shown(visit, each.code + " " + gettext(ACCOUNTS.get(each.code, each.name))),
                *(shown(visit, amount) for amount in (each.debits, each.credits, each.balance)),
            ]
            for each in balances
        ],
    )  # fmt: skip
    still_open = Listing(
        gettext("What stays open, and why"),
        [
            (gettext("What was looked at"), "text"), (gettext("What was found"), "text"),
            (gettext("Why it stays open"), "text"),
        ],
        [
            [gettext(CHECKS.get(each["check"], each["check"])), shown(visit, each["says"]), shown(visit, each["reason"])]
            for each in close.facts["open"]
        ],
    )  # fmt: skip
    return Sheet(
        [(gettext("The month"), gettext("its books are open"), gettext("its books are closed"))],
        listings=[still_open, kept], notes=close.facts.get("waivers", []),
        link=(f"/finance/months/{looking.proposal.key}", N_("The month's checklist")),
    )  # fmt: skip


def _reopening(looking: Looking) -> Sheet:
    gettext = looking.visit.gettext
    return Sheet(
        [(gettext("The month"), gettext("its books are closed"), gettext("its books are open"))],
        link=(f"/finance/months/{looking.proposal.key}", N_("The month's checklist")),
    )


def _going_on(looking: Looking) -> Sheet:
    gettext, visit = looking.visit.gettext, looking.visit
    still = looking.session.get_one(Standstill, UUID(looking.proposal.key))
    return Sheet(
        [(gettext("The office"), gettext("stands still"), gettext("goes on"))],
        facts=[
            (gettext("Why"), still.reason or gettext(RESTORED)),
            (gettext("Since"), since(visit, still)),
        ],
        listings=[told_since(visit, looking.session, still)],
        link=("/finance/standstill", N_("Standstill")),
    )  # fmt: skip


def _policy(looking: Looking) -> Sheet:
    proposed = looking.session.get_one(ApprovalPolicy, int(looking.proposal.key))
    now = policies.in_force(looking.session)
    after = approval_policy.stored(proposed.rules, proposed.controls)
    return Sheet(
        changes(looking.visit, now[1] if now else None, after),
        link=("/approval-policy", N_("Who signs what")),
    )


def _delegation(looking: Looking) -> Sheet:
    given = looking.session.get_one(Delegation, UUID(looking.proposal.key))
    gettext = looking.visit.gettext
    limit = delegations.limit_of(given)
    facts: list[tuple[str, object]] = [
        (gettext("Up to which amount"), limit if limit else gettext("any amount")),
        (gettext("For which programmes"), ", ".join(given.programmes) or gettext("all")),
    ]
    who = gettext("Who may sign")
    whose = looking.proposal.facts
    after = f"{whose['whose']}, {whose['who']}"
    return Sheet([(who, whose["whose"], after)], facts=facts, link=("/approval-policy", N_("Who signs what")))  # fmt: skip


def _waiver(looking: Looking) -> Sheet:
    session, gettext, visit = looking.session, looking.visit.gettext, looking.visit
    row_ = session.scalars(select(Waiver).where(Waiver.number == int(looking.proposal.key))).one()
    waiver = told(visit, waiver_register.one(session, row_.id))
    line = waiver.line
    facts: list[tuple[str, object]] = [
        (gettext("Evidence"), line.evidence), (gettext("Whose risk it is"), line.risk_owner),
        (gettext("Only for which run"), line.run or gettext("all")),
        (gettext("Only for which period"), line.period or gettext("all")),
        (gettext("Households"), len(line.concerns) or gettext("all")),
    ]  # fmt: skip
    after = waiver.limit or gettext("whatever it finds")
    return Sheet(
        [(gettext("What the control lets pass"), gettext("nothing"), after)], facts=facts,
        link=("/waivers", N_("The register of waivers")),
    )  # fmt: skip


def _closes(_: date) -> Select[Any]:
    newest = (
        select(func.max(_later_month.number))
        .where(_later_month.month == MonthClose.month)
        .scalar_subquery()
    )
    return select(*row(MONTH, MonthClose.proposed_at, MonthClose.proposed_by, month=MONTH)).where(
        MonthClose.confirmed_at.is_(None),
        MonthClose.refusal_id.is_(None),
        MonthClose.number == newest,
    )


def _asked(day: date) -> Select[Any]:
    makers = select(RunPart.user_id).where(RunPart.run_id == Waiver.run_id, RunPart.part == MAKER)
    return (
        select(
            *row(
                Waiver.number, Waiver.asked_at, Waiver.asked_by, programmes=(Programme.code,),
                barred=func.array(makers.scalar_subquery()), why=Waiver.reason, control=Waiver.control,
                programme=Programme.code, first=of_day(Waiver.first_day), last=of_day(Waiver.last_day),
                number=Waiver.number,
            )
        )
        .join(Programme, Programme.id == Waiver.programme_id)
        .where(Waiver.last_day >= day, ~exists().where(WaiverDecision.waiver_id == Waiver.id))
    )  # fmt: skip


CLOSE = Kind(
    "month-close", N_("Closing a month"), N_("Close %(month)s"), N_("Nothing is booked into the month any more."),
    Permission.FUND_READ, Permission.BOOKS_CLOSE, _closes, _month,
    lambda session, actor, it, typed: closing.confirm(session, actor, it.key, typed.code),
    refused, refused,
)  # fmt: skip

REOPENING = Kind(
    "month-reopening", N_("Opening a closed month again"), N_("Open %(month)s again"),
    N_("The books of the month can be booked into again; its former close is kept."),
    Permission.FUND_READ, Permission.BOOKS_CLOSE,
    lambda _: select(
        *row(MONTH, MonthClose.reopen_asked_at, MonthClose.reopen_asked_by, why=MonthClose.reopen_reason, month=MONTH)
    ).where(MonthClose.reopen_asked_at.is_not(None), MonthClose.reopened_at.is_(None)),
    _reopening,
    lambda session, actor, it, typed: reopening.confirm(session, actor, it.key, typed.code),
    refused, refused,
)  # fmt: skip

GOING_ON = Kind(
    "standstill-end", N_("Letting the office go on"), N_("Let the office go on"),
    N_("Payments that wait leave again, codes are paid, and texts go out."),
    Permission.FUND_READ, Permission.BOOKS_CLOSE,
    lambda _: select(
        *row(Standstill.id, Standstill.asked_at, Standstill.asked_by, why=Standstill.asked_because)
    ).where(Standstill.open, Standstill.asked_at.is_not(None)),
    _going_on,
    lambda session, actor, it, typed: going_on.confirm(session, actor, typed.code),
    refused, refused,
)  # fmt: skip

POLICY = Kind(
    "approval-policy", N_("The approval policy"), N_("Version %(version)s of the approval policy"),
    N_("From then on it says who signs what, and what the controls let pass."),
    Permission.POLICY_READ, Permission.POLICY_CHANGE,
    lambda _: select(
        *row(ApprovalPolicy.version, ApprovalPolicy.proposed_at, ApprovalPolicy.proposed_by, version=ApprovalPolicy.version)
    ).where(
        ApprovalPolicy.accepted_at.is_(None), ApprovalPolicy.refusal_id.is_(None),
        ~exists().where(_later.version > ApprovalPolicy.version),
    ),
    _policy,
    lambda session, actor, it, typed: policies.accept(session, actor, int(it.key), typed.code),
    refused, refused,
)  # fmt: skip

DELEGATION = Kind(
    "delegation", N_("Standing in for somebody"),
    N_("%(who)s signs in the place of %(whose)s as %(role)s, from %(first)s to %(last)s"),
    N_("On these days either of the two may sign."),
    Permission.POLICY_READ, Permission.POLICY_CHANGE,
    lambda day: select(
        *row(
            Delegation.id, Delegation.made_at, Delegation.from_id,
            barred=cast(array([Delegation.to_id], type_=Uuid), ARRAY(Uuid)),
            amount=(Delegation.limit_minor, Delegation.currency), who=_stand_in.full_name, whose=_giver.full_name,
            role=Delegation.role, first=of_day(Delegation.first_day), last=of_day(Delegation.last_day),
        )
    )
    .join(_giver, _giver.id == Delegation.from_id)
    .join(_stand_in, _stand_in.id == Delegation.to_id)
    .where(Delegation.accepted_at.is_(None), Delegation.withdrawn_at.is_(None), Delegation.last_day >= day),
    _delegation,
    lambda session, actor, it, typed: delegations.accept(session, actor, UUID(it.key), typed.code),
    refused, refused,
    words={"role": ROLES},
)  # fmt: skip

WAIVER = Kind(
    "waiver", N_("A waiver of a control"),
    N_("Waiver %(number)s for %(programme)s, from %(first)s to %(last)s: %(control)s"),
    N_("On these days the control lets it pass, and every report says so."),
    Permission.POLICY_READ, Permission.POLICY_CHANGE, _asked, _waiver,
    lambda session, actor, it, typed: waivers.grant(session, actor, int(it.key), typed.code),
    lambda session, actor, it, typed: waivers.refuse(session, actor, int(it.key), typed.reason),
    lambda session, actor, it, typed: waivers.revoke(session, actor, int(it.key), typed.reason),
    words={"control": NAMES},
)  # fmt: skip
