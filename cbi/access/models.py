"""People who work here, programs that call us, and what each may do."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    Uuid,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from cbi.access.permissions import Role
from cbi.db import Base, Instant, Key, Ordinal, may_delete, may_update


class User(Base):
    """A member of staff. `totp_secret` is sealed.

    `totp_step` is the last 30-second step whose code was used.
    """

    __tablename__ = "users"
    __table_args__ = {
        "info": may_update(
            "password_hash",
            "totp_secret",
            "totp_step",
            "disabled_at",
            "failed_tries",
            "locked_until",
        )
    }

    id: Mapped[Key]
    username: Mapped[str] = mapped_column(unique=True)
    full_name: Mapped[str]
    password_hash: Mapped[str]
    totp_secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    totp_step: Mapped[int | None] = mapped_column(BigInteger)
    failed_tries: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[datetime | None]
    disabled_at: Mapped[datetime | None]
    created_at: Mapped[Instant]


class ApiClient(Base):
    """A program that may call the API. Its key is kept as a hash only."""

    __tablename__ = "api_clients"
    __table_args__ = {"info": may_update("disabled_at")}

    id: Mapped[Key]
    name: Mapped[str] = mapped_column(unique=True)
    key_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    disabled_at: Mapped[datetime | None]
    created_at: Mapped[Instant]


class RoleGrant(Base):
    """A role held by a user or a client, for one programme or (without one) for all of them.

    With an `area` it is held for the households of that area and of everything below it, else for the whole office. A
    role that is taken back stays as a row; given again it is another row.
    """

    __tablename__ = "role_grants"
    __table_args__ = (
        CheckConstraint("num_nonnulls(user_id, client_id) = 1", name="one_holder"),
        CheckConstraint("area IS NULL OR client_id IS NULL", name="area_of_a_user"),
        Index(
            "uq_role_grants_held",
            "user_id",
            "client_id",
            "role",
            "programme",
            "area",
            unique=True,
            postgresql_nulls_not_distinct=True,
            postgresql_where=text("revoked_at IS NULL"),
        ),
        {"info": may_update("revoked_at")},
    )

    id: Mapped[Ordinal]
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    client_id: Mapped[UUID | None] = mapped_column(ForeignKey("api_clients.id"))
    role: Mapped[Role]
    programme: Mapped[str | None]
    area: Mapped[str | None]
    granted_by: Mapped[UUID | None] = mapped_column(Uuid)
    granted_at: Mapped[Instant]
    revoked_at: Mapped[datetime | None]


class SetUpToken(Base):
    """What lets in the first administrator of a new office, once. It is kept as a hash only."""

    __tablename__ = "set_up_tokens"
    __table_args__ = {"info": may_update("used_at")}

    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    created_at: Mapped[Instant]
    expires_at: Mapped[Instant]
    used_at: Mapped[datetime | None]


class SignIn(Base):
    """A signed-in session: of a user, or of a teller. The token is kept as a hash only."""

    __tablename__ = "sign_ins"
    __table_args__ = {"info": may_delete("seen_at", "ended_at")}

    id: Mapped[Key]
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    holder_kind: Mapped[str]
    holder_id: Mapped[UUID] = mapped_column(Uuid, index=True)
    created_at: Mapped[Instant]
    seen_at: Mapped[Instant]
    expires_at: Mapped[Instant]
    ended_at: Mapped[datetime | None]
