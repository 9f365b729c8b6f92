"""Who may be the same person: keys to find pairs by, and pairs to be decided.

Revision ID: 0026
Revises: 0025
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0026"
down_revision: str | None = "0025"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None



def _one_of(*words: str, name: str) -> sa.Enum:
    return sa.Enum(*words, name=name, native_enum=False, create_constraint=True, length=30)


def upgrade() -> None:
    op.create_table(
        "link_keys",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("hash", sa.BigInteger(), nullable=False),
        sa.Column("finer", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("person_id", "hash", name=op.f("pk_link_keys")),
    )
    op.create_index(op.f("ix_link_keys_hash_finer"), "link_keys", ["hash", "finer"])
    op.create_table(
        "linked_persons",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("rules", sa.BigInteger(), nullable=False),
        sa.Column("linked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_linked_persons")),
    )
    op.create_table(
        "link_words",
        sa.Column("hash", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("people", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_link_words")),
    )
    op.create_table(
        "link_pairs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("first_id", sa.Uuid(), nullable=False),
        sa.Column("second_id", sa.Uuid(), nullable=False),
        sa.Column("per_mille", sa.BigInteger(), nullable=False),
        sa.Column("levels", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", _one_of("open", "different", "same", name="pairstate"), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("change_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint("first_id < second_id", name=op.f("ck_link_pairs_in_order")),
        sa.CheckConstraint("per_mille BETWEEN 0 AND 1000", name=op.f("ck_link_pairs_per_mille")),
        sa.CheckConstraint("change_id IS NULL OR state = 'same'", name=op.f("ck_link_pairs_merged")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_link_pairs")),
        sa.UniqueConstraint("first_id", "second_id", name=op.f("uq_link_pairs_first_id_second_id")),
    )
    op.create_index(op.f("ix_link_pairs_second_id"), "link_pairs", ["second_id"])
    op.create_table(
        "link_verdicts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("pair_id", sa.Uuid(), nullable=False),
        sa.Column(
            "finding", _one_of("different", "same", "ask_again", "taken_back", name="finding"), nullable=False
        ),
        sa.Column("kept_id", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("said_by", sa.Uuid(), nullable=True),
        sa.Column("said_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settles", sa.Boolean(), nullable=False),
        sa.CheckConstraint("(kept_id IS NULL) OR finding = 'same'", name=op.f("ck_link_verdicts_kept")),
        sa.ForeignKeyConstraint(
            ["pair_id"], ["link_pairs.id"], name=op.f("fk_link_verdicts_pair_id_link_pairs")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_link_verdicts")),
    )
    op.create_index(op.f("ix_link_verdicts_pair_id"), "link_verdicts", ["pair_id"])
    op.create_table(
        "link_thresholds",
        sa.Column("version", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("ask", sa.BigInteger(), nullable=False),
        sa.Column("certain", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("proposed_by", sa.Uuid(), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decision", sa.Text(), nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "ask BETWEEN 100 AND 999 AND certain BETWEEN ask AND 1000", name=op.f("ck_link_thresholds_order")
        ),
        sa.CheckConstraint(
            "decision IN ('accepted', 'refused')", name=op.f("ck_link_thresholds_decision")
        ),
        sa.CheckConstraint(
            "num_nulls(decision, decided_by, decided_at) IN (0, 3)",
            name=op.f("ck_link_thresholds_decided_whole"),
        ),
        sa.CheckConstraint("decided_by <> proposed_by", name=op.f("ck_link_thresholds_two_people")),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_link_thresholds")),
    )

    op.create_table(
        "staff_matches",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("staff_kind", sa.Text(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decision", sa.Text(), nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint("staff_kind IN ('user', 'teller')", name=op.f("ck_staff_matches_staff_kind")),
        sa.CheckConstraint("decision IN ('different', 'same')", name=op.f("ck_staff_matches_decision")),
        sa.CheckConstraint(
            "num_nulls(decision, decided_by, decided_at, reason) IN (0, 4)",
            name=op.f("ck_staff_matches_decided_whole"),
        ),
        sa.CheckConstraint("decided_by <> staff_id", name=op.f("ck_staff_matches_not_by_oneself")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_matches")),
        sa.UniqueConstraint(
            "staff_kind", "staff_id", "person_id", name=op.f("uq_staff_matches_staff_kind_staff_id_person_id")
        ),
    )
    op.create_index(op.f("ix_staff_matches_person_id"), "staff_matches", ["person_id"])


def downgrade() -> None:
    for table in (
        "staff_matches", "link_thresholds", "link_verdicts", "link_pairs", "link_words", "linked_persons", "link_keys",
    ):  # fmt: skip
        op.drop_table(table)
