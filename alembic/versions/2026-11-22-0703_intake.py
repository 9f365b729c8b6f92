"""Lists are taken in by the worker, from forms and programs too.

Revision ID: 0025
Revises: 0024
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0025"
down_revision: str | None = "0024"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_COUNTS = ("parts", "parts_done", "entries")


def _words(column: str, name: str, words: str, default: str) -> sa.Column:
    kind = sa.Enum(*words.split(), name=name, native_enum=False, length=30)
    return sa.Column(column, kind, nullable=False, server_default=default)


def upgrade() -> None:
    op.add_column("imports", _words("kind", "importkind", "list submissions request", "list"))
    op.add_column("imports", _words("state", "importstate", "arriving waiting done refused", "done"))
    op.create_check_constraint(
        op.f("ck_imports_importkind"), "imports", "kind IN ('list', 'submissions', 'request')"
    )
    op.create_check_constraint(
        op.f("ck_imports_importstate"),
        "imports",
        "state IN ('arriving', 'waiting', 'done', 'refused')",
    )
    for name in _COUNTS:
        column = sa.Column(name, sa.BigInteger(), nullable=False, server_default=sa.text("0"))
        op.add_column("imports", column)
    op.add_column("imports", sa.Column("mapping", sa.LargeBinary(), nullable=True))
    op.add_column("imports", sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("rejected_rows", sa.Column("source_id", sa.Text(), nullable=True))
    op.add_column("rejected_rows", sa.Column("household_line", sa.BigInteger(), nullable=True))
    op.create_index(op.f("ix_rejected_rows_source_id"), "rejected_rows", ["source_id"])
    op.add_column("persons", sa.Column("sheet", sa.Text(), nullable=True))
    op.add_column("persons", sa.Column("line", sa.BigInteger(), nullable=True))
    op.create_table(
        "import_parts",
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["import_id"], ["imports.id"], name=op.f("fk_import_parts_import_id")
        ),
        sa.PrimaryKeyConstraint("import_id", "number", name=op.f("pk_import_parts")),
    )
    op.create_table(
        "import_numbers",
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("sheet", sa.Text(), nullable=True),
        sa.Column("line", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("import_id", "number", name=op.f("pk_import_numbers")),
    )
    op.create_table(
        "submission_names",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("source", "name", name=op.f("pk_submission_names")),
    )
    _row_ends()
    op.create_table(
        "pulls",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("mark", sa.Text(), nullable=False),
        sa.Column("import_id", sa.Uuid(), nullable=True),
        sa.Column("submissions", sa.BigInteger(), nullable=False),
        sa.Column("pulled_by", sa.Uuid(), nullable=True),
        sa.Column("pulled_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["import_id"], ["imports.id"], name=op.f("fk_pulls_import_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pulls")),
    )
    op.create_index(op.f("ix_pulls_source"), "pulls", ["source"])


def _row_ends() -> None:
    op.create_table(
        "rejected_row_ends",
        sa.Column("rejected_row_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column(
            "ending",
            sa.Enum(
                "landed", "unchanged", "rejected", "dropped", name="ending", native_enum=False, length=30
            ),
            nullable=False,
        ),
        sa.Column("import_id", sa.Uuid(), nullable=True),
        sa.Column("source_id", sa.Text(), nullable=True),
        sa.Column("cells", sa.LargeBinary(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("ended_by", sa.Uuid(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "ending IN ('landed', 'unchanged', 'rejected', 'dropped')",
            name=op.f("ck_rejected_row_ends_ending"),
        ),
        sa.CheckConstraint(
            "(ending = 'dropped') = (reason IS NOT NULL)",
            name=op.f("ck_rejected_row_ends_dropped_with_reason"),
        ),
        sa.ForeignKeyConstraint(
            ["rejected_row_id"],
            ["rejected_rows.id"],
            name=op.f("fk_rejected_row_ends_rejected_row_id"),
        ),
        sa.PrimaryKeyConstraint("rejected_row_id", name=op.f("pk_rejected_row_ends")),
    )
    op.create_index(op.f("ix_rejected_row_ends_import_id"), "rejected_row_ends", ["import_id"])


def downgrade() -> None:
    for table in ("pulls", "rejected_row_ends", "submission_names", "import_numbers", "import_parts"):
        op.drop_table(table)
    op.drop_column("persons", "line")
    op.drop_column("persons", "sheet")
    op.drop_index(op.f("ix_rejected_rows_source_id"), "rejected_rows")
    op.drop_column("rejected_rows", "household_line")
    op.drop_column("rejected_rows", "source_id")
    for name in ("finished_at", "mapping", *reversed(_COUNTS), "state", "kind"):
        op.drop_column("imports", name)
