"""Finds the actor behind an account: who it is and what its roles allow at this moment; and who may do a thing."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, Row, literal, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from cbi.access.actor import Actor, grants_of
from cbi.access.models import ApiClient, RoleGrant, User
from cbi.access.permissions import IN_AN_AREA, ROLE_PERMISSIONS, Permission, Role


@dataclass(frozen=True, slots=True)
class Holder:
    """A member of staff who holds a permission, for one programme or (None) for all of them."""

    user_id: UUID
    username: str
    programme: str | None
    full_name: str


def holding(session: Session, permission: Permission) -> list[Holder]:
    """The members of staff who hold the permission now, by user name; once for each programme."""
    roles = [role for role, held in ROLE_PERMISSIONS.items() if permission in held]
    in_areas = permission in IN_AN_AREA
    rows = session.execute(
        select(User.id, User.username, RoleGrant.programme, User.full_name)
        .join(RoleGrant, _live(RoleGrant.user_id, User.id))
        .where(User.disabled_at.is_(None), RoleGrant.role.in_(roles))
        .where(RoleGrant.area.is_(None) | literal(in_areas))
        .distinct()
        .order_by(User.username, RoleGrant.programme)
    )
    return [Holder(*row) for row in rows]


def names_of(session: Session, ids: Collection[UUID | None]) -> dict[UUID, str]:
    """The names of these members of staff."""
    wanted = {each for each in ids if each is not None}
    rows = session.execute(select(User.id, User.full_name).where(User.id.in_(wanted)))
    return {row.id: row.full_name for row in rows}


@dataclass(frozen=True, slots=True)
class Held:
    """A role, for one programme or (None) for all of them, in one area or (None) in the whole office."""

    role: Role
    programme: str | None
    area: str | None = None

    def __str__(self) -> str:
        held = f"{self.role} ({self.programme})" if self.programme else str(self.role)
        return f"{held} in {self.area}" if self.area else held


@dataclass(frozen=True, slots=True)
class Colleague:
    """A member of staff as the administrator sees them."""

    username: str
    full_name: str
    roles: tuple[Held, ...]
    has_authenticator: bool
    may_sign_in: bool


def colleagues(session: Session) -> list[Colleague]:
    """Everybody who has an account, by user name, also those whose account is closed."""
    held: dict[UUID | None, list[Held]] = {}
    for user_id, role, programme, area in session.execute(
        select(RoleGrant.user_id, RoleGrant.role, RoleGrant.programme, RoleGrant.area)
        .where(RoleGrant.user_id.is_not(None), RoleGrant.revoked_at.is_(None))
        .order_by(RoleGrant.role, RoleGrant.programme, RoleGrant.area)
    ):
        held.setdefault(user_id, []).append(Held(role, programme, area))
    return [
        Colleague(
            user.username, user.full_name, tuple(held.get(user.id, ())),
            user.totp_secret is not None, user.disabled_at is None,
        )
        for user in session.scalars(select(User).order_by(User.username))
    ]  # fmt: skip


def user_actor(session: Session, user_id: UUID) -> Actor | None:
    """The actor of a member of staff, or None when there is none or the account is disabled."""
    rows = session.execute(
        select(User.username, RoleGrant.role, RoleGrant.programme, RoleGrant.area)
        .join(RoleGrant, _live(RoleGrant.user_id, User.id), isouter=True)
        .where(User.id == user_id, User.disabled_at.is_(None))
    ).all()
    return _actor("user", user_id, rows)


def areas_of(session: Session, user_id: UUID) -> frozenset[str] | None:
    """The areas that a member of staff is held to, by the roles they have, or else had last; None: the whole office."""
    held = session.execute(
        select(RoleGrant.area, RoleGrant.revoked_at.is_(None)).where(RoleGrant.user_id == user_id)
    ).all()
    live = [area for area, is_live in held if is_live] or [area for area, _ in held]
    return frozenset(area for area in live if area is not None) or None


def client_actor(session: Session, client_id: UUID) -> Actor | None:
    """The actor of a program, or None when there is none or it is disabled."""
    rows = session.execute(
        select(ApiClient.name, RoleGrant.role, RoleGrant.programme, RoleGrant.area)
        .join(RoleGrant, _live(RoleGrant.client_id, ApiClient.id), isouter=True)
        .where(ApiClient.id == client_id, ApiClient.disabled_at.is_(None))
    ).all()
    return _actor("client", client_id, rows)


def _live(
    holder: InstrumentedAttribute[UUID | None], account: InstrumentedAttribute[UUID]
) -> ColumnElement[bool]:
    return (holder == account) & RoleGrant.revoked_at.is_(None)


def _actor(
    kind: str, holder_id: UUID, rows: Sequence[Row[str, Role, str | None, str | None]]
) -> Actor | None:
    if not rows:
        return None
    held = [(role, programme) for _, role, programme, _ in rows if role is not None]
    # Nobody is given both kinds of role; had somebody both, the narrower would hold for all that they do.
    areas = frozenset(area for *_, area in rows if area is not None) or None
    return Actor(kind, holder_id, rows[0][0], grants_of(held, in_areas=areas is not None), areas)
