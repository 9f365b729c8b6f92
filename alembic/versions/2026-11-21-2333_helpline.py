"""Complaints, what each number's holder chose, how much each person may be told, and who hears of abuse.

Revision ID: 0005
Revises: 0004
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


REASONS = (
    "no_number",
    "unusable_values",
    "code_dead",
    "withdrawn",
    "not_sent",
    "no_answer",
    "interrupted",
    "undeliverable",
    "rejected",
    "expired",
)
OWN_REASONS = ("stopped", "not_by_text")
ROLES = (
    "registration_officer",
    "programme_manager",
    "certifier",
    "authoriser",
    "treasurer",
    "complaint_handler",
    "auditor",
    "administrator",
    "teller",
    "teller_supervisor",
    "integrator",
)
OWN_ROLES = ("protection_officer",)


def _among(column: str, words: tuple[str, ...]) -> str:
    return f"{column} IN (" + ", ".join(f"'{word}'" for word in words) + ")"


def _words(name: str, *words: str) -> sa.Enum:
    return sa.Enum(*words, name=name, native_enum=False, create_constraint=True, length=30)


def upgrade() -> None:
    op.create_table(
        "number_choices",
        sa.Column("number_index", sa.LargeBinary(), nullable=False),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("stopped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("wrong_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("language ~ '^[a-z]{2}$'", name=op.f("ck_number_choices_language")),
        sa.PrimaryKeyConstraint("number_index", name=op.f("pk_number_choices")),
    )
    op.create_table(
        "privacy_choices",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("level", _words("level", "normal", "discreet", "no_sms"), nullable=False),
        sa.Column("chosen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("noted_by", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_privacy_choices")),
    )
    op.create_table(
        "complaints",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column(
            "category",
            _words(
                "category",
                "payment_problem",
                "complaint",
                "lost_code",
                "wrong_number",
                "call_back",
                "no_texts",
                "feedback",
            ),
            nullable=False,
        ),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("sensitive", sa.Boolean(), nullable=False),
        sa.Column(
            "state", _words("complaintstate", "open", "answered", "closed"), nullable=False
        ),
        sa.Column("number_index", sa.LargeBinary(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=True),
        sa.Column("payment_id", sa.Uuid(), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "outcome",
            _words("outcome", "put_right", "not_confirmed", "referred", "unreachable"),
            nullable=True,
        ),
        sa.CheckConstraint(
            "(state = 'closed') = (closed_at IS NOT NULL)", name=op.f("ck_complaints_closed")
        ),
        sa.CheckConstraint(
            "(outcome IS NULL) = (closed_at IS NULL)", name=op.f("ck_complaints_closed_with_outcome")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_complaints")),
        sa.UniqueConstraint("number", name=op.f("uq_complaints_number")),
    )
    op.create_index(
        "uq_complaints_open",
        "complaints",
        ["number_index", "category", "payment_id"],
        unique=True,
        postgresql_where=sa.text("state <> 'closed'"),
        postgresql_nulls_not_distinct=True,
    )
    op.create_index(
        "ix_complaints_due",
        "complaints",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("state <> 'closed'"),
    )
    op.create_index(op.f("ix_complaints_payment_id"), "complaints", ["payment_id"])
    op.create_table(
        "complaint_texts",
        sa.Column("complaint_id", sa.Uuid(), nullable=False),
        sa.Column("text_id", sa.Uuid(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["complaint_id"], ["complaints.id"], name=op.f("fk_complaint_texts_complaint_id_complaints")
        ),
        sa.ForeignKeyConstraint(
            ["text_id"], ["inbound_texts.id"], name=op.f("fk_complaint_texts_text_id_inbound_texts")
        ),
        sa.PrimaryKeyConstraint("complaint_id", "text_id", name=op.f("pk_complaint_texts")),
    )
    op.create_table(
        "complaint_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("complaint_id", sa.Uuid(), nullable=False),
        sa.Column("before", sa.Text(), nullable=True),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=True),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["complaint_id"], ["complaints.id"], name=op.f("fk_complaint_events_complaint_id_complaints")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_complaint_events")),
    )
    op.create_index(
        op.f("ix_complaint_events_complaint_id"), "complaint_events", ["complaint_id"]
    )
    _allow("messages", "reason", REASONS + OWN_REASONS)
    _allow("role_grants", "role", ROLES + OWN_ROLES)


def downgrade() -> None:
    op.execute(f"DELETE FROM role_grants WHERE NOT ({_among('role', ROLES)})")  # noqa: S608 - words of ours
    _allow("role_grants", "role", ROLES)
    op.execute(f"UPDATE messages SET reason = 'withdrawn' WHERE NOT ({_among('reason', REASONS)})")  # noqa: S608
    _allow("messages", "reason", REASONS)
    op.drop_table("complaint_events")
    op.drop_table("complaint_texts")
    op.drop_table("complaints")
    op.drop_table("privacy_choices")
    op.drop_table("number_choices")


def _allow(table: str, column: str, words: tuple[str, ...]) -> None:
    name = op.f(f"ck_{table}_{column}")
    op.drop_constraint(name, table, type_="check")
    op.create_check_constraint(name, table, _among(column, words))
