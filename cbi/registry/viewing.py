"""Opens what identifies a person, for a stated purpose, and writes down that somebody looked.

Whoever shows names, numbers, documents or dates of birth to a person calls `noted` in the same transaction: no view
without its row. What goes to a provider or a telephone is no view; it stands with the payment.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import any_, bindparam, func, insert, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session
from sqlalchemy.types import Text, Uuid

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.models import RoleGrant, User
from cbi.access.permissions import Permission
from cbi.errors import Invalid
from cbi.registry import naming, personal
from cbi.registry.disclosing.models import Disclosure
from cbi.registry.import_models import Import, RejectedRow
from cbi.registry.intake.models import RowEnd, RowView
from cbi.registry.linkage import staff
from cbi.registry.models import Household, Person
from cbi.registry.purposes import Purpose
from cbi.registry.view_models import PersonView
from cbi.scope import seeing_all


class Field(StrEnum):
    """What can be opened of a person."""

    NAME = "name"
    PHONE = "phone"
    DOCUMENT = "document"
    BORN = "born_on"


class UnusablePurpose(Invalid):
    """It was not said what the data is opened for, or nothing of it was asked for."""

    code = "registry.unusable_purpose"


@dataclass(frozen=True, slots=True)
class Opened:
    """One person in clear. Never kept, never logged. None: not asked for, not known, or erased."""

    person_id: UUID
    is_head: bool
    is_recipient: bool
    name: str | None = field(repr=False)
    phone: str | None = field(repr=False)
    document: str | None = field(repr=False)
    born_on: str | None = field(repr=False)
    """A day, or `age 40` where that was all that was said at registration."""
    erased: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """One look at somebody's data. `roles` are those that whoever looked holds now."""

    seen_at: datetime
    who: str | None
    roles: tuple[str, ...]
    fields: tuple[str, ...]
    purpose: Purpose
    left_house: bool = False
    """Whether it left in a list, and was not only looked at here."""
    told_to: str | None = None
    """Who outside was told it, under a disclosure that the legal officer approved."""


def noted(
    session: Session,
    actor: Actor,
    person_ids: Collection[UUID],
    fields: Collection[str],
    purpose: Purpose,
    *,
    export_id: UUID | None = None,
    disclosure_id: UUID | None = None,
    at: datetime | None = None,
) -> None:
    """Write down that the actor is shown these fields of these people; one statement however many they are.

    `export_id` and `disclosure_id`: in which list they leave the house, and what allows it to go to somebody outside.
    """
    if not person_ids:
        return
    session.execute(
        insert(PersonView).from_select(
            [
                "person_id",
                "fields",
                "purpose",
                "actor_kind",
                "actor_id",
                "seen_at",
                "export_id",
                "disclosure_id",
            ],
            select(
                func.unnest(bindparam(None, list(person_ids), ARRAY(Uuid))),
                literal(sorted(fields), ARRAY(Text)),
                literal(str(purpose)),
                literal(actor.kind),
                literal(actor.id, Uuid),
                literal(at or clock.now()),
                literal(export_id, Uuid),
                literal(disclosure_id, Uuid),
            ),
        )
    )


def opened(
    session: Session, actor: Actor, number: str, fields: Collection[str], purpose: str
) -> Sequence[Opened]:
    """The people of a household in clear, the head first; the look is written down.

    Raises UnknownHousehold, UnusablePurpose, OwnRecord.
    """
    actor.require(Permission.PERSON_OPEN)
    wanted = _fields(fields)
    why = _purpose(purpose)
    household = naming.named(session, number)
    staff.refuse_own(session, actor, household.id)
    people = session.scalars(
        select(Person)
        .where(Person.household_id == household.id)
        .order_by(Person.is_head.desc(), Person.is_recipient.desc(), Person.id)
    ).all()
    noted(session, actor, [person.id for person in people], wanted, why)
    clear = personal.in_clear(session, people)
    return [
        Opened(
            person.id,
            person.is_head,
            person.is_recipient,
            clear[person.id].name if Field.NAME in wanted else None,
            clear[person.id].phone if Field.PHONE in wanted else None,
            clear[person.id].document if Field.DOCUMENT in wanted else None,
            clear[person.id].born_on if Field.BORN in wanted else None,
            erased=person.data_key is None,
        )
        for person in people
    ]


