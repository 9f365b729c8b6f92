"""Programs that call the API: made by an administrator, each with a key that is shown once."""

from collections.abc import Sequence
from uuid import UUID, uuid4

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access import tokens
from cbi.access.actor import Actor
from cbi.access.models import ApiClient
from cbi.access.permissions import CLIENT_ROLES, Permission, Role, check_roles
from cbi.access.roles import give_first_roles
from cbi.audit.record import record
from cbi.errors import Conflict, NotFound


class ClientNameTaken(Conflict):
    """There is a client of this name."""

    code = "access.client_name_taken"


class UnknownClient(NotFound):
    """There is no such client."""

    code = "access.unknown_client"


def create_client(
    session: Session,
    actor: Actor,
    *,
    name: str,
    roles: Sequence[Role] = (Role.INTEGRATOR,),
    programme: str | None = None,
) -> tuple[ApiClient, str]:
    """Make a client; returns it with its key, of which only a hash is kept.

    Raises NotPermitted, ClientNameTaken, RolesNotAllowed.
    """
    actor.require(Permission.USER_MANAGE)
    check_roles(roles, CLIENT_ROLES)
    key, kept = tokens.new_token(session)
    client = session.scalar(
        insert(ApiClient)
        .values(id=uuid4(), name=name.strip(), key_hash=kept, created_at=clock.now())
        .on_conflict_do_nothing()
        .returning(ApiClient)
    )
    if client is None:
        raise ClientNameTaken("There is a client of this name.", next_step="Choose another.")
    give_first_roles(session, actor, roles, programme, client_id=client.id)
    record(
        session,
        actor,
        "access.client_created",
        "client",
        client.id,
        roles=sorted(roles),
        programme=programme,
    )
    return client, key


def disable_client(session: Session, actor: Actor, client_id: UUID) -> bool:
    """Let a program in no more; False when that was so already. Raises UnknownClient."""
    actor.require(Permission.USER_MANAGE)
    disabled = session.execute(
        update(ApiClient)
        .where(ApiClient.id == client_id, ApiClient.disabled_at.is_(None))
        .values(disabled_at=clock.now())
        .returning(ApiClient.id)
    ).first()
    if disabled is None:
        if session.get(ApiClient, client_id) is None:
            raise UnknownClient(f"There is no client {client_id}.")
        return False
    record(session, actor, "access.client_disabled", "client", client_id)
    return True
