"""Telephones and documents that several households share: flagged when they arrive, decided by a person."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    ScalarSelect,
    Select,
    Subquery,
    Uuid,
    any_,
    bindparam,
    exists,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session, aliased
from sqlalchemy.sql.dml import ReturningInsert

from cbi import clock, ids
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit import reasons
from cbi.audit.record import record
from cbi.db import planned_while_few
from cbi.errors import Conflict, Forbidden, Invalid, NotFound
from cbi.registry import queries
from cbi.registry.households.models import ChangedPerson, HouseholdChange
from cbi.registry.linkage import staff
from cbi.registry.models import DuplicateFlag, Household, PaymentAccount, Person
from cbi.registry.personal import PHONE
from cbi.registry.text import clean
from cbi.scope import seeing_all


class Kind(StrEnum):
    """What is shared. A telephone may well be a family's; one document is one person's."""

    SHARED_PHONE = "shared_phone"
    SAME_DOCUMENT = "same_document"


class Decision(StrEnum):
    """What a person found: different people who share something, or the same person twice."""

    DIFFERENT = "different"
    SAME = "same"


class UnknownFlag(NotFound):
    """There is no such flag."""

    code = "registry.unknown_flag"


class AlreadyDecided(Conflict):
    """The flag was decided before, or another household has joined those it was about."""

    code = "registry.already_decided"


class OwnProposal(Forbidden):
    """Whoever said so first is not the second person."""

    code = "registry.own_proposal"


class UnusableDecision(Invalid):
    """The decision or its reason cannot be used."""

    code = "registry.unusable_decision"


def flag(session: Session, import_id: UUID) -> Mapping[Kind, int]:
    """Flag every telephone and document that the households of an import share with others; returns how many were new.

    Repeating it changes nothing. The caller makes sure that no other import is between its own rows and its commit:
    neither would see what the other brings.
    """
    with seeing_all(session):
        return _flag(session, Household.import_id == import_id)


def flag_households(session: Session, household_ids: Sequence[UUID]) -> Mapping[Kind, int]:
    """The same for these households, which are new, or whose people or telephones have changed."""
    these = any_(bindparam(None, list(household_ids), ARRAY(Uuid)))
    with seeing_all(session):
        return _flag(session, Household.id == these)


def _flag(session: Session, brought: ColumnElement[bool]) -> Mapping[Kind, int]:
    found: Counter[Kind] = Counter()
    for kind, groups in (
        (Kind.SHARED_PHONE, _by_phone(brought)),
        (Kind.SAME_DOCUMENT, _by_document(brought)),
    ):
        with planned_while_few(session, Person):
            found[kind] = len(session.scalars(_flagging(kind, groups.subquery())).all())
    return found


def _flagging(kind: Kind, shared: Subquery) -> ReturningInsert[UUID]:
    return (
        upsert(DuplicateFlag)
        .from_select(
            ["id", "kind", "value_index", "household_count", "flagged_at"],
            select(
                ids.fresh_in_sql(),
                literal(kind.value),
                shared.c.value_index,
                func.greatest(shared.c.households, _asked_anew(kind, shared)),
                literal(clock.now()),
            ),
        )
        .on_conflict_do_nothing()
        .returning(DuplicateFlag.id)
    )


def _asked_anew(kind: Kind, shared: Subquery) -> ScalarSelect[int]:
    """One more than the last decided flag, where somebody came to what is shared after that: nobody decided about them.

    Without this a newcomer who takes the place of somebody that had gone would make as many as were decided about.
    """
    decided, value_index = aliased(DuplicateFlag), shared.c.value_index
    if kind is Kind.SHARED_PHONE:
        came = exists().where(
            PaymentAccount.value_index == value_index, PaymentAccount.kind == PHONE,
            PaymentAccount.replaced_at.is_(None), PaymentAccount.created_at > decided.decided_at,
        )  # fmt: skip
    else:
        corrected = exists().where(
            ChangedPerson.person_id == Person.id, ChangedPerson.sealed.is_not(None),
            HouseholdChange.id == ChangedPerson.change_id, HouseholdChange.recorded_at > decided.decided_at,
        )  # fmt: skip
        came = exists().where(
            Person.document_index == value_index,
            or_(Person.registered_at > decided.decided_at, corrected.correlate(Person, decided)),
        )
    return (
        select(func.max(decided.household_count) + 1)
        .where(decided.kind == kind, decided.value_index == value_index)
        # Said, because of what stands two questions further out SQLAlchemy would ask anew, about everybody.
        .where(came.correlate(shared, decided))
        .scalar_subquery()
    )


def _by_phone(which: ColumnElement[bool]) -> Select[bytes, int]:
    brought = (
        select(PaymentAccount.value_index)
        .join(Person, Person.id == PaymentAccount.person_id)
        .join(Household, Household.id == Person.household_id)
        .where(which, PaymentAccount.kind == PHONE)
    )
    households = func.count(Person.household_id.distinct())
    return (
        select(PaymentAccount.value_index, households.label("households"))
        .join(Person, Person.id == PaymentAccount.person_id)
        .where(PaymentAccount.value_index.in_(brought), PaymentAccount.kind == PHONE)
        .where(PaymentAccount.replaced_at.is_(None))
        .group_by(PaymentAccount.value_index)
        .having(households > 1)
    )


def _by_document(which: ColumnElement[bool]) -> Select[bytes | None, int]:
    brought = (
        select(Person.document_index)
        .join(Household, Household.id == Person.household_id)
        .where(which, Person.document_index.is_not(None))
    )
    households = func.count(Person.household_id.distinct())
    return (
        select(Person.document_index.label("value_index"), households.label("households"))
        .where(Person.document_index.in_(brought))
        .group_by(Person.document_index)
        .having(households > 1)
    )


@dataclass(frozen=True, slots=True)
class Flagged:
    """A flag with the households it is about."""

    flag: DuplicateFlag
    households: tuple[Household, ...]


def list_flags(
    session: Session, actor: Actor, *, open_only: bool = True, limit: int = 1000
) -> list[Flagged]:
    """The flags that count now, the oldest first, with their households."""
    actor.require(Permission.REGISTRY_READ)
    statement = queries.current_flags(open_only=open_only)
    ordered = statement.order_by(DuplicateFlag.flagged_at, DuplicateFlag.id).limit(limit)
    return with_households(session, session.scalars(ordered).all())


def list_unmerged(session: Session, actor: Actor, *, limit: int = 1000) -> list[Flagged]:
    """Documents that were found to be one person's, whose households are not merged yet, the oldest finding first."""
    actor.require(Permission.REGISTRY_READ)
    ordered = queries.unmerged_flags().order_by(DuplicateFlag.decided_at, DuplicateFlag.id)
    return with_households(session, session.scalars(ordered.limit(limit)).all())


