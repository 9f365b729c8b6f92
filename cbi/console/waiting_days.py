"""Proposals about when households take part: what reaches back into cycles that were opened before."""

from datetime import date
from uuid import UUID

from sqlalchemy import ScalarSelect, Text, case, cast, func, literal, select
from sqlalchemy.orm import aliased

from cbi.access.permissions import Permission
from cbi.console.languages import N_
from cbi.console.waiting_proposals import Kind, Looking, Sheet, of_day, refused, row
from cbi.programmes import confirming, making_up, resuming
from cbi.programmes.household_models import Enrolment, Suspension
from cbi.programmes.models import Programme
from cbi.registry.models import Household

_UNTIL_THEN = N_(
    "Until somebody confirms it, the cycles that were open before are not made up for."
)


def _days(looking: Looking) -> Sheet:
    gettext, facts = looking.visit.gettext, looking.proposal.facts
    first, last, was_first, was_last = (
        date.fromisoformat(day) if (day := facts[name]) else "–"
        for name in ("first", "last", "was_first", "was_last")
    )
    days = looking.session.get_one(Enrolment, int(looking.proposal.key))
    money, notes = _made_up(looking, days.programme_id, days.household_id, days.id)
    return Sheet(
        [(gettext("The first day"), was_first, first), (gettext("The last day"), was_last, last), *money],
        notes=notes,
    )  # fmt: skip


def _made_up(
    looking: Looking, programme_id: UUID, household_id: UUID, confirmed: int | UUID
) -> tuple[list[tuple[str, object, object]], list[str]]:
    """What the next cycle would make up for, as a line of the sheet, and what to know about it."""
    session, gettext = looking.session, looking.visit.gettext
    programme = session.get_one(Programme, programme_id)
    found = making_up.made_up(session, programme, [(confirmed, household_id)]).get(confirmed)
    if found is None:
        return [], [gettext("No cycle is left that could make up for it.")]
    line = gettext("Made up for in %(period)s", period=str(found.period))
    notes = [found.trace] if found.trace else []
    if not found.is_in:
        notes.append(
            gettext(
                "As things stand the household is not in for that cycle, and gets nothing in it."
            )
        )
    return [(line, found.before, found.after)], notes


def _before(day: str) -> ScalarSelect[str]:
    """In SQL, a day of the same household as it was noted before this."""
    earlier = aliased(Enrolment)
    return (
        select(cast(getattr(earlier, day), Text))
        .where(
            earlier.programme_id == Enrolment.programme_id, earlier.household_id == Enrolment.household_id,
            earlier.id < Enrolment.id, earlier.refusal_id.is_(None),
        )
        .order_by(earlier.id.desc())
        .limit(1)
        .correlate(Enrolment)
        .scalar_subquery()
    )  # fmt: skip


def _resumption(looking: Looking) -> Sheet:
    gettext, facts = looking.visit.gettext, looking.proposal.facts
    begun, on = (date.fromisoformat(facts[name]["day"]) for name in ("begun", "day"))
    ended = looking.session.get_one(Suspension, UUID(looking.proposal.key))
    money, notes = _made_up(looking, ended.programme_id, ended.household_id, ended.id)
    return Sheet(
        [(gettext("Takes part in cycles opened before, from"), "–", begun if facts["which"] == "wrong" else on), *money],
        facts=[(gettext("Suspended from"), begun), (gettext("They take part again from"), on)],
        notes=[*notes, gettext("From that day on they take part, whatever is decided here.")],
    )  # fmt: skip


DAYS = Kind(
    "days", N_("When a household takes part"),
    N_("The household %(household)s of %(programme)s: its days reach back into cycles that were opened before"),
    N_("The next cycle makes up for what it missed on those days."),
    Permission.PROGRAMME_READ, Permission.VALUE_ACCEPT,
    lambda _: select(
        *row(
            Enrolment.id, Enrolment.noted_at, Enrolment.noted_by, programmes=(Programme.code,),
            barred=func.array(confirming.noted_by().scalar_subquery()), why=Enrolment.reason,
            household=Household.source_id, programme=Programme.code,
            first=cast(Enrolment.starts_on, Text), last=cast(Enrolment.ends_on, Text),
            was_first=_before("starts_on"), was_last=_before("ends_on"),
        )
    )
    .join(Programme, Programme.id == Enrolment.programme_id)
    .join(Household, Household.id == Enrolment.household_id)
    .where(Enrolment.noted_by.is_not(None), *confirming.is_waiting()),
    _days,
    lambda session, actor, it, _: confirming.confirm(session, actor, int(it.key)),
    refused, refused,
    otherwise=_UNTIL_THEN,
    takes_code=False,
)  # fmt: skip

RESUMPTION = Kind(
    "resumption", N_("A suspension that ended"),
    {
        "wrong": N_(
            "The household %(household)s of %(programme)s was suspended on %(begun)s without ground: what it missed is owed"
        ),
        "back": N_(
            "The household %(household)s of %(programme)s takes part again from %(day)s, also in cycles opened before"
        ),
    },
    N_("The next cycle makes up for what it missed on those days."),
    Permission.PROGRAMME_READ, Permission.VALUE_ACCEPT,
    lambda _: select(
        *row(
            Suspension.id, Suspension.resumed_at, Suspension.resumed_by, programmes=(Programme.code,),
            why=Suspension.resumed_because, household=Household.source_id, programme=Programme.code,
            which=case((Suspension.was_wrong.is_(True), literal("wrong", Text)), else_=literal("back", Text)),
            begun=of_day(Suspension.begins_on), day=of_day(Suspension.resumes_on),
        )
    )
    .join(Programme, Programme.id == Suspension.programme_id)
    .join(Household, Household.id == Suspension.household_id)
    .where(Suspension.resumed_by.is_not(None), *resuming.is_waiting()),
    _resumption,
    lambda session, actor, it, _: resuming.confirm(session, actor, UUID(it.key)),
    refused, refused,
    otherwise=_UNTIL_THEN,
    takes_code=False,
)  # fmt: skip
