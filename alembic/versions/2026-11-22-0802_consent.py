"""Notices, what people said to them purpose by purpose, and the legal basis of programmes.

Revision ID: 0032
Revises: 0031
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0032"
down_revision: str | None = "0031"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_CODE = "^[a-z0-9][a-z0-9_-]{1,39}$"
_SCOPES = ("assistance", "provider", "texts", "referral", "duplicate_checks", "research")


def _one_of(*words: str, name: str) -> sa.Enum:
    return sa.Enum(*words, name=name, native_enum=False, create_constraint=True, length=30)


def _decided(table: str) -> list[sa.schema.SchemaItem]:
    """Columns and rules of what one person proposes and another accepts."""
    return [
        sa.Column("proposed_by", sa.Uuid(), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decision", sa.Text(), nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint("version > 0", name=op.f(f"ck_{table}_version")),
        sa.CheckConstraint(
            "decision IN ('accepted', 'refused')", name=op.f(f"ck_{table}_decision")
        ),
        sa.CheckConstraint(
            "num_nulls(decision, decided_by, decided_at) IN (0, 3)",
            name=op.f(f"ck_{table}_decided_whole"),
        ),
        sa.CheckConstraint(
            "decision = 'refused' OR decided_by <> proposed_by",
            name=op.f(f"ck_{table}_accepted_by_another"),
        ),
        sa.CheckConstraint(
            "(decision IS NOT DISTINCT FROM 'refused') = (reason IS NOT NULL)",
            name=op.f(f"ck_{table}_refused_with_reason"),
        ),
        sa.ForeignKeyConstraint(
            ["proposed_by"], ["users.id"], name=op.f(f"fk_{table}_proposed_by_users")
        ),
        sa.ForeignKeyConstraint(
            ["decided_by"], ["users.id"], name=op.f(f"fk_{table}_decided_by_users")
        ),
    ]


def upgrade() -> None:
    listed = ", ".join(f"'{scope}'" for scope in _SCOPES)
    op.create_table(
        "notices",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=False),
        sa.Column("texts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        *_decided("notices"),
        sa.CheckConstraint(f"code ~ '{_CODE}'", name=op.f("ck_notices_code")),
        sa.CheckConstraint(
            f"cardinality(scopes) > 0 AND scopes <@ ARRAY[{listed}]::text[]",
            name=op.f("ck_notices_scopes"),
        ),
        sa.PrimaryKeyConstraint("code", "version", name=op.f("pk_notices")),
    )
    op.create_index(
        "uq_notices_open", "notices", ["code"], unique=True, postgresql_where=sa.text("decision IS NULL")
    )
    op.create_table(
        "legal_bases",
        sa.Column("programme_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column(
            "ground",
            _one_of(
                "consent", "contract", "legal_obligation", "vital_interest", "public_interest",
                "legitimate_interest", name="ground",
            ),
            nullable=False,
        ),
        sa.Column("because", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        *_decided("legal_bases"),
        sa.ForeignKeyConstraint(
            ["programme_id"], ["programmes.id"], name=op.f("fk_legal_bases_programme_id_programmes")
        ),
        sa.PrimaryKeyConstraint("programme_id", "version", name=op.f("pk_legal_bases")),
    )
    op.create_index(
        "uq_legal_bases_open",
        "legal_bases",
        ["programme_id"],
        unique=True,
        postgresql_where=sa.text("decision IS NULL"),
    )
    _consents()


def _consents() -> None:
    op.alter_column("consents", "given_on", new_column_name="said_on")
    op.alter_column("consents", "notice", nullable=True)
    # All that was ever asked for was to be registered and paid, whatever the row called it.
    op.execute("UPDATE consents SET scope = 'assistance' WHERE scope <> 'assistance'")
    op.alter_column("consents", "scope", type_=_one_of(*_SCOPES, name="scope"))
    op.add_column(
        "consents",
        sa.Column(
            "number", sa.BigInteger(), sa.Identity(always=False), nullable=False
        ),
    )
    op.create_unique_constraint(op.f("uq_consents_number"), "consents", ["number"])
    for name, words, before in (
        ("answer", ("given", "refused", "withdrawn"), "given"),
        ("how", ("in_person", "signed", "text", "call", "guardian", "list"), "list"),
    ):
        op.add_column(
            "consents",
            sa.Column(
                name, sa.Enum(*words, name=name, native_enum=False, length=30), nullable=False,
                server_default=before,
            ),
        )
        op.alter_column("consents", name, server_default=None)
        op.create_check_constraint(
            op.f(f"ck_consents_{name}"), "consents",
            f"{name} IN ({', '.join(repr(word) for word in words)})",
        )
    for column in (
        sa.Column("notice_code", sa.Text(), nullable=True),
        sa.Column("notice_version", sa.BigInteger(), nullable=True),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("guardian_id", sa.Uuid(), nullable=True),
        sa.Column("recorded_by", sa.Uuid(), nullable=True),
    ):
        op.add_column("consents", column)
    op.execute("UPDATE consents SET how = 'in_person' WHERE notice = 'as told when the collector changed'")
    # A withdrawal is a fact of its own from here on.
    op.execute(
        "INSERT INTO consents (id, person_id, scope, answer, said_on, how, recorded_at)"
        " SELECT gen_random_uuid(), person_id, scope, 'withdrawn', greatest(said_on, CAST(withdrawn_at AS date)),"
        " 'list', withdrawn_at FROM consents WHERE withdrawn_at IS NOT NULL ORDER BY withdrawn_at"
    )
    op.drop_column("consents", "withdrawn_at")
    for name, rule in (
        ("notice_whole", "(notice_code IS NULL) = (notice_version IS NULL)"),
        ("guardian", "(how = 'guardian') = (guardian_id IS NOT NULL)"),
        ("guardian_is_another", "guardian_id <> person_id"),
    ):
        op.create_check_constraint(op.f(f"ck_consents_{name}"), "consents", rule)
    op.create_index(
        "ix_consents_no", "consents", ["person_id", "scope"], postgresql_where=sa.text("answer <> 'given'")
    )


def downgrade() -> None:
    op.drop_index("ix_consents_no", table_name="consents")
    for name in ("guardian_is_another", "guardian", "notice_whole"):
        op.drop_constraint(op.f(f"ck_consents_{name}"), "consents", type_="check")
    op.add_column(
        "consents", sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.execute(
        "UPDATE consents c SET withdrawn_at = w.recorded_at FROM consents w WHERE c.answer = 'given'"
        " AND w.answer <> 'given' AND w.person_id = c.person_id AND w.scope = c.scope"
        " AND (w.said_on, w.number) > (c.said_on, c.number)"
    )
    # What was not asked for then has no place in the table as it was, and would count as a consent to be paid.
    op.execute("DELETE FROM consents WHERE answer <> 'given' OR scope <> 'assistance'")
    op.execute("UPDATE consents SET notice = coalesce(notice, concat(notice_code, ' ', notice_version))")
    for name in ("recorded_by", "guardian_id", "language", "notice_version", "notice_code"):
        op.drop_column("consents", name)
    for name in ("how", "answer"):
        op.drop_constraint(op.f(f"ck_consents_{name}"), "consents", type_="check")
        op.drop_column("consents", name)
    op.drop_constraint(op.f("uq_consents_number"), "consents", type_="unique")
    op.drop_column("consents", "number")
    op.drop_constraint(op.f("ck_consents_scope"), "consents", type_="check")
    op.alter_column("consents", "scope", type_=sa.Text())
    op.alter_column("consents", "notice", nullable=False)
    op.alter_column("consents", "said_on", new_column_name="given_on")
    op.drop_table("legal_bases")
    op.drop_table("notices")
