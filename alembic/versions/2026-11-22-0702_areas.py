"""Places as a tree, and who may see which.

Revision ID: 0024
Revises: 0023
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0024"
down_revision: str | None = "0023"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "area_imports",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("file_digest", sa.LargeBinary(), nullable=False),
        sa.Column("added", sa.BigInteger(), nullable=False),
        sa.Column("named", sa.BigInteger(), nullable=False),
        sa.Column("imported_by", sa.Uuid(), nullable=True),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_area_imports")),
    )
    op.create_table(
        "areas",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("parent", sa.Text(), nullable=True),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("above", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "code ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$'", name=op.f("ck_areas_code")
        ),
        sa.CheckConstraint(
            "above[1] = code AND cardinality(above) = level + 1", name=op.f("ck_areas_line")
        ),
        sa.CheckConstraint(
            "above[2] IS NOT DISTINCT FROM parent", name=op.f("ck_areas_below_its_parent")
        ),
        sa.ForeignKeyConstraint(
            ["import_id"], ["area_imports.id"], name=op.f("fk_areas_import_id_area_imports")
        ),
        sa.ForeignKeyConstraint(["parent"], ["areas.code"], name=op.f("fk_areas_parent_areas")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_areas")),
    )
    op.create_index("uq_areas_key", "areas", ["key"], unique=True)
    op.create_index(op.f("ix_areas_parent"), "areas", ["parent"])
    op.create_index(op.f("ix_areas_above"), "areas", ["above"], postgresql_using="gin")
    op.create_table(
        "area_names",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("area", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("key <> ''", name=op.f("ck_area_names_key")),
        sa.ForeignKeyConstraint(["area"], ["areas.code"], name=op.f("fk_area_names_area_areas")),
        sa.ForeignKeyConstraint(
            ["import_id"], ["area_imports.id"], name=op.f("fk_area_names_import_id_area_imports")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_area_names")),
    )
    op.create_index(op.f("ix_area_names_area"), "area_names", ["area"])
    op.create_index(op.f("ix_area_names_key"), "area_names", ["key"])
    op.create_table(
        "area_matches",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("written", sa.Text(), nullable=False),
        sa.Column("area", sa.Text(), nullable=False),
        sa.Column("households", sa.BigInteger(), nullable=False),
        sa.Column("matched_by", sa.Uuid(), nullable=True),
        sa.Column("matched_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("households > 0", name=op.f("ck_area_matches_households")),
        sa.ForeignKeyConstraint(["area"], ["areas.code"], name=op.f("fk_area_matches_area_areas")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_area_matches")),
    )
    op.add_column("role_grants", sa.Column("area", sa.Text(), nullable=True))
    op.create_foreign_key(
        op.f("fk_role_grants_area_areas"), "role_grants", "areas", ["area"], ["code"]
    )
    op.create_check_constraint(
        op.f("ck_role_grants_area_of_a_user"), "role_grants", "area IS NULL OR client_id IS NULL"
    )
    _index_of_held_roles("area")


def downgrade() -> None:
    # The rules of row-level security name the tree and one another; the next upgrade makes those that it wants anew.
    connection = op.get_bind()
    policies = connection.execute(
        sa.text(
            "SELECT policyname, tablename FROM pg_policies WHERE schemaname = current_schema()"
        )
    ).all()
    for policy, table in policies:
        op.execute(f"DROP POLICY {policy} ON {table}")
    for table in sorted({table for _, table in policies}):
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
    # A role for an area must not become one for the whole office.
    op.execute("UPDATE role_grants SET revoked_at = now() WHERE area IS NOT NULL AND revoked_at IS NULL")
    _index_of_held_roles()
    op.drop_constraint(op.f("ck_role_grants_area_of_a_user"), "role_grants")
    op.drop_constraint(op.f("fk_role_grants_area_areas"), "role_grants")
    op.drop_column("role_grants", "area")
    op.drop_table("area_matches")
    op.drop_table("area_names")
    op.drop_table("areas")
    op.drop_table("area_imports")


def _index_of_held_roles(*more: str) -> None:
    op.drop_index("uq_role_grants_held", table_name="role_grants")
    op.create_index(
        "uq_role_grants_held",
        "role_grants",
        ["user_id", "client_id", "role", "programme", *more],
        unique=True,
        postgresql_nulls_not_distinct=True,
        postgresql_where=sa.text("revoked_at IS NULL"),
    )
