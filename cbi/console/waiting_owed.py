"""Proposals about what households are owed that wait for a second person: values, top-ups, conditions, sheets of work."""

from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.console.languages import N_
from cbi.console.waiting_proposals import (
    Kind,
    Listing,
    Looking,
    Proposal,
    Sheet,
    Typed,
    of_money,
    refused,
    row,
)
from cbi.console.waiting_words import NONE, shown
from cbi.money import Money
from cbi.programmes import (
    conditions,
    revaluing,
    top_up_queries,
    top_ups,
    value_queries,
    work_queries,
    work_signing,
)
from cbi.programmes.household_models import ConditionMet
from cbi.programmes.models import Cycle, Programme
from cbi.programmes.top_up_models import TopUp
from cbi.programmes.value_models import PriceRound, TransferValue
from cbi.programmes.work_digest import digest_of
from cbi.programmes.work_models import (
    WorkActivity,
    WorkGroup,
    WorkRow,
    WorkSheet,
    WorkSignature,
    WorkVersion,
)
from cbi.registry.models import Household

SHOWN = 100
"""Rows that a page lists; the file, or the sheet on paper, has them all."""

COSTS = (
    (N_("A cycle costs"), "cycle_now", "cycle_then"),
    (N_("All cycles that are left cost"), "until_the_end_now", "until_the_end_then"),
)
ROOM = (
    (N_("In the budget for new runs"), "available"),
    (N_("What its funds can still give"), "unallocated"),
    (N_("What is lacking until the end"), "short"),
)


def value_changes(looking: Looking, line: value_queries.ValueLine) -> list[tuple[str, object, object]]:  # fmt: skip
    """The amounts and what they cost, now and then."""
    gettext, currency = looking.visit.gettext, line.base.currency
    return [
        (gettext("The base amount"), line.before[0], line.base),
        (gettext("For each member"), line.before[1], line.per_member),
        *(
            (gettext(words), Money.parse(line.cost[now], currency), Money.parse(line.cost[then], currency))
            for words, now, then in COSTS
        ),
    ]  # fmt: skip


def _value(looking: Looking) -> Sheet:
    line = value_queries.value(looking.session, looking.actor, int(looking.proposal.key))
    gettext, currency = looking.visit.gettext, line.base.currency
    facts: list[tuple[str, object]] = [
        (gettext("Households that it was worked out for"), int(line.cost["households"])),
        (gettext("Cycles that are left"), int(line.cost["cycles_left"])),
    ]
    facts += [(gettext(words), Money.parse(line.cost[name], currency)) for words, name in ROOM]
    far = [gettext("Far from the usual: %(price)s", price=each) for each in line.outliers]
    return Sheet(
        value_changes(looking, line), facts=facts, notes=[*far, *line.trace],
        link=("/finance/values", N_("Transfer values")),
    )  # fmt: skip


def _top_up(looking: Looking) -> Sheet:
    session, gettext, visit = looking.session, looking.visit.gettext, looking.visit
    top_up = session.get_one(TopUp, UUID(looking.proposal.key))
    lines = top_up_queries.rows(session, looking.actor, top_up.cycle_id, top_up.number, SHOWN)
    total = Money(top_up.total_minor, top_up.currency)
    rows = [
        [
            shown(visit, each.household), shown(visit, each.before), shown(visit, each.amount),
            shown(visit, each.before + each.amount), shown(visit, each.reason),
        ]
        for each in lines
    ]  # fmt: skip
    columns = [
        (gettext("Household"), "text"), (gettext("Owed now"), "number"), (gettext("On top"), "number"),
        (gettext("Owed then"), "number"), (gettext("Why"), "text"),
    ]  # fmt: skip
    listing = Listing(
        gettext("Who is owed more (the first %(count)s)", count=SHOWN), columns, rows,
        [gettext("Total of all"), "", shown(visit, total), "", ""],
    )  # fmt: skip
    owed = [(gettext("Owed on top"), Money.zero(top_up.currency), total)]
    return Sheet(owed, listings=[listing], link=("/finance/owed", N_("Top-ups and conditions")))


def _condition(looking: Looking) -> Sheet:
    gettext = looking.visit.gettext
    return Sheet([(gettext("The condition"), gettext("noted"), gettext("met"))])


def _work(looking: Looking) -> Sheet:
    session, gettext, visit = looking.session, looking.visit.gettext, looking.visit
    number, version = int(looking.proposal.key), looking.proposal.facts["version"]
    lines = work_queries.rows(session, number, version)
    rows = [
        [
            shown(visit, each.number), shown(visit, each.registration), shown(visit, each.trace),
            shown(visit, each.before or NONE), shown(visit, each.earned),
        ]
        for each in lines
    ]  # fmt: skip
    columns = [
        (gettext("No."), "number"), (gettext("Household"), "text"), (gettext("Work and pay"), "text"),
        (gettext("Before the correction"), "text"), (gettext("Earned"), "number"),
    ]  # fmt: skip
    total = looking.proposal.amount
    listing = Listing(
        gettext("What stands on the sheet"), columns, rows, [gettext("Total"), "", "", "", shown(visit, total)]
    )  # fmt: skip
    return Sheet(listings=[listing], seen=digest_of(session, number, version).hex())


def _drop_value(session: Session, actor: Actor, it: Proposal, typed: Typed) -> object:
    return revaluing.refuse(session, actor, int(it.key), typed.reason)


