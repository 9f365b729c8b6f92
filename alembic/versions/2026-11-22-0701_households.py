"""Households change: members come and go, households are split and merged.

Revision ID: 0023
Revises: 0022
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0023"
down_revision: str | None = "0022"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_KINDS = (
    "'born', 'joined', 'left', 'died', 'departed', 'returned', 'moved', 'split', 'merged', 'unmerged', 'corrected',"
    " 'head', 'collector', 'alternate', 'guardian', 'phone'"
)
_PERSON_CHECKS = {
    "gone": "gone IN ('died', 'left', 'same')",
    "gone_does_nothing": "gone IS NULL OR NOT (is_head OR is_recipient OR is_alternate)",
    "one_way_to_collect": "NOT (is_recipient AND is_alternate)",
    "same_as": "(gone IS NOT DISTINCT FROM 'same') = (same_as IS NOT NULL)",
    "born_year": "born_year BETWEEN 1850 AND 2200",
}


def _references(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_{column}_{other}")
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=name)


def upgrade() -> None:
    op.add_column(
        "households",
        sa.Column("version", sa.BigInteger(), nullable=False, server_default=sa.text("1")),
    )
    op.add_column(
        "persons",
        sa.Column("is_alternate", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.add_column("persons", sa.Column("gone", sa.String(length=30), nullable=True))
    op.add_column("persons", sa.Column("same_as", sa.Uuid(), nullable=True))
    op.add_column("persons", sa.Column("registered_in", sa.Uuid(), nullable=True))
    op.add_column("persons", sa.Column("born_year", sa.BigInteger(), nullable=True))
    op.execute("UPDATE persons SET registered_in = household_id")
    op.alter_column("persons", "registered_in", nullable=False)
    for name, rule in _PERSON_CHECKS.items():
        op.create_check_constraint(op.f(f"ck_persons_{name}"), "persons", rule)
    op.create_index(
        "uq_persons_head", "persons", ["household_id"], unique=True, postgresql_where=sa.text("is_head")
    )  # fmt: skip
    op.create_index(
        "uq_persons_alternate", "persons", ["household_id"], unique=True,
        postgresql_where=sa.text("is_alternate"),
    )  # fmt: skip
    op.create_index(
        "ix_persons_same_as", "persons", ["same_as"], postgresql_where=sa.text("same_as IS NOT NULL")
    )  # fmt: skip
    op.add_column(
        "payment_accounts", sa.Column("vouched_at", sa.DateTime(timezone=True), nullable=True)
    )
    _changes()
    _guardianships()
    _requests()


def _changes() -> None:
    op.create_table(
        "household_changes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("happened_on", sa.Date(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=True),
        sa.Column("details", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("undoes_id", sa.Uuid(), nullable=True),
        sa.Column("request_id", sa.BigInteger(), nullable=True),
        sa.Column("recorded_by", sa.Uuid(), nullable=True),
        sa.Column("confirmed_by", sa.Uuid(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(f"kind IN ({_KINDS})", name=op.f("ck_household_changes_changekind")),
        sa.CheckConstraint("confirmed_by <> recorded_by", name=op.f("ck_household_changes_two_people")),
        sa.CheckConstraint(
            "(kind = 'unmerged') = (undoes_id IS NOT NULL)", name=op.f("ck_household_changes_undoes")
        ),
        _references("household_changes", "undoes_id", "household_changes"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_household_changes")),
        sa.UniqueConstraint("undoes_id", name=op.f("uq_household_changes_undoes_id")),
        sa.UniqueConstraint("request_id", name=op.f("uq_household_changes_request_id")),
    )  # fmt: skip
    op.create_table(
        "changed_households",
        sa.Column("change_id", sa.Uuid(), nullable=False),
        sa.Column("household_id", sa.Uuid(), nullable=False),
        sa.Column("version_before", sa.BigInteger(), nullable=False),
        sa.Column("version_after", sa.BigInteger(), nullable=False),
        sa.Column("status_before", sa.Text(), nullable=True),
        sa.Column("status_after", sa.Text(), nullable=False),
        sa.Column("size_before", sa.BigInteger(), nullable=True),
        sa.Column("size_after", sa.BigInteger(), nullable=False),
        sa.Column("area_before", sa.Text(), nullable=True),
        sa.Column("area_after", sa.Text(), nullable=True),
        sa.Column("language_before", sa.Text(), nullable=True),
        sa.Column("language_after", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "version_after = version_before + 1", name=op.f("ck_changed_households_version_counts_on")
        ),
        _references("changed_households", "change_id", "household_changes"),
        sa.PrimaryKeyConstraint("change_id", "household_id", name=op.f("pk_changed_households")),
        sa.UniqueConstraint(
            "household_id", "version_after", name=op.f("uq_changed_households_household_id_version_after")
        ),
    )  # fmt: skip
    op.create_table(
        "changed_persons",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("change_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("household_before", sa.Uuid(), nullable=True),
        sa.Column("household_after", sa.Uuid(), nullable=False),
        sa.Column("roles_before", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("roles_after", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("gone_before", sa.Text(), nullable=True),
        sa.Column("gone_after", sa.Text(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        _references("changed_persons", "change_id", "household_changes"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_changed_persons")),
        sa.UniqueConstraint(
            "change_id", "person_id", name=op.f("uq_changed_persons_change_id_person_id")
        ),
    )
    for column in ("person_id", "household_before", "household_after"):
        op.create_index(op.f(f"ix_changed_persons_{column}"), "changed_persons", [column])


def _guardianships() -> None:
    op.create_table(
        "guardianships",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("child_id", sa.Uuid(), nullable=False),
        sa.Column("guardian_id", sa.Uuid(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("decided_on", sa.Date(), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("begun_by", sa.Uuid(), nullable=False),
        sa.Column("ended_on", sa.Date(), nullable=True),
        sa.Column("ended_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint("child_id <> guardian_id", name=op.f("ck_guardianships_two_people")),
        sa.CheckConstraint(
            "(ended_on IS NULL) = (ended_by IS NULL)", name=op.f("ck_guardianships_ended_whole")
        ),
        _references("guardianships", "child_id", "persons"),
        _references("guardianships", "guardian_id", "persons"),
        _references("guardianships", "begun_by", "household_changes"),
        _references("guardianships", "ended_by", "household_changes"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_guardianships")),
    )
    op.create_index(op.f("ix_guardianships_guardian_id"), "guardianships", ["guardian_id"])
    op.create_index(
        "uq_guardianships_child", "guardianships", ["child_id"], unique=True,
        postgresql_where=sa.text("ended_on IS NULL"),
    )  # fmt: skip


def _requests() -> None:
    op.create_table(
        "household_requests",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("household_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("happened_on", sa.Date(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=True),
        sa.Column("details", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("asked_by", sa.Uuid(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lapses_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decision", sa.String(length=30), nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("remark", sa.Text(), nullable=True),
        sa.Column("face_to_face", sa.Boolean(), nullable=True),
        sa.CheckConstraint(f"kind IN ({_KINDS})", name=op.f("ck_household_requests_changekind")),
        sa.CheckConstraint(
            "decision IN ('confirmed', 'refused', 'lapsed')", name=op.f("ck_household_requests_decision")
        ),
        sa.CheckConstraint("decided_by <> asked_by", name=op.f("ck_household_requests_two_people")),
        sa.CheckConstraint(
            "num_nulls(decision, decided_at) IN (0, 2) AND (decision IS NOT NULL OR decided_by IS NULL)",
            name=op.f("ck_household_requests_decided_whole"),
        ),
        sa.CheckConstraint(
            "decision IS NULL OR sealed IS NULL", name=op.f("ck_household_requests_erased")
        ),
        sa.CheckConstraint(
            "(decision = 'lapsed') = (decided_by IS NULL)",
            name=op.f("ck_household_requests_decided_by_somebody"),
        ),
        _references("household_requests", "household_id", "households"),
        _references("household_requests", "person_id", "persons"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_household_requests")),
    )  # fmt: skip
    op.create_index(op.f("ix_household_requests_household_id"), "household_requests", ["household_id"])
    op.create_index(
        "uq_household_requests_open", "household_requests", ["person_id", "kind"], unique=True,
        postgresql_where=sa.text("decision IS NULL AND kind IN ('phone', 'collector')"),
    )  # fmt: skip


def downgrade() -> None:
    for table in (
        "household_requests", "guardianships", "changed_persons", "changed_households", "household_changes",
    ):  # fmt: skip
        op.drop_table(table)
    op.drop_column("payment_accounts", "vouched_at")
    for index in ("uq_persons_head", "uq_persons_alternate", "ix_persons_same_as"):
        op.drop_index(index, "persons")
    for name in _PERSON_CHECKS:
        op.drop_constraint(op.f(f"ck_persons_{name}"), "persons", type_="check")
    for column in ("is_alternate", "gone", "same_as", "registered_in", "born_year"):
        op.drop_column("persons", column)
    op.drop_column("households", "version")
