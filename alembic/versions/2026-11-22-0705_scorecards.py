"""Needs assessments with their answers.

Revision ID: 0027
Revises: 0026
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0027"
down_revision: str | None = "0026"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_CODE = "^[a-z0-9][a-z0-9_-]{1,39}$"


def upgrade() -> None:
    op.create_table(
        "scorecard_versions",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("proposed_by", sa.Uuid(), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decision", sa.Text(), nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint(f"code ~ '{_CODE}'", name=op.f("ck_scorecard_versions_code")),
        sa.CheckConstraint("version > 0", name=op.f("ck_scorecard_versions_version")),
        sa.CheckConstraint(
            "decision IN ('accepted', 'refused')", name=op.f("ck_scorecard_versions_decision")
        ),
        sa.CheckConstraint(
            "num_nulls(decision, decided_by, decided_at) IN (0, 3)",
            name=op.f("ck_scorecard_versions_decided_whole"),
        ),
        sa.CheckConstraint(
            "decision = 'refused' OR decided_by <> proposed_by",
            name=op.f("ck_scorecard_versions_accepted_by_another"),
        ),
        sa.CheckConstraint(
            "(decision IS NOT DISTINCT FROM 'refused') = (reason IS NOT NULL)",
            name=op.f("ck_scorecard_versions_refused_with_reason"),
        ),
        sa.ForeignKeyConstraint(
            ["proposed_by"], ["users.id"], name=op.f("fk_scorecard_versions_proposed_by")
        ),
        sa.ForeignKeyConstraint(
            ["decided_by"], ["users.id"], name=op.f("fk_scorecard_versions_decided_by")
        ),
        sa.PrimaryKeyConstraint("code", "version", name=op.f("pk_scorecard_versions")),
    )
    op.create_index(
        "uq_scorecard_versions_open",
        "scorecard_versions",
        ["code"],
        unique=True,
        postgresql_where=sa.text("decision IS NULL"),
    )
    op.create_table(
        "assessment_forms",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("scorecard", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("form", sa.Text(), nullable=False),
        sa.Column("households", sa.BigInteger(), nullable=False),
        sa.Column("made_by", sa.Uuid(), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("form IN ('short', 'long')", name=op.f("ck_assessment_forms_form")),
        sa.CheckConstraint("households > 0", name=op.f("ck_assessment_forms_households")),
        sa.ForeignKeyConstraint(
            ["scorecard", "version"],
            ["scorecard_versions.code", "scorecard_versions.version"],
            name=op.f("fk_assessment_forms_scorecard_version"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assessment_forms")),
    )
    op.create_table(
        "assessments",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("household_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("scorecard", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("form", sa.Text(), nullable=False),
        sa.Column("assessed_on", sa.Date(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("score_hundredths", sa.BigInteger(), nullable=False),
        sa.Column("band", sa.Text(), nullable=True),
        sa.Column("corrects", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("needs_second", sa.Boolean(), nullable=False),
        sa.Column("form_id", sa.BigInteger(), nullable=True),
        sa.Column("form_row", sa.BigInteger(), nullable=True),
        sa.Column("noted_by", sa.Uuid(), nullable=True),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("form IN ('short', 'long')", name=op.f("ck_assessments_form")),
        sa.CheckConstraint("band IS NOT NULL OR form = 'short'", name=op.f("ck_assessments_band")),
        sa.CheckConstraint(
            "(corrects IS NULL) = (reason IS NULL)",
            name=op.f("ck_assessments_corrected_with_reason"),
        ),
        sa.CheckConstraint(
            "NOT needs_second OR noted_by IS NOT NULL", name=op.f("ck_assessments_needs_second")
        ),
        sa.CheckConstraint(
            "num_nulls(form_id, form_row) IN (0, 2)", name=op.f("ck_assessments_form_row")
        ),
        sa.ForeignKeyConstraint(
            ["scorecard", "version"],
            ["scorecard_versions.code", "scorecard_versions.version"],
            name=op.f("fk_assessments_scorecard_version"),
        ),
        sa.ForeignKeyConstraint(
            ["corrects"], ["assessments.id"], name=op.f("fk_assessments_corrects")
        ),
        sa.ForeignKeyConstraint(
            ["form_id"], ["assessment_forms.id"], name=op.f("fk_assessments_form_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assessments")),
        sa.UniqueConstraint("form_id", "form_row", name=op.f("uq_assessments_form_id_form_row")),
        sa.UniqueConstraint("id", "noted_by", name=op.f("uq_assessments_id_noted_by")),
    )
    op.create_index(
        op.f("ix_assessments_household_id_scorecard"), "assessments", ["household_id", "scorecard"]
    )
    op.create_table(
        "assessment_decisions",
        sa.Column("assessment_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("proposed_by", sa.Uuid(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "decision IN ('accepted', 'refused')", name=op.f("ck_assessment_decisions_decision")
        ),
        sa.CheckConstraint(
            "decided_by <> proposed_by", name=op.f("ck_assessment_decisions_decided_by_another")
        ),
        sa.CheckConstraint(
            "decision = 'accepted' OR reason IS NOT NULL",
            name=op.f("ck_assessment_decisions_refused_with_reason"),
        ),
        sa.ForeignKeyConstraint(
            ["assessment_id", "proposed_by"],
            ["assessments.id", "assessments.noted_by"],
            name=op.f("fk_assessment_decisions_assessment_id_proposed_by"),
        ),
        sa.ForeignKeyConstraint(
            ["decided_by"], ["users.id"], name=op.f("fk_assessment_decisions_decided_by")
        ),
        sa.PrimaryKeyConstraint("assessment_id", name=op.f("pk_assessment_decisions")),
    )
    op.create_table(
        "appeals",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("household_id", sa.Uuid(), nullable=False),
        sa.Column("assessment_id", sa.BigInteger(), nullable=True),
        sa.Column("cycle_id", sa.Uuid(), nullable=True),
        sa.Column("against", sa.Uuid(), nullable=True),
        sa.Column("says", sa.Text(), nullable=False),
        sa.Column("lodged_by", sa.Uuid(), nullable=True),
        sa.Column("lodged_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("reassessment_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "num_nulls(assessment_id, cycle_id) = 1", name=op.f("ck_appeals_about_one")
        ),
        sa.CheckConstraint("outcome IN ('stands', 'changed')", name=op.f("ck_appeals_outcome")),
        sa.CheckConstraint(
            "num_nulls(outcome, decided_by, decided_at, answer) IN (0, 4)",
            name=op.f("ck_appeals_decided_whole"),
        ),
        sa.CheckConstraint(
            "(against IS NULL OR decided_by <> against) AND (lodged_by IS NULL OR decided_by <> lodged_by)",
            name=op.f("ck_appeals_decided_by_another"),
        ),
        sa.CheckConstraint(
            "outcome = 'changed' OR reassessment_id IS NULL", name=op.f("ck_appeals_reassessment")
        ),
        sa.ForeignKeyConstraint(
            ["assessment_id"], ["assessments.id"], name=op.f("fk_appeals_assessment_id")
        ),
        sa.ForeignKeyConstraint(["decided_by"], ["users.id"], name=op.f("fk_appeals_decided_by")),
        sa.ForeignKeyConstraint(
            ["reassessment_id"], ["assessments.id"], name=op.f("fk_appeals_reassessment_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_appeals")),
    )
    op.create_index(
        "uq_appeals_open_assessment",
        "appeals",
        ["assessment_id"],
        unique=True,
        postgresql_where=sa.text("outcome IS NULL"),
    )
    op.create_index(
        "uq_appeals_open_decision",
        "appeals",
        ["cycle_id", "household_id"],
        unique=True,
        postgresql_where=sa.text("outcome IS NULL"),
    )
    op.create_index(op.f("ix_appeals_household_id"), "appeals", ["household_id"])
    op.add_column("household_bands", sa.Column("assessment_id", sa.BigInteger(), nullable=True))
    op.create_unique_constraint(
        op.f("uq_household_bands_assessment_id"), "household_bands", ["assessment_id"]
    )


def downgrade() -> None:
    op.drop_constraint(
        op.f("uq_household_bands_assessment_id"), "household_bands", type_="unique"
    )
    op.drop_column("household_bands", "assessment_id")
    for table in (
        "appeals",
        "assessment_decisions",
        "assessments",
        "assessment_forms",
        "scorecard_versions",
    ):
        op.drop_table(table)
