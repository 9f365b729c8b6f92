"""Whoever acts: a member of staff, a teller, a program or the worker, with what they may do."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from cbi.access.permissions import IN_AN_AREA, ROLE_PERMISSIONS, Permission, Role
from cbi.errors import Forbidden


class NotPermitted(Forbidden):
    """No role of the actor carries the permission (for this programme)."""

    code = "access.not_permitted"


@dataclass(frozen=True, slots=True)
class Actor:
    """`kind` is user, client, teller or system. A grant is a permission and a programme's code (None: all of them)."""

    kind: str
    id: UUID | None
    name: str = field(repr=False)
    grants: frozenset[tuple[Permission, str | None]] = frozenset()
    areas: frozenset[str] | None = None
    """The codes of the areas whose households they see, with everything below; None: the whole office."""

    def may(self, permission: Permission, programme: str | None = None) -> bool:
        """Whether the actor holds the permission for this programme; without one, for the whole office."""
        return (permission, None) in self.grants or (
            programme is not None and (permission, programme) in self.grants
        )

    def may_somewhere(self, permission: Permission) -> bool:
        """Whether the actor holds the permission for at least one programme: what the door asks."""
        return any(held == permission for held, _ in self.grants)

    def programmes(self, permission: Permission) -> frozenset[str] | None:
        """The programmes the permission is held for; None means every one."""
        if (permission, None) in self.grants:
            return None
        return frozenset(
            programme for held, programme in self.grants if held == permission and programme
        )

    def require(self, permission: Permission, programme: str | None = None) -> None:
        """Raise NotPermitted unless held. Without a programme it must be held for the whole office."""
        if not self.may(permission, programme):
            where = f" for the programme {programme}" if programme else ""
            raise NotPermitted(
                f"You do not have the permission {permission}{where}.",
                next_step="Ask an administrator for a role that has it.",
                permission=str(permission),
            )


def grants_of(
    roles: Iterable[tuple[Role, str | None]], *, in_areas: bool = False
) -> frozenset[tuple[Permission, str | None]]:
    """What roles (each for a programme, or None for all) allow together; `in_areas`: where they are held for areas."""
    return frozenset(
        (permission, programme)
        for role, programme in roles
        for permission in ROLE_PERMISSIONS[role]
        if not in_areas or permission in IN_AN_AREA
    )


_P = Permission

SYSTEM = Actor(
    "system",
    None,
    "the engine",
    frozenset(
        (permission, None)
        for permission in (
            _P.CYCLE_OPEN, _P.RUN_BUILD, _P.RUN_LOCK, _P.RUN_READ, _P.RUN_RELEASE, _P.PAYMENT_READ, _P.STATEMENT_IMPORT,
            _P.FUND_READ, _P.DISCREPANCY_READ, _P.PROGRAMME_READ, _P.PROOF_READ, _P.REGISTRY_READ,
            _P.REGISTRY_IMPORT,
        )
    ),
)  # fmt: skip
"""The worker and the scheduler. They carry out what people approved, and approve nothing."""
