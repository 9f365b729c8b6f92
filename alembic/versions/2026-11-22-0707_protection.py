"""Who looked at whose data, for what, and when it is destroyed.

Revision ID: 0029
Revises: 0028
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0029"
down_revision: str | None = "0028"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

PURPOSES = (
    "registration", "correction", "same_person", "assessment", "delivery", "work", "complaint", "protection",
    "own_request", "audit",
)  # fmt: skip


def _words(*words: str, name: str) -> sa.Enum:
    return sa.Enum(*words, name=name, native_enum=False, create_constraint=True, length=30)


def upgrade() -> None:
    op.create_table(
        "person_views",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("fields", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("purpose", _words(*PURPOSES, name="purpose"), nullable=False),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("cardinality(fields) > 0", name=op.f("ck_person_views_fields")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person_views")),
    )
    op.create_index(op.f("ix_person_views_person_id"), "person_views", ["person_id"])
    op.create_index(op.f("ix_person_views_actor_id_seen_at"), "person_views", ["actor_id", "seen_at"])
    op.create_table(
        "erasures",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("ground", _words("request", "retention", name="ground"), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("texts_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rows_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("asked_by", sa.Uuid(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decision", _words("confirmed", "refused", name="erasuredecision"), nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("remark", sa.Text(), nullable=True),
        sa.Column("certificate", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("seal", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint(
            "num_nulls(decision, decided_by, decided_at) IN (0, 3)",
            name=op.f("ck_erasures_decided_whole"),
        ),
        sa.CheckConstraint(
            "decided_by <> asked_by OR decision = 'refused'", name=op.f("ck_erasures_two_people")
        ),
        sa.CheckConstraint(
            "(certificate IS NOT NULL) = (decision IS NOT DISTINCT FROM 'confirmed')",
            name=op.f("ck_erasures_certified"),
        ),
        sa.CheckConstraint("(certificate IS NULL) = (seal IS NULL)", name=op.f("ck_erasures_sealed")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasures")),
        sa.UniqueConstraint("number", name=op.f("uq_erasures_number")),
    )
    op.create_table(
        "erasure_persons",
        sa.Column("erasure_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("obstacle", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "num_nulls(erased_at, obstacle) > 0", name=op.f("ck_erasure_persons_one_end")
        ),
        sa.ForeignKeyConstraint(
            ["erasure_id"], ["erasures.id"], name=op.f("fk_erasure_persons_erasure_id_erasures")
        ),
        sa.PrimaryKeyConstraint("erasure_id", "person_id", name=op.f("pk_erasure_persons")),
    )
    op.create_index(op.f("ix_erasure_persons_person_id"), "erasure_persons", ["person_id"])


def downgrade() -> None:
    for table in ("erasure_persons", "erasures", "person_views"):
        op.drop_table(table)
