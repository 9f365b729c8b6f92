"""How many people sign which run, and who stands in for whom.

Revision ID: 0012
Revises: 0011
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0012"
down_revision: str | None = "0011"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_NAME = "part ~ '^[a-z0-9][a-z0-9_-]{1,39}$'"
_FORMER_PARTS = "part IN ('maker', 'certifier', 'authoriser')"
_NEW_ROLES = ("head_of_finance", "country_director")
_FORMER_ROLES = (
    "registration_officer",
    "programme_manager",
    "certifier",
    "authoriser",
    "treasurer",
    "complaint_handler",
    "protection_officer",
    "auditor",
    "administrator",
    "teller",
    "teller_supervisor",
    "integrator",
    "work_supervisor",
)


def upgrade() -> None:
    op.create_table(
        "approval_policies",
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("rules", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("proposed_by", sa.Uuid(), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accepted_by", sa.Uuid(), nullable=True),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "accepted_by <> proposed_by", name=op.f("ck_approval_policies_two_people")
        ),
        sa.CheckConstraint(
            "(accepted_by IS NULL) = (accepted_at IS NULL)",
            name=op.f("ck_approval_policies_accepted_whole"),
        ),
        sa.ForeignKeyConstraint(
            ["proposed_by"], ["users.id"], name=op.f("fk_approval_policies_proposed_by")
        ),
        sa.ForeignKeyConstraint(
            ["accepted_by"], ["users.id"], name=op.f("fk_approval_policies_accepted_by")
        ),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_approval_policies")),
    )
    op.create_table(
        "required_signatures",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["payment_runs.id"], name=op.f("fk_required_signatures_run_id")
        ),
        sa.PrimaryKeyConstraint(
            "run_id", "revision", "number", name=op.f("pk_required_signatures")
        ),
    )
    op.create_table(
        "delegations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("from_id", sa.Uuid(), nullable=False),
        sa.Column("to_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("programmes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("limit_minor", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accepted_by", sa.Uuid(), nullable=True),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_by", sa.Uuid(), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("from_id <> to_id", name=op.f("ck_delegations_two_people")),
        sa.CheckConstraint(
            "accepted_by NOT IN (from_id, to_id)", name=op.f("ck_delegations_accepted_by_a_third")
        ),
        sa.CheckConstraint(
            "(accepted_by IS NULL) = (accepted_at IS NULL)",
            name=op.f("ck_delegations_accepted_whole"),
        ),
        sa.CheckConstraint(
            "(withdrawn_by IS NULL) = (withdrawn_at IS NULL)",
            name=op.f("ck_delegations_withdrawn_whole"),
        ),
        sa.CheckConstraint("first_day <= last_day", name=op.f("ck_delegations_days")),
        sa.CheckConstraint(
            "(limit_minor IS NULL) = (currency IS NULL) AND limit_minor > 0",
            name=op.f("ck_delegations_amount_limit"),
        ),
        sa.ForeignKeyConstraint(["from_id"], ["users.id"], name=op.f("fk_delegations_from_id")),
        sa.ForeignKeyConstraint(["to_id"], ["users.id"], name=op.f("fk_delegations_to_id")),
        sa.ForeignKeyConstraint(
            ["accepted_by"], ["users.id"], name=op.f("fk_delegations_accepted_by")
        ),
        sa.ForeignKeyConstraint(
            ["withdrawn_by"], ["users.id"], name=op.f("fk_delegations_withdrawn_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delegations")),
    )
    op.create_index(op.f("ix_delegations_to_id"), "delegations", ["to_id"])
    for table in ("run_parts", "approvals"):
        op.drop_constraint(op.f(f"ck_{table}_part"), table, type_="check")
        op.alter_column(table, "part", type_=sa.Text())
    op.drop_constraint(op.f("ck_approvals_approving_part"), "approvals", type_="check")
    op.create_check_constraint(op.f("ck_run_parts_part"), "run_parts", _NAME)
    op.create_check_constraint(op.f("ck_approvals_approving_part"), "approvals", "part <> 'maker'")
    op.add_column("approvals", sa.Column("delegation_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_approvals_delegation_id"), "approvals", "delegations", ["delegation_id"], ["id"]
    )
    op.add_column("approvals", sa.Column("place", sa.BigInteger(), nullable=True))
    # Until now a run took exactly two signatures, in this order.
    op.execute("UPDATE approvals SET place = CASE part WHEN 'certifier' THEN 1 ELSE 2 END")
    op.alter_column("approvals", "place", nullable=False)
    op.create_check_constraint(op.f("ck_approvals_place"), "approvals", "place > 0")
    op.create_unique_constraint(
        op.f("uq_approvals_run_id_revision_place"), "approvals", ["run_id", "revision", "place"]
    )
    _allow_roles(_FORMER_ROLES + _NEW_ROLES)


def downgrade() -> None:
    # What names a step or a role that was not known before cannot be kept.
    op.execute("DELETE FROM role_grants WHERE role IN ('head_of_finance', 'country_director')")
    _allow_roles(_FORMER_ROLES)
    op.drop_constraint(op.f("uq_approvals_run_id_revision_place"), "approvals", type_="unique")
    op.drop_constraint(op.f("ck_approvals_place"), "approvals", type_="check")
    op.drop_column("approvals", "place")
    op.drop_constraint(op.f("fk_approvals_delegation_id"), "approvals", type_="foreignkey")
    op.drop_column("approvals", "delegation_id")
    op.drop_constraint(op.f("ck_approvals_approving_part"), "approvals", type_="check")
    op.drop_constraint(op.f("ck_run_parts_part"), "run_parts", type_="check")
    for table in ("run_parts", "approvals"):
        op.alter_column(table, "part", type_=sa.String(length=30))
        op.create_check_constraint(op.f(f"ck_{table}_part"), table, _FORMER_PARTS)
    op.create_check_constraint(
        op.f("ck_approvals_approving_part"), "approvals", "part IN ('certifier', 'authoriser')"
    )
    op.drop_table("delegations")
    op.drop_table("required_signatures")
    op.drop_table("approval_policies")


def _allow_roles(roles: Sequence[str]) -> None:
    op.drop_constraint(op.f("ck_role_grants_role"), "role_grants", type_="check")
    listed = ", ".join(f"'{role}'" for role in roles)
    op.create_check_constraint(op.f("ck_role_grants_role"), "role_grants", f"role IN ({listed})")
