"""Gives roles and takes them back."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy import insert, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_skip
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.models import RoleGrant, User
from cbi.access.permissions import AREA_ROLES, STAFF_ROLES, Permission, Role, check_roles
from cbi.audit.record import record
from cbi.db import constraint
from cbi.errors import Forbidden, Invalid, NotFound


class UnknownUser(NotFound):
    """There is no such user."""

    code = "access.unknown_user"


class NotForAreas(Invalid):
    """This role cannot be held for an area, or not beside the others."""

    code = "access.not_for_areas"


class NoSuchArea(NotFound):
    """The tree of places has no area of this code."""

    code = "access.no_such_area"


class OwnRoles(Forbidden):
    """Nobody changes their own roles."""

    code = "access.own_roles"


def grant_role(
    session: Session,
    actor: Actor,
    user_id: UUID,
    role: Role,
    programme: str | None = None,
    area: str | None = None,
) -> bool:
    """Give a user a role, for one programme or for all, in one area or in the whole office; False when it was held.

    Raises OwnRoles, UnknownUser, RolesNotAllowed, NotForAreas, NoSuchArea.
    """
    _check(session, actor, user_id)
    held = session.execute(
        select(RoleGrant.role, RoleGrant.area).where(
            RoleGrant.user_id == user_id, RoleGrant.revoked_at.is_(None)
        )
    ).all()
    check_roles({*(each for each, _ in held), role}, STAFF_ROLES)
    _check_area(role, area, [where for _, where in held])
    row = {
        "user_id": user_id, "role": role, "programme": programme, "area": area, "granted_by": actor.id,
        "granted_at": clock.now(),
    }  # fmt: skip
    try:
        with session.begin_nested():
            given = session.scalar(
                insert_or_skip(RoleGrant)
                .values(row)
                .on_conflict_do_nothing()
                .returning(RoleGrant.id)
            )
    except IntegrityError as error:
        if constraint(error) != "fk_role_grants_area_areas":
            raise
        raise NoSuchArea(
            f"There is no area with the code {area!r}.", next_step="See: cbi areas list"
        ) from None
    if given is None:
        return False
    record(session, actor, "access.role_granted", "user", user_id, **_told(role, programme, area))
    return True


def _told(role: Role, programme: str | None, area: str | None) -> dict[str, object]:
    told: dict[str, object] = {"role": role, "programme": programme}
    return told | ({"area": area} if area else {})


def _check_area(role: Role, area: str | None, others: Sequence[str | None]) -> None:
    """Raise NotForAreas unless the role may be held there, beside the roles that are held already."""
    if area is not None and role not in AREA_ROLES:
        raise NotForAreas(
            f"The role {role} is for the whole office: whoever signs, moves money, audits or gives roles must see all"
            " that they answer for.",
            next_step=f"These may be held for areas: {', '.join(sorted(AREA_ROLES))}.",
        )
    if any((area is None) != (where is None) for where in others):
        raise NotForAreas(
            "One person's roles are all for areas, or all for the whole office: what they see would else depend on which"
            " of their roles they happen to use.",
            next_step="Take the other roles back first, or give this one in the same way.",
        )


def revoke_role(
    session: Session,
    actor: Actor,
    user_id: UUID,
    role: Role,
    programme: str | None = None,
    area: str | None = None,
) -> bool:
    """Take a role back from a user; False when it was not held. Raises OwnRoles, UnknownUser."""
    _check(session, actor, user_id)
    taken = session.execute(
        update(RoleGrant)
        .where(
            RoleGrant.user_id == user_id,
            RoleGrant.role == role,
            RoleGrant.programme.is_not_distinct_from(programme),
            RoleGrant.area.is_not_distinct_from(area),
            RoleGrant.revoked_at.is_(None),
        )
        .values(revoked_at=clock.now())
        .returning(RoleGrant.id)
    ).first()
    if taken is None:
        return False
    record(session, actor, "access.role_revoked", "user", user_id, **_told(role, programme, area))
    return True


def give_first_roles(
    session: Session,
    actor: Actor,
    roles: Iterable[Role],
    programme: str | None,
    *,
    user_id: UUID | None = None,
    client_id: UUID | None = None,
) -> None:
    """Write the roles of a user or client made in this transaction; whoever calls has checked them."""
    rows = [
        {
            "user_id": user_id,
            "client_id": client_id,
            "role": role,
            "programme": programme,
            "granted_by": actor.id,
            "granted_at": clock.now(),
        }
        for role in sorted(set(roles))
    ]
    if rows:
        session.execute(insert(RoleGrant), rows)


def _check(session: Session, actor: Actor, user_id: UUID) -> None:
    actor.require(Permission.USER_MANAGE)
    if actor.id == user_id:
        raise OwnRoles("Nobody changes their own roles.", next_step="Ask another administrator.")
    # The row is locked so that two roles that may not be held together cannot be given at the same time.
    known = session.scalar(select(User.id).where(User.id == user_id).with_for_update())
    if known is None:
        raise UnknownUser(f"There is no user {user_id}.")
