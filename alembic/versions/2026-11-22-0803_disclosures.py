"""Lists of people that leave the house, and what somebody outside may be told.

Revision ID: 0033
Revises: 0032
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0033"
down_revision: str | None = "0032"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

PURPOSES = (
    "registration", "correction", "same_person", "assessment", "delivery", "work", "complaint", "protection",
    "own_request", "audit",
)  # fmt: skip
FORMER_ROLES = (
    "registration_officer", "programme_manager", "work_supervisor", "certifier", "authoriser", "head_of_finance",
    "country_director", "treasurer", "complaint_handler", "protection_officer", "auditor", "administrator", "teller",
    "teller_supervisor", "integrator",
)  # fmt: skip


def _words(*words: str, name: str) -> sa.Enum:
    return sa.Enum(*words, name=name, native_enum=False, create_constraint=True, length=30)


def _allow(roles: tuple[str, ...]) -> None:
    name = op.f("ck_role_grants_role")
    op.drop_constraint(name, "role_grants", type_="check")
    op.create_check_constraint(name, "role_grants", f"role IN ({', '.join(repr(role) for role in roles)})")


def upgrade() -> None:
    _allow((*FORMER_ROLES, "legal_officer"))
    op.create_table(
        "disclosures",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column(
            "requester_kind",
            _words("agency", "partner", "authority", "court", "auditor", "donor", name="requesterkind"),
            nullable=False,
        ),
        sa.Column("requester", sa.Text(), nullable=False),
        sa.Column("legal_ground", sa.Text(), nullable=False),
        sa.Column("wanted_for", sa.Text(), nullable=False),
        sa.Column("necessity", sa.Text(), nullable=False),
        sa.Column("risk", sa.Text(), nullable=False),
        sa.Column("form", _words("file", "hashes", name="form"), nullable=False),
        sa.Column("columns", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("programme", sa.Text(), nullable=True),
        sa.Column("period", sa.Text(), nullable=True),
        sa.Column("area", sa.Text(), nullable=True),
        sa.Column("most_people", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.Column("silence", sa.Text(), nullable=True),
        sa.Column("proposed_by", sa.Uuid(), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decision", _words("approved", "refused", name="disclosuredecision"), nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("remark", sa.Text(), nullable=True),
        sa.Column("revoked_by", sa.Uuid(), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_because", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "num_nulls(decision, decided_by, decided_at) IN (0, 3)", name=op.f("ck_disclosures_decided_whole")
        ),
        sa.CheckConstraint(
            "decided_by <> proposed_by OR decision = 'refused'", name=op.f("ck_disclosures_two_people")
        ),
        sa.CheckConstraint(
            "num_nulls(revoked_by, revoked_at, revoked_because) IN (0, 3)",
            name=op.f("ck_disclosures_revoked_whole"),
        ),
        sa.CheckConstraint(
            "(form = 'file') = (cardinality(columns) > 0)", name=op.f("ck_disclosures_columns")
        ),
        sa.CheckConstraint("most_people > 0", name=op.f("ck_disclosures_most_people")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disclosures")),
        sa.UniqueConstraint("number", name=op.f("uq_disclosures_number")),
    )
    op.create_table(
        "exports",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("purpose", _words(*PURPOSES, name="purpose"), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("columns", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("programme", sa.Text(), nullable=True),
        sa.Column("period", sa.Text(), nullable=True),
        sa.Column("area", sa.Text(), nullable=True),
        sa.Column("everybody", sa.Boolean(), nullable=False),
        sa.Column("people", sa.BigInteger(), nullable=False),
        sa.Column("disclosure_id", sa.Uuid(), nullable=True),
        sa.Column("recipient_id", sa.Uuid(), nullable=False),
        sa.Column("needs_approval", sa.Boolean(), nullable=False),
        sa.Column("most_fetches", sa.BigInteger(), nullable=False),
        sa.Column("fetches", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_by", sa.Uuid(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decision", _words("approved", "refused", name="exportdecision"), nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("remark", sa.Text(), nullable=True),
        sa.Column("passphrase_by", sa.Uuid(), nullable=True),
        sa.Column("passphrase_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_by", sa.Uuid(), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_because", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "num_nulls(decision, decided_by, decided_at) IN (0, 3)", name=op.f("ck_exports_decided_whole")
        ),
        sa.CheckConstraint("decided_by <> asked_by OR decision = 'refused'", name=op.f("ck_exports_two_people")),
        sa.CheckConstraint(
            "num_nulls(passphrase_by, passphrase_at) IN (0, 2)", name=op.f("ck_exports_passphrase_whole")
        ),
        sa.CheckConstraint(
            "passphrase_by <> asked_by AND passphrase_by <> recipient_id", name=op.f("ck_exports_another_channel")
        ),
        sa.CheckConstraint(
            "num_nulls(revoked_by, revoked_at, revoked_because) IN (0, 3)", name=op.f("ck_exports_revoked_whole")
        ),
        sa.CheckConstraint("fetches BETWEEN 0 AND most_fetches", name=op.f("ck_exports_fetches")),
        sa.CheckConstraint(
            "fetches = 0 OR NOT needs_approval OR decision IS NOT DISTINCT FROM 'approved'",
            name=op.f("ck_exports_fetched_as_approved"),
        ),
        sa.CheckConstraint("cardinality(columns) > 0", name=op.f("ck_exports_columns")),
        sa.CheckConstraint("people > 0", name=op.f("ck_exports_people")),
        sa.ForeignKeyConstraint(
            ["disclosure_id"], ["disclosures.id"], name=op.f("fk_exports_disclosure_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exports")),
        sa.UniqueConstraint("number", name=op.f("uq_exports_number")),
    )
    op.create_index(op.f("ix_exports_asked_by_asked_at"), "exports", ["asked_by", "asked_at"])
    op.create_table(
        "export_persons",
        sa.Column("export_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["export_id"], ["exports.id"], name=op.f("fk_export_persons_export_id")),
        sa.PrimaryKeyConstraint("export_id", "person_id", name=op.f("pk_export_persons")),
    )
    op.create_index(op.f("ix_export_persons_person_id"), "export_persons", ["person_id"])
    op.create_table(
        "export_fetches",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("export_id", sa.Uuid(), nullable=False),
        sa.Column("fetched_by", sa.Uuid(), nullable=False),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("people", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("people > 0", name=op.f("ck_export_fetches_people")),
        sa.ForeignKeyConstraint(["export_id"], ["exports.id"], name=op.f("fk_export_fetches_export_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_export_fetches")),
    )
    op.create_index(op.f("ix_export_fetches_export_id"), "export_fetches", ["export_id"])
    op.add_column("person_views", sa.Column("export_id", sa.Uuid(), nullable=True))
    op.add_column("person_views", sa.Column("disclosure_id", sa.Uuid(), nullable=True))
    op.create_check_constraint(
        op.f("ck_person_views_disclosed_by_a_file"),
        "person_views",
        "disclosure_id IS NULL OR export_id IS NOT NULL",
    )
    op.create_index(
        "ix_person_views_export_id",
        "person_views",
        ["export_id"],
        postgresql_where=sa.text("export_id IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_person_views_export_id", "person_views")
    op.drop_constraint(op.f("ck_person_views_disclosed_by_a_file"), "person_views", type_="check")
    op.drop_column("person_views", "disclosure_id")
    op.drop_column("person_views", "export_id")
    for table in ("export_fetches", "export_persons", "exports", "disclosures"):
        op.drop_table(table)
    op.execute("DELETE FROM role_grants WHERE role = 'legal_officer'")
    _allow(FORMER_ROLES)
