"""What an HTTP route asks of whoever calls it."""

from typing import cast

from fastapi import Request

from cbi.access.actor import Actor, NotPermitted
from cbi.access.permissions import Permission
from cbi.http.requests import Principal
from cbi.http.routing import Guard


class May(Guard):
    """Lets in whoever holds the permission for at least one programme; the use case asks again, for the very one."""

    def check(self, principal: Principal) -> None:
        """Raise NotPermitted unless the permission is held."""
        actor = cast(Actor, principal)
        if self.permission is not None and not actor.may_somewhere(Permission(self.permission)):
            raise NotPermitted(
                f"You do not have the permission {self.permission}.",
                next_step="Ask an administrator for a role that has it.",
                permission=str(self.permission),
            )

    async def __call__(self, request: Request) -> Actor:
        return cast(Actor, request.state.principal)


def may(permission: Permission) -> May:
    """`actor: Annotated[Actor, Depends(may(Permission.RUN_READ))]`: the route's declared permission, and its actor."""
    return May(permission)


signed_in = May(None)
"""`Depends(signed_in)`: for what anybody with a valid token may do about themself, such as signing out."""
