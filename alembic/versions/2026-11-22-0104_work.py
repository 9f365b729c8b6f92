"""Cash for work: activities, sheets and what was earned.

Revision ID: 0011
Revises: 0010
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

ROLES = (
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
)
OWN_ROLES = ("work_supervisor",)


def upgrade() -> None:
    op.create_table(
        "work_activities",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("programme_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("area", sa.Text(), nullable=False),
        sa.Column(
            "basis",
            sa.Enum(
                "days", "pieces", name="basis", native_enum=False, create_constraint=True, length=30
            ),
            nullable=False,
        ),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("supervisor_id", sa.Uuid(), nullable=False),
        sa.Column("added_by", sa.Uuid(), nullable=True),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "code ~ '^[a-z0-9][a-z0-9_-]{1,39}$'", name=op.f("ck_work_activities_code")
        ),
        sa.CheckConstraint("ends_on >= starts_on", name=op.f("ck_work_activities_dates")),
        sa.ForeignKeyConstraint(
            ["programme_id"], ["programmes.id"], name=op.f("fk_work_activities_programme_id")
        ),
        sa.ForeignKeyConstraint(
            ["supervisor_id"], ["users.id"], name=op.f("fk_work_activities_supervisor_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_work_activities")),
        sa.UniqueConstraint(
            "programme_id", "code", name=op.f("uq_work_activities_programme_id_code")
        ),
    )
    op.create_table(
        "work_groups",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("activity_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("added_by", sa.Uuid(), nullable=True),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("code ~ '^[a-z0-9][a-z0-9_-]{1,39}$'", name=op.f("ck_work_groups_code")),
        sa.ForeignKeyConstraint(
            ["activity_id"], ["work_activities.id"], name=op.f("fk_work_groups_activity_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_work_groups")),
        sa.UniqueConstraint("activity_id", "code", name=op.f("uq_work_groups_activity_id_code")),
    )
    op.create_table(
        "work_members",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("activity_id", sa.Uuid(), nullable=False),
        sa.Column("group_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("household_id", sa.Uuid(), nullable=False),
        sa.Column("joined_on", sa.Date(), nullable=False),
        sa.Column("left_on", sa.Date(), nullable=True),
        sa.Column("added_by", sa.Uuid(), nullable=True),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("left_on >= joined_on", name=op.f("ck_work_members_dates")),
        sa.ForeignKeyConstraint(
            ["activity_id"], ["work_activities.id"], name=op.f("fk_work_members_activity_id")
        ),
        sa.ForeignKeyConstraint(
            ["group_id"], ["work_groups.id"], name=op.f("fk_work_members_group_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_work_members")),
        sa.UniqueConstraint("group_id", "number", name=op.f("uq_work_members_group_id_number")),
    )
    op.create_index(op.f("ix_work_members_person_id"), "work_members", ["person_id"], unique=False)
    op.create_index(
        "uq_work_members_current",
        "work_members",
        ["activity_id", "person_id"],
        unique=True,
        postgresql_where="left_on IS NULL",
    )
    op.create_table(
        "work_sheets",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("programme_id", sa.Uuid(), nullable=False),
        sa.Column("programme_version", sa.BigInteger(), nullable=False),
        sa.Column("activity_id", sa.Uuid(), nullable=False),
        sa.Column("group_id", sa.Uuid(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("latest", sa.BigInteger(), nullable=False),
        sa.Column("made_by", sa.Uuid(), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["activity_id"], ["work_activities.id"], name=op.f("fk_work_sheets_activity_id")
        ),
        sa.ForeignKeyConstraint(
            ["group_id"], ["work_groups.id"], name=op.f("fk_work_sheets_group_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_work_sheets")),
        sa.UniqueConstraint("group_id", "period", name=op.f("uq_work_sheets_group_id_period")),
    )
    op.create_index(
        op.f("ix_work_sheets_programme_id"), "work_sheets", ["programme_id"], unique=False
    )
    op.create_table(
        "work_versions",
        sa.Column("sheet_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("corrects", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("file_digest", sa.LargeBinary(), nullable=False),
        sa.Column("entered_by", sa.Uuid(), nullable=False),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(corrects IS NULL) = (reason IS NULL)",
            name=op.f("ck_work_versions_correction_with_reason"),
        ),
        sa.CheckConstraint(
            "version > 0 AND corrects < version", name=op.f("ck_work_versions_version")
        ),
        sa.ForeignKeyConstraint(
            ["sheet_id"], ["work_sheets.id"], name=op.f("fk_work_versions_sheet_id")
        ),
        sa.PrimaryKeyConstraint("sheet_id", "version", name=op.f("pk_work_versions")),
        sa.UniqueConstraint(
            "sheet_id",
            "version",
            "entered_by",
            name=op.f("uq_work_versions_sheet_id_version_entered_by"),
        ),
    )
    op.create_table(
        "work_rows",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("sheet_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("household_id", sa.Uuid(), nullable=False),
        sa.Column("attendance", sa.Text(), nullable=False),
        sa.Column("half_days", sa.BigInteger(), nullable=False),
        sa.Column("pieces", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("earned_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.CHAR(length=3), nullable=False),
        sa.Column("trace", sa.Text(), nullable=False),
        sa.Column("corrects_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "attendance ~ '^[012]*$' AND (attendance = '' OR half_days = length(translate(attendance, '02', '')) + 2 * length(translate(attendance, '01', '')))",
            name=op.f("ck_work_rows_attendance"),
        ),
        sa.CheckConstraint(
            "half_days >= 0 AND earned_minor >= 0", name=op.f("ck_work_rows_not_below_zero")
        ),
        sa.ForeignKeyConstraint(
            ["sheet_id", "version"],
            ["work_versions.sheet_id", "work_versions.version"],
            name=op.f("fk_work_rows_sheet_id_version"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_work_rows")),
        sa.UniqueConstraint(
            "sheet_id", "version", "person_id", name=op.f("uq_work_rows_sheet_id_version_person_id")
        ),
    )
    op.create_index(op.f("ix_work_rows_corrects_id"), "work_rows", ["corrects_id"], unique=False)
    op.create_index(op.f("ix_work_rows_person_id"), "work_rows", ["person_id"], unique=False)
    op.create_table(
        "work_signatures",
        sa.Column("sheet_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("entered_by", sa.Uuid(), nullable=False),
        sa.Column("signed_before", sa.Uuid(), nullable=True),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "user_id <> entered_by AND user_id IS DISTINCT FROM signed_before",
            name=op.f("ck_work_signatures_other_people"),
        ),
        sa.ForeignKeyConstraint(
            ["sheet_id", "version", "entered_by"],
            ["work_versions.sheet_id", "work_versions.version", "work_versions.entered_by"],
            name=op.f("fk_work_signatures_sheet_id_version_entered_by"),
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_work_signatures_user_id")),
        sa.PrimaryKeyConstraint("sheet_id", "version", name=op.f("pk_work_signatures")),
    )
    op.create_table(
        "work_pay",
        sa.Column("row_id", sa.Uuid(), nullable=False),
        sa.Column("entitlement_id", sa.Uuid(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.CHAR(length=3), nullable=False),
        sa.PrimaryKeyConstraint("row_id", name=op.f("pk_work_pay")),
    )
    op.create_index(
        op.f("ix_work_pay_entitlement_id"), "work_pay", ["entitlement_id"], unique=False
    )
    op.create_table(
        "work_ties",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("is_same", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("declared_by", sa.Uuid(), nullable=False),
        sa.Column("declared_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "is_same OR declared_by <> user_id", name=op.f("ck_work_ties_not_of_oneself")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_work_ties_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_work_ties")),
    )
    op.create_index(op.f("ix_work_ties_user_id"), "work_ties", ["user_id"], unique=False)
    _allow(ROLES + OWN_ROLES)


def downgrade() -> None:
    op.execute(f"DELETE FROM role_grants WHERE NOT ({_among(ROLES)})")  # noqa: S608 - words of ours
    _allow(ROLES)
    op.drop_table("work_ties")
    op.drop_table("work_pay")
    op.drop_table("work_signatures")
    op.drop_table("work_rows")
    op.drop_table("work_versions")
    op.drop_table("work_sheets")
    op.drop_table("work_members")
    op.drop_table("work_groups")
    op.drop_table("work_activities")


def _allow(roles: tuple[str, ...]) -> None:
    name = op.f("ck_role_grants_role")
    op.drop_constraint(name, "role_grants", type_="check")
    op.create_check_constraint(name, "role_grants", _among(roles))


def _among(roles: tuple[str, ...]) -> str:
    return f"role IN ({', '.join(repr(role) for role in roles)})"
