"""What goes with people when a household splits; who collected at a counter.

Revision ID: 0035
Revises: 0034
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0035"
down_revision: str | None = "0034"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


_CARRIED = "num_nulls(carried_from, carried_by) IN (0, 2)"
_REASSESSED = f"{_CARRIED} AND (reassess_by IS NULL OR carried_by IS NOT NULL)"
_FACTS = ("household_needs", "household_bands")
_COLLECTED = "primary alternate guardian"


def upgrade() -> None:
    for table in _FACTS:
        op.add_column(table, sa.Column("carried_from", sa.BigInteger(), nullable=True))
        op.add_column(table, sa.Column("carried_by", sa.Uuid(), nullable=True))
        op.add_column(table, sa.Column("reassess_by", sa.Date(), nullable=True))
        op.create_check_constraint(op.f(f"ck_{table}_carried_whole"), table, _REASSESSED)
        op.create_index(
            f"ix_{table}_carried_by",
            table,
            ["carried_by"],
            postgresql_where=sa.text("carried_by IS NOT NULL"),
        )
    op.add_column("enrolments", sa.Column("carried_by", sa.Uuid(), nullable=True))
    op.add_column("suspensions", sa.Column("carried_from", sa.Uuid(), nullable=True))
    op.add_column("suspensions", sa.Column("carried_by", sa.Uuid(), nullable=True))
    op.create_check_constraint(op.f("ck_suspensions_carried_whole"), "suspensions", _CARRIED)
    op.create_unique_constraint(
        op.f("uq_suspensions_carried_from_carried_by_household_id"),
        "suspensions",
        ["carried_from", "carried_by", "household_id"],
    )
    op.create_table(
        "followed_changes",
        sa.Column("change_id", sa.Uuid(), nullable=False),
        sa.Column("followed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("change_id", name=op.f("pk_followed_changes")),
    )
    # What split or was merged before was seen to by hand; whoever resumed a household since must not find it stopped.
    op.execute(
        "INSERT INTO followed_changes SELECT id, to_timestamp(0) FROM household_changes"
        " WHERE kind IN ('split', 'merged', 'unmerged')"
    )
    op.add_column(
        "authorisations",
        sa.Column(
            "collected_as",
            sa.Enum(*_COLLECTED.split(), name="collectedas", native_enum=False, length=30),
            nullable=False,
            server_default="primary",
        ),
    )
    op.add_column("authorisations", sa.Column("collector_id", sa.Uuid(), nullable=True))
    op.create_check_constraint(
        op.f("ck_authorisations_collectedas"),
        "authorisations",
        "collected_as IN ('primary', 'alternate', 'guardian')",
    )
    op.create_check_constraint(
        op.f("ck_authorisations_collector_named"),
        "authorisations",
        "collected_as = 'primary' OR collector_id IS NOT NULL",
    )


def downgrade() -> None:
    for name in ("collector_named", "collectedas"):
        op.drop_constraint(op.f(f"ck_authorisations_{name}"), "authorisations", type_="check")
    op.drop_column("authorisations", "collector_id")
    op.drop_column("authorisations", "collected_as")
    op.drop_table("followed_changes")
    op.drop_constraint(
        op.f("uq_suspensions_carried_from_carried_by_household_id"), "suspensions", type_="unique"
    )
    op.drop_constraint(op.f("ck_suspensions_carried_whole"), "suspensions", type_="check")
    op.drop_column("suspensions", "carried_by")
    op.drop_column("suspensions", "carried_from")
    op.drop_column("enrolments", "carried_by")
    for table in _FACTS:
        op.drop_index(f"ix_{table}_carried_by", table)
        op.drop_constraint(op.f(f"ck_{table}_carried_whole"), table, type_="check")
        for column in ("reassess_by", "carried_by", "carried_from"):
            op.drop_column(table, column)
