"""What an SMS gateway reports of a text, texts that come in, and replies to numbers that belong to nobody.

Revision ID: 0004
Revises: 0003
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0004"
down_revision: str | None = "0003"
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
)
NEWS_REASONS = ("undeliverable", "rejected", "expired")


def _reasons(words: tuple[str, ...]) -> str:
    return "reason IN (" + ", ".join(f"'{word}'" for word in words) + ")"


def upgrade() -> None:
    op.create_table(
        "delivery_reports",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column(
            "news",
            sa.Enum(
                "accepted",
                "buffered",
                "delivered",
                "undeliverable",
                "rejected",
                "expired",
                name="news",
                native_enum=False,
                create_constraint=True,
                length=30,
            ),
            nullable=False,
        ),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery_reports")),
        sa.UniqueConstraint("message_id", "news", name=op.f("uq_delivery_reports_message_id_news")),
    )
    op.create_table(
        "inbound_texts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("sender", sa.LargeBinary(), nullable=False),
        sa.Column("sender_index", sa.LargeBinary(), nullable=False),
        sa.Column("words", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("handled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbound_texts")),
        sa.UniqueConstraint(
            "channel", "external_id", name=op.f("uq_inbound_texts_channel_external_id")
        ),
    )
    op.create_index(
        "ix_inbound_texts_waiting",
        "inbound_texts",
        ["received_at"],
        unique=False,
        postgresql_where=sa.text("handled_at IS NULL"),
    )
    op.create_index(op.f("ix_inbound_texts_sender_index"), "inbound_texts", ["sender_index"])
    op.alter_column("messages", "account_id", nullable=True)
    op.add_column("messages", sa.Column("number", sa.LargeBinary(), nullable=True))
    op.create_check_constraint(
        op.f("ck_messages_goes_to_one"),
        "messages",
        "(number IS NOT NULL) = (account_id IS NULL AND waiting)",
    )
    op.create_index(
        "ix_messages_gateway_reference",
        "messages",
        ["gateway_reference"],
        unique=False,
        postgresql_where=sa.text("gateway_reference IS NOT NULL"),
    )
    op.drop_constraint(op.f("ck_messages_reason"), "messages", type_="check")
    op.create_check_constraint(
        op.f("ck_messages_reason"), "messages", _reasons(REASONS + NEWS_REASONS)
    )


def downgrade() -> None:
    op.drop_index(
        "ix_messages_gateway_reference",
        table_name="messages",
        postgresql_where=sa.text("gateway_reference IS NOT NULL"),
    )
    op.drop_constraint(op.f("ck_messages_reason"), "messages", type_="check")
    op.execute(f"UPDATE messages SET reason = NULL WHERE NOT ({_reasons(REASONS)})")  # noqa: S608 - words of ours
    op.create_check_constraint(op.f("ck_messages_reason"), "messages", _reasons(REASONS))
    op.drop_constraint(op.f("ck_messages_goes_to_one"), "messages", type_="check")
    op.execute("DELETE FROM messages WHERE account_id IS NULL")
    op.drop_column("messages", "number")
    op.alter_column("messages", "account_id", nullable=False)
    op.drop_index(op.f("ix_inbound_texts_sender_index"), table_name="inbound_texts")
    op.drop_index(
        "ix_inbound_texts_waiting",
        table_name="inbound_texts",
        postgresql_where=sa.text("handled_at IS NULL"),
    )
    op.drop_table("inbound_texts")
    op.drop_table("delivery_reports")