def with_households(session: Session, flags: Sequence[DuplicateFlag]) -> list[Flagged]:
    """The same flags with their households, in two queries however many there are."""
    sharing = queries.sharing(session, flags)
    return [Flagged(each, tuple(sharing.get(each.id, ()))) for each in flags]


def decide(
    session: Session, actor: Actor, flag_id: UUID, decision: str, reason: str
) -> DuplicateFlag:
    """Record what was found out about a flag, once; the flag stays open where it takes somebody else, too.

    That one document belongs to several people lifts what holds their payment, so two people say it: the first proposes
    it. That it is one person only goes on holding payment, and families share telephones: there one person decides.
    Raises UnknownFlag, AlreadyDecided, OwnProposal, OwnRecord, UnusableDecision.
    """
    actor.require(Permission.REGISTRY_DECIDE)
    why = reasons.plain(clean(reason))
    if decision not in set(Decision):
        raise UnusableDecision("A decision is “different” or “same”.")
    found = _lock(session, flag_id)
    for home in queries.sharing(session, [found]).get(found.id, []):
        staff.refuse_own(session, actor, home.id)
    by_two = found.kind == Kind.SAME_DOCUMENT and decision == Decision.DIFFERENT
    if by_two and found.proposed_by is None:
        return _propose(session, actor, found, why)
    if by_two and found.proposed_by == actor.id:
        raise OwnProposal(
            "You said so first.", next_step="Somebody else must look at these papers, too."
        )
    decided = session.scalars(
        update(DuplicateFlag)
        .where(DuplicateFlag.id == flag_id, DuplicateFlag.decision.is_(None))
        .values(decision=decision, decided_by=actor.id, decided_at=clock.now(), reason=why)
        .returning(DuplicateFlag),
        execution_options={"synchronize_session": False, "populate_existing": True},
    ).one()
    record(
        session, actor, "duplicate.decided", "duplicate_flag", flag_id, kind=decided.kind, decision=decision,
        households=decided.household_count, proposed_by=str(decided.proposed_by) if by_two else None,
    )  # fmt: skip
    return decided


def withdraw(session: Session, actor: Actor, flag_id: UUID, reason: str) -> DuplicateFlag:
    """Drop what was proposed of a flag: the papers say otherwise, or whoever proposed it was wrong. It stays open.

    Raises UnknownFlag, AlreadyDecided, UnusableReason.
    """
    actor.require(Permission.REGISTRY_DECIDE)
    why = reasons.plain(clean(reason))
    found = _lock(session, flag_id)
    if found.proposed_by is None:
        raise AlreadyDecided("Nothing is proposed of this flag.", next_step="Say what you know.")
    found.proposed_by = found.proposed_at = found.proposed_reason = None
    session.flush()
    record(
        session,
        actor,
        "duplicate.withdrawn",
        "duplicate_flag",
        flag_id,
        kind=found.kind,
        reason=why,
    )
    return found


def _lock(session: Session, flag_id: UUID) -> DuplicateFlag:
    """The flag while it is open and counts, locked. Raises UnknownFlag, AlreadyDecided."""
    found = session.scalar(
        select(DuplicateFlag)
        .where(
            DuplicateFlag.id == flag_id,
            DuplicateFlag.decision.is_(None),
            queries.is_current(DuplicateFlag),
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise _not_open(session, flag_id)
    return found


def _propose(session: Session, actor: Actor, flag: DuplicateFlag, why: str) -> DuplicateFlag:
    if actor.id is None:
        raise OwnProposal(
            "Two people stand behind this, and you are nobody by name.", next_step="Sign in."
        )
    flag.proposed_by, flag.proposed_at, flag.proposed_reason = actor.id, clock.now(), why
    session.flush()
    record(
        session, actor, "duplicate.proposed", "duplicate_flag", flag.id, kind=flag.kind,
        decision=Decision.DIFFERENT.value, households=flag.household_count,
    )  # fmt: skip
    return flag


def _not_open(session: Session, flag_id: UUID) -> UnknownFlag | AlreadyDecided:
    found = session.get(DuplicateFlag, flag_id)
    if found is None:
        return UnknownFlag("There is no such flag.", next_step="See the list of open flags.")
    if found.decision is None:
        return AlreadyDecided(
            "Another household has joined those of this flag, so a newer flag stands for all of them.",
            next_step="Decide on the newer one.",
        )
    return AlreadyDecided(
        f"This was already decided: {found.decision}.", next_step="See who decided it and why."
    )