def _fields(asked: Collection[str]) -> frozenset[Field]:
    strange = [each for each in asked if each not in set(Field)]
    if strange or not asked:
        raise UnusablePurpose(
            f"Nothing of a person is called {strange[0][:40]!r}."
            if strange
            else "Say what is to be opened.",
            next_step=f"There is: {', '.join(Field)}.",
        )
    return frozenset(Field(each) for each in asked)


def _purpose(said: str) -> Purpose:
    if said not in set(Purpose):
        raise UnusablePurpose(
            "Say what the data is opened for.", next_step=f"One of: {', '.join(Purpose)}."
        )
    return Purpose(said)


def seen(
    session: Session, actor: Actor, number: str, *, names: bool, limit: int = 1000
) -> Sequence[Seen]:
    """Who has looked at the people of a household, the latest first; asking is no look.

    With `names` for whoever audits; without them, by role only, as it is handed to the person, and without what was
    told to somebody outside where the legal ground forbids to say so. Raises UnknownHousehold.
    """
    actor.require(Permission.VIEWS_READ if names else Permission.REGISTRY_READ)
    household = naming.named(session, number)
    rows = session.execute(
        select(PersonView, User.full_name, Disclosure.requester)
        .outerjoin(User, (User.id == PersonView.actor_id) & (PersonView.actor_kind == "user"))
        .outerjoin(Disclosure, Disclosure.id == PersonView.disclosure_id)
        .where(
            literal(names) | Disclosure.silence.is_(None),
            PersonView.person_id.in_(select(Person.id).where(Person.household_id == household.id)),
        )
        .order_by(PersonView.seen_at.desc(), PersonView.id.desc())
        .limit(limit)
    ).all()
    listed = _of_their_rows(session, household, limit)
    looked = {view.actor_id for view, *_ in rows} | {row.actor_id for row in listed}
    roles = _roles(session, {each for each in looked if each})

    def by(kind: str, who: UUID | None) -> tuple[str, ...]:
        return roles.get(who, (kind,)) if who else (kind,)

    found: dict[tuple[datetime, UUID | None, Purpose, UUID | int | None], Seen] = {}
    # A household that was opened at once is one look, not one for each member.
    for view, who, told_to in rows:
        found.setdefault(
            (view.seen_at, view.actor_id, view.purpose, view.export_id),
            Seen(
                view.seen_at, who if names else None, by(view.actor_kind, view.actor_id), tuple(view.fields), view.purpose,
                view.export_id is not None, told_to,
            ),
        )  # fmt: skip
    for row in listed:
        found.setdefault(
            (row.seen_at, row.actor_id, row.purpose, row.workbook),
            Seen(
                row.seen_at, row.full_name if names else None, by(row.actor_kind, row.actor_id), tuple(Field),
                row.purpose, row.workbook is not None,
            ),
        )  # fmt: skip
    return sorted(found.values(), key=lambda each: each.seen_at, reverse=True)[:limit]


def _of_their_rows(session: Session, household: Household, limit: int) -> Sequence[Any]:
    """Who looked at rows of lists that were to be this household, before it could be registered, or beside it."""
    by_number = select(RejectedRow.id).where(RejectedRow.source_id == household.source_id)
    put_right = select(RowEnd.rejected_row_id).where(RowEnd.source_id == household.source_id)
    columns = (
        RowView.seen_at,
        RowView.actor_kind,
        RowView.actor_id,
        RowView.purpose,
        RowView.workbook,
    )
    wanted = (
        select(*columns, User.full_name)
        .join(RejectedRow, RejectedRow.id == RowView.rejected_row_id)
        .join(Import, Import.id == RejectedRow.import_id)
        .outerjoin(User, (User.id == RowView.actor_id) & (RowView.actor_kind == "user"))
        .where(Import.source == household.source, RejectedRow.id.in_(by_number.union(put_right)))
        .order_by(RowView.seen_at.desc(), RowView.id.desc())
        .limit(limit)
    )
    with seeing_all(session):  # whoever brought the list may work in another area
        return session.execute(wanted).all()


def _roles(session: Session, users: Collection[UUID]) -> dict[UUID, tuple[str, ...]]:
    held = session.execute(
        select(RoleGrant.user_id, func.array_agg(RoleGrant.role.distinct()))
        .where(
            RoleGrant.user_id == any_(bindparam(None, list(users), ARRAY(Uuid))),
            RoleGrant.revoked_at.is_(None),
        )
        .group_by(RoleGrant.user_id)
    )
    return {user: tuple(sorted(str(role) for role in roles)) for user, roles in held if user}
