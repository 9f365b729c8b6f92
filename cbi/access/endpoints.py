"""Signing in and out, people, programs, and the audit log, over HTTP."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

import pyotp
from fastapi import Depends, Query, Request
from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi import offices
from cbi.access import clients, roles, tokens, totp, users
from cbi.access.actor import Actor
from cbi.access.guards import may, signed_in
from cbi.access.models import ApiClient, RoleGrant, User
from cbi.access.permissions import Permission
from cbi.access.schemas import (
    AuditEntryOut,
    Changed,
    ClientOut,
    ClientWithKey,
    Credentials,
    Me,
    NewClient,
    NewPassword,
    NewUser,
    OneTimeCodeSecret,
    RoleFor,
    SignedIn,
    UserOut,
)
from cbi.audit.models import AuditEntry
from cbi.http.pages import Cursor, Limit, Page, page
from cbi.http.requests import OfficeSession, bearer, sign_in_at
from cbi.http.routing import Router

router = Router(tags=["Access"])

Anybody = Annotated[Actor, Depends(signed_in)]
Administrator = Annotated[Actor, Depends(may(Permission.USER_MANAGE))]
Auditor = Annotated[Actor, Depends(may(Permission.AUDIT_READ))]


@router.post("/sign-in", summary="Sign in as a member of staff")
def sign_in(request: Request, body: Credentials) -> SignedIn:
    """Answers 401 alike for an unknown name, a wrong password and a pause. Needs no token and no key."""
    code = body.code.get_secret_value() if body.code else None
    token = sign_in_at(
        request,
        body.office,
        lambda session: users.sign_in(
            session, body.username, body.password.get_secret_value(), code
        ),
    )
    return SignedIn(
        token=token,
        idle_minutes=int(tokens.IDLE.total_seconds()) // 60,
        hours=int(tokens.LONGEST.total_seconds()) // 3600,
    )


@router.post("/sign-out", status_code=204, summary="End this sign-in")
def sign_out(request: Request, session: OfficeSession, actor: Anybody) -> None:
    """The token opens nothing any more. The key of an API client is not a sign-in, and stays."""
    tokens.end_sign_in(session, bearer(request)[1])


@router.get("/me", summary="Who the token belongs to, and what they may do")
def me(actor: Anybody) -> Me:
    """For a screen that shows only what its user may use."""
    return Me.of(actor)


@router.post("/me/password", status_code=204, summary="Change one's own password")
def change_password(session: OfficeSession, actor: Anybody, body: NewPassword) -> None:
    """Every sign-in of the user ends, this one too."""
    users.change_password(session, actor, body.old.get_secret_value(), body.new.get_secret_value())


@router.post("/users", status_code=201, summary="Make a member of staff")
def create_user(session: OfficeSession, actor: Administrator, body: NewUser) -> UserOut:
    """The password is told to the user by another way than this system; they change it at once."""
    user = users.create_user(
        session,
        actor,
        username=body.username,
        full_name=body.full_name,
        password=body.password.get_secret_value(),
        roles=body.roles,
        programme=body.programme,
    )
    return _with_roles(session, [user])[0]


@router.get("/users", summary="Members of staff")
def list_users(
    session: OfficeSession, actor: Administrator, limit: Limit = 50, cursor: Cursor = None
) -> Page[UserOut]:
    """In the order of their user names, disabled ones too."""
    actor.require(Permission.USER_MANAGE)
    found = page(
        session, select(User), lambda user: user, by=[User.username], limit=limit, cursor=cursor
    )
    return Page(items=_with_roles(session, found.items), next_cursor=found.next_cursor)


@router.post("/users/{user_id}/roles", summary="Give a role")
def grant_role(
    session: OfficeSession, actor: Administrator, user_id: UUID, body: RoleFor
) -> Changed:
    """Not to oneself, and never two that may not be held together."""
    changed = roles.grant_role(session, actor, user_id, body.role, body.programme, body.area)
    return Changed(changed=changed)


@router.post("/users/{user_id}/roles/revoke", summary="Take a role back")
def revoke_role(
    session: OfficeSession, actor: Administrator, user_id: UUID, body: RoleFor
) -> Changed:
    """It counts from the next request of that user."""
    changed = roles.revoke_role(session, actor, user_id, body.role, body.programme, body.area)
    return Changed(changed=changed)


@router.post("/users/{user_id}/disable", summary="Let a user in no more")
def disable_user(session: OfficeSession, actor: Administrator, user_id: UUID) -> Changed:
    """Every sign-in of the user ends."""
    return Changed(changed=users.disable_user(session, actor, user_id))


@router.post("/users/{user_id}/one-time-code", status_code=201, summary="Register an authenticator")
def enrol(session: OfficeSession, actor: Anybody, user_id: UUID) -> OneTimeCodeSecret:
    """Only for oneself. The secret is shown once; from then on signing in takes a code too."""
    if actor.kind != "user" or actor.id != user_id:
        raise roles.UnknownUser("This is not your user.", next_step="See: GET /api/v1/me")
    secret = totp.enrol(session, user_id)
    issuer = f"CBI {offices.office_of(session).code}"
    return OneTimeCodeSecret(
        secret=secret, uri=pyotp.TOTP(secret).provisioning_uri(name=actor.name, issuer_name=issuer)
    )


@router.post(
    "/users/{user_id}/one-time-code/withdraw",
    status_code=204,
    summary="Withdraw a lost authenticator",
)
def withdraw(session: OfficeSession, actor: Administrator, user_id: UUID) -> None:
    """Not for oneself. The user registers a new one."""
    totp.withdraw(session, actor, user_id)


@router.post("/api-clients", status_code=201, summary="Let a program in")
def create_client(session: OfficeSession, actor: Administrator, body: NewClient) -> ClientWithKey:
    """The key is shown once, in this answer."""
    client, key = clients.create_client(
        session, actor, name=body.name, roles=body.roles, programme=body.programme
    )
    return ClientWithKey(id=client.id, name=client.name, key=key)


@router.get("/api-clients", summary="Programs that may call the API")
def list_clients(
    session: OfficeSession, actor: Administrator, limit: Limit = 50, cursor: Cursor = None
) -> Page[ClientOut]:
    """In the order of their names, disabled ones too."""
    actor.require(Permission.USER_MANAGE)
    return page(
        session, select(ApiClient), ClientOut.of, by=[ApiClient.name], limit=limit, cursor=cursor
    )


@router.post("/api-clients/{client_id}/disable", summary="Let a program in no more")
def disable_client(session: OfficeSession, actor: Administrator, client_id: UUID) -> Changed:
    """Its key opens nothing any more."""
    return Changed(changed=clients.disable_client(session, actor, client_id))


@router.get("/audit-entries", summary="Who did what, newest first")
def list_audit_entries(
    session: OfficeSession,
    actor: Auditor,
    subject_kind: Annotated[str | None, Query(max_length=100)] = None,
    subject_id: Annotated[str | None, Query(max_length=100)] = None,
    actor_id: UUID | None = None,
    act: Annotated[str | None, Query(max_length=100)] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[AuditEntryOut]:
    """For one thing, one person or one act, or all of it."""
    actor.require(Permission.AUDIT_READ)
    wanted = {
        AuditEntry.subject_kind: subject_kind,
        AuditEntry.subject_id: subject_id,
        AuditEntry.actor_id: actor_id,
        AuditEntry.act: act,
    }
    statement = select(AuditEntry).where(
        *(column == value for column, value in wanted.items() if value is not None)
    )
    return page(
        session,
        statement,
        AuditEntryOut.of,
        by=[AuditEntry.id],
        limit=limit,
        cursor=cursor,
        newest_first=True,
    )


def _with_roles(session: Session, people: Sequence[User]) -> list[UserOut]:
    """Users with their roles: one query for all."""
    held: dict[UUID | None, list[RoleGrant]] = defaultdict(list)
    for grant in session.scalars(
        select(RoleGrant)
        .where(RoleGrant.user_id.in_([user.id for user in people]), RoleGrant.revoked_at.is_(None))
        .order_by(RoleGrant.role)
    ):
        held[grant.user_id].append(grant)
    return [UserOut.of(user, held[user.id]) for user in people]
