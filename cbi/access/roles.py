"""Gives roles and takes them back."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import insert, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_skip
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.models import RoleGrant, User
from cbi.access.permissions import STAFF_ROLES, Permission, Role, check_roles
from cbi.audit.record import record
from cbi.errors import Forbidden, NotFound


class UnknownUser(NotFound):
    """There is no such user."""

    code = "access.unknown_user"


class OwnRoles(Forbidden):
    """Nobody changes their own roles."""

    code = "access.own_roles"


def grant_role(
    session: Session, actor: Actor, user_id: UUID, role: Role, programme: str | None = None
) -> bool:
    """Give a user a role, for one programme or for all; False when it was held already.

    Raises OwnRoles, UnknownUser, RolesNotAllowed.
    """
    _check(session, actor, user_id)
    held = session.scalars(
        select(RoleGrant.role).where(RoleGrant.user_id == user_id, RoleGrant.revoked_at.is_(None))
    )
    check_roles({*held, role}, STAFF_ROLES)
    given = session.scalar(
        insert_or_skip(RoleGrant)
        .values(
            user_id=user_id,
            role=role,
            programme=programme,
            granted_by=actor.id,
            granted_at=clock.now(),
        )
        .on_conflict_do_nothing()
        .returning(RoleGrant.id)
    )
    if given is None:
        return False
    record(session, actor, "access.role_granted", "user", user_id, role=role, programme=programme)
    return True


def revoke_role(
    session: Session, actor: Actor, user_id: UUID, role: Role, programme: str | None = None
) -> bool:
    """Take a role back from a user; False when it was not held. Raises OwnRoles, UnknownUser."""
    _check(session, actor, user_id)
    taken = session.execute(
        update(RoleGrant)
        .where(
            RoleGrant.user_id == user_id,
            RoleGrant.role == role,
            RoleGrant.programme.is_not_distinct_from(programme),
            RoleGrant.revoked_at.is_(None),
        )
        .values(revoked_at=clock.now())
        .returning(RoleGrant.id)
    ).first()
    if taken is None:
        return False
    record(session, actor, "access.role_revoked", "user", user_id, role=role, programme=programme)
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
