"""An office stands still after its database was restored, until two people let it go on.

Revision ID: 0044
Revises: 0043
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0044"
down_revision: str | None = "0043"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "standstills",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("begun_by", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("witnessed", sa.Text(), nullable=True),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.Column("asked_because", sa.Text(), nullable=True),
        sa.Column("asked_by", sa.Uuid(), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.Uuid(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(begun_by IS NULL) = (reason IS NULL)", name=op.f("ck_standstills_begun_whole")
        ),
        sa.CheckConstraint(
            "num_nulls(asked_because, asked_by, asked_at) IN (0, 3)",
            name=op.f("ck_standstills_asked_whole"),
        ),
        sa.CheckConstraint(
            "num_nulls(ended_by, ended_at) IN (0, 2)", name=op.f("ck_standstills_ended_whole")
        ),
        sa.CheckConstraint(
            "ended_at IS NULL OR (asked_by IS NOT NULL AND asked_by <> ended_by)",
            name=op.f("ck_standstills_ended_by_two"),
        ),
        sa.CheckConstraint("open = (ended_at IS NULL)", name=op.f("ck_standstills_open_until_ended")),
        sa.ForeignKeyConstraint(
            ["begun_by"], ["users.id"], name=op.f("fk_standstills_begun_by_users")
        ),
        sa.ForeignKeyConstraint(
            ["asked_by"], ["users.id"], name=op.f("fk_standstills_asked_by_users")
        ),
        sa.ForeignKeyConstraint(
            ["ended_by"], ["users.id"], name=op.f("fk_standstills_ended_by_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_standstills")),
    )
    op.create_index(
        "uq_standstills_open", "standstills", ["open"], unique=True, postgresql_where=sa.text("open")
    )


def downgrade() -> None:
    op.drop_table("standstills")