_before = aliased(WorkSignature)
_any = aliased(WorkVersion)
_earned = (
    select(func.coalesce(func.sum(WorkRow.earned_minor), 0))
    .where(WorkRow.sheet_id == WorkSheet.id, WorkRow.version == WorkSheet.latest)
    .scalar_subquery()
)
_signed = (
    select(func.coalesce(func.max(_before.version), 0))
    .where(_before.sheet_id == WorkSheet.id)
    .scalar_subquery()
)
_entered = select(_any.entered_by).where(_any.sheet_id == WorkSheet.id)
_signers = (
    select(_before.user_id)
    .where(_before.sheet_id == WorkSheet.id)
    .order_by(_before.version.desc())
    .limit(1)
)

VALUE = Kind(
    "transfer-value", N_("A transfer value"),
    N_("What %(programme)s pays, by the prices of the round %(round)s: base %(base)s, for each member %(member)s"),
    N_("It becomes the programme's next version and holds for cycles opened from then on."),
    Permission.PROGRAMME_READ, Permission.VALUE_ACCEPT,
    lambda _: select(
        *row(
            TransferValue.id, TransferValue.proposed_at, TransferValue.proposed_by, programmes=(Programme.code,),
            programme=Programme.code, round=PriceRound.name,
            base=of_money(TransferValue.base_minor, TransferValue.currency),
            member=of_money(TransferValue.per_member_minor, TransferValue.currency),
        )
    )
    .join(Programme, Programme.id == TransferValue.programme_id)
    .join(PriceRound, PriceRound.id == TransferValue.round_id)
    .where(TransferValue.decision.is_(None)),
    _value,
    lambda session, actor, it, typed: revaluing.accept(session, actor, int(it.key), typed.code),
    _drop_value,
    _drop_value,
)  # fmt: skip

TOP_UP = Kind(
    "top-up", N_("A top-up"),
    N_("More for households of %(programme)s, %(period)s: %(households)s of them. Decision: %(reference)s"),
    N_("It is owed beside what the cycle decided, and a run of its own pays it."),
    Permission.PROGRAMME_READ, Permission.VALUE_ACCEPT,
    lambda _: select(
        *row(
            TopUp.id, TopUp.proposed_at, TopUp.proposed_by, programmes=(Programme.code,),
            amount=(TopUp.total_minor, TopUp.currency), why=TopUp.reason, households=TopUp.households,
            programme=Programme.code, period=Cycle.period, reference=TopUp.reference,
        )
    )
    .join(Cycle, Cycle.id == TopUp.cycle_id)
    .join(Programme, Programme.id == Cycle.programme_id)
    .where(TopUp.decision.is_(None)),
    _top_up,
    lambda session, actor, it, typed: top_ups.accept(session, actor, UUID(it.key), typed.code),
    lambda session, actor, it, typed: top_ups.refuse(session, actor, UUID(it.key), typed.reason),
    lambda session, actor, it, typed: top_ups.withdraw(session, actor, UUID(it.key), typed.reason),
)  # fmt: skip

CONDITION = Kind(
    "condition", N_("A condition of a grant"),
    N_("The household %(household)s of %(programme)s has met “%(condition)s”. Evidence: %(evidence)s"),
    N_("The next cycle gives what the condition stood before."),
    Permission.PROGRAMME_READ, Permission.CONDITION_CONFIRM,
    lambda _: select(
        *row(
            ConditionMet.id, ConditionMet.noted_at, ConditionMet.noted_by, programmes=(Programme.code,),
            household=Household.source_id, programme=Programme.code, condition=ConditionMet.condition,
            evidence=ConditionMet.evidence, named=Household.source + "/" + Household.source_id,
        )
    )
    .join(Programme, Programme.id == ConditionMet.programme_id)
    .join(Household, Household.id == ConditionMet.household_id)
    .where(ConditionMet.decision.is_(None)),
    _condition,
    lambda session, actor, it, _: conditions.confirm(
        session, actor, it.facts["programme"], it.facts["named"], it.facts["condition"]
    ),
    lambda session, actor, it, typed: conditions.refuse(
        session, actor, it.facts["programme"], it.facts["named"], it.facts["condition"], typed.reason
    ),
    takes_code=False,
)  # fmt: skip

WORK = Kind(
    "work-sheet", N_("A sheet of work"),
    N_("Sheet %(number)s of %(programme)s: %(activity)s, %(group)s, %(period)s, version %(version)s"),
    N_("It is paid with the next cycle; from then on only a correction changes it."),
    Permission.WORK_READ, Permission.WORK_SIGN,
    lambda _: select(
        *row(
            WorkSheet.id, WorkVersion.entered_at, WorkVersion.entered_by, programmes=(Programme.code,),
            barred=func.array_cat(func.array(_entered.scalar_subquery()), func.array(_signers.scalar_subquery())),
            amount=(_earned, Programme.currency), why=WorkVersion.reason, number=WorkSheet.id,
            programme=Programme.code, activity=WorkActivity.code, group=WorkGroup.code, period=WorkSheet.period,
            version=WorkSheet.latest,
        )
    )
    .join(WorkVersion, (WorkVersion.sheet_id == WorkSheet.id) & (WorkVersion.version == WorkSheet.latest))
    .join(WorkActivity, WorkActivity.id == WorkSheet.activity_id)
    .join(WorkGroup, WorkGroup.id == WorkSheet.group_id)
    .join(Programme, Programme.id == WorkSheet.programme_id)
    .where(WorkSheet.latest > _signed, WorkSheet.refused < WorkSheet.latest),
    _work,
    lambda session, actor, it, typed: work_signing.sign(
        session, actor, int(it.key), typed.code, seen=typed.digest
    ),
    refused, refused,
)  # fmt: skip
