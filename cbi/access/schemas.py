"""What the routes for people, programs and the audit log take and give."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints

from cbi.access.actor import Actor
from cbi.access.models import ApiClient, RoleGrant, User
from cbi.access.permissions import Role
from cbi.audit.models import AuditEntry
from cbi.http.replay import ShownOnce

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
ProgrammeCode = Annotated[str, StringConstraints(min_length=1, max_length=100)]


class _Given(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Credentials(_Given):
    """Who signs in, and where. `code` is the one-time code, for those who have an authenticator."""

    office: str = Field(max_length=31, examples=["dz"])
    username: str = Field(max_length=100)
    password: SecretStr = Field(max_length=1000)
    code: SecretStr | None = Field(None, max_length=20)


class SignedIn(ShownOnce):
    """Send the token with each request, as `Authorization: Bearer …`."""

    token: str
    idle_minutes: int
    hours: int


class NewUser(_Given):
    """A member of staff to make."""

    username: str = Field(max_length=100)
    full_name: Name
    password: SecretStr = Field(max_length=1000)
    roles: list[Role] = Field(max_length=20)
    programme: ProgrammeCode | None = Field(None, description="Only for this programme; else all.")


class RoleFor(_Given):
    """A role, for one programme or (without one) for all of them, in one area or (without one) in the whole office."""

    role: Role
    programme: ProgrammeCode | None = None
    area: str | None = Field(None, max_length=40, examples=["DZ31"])


class Held(BaseModel):
    """A role that somebody holds."""

    role: Role
    programme: str | None
    area: str | None


class UserOut(BaseModel):
    """A member of staff."""

    id: UUID
    username: str
    full_name: str
    created_at: datetime
    disabled_at: datetime | None
    has_one_time_codes: bool
    roles: list[Held]

    @classmethod
    def of(cls, user: User, grants: list[RoleGrant]) -> "UserOut":
        """A user with the roles they hold now."""
        return cls(
            id=user.id,
            username=user.username,
            full_name=user.full_name,
            created_at=user.created_at,
            disabled_at=user.disabled_at,
            has_one_time_codes=user.totp_secret is not None,
            roles=[Held.model_validate(grant, from_attributes=True) for grant in grants],
        )


class Changed(BaseModel):
    """`changed` is false when it was so before."""

    changed: bool


class Me(BaseModel):
    """Whoever the token belongs to, and what they may do. A permission without a programme holds for all."""

    kind: str
    id: UUID
    name: str
    permissions: list[tuple[str, str | None]]
    areas: list[str] | None = Field(description="The areas whose households they see; null: all.")

    @classmethod
    def of(cls, actor: Actor) -> "Me":
        """An actor as they see themself."""
        assert actor.id is not None
        held = sorted(actor.grants, key=lambda grant: (grant[0], grant[1] or ""))
        areas = None if actor.areas is None else sorted(actor.areas)
        return cls(
            kind=actor.kind, id=actor.id, name=actor.name, permissions=list(held), areas=areas
        )


class NewPassword(_Given):
    """A change of one's own password."""

    old: SecretStr = Field(max_length=1000)
    new: SecretStr = Field(max_length=1000)


class OneTimeCodeSecret(ShownOnce):
    """The secret for the authenticator app, shown once; `uri` is the same as a QR code holds."""

    secret: str
    uri: str


class NewClient(_Given):
    """A program to let in."""

    name: Name
    roles: list[Role] = Field(default=[Role.INTEGRATOR], max_length=20)
    programme: ProgrammeCode | None = None


class ClientOut(BaseModel):
    """A program that may call the API."""

    id: UUID
    name: str
    created_at: datetime
    disabled_at: datetime | None

    @classmethod
    def of(cls, client: ApiClient) -> "ClientOut":
        """A client without its key, which nobody has but the client."""
        return cls(
            id=client.id,
            name=client.name,
            created_at=client.created_at,
            disabled_at=client.disabled_at,
        )


class ClientWithKey(ShownOnce):
    """A new client with its key, shown once."""

    id: UUID
    name: str
    key: str


class AuditEntryOut(BaseModel):
    """Who did what to which thing."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    at: datetime
    actor_kind: str
    actor_id: UUID | None
    act: str
    subject_kind: str
    subject_id: str
    details: dict[str, Any]

    @classmethod
    def of(cls, entry: AuditEntry) -> "AuditEntryOut":
        """An entry as an auditor reads it."""
        return cls.model_validate(entry)
