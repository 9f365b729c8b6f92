"""The end of a suspension that reaches back takes two people; who looked at rejected rows, and took them to the field.

Revision ID: 0042
Revises: 0041
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0042"
down_revision: str | None = "0041"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


_PURPOSES = (
    "registration", "correction", "same_person", "assessment", "delivery", "work", "complaint", "protection",
    "own_request", "audit",
)  # fmt: skip
_SUSPENSIONS = {
    "held_resumed": "resumes_on IS NOT NULL OR NOT needs_second",
    "two_people": "confirmed_by <> resumed_by",
    "confirmed_whole": "(confirmed_by IS NULL) = (confirmed_at IS NULL)",
    "refused_or_accepted": "refusal_id IS NULL OR confirmed_by IS NULL",
}
_PAYS_NONE = """
    coalesce((SELECT v.definition #>> '{stipend,arrears}' FROM programmes p JOIN programme_versions v
        ON v.programme_id = p.id AND v.version = p.version WHERE p.id = r.programme_id), '0') = '0'
    AND NOT EXISTS (SELECT FROM arrears_paid a WHERE a.programme_id = r.programme_id AND a.household_id = r.household_id)
"""


def _opened(at: str) -> str:
    return f"(SELECT max(c.ends_on) FROM cycles c WHERE c.programme_id = r.programme_id AND c.opened_at <= {at})"  # noqa: S608 - our names


def upgrade() -> None:
    op.add_column(
        "suspensions",
        sa.Column("needs_second", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.add_column("suspensions", sa.Column("confirmed_by", sa.Uuid(), nullable=True))
    op.add_column(
        "suspensions", sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.add_column("suspensions", sa.Column("refusal_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_suspensions_refusal_id_refusals"), "suspensions", "refusals", ["refusal_id"], ["id"]
    )  # fmt: skip
    for name, condition in _SUSPENSIONS.items():
        op.create_check_constraint(op.f(f"ck_suspensions_{name}"), "suspensions", condition)
    op.create_table(
        "row_workbooks",
        sa.Column("number", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("taken_by", sa.Uuid(), nullable=True),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_row_workbooks")),
    )
    op.create_index(
        op.f("ix_row_workbooks_taken_by_taken_at"), "row_workbooks", ["taken_by", "taken_at"]
    )
    op.create_table(
        "rejected_row_views",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("rejected_row_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "purpose", sa.Enum(*_PURPOSES, name="purpose", native_enum=False, create_constraint=True, length=30),
            nullable=False,
        ),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("workbook", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["rejected_row_id"], ["rejected_rows.id"], name=op.f("fk_rejected_row_views_rejected_row_id_rejected_rows")
        ),
        sa.ForeignKeyConstraint(
            ["workbook"], ["row_workbooks.number"], name=op.f("fk_rejected_row_views_workbook_row_workbooks")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rejected_row_views")),
    )  # fmt: skip
    for table, column in (("rejected_row_views", "rejected_row_id"), ("rejected_row_views", "workbook"),
                          ("rejected_row_ends", "source_id")):  # fmt: skip
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column])
    # Where arrears were paid so far, what was noted stands as it was noted. Where they were not, nothing hangs on it yet.
    op.execute(
        f"UPDATE suspensions r SET needs_second = true WHERE {_PAYS_NONE} AND resumed_by IS NOT NULL"  # noqa: S608
        f" AND carried_by IS NULL AND CASE WHEN was_wrong THEN begins_on ELSE resumes_on END <= {_opened('resumed_at')}"
    )
    # Whatever was noted of the same household since rests on it.
    op.execute(
        "WITH before AS (SELECT id, lag(starts_on) OVER each AS first, lag(ends_on) OVER each AS last FROM enrolments"  # noqa: S608
        " WINDOW each AS (PARTITION BY programme_id, household_id ORDER BY id)), back AS ("
        " SELECT programme_id, household_id, min(r.id) AS id FROM enrolments r JOIN before b USING (id)"
        f" WHERE {_PAYS_NONE} AND noted_by IS NOT NULL AND carried_by IS NULL AND refusal_id IS NULL AND"
        f" (starts_on IS DISTINCT FROM b.first AND starts_on <= {_opened('noted_at')}"
        f" OR ends_on IS DISTINCT FROM b.last AND b.last < least(ends_on, {_opened('noted_at')}))"
        " GROUP BY programme_id, household_id) UPDATE enrolments r SET needs_second = true FROM back"
        " WHERE r.programme_id = back.programme_id AND r.household_id = back.household_id AND r.id >= back.id"
        " AND NOT r.needs_second AND r.noted_by IS NOT NULL"
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_rejected_row_ends_source_id"), table_name="rejected_row_ends")
    op.drop_table("rejected_row_views")
    op.drop_table("row_workbooks")
    for name in _SUSPENSIONS:
        op.drop_constraint(op.f(f"ck_suspensions_{name}"), "suspensions", type_="check")
    op.drop_constraint(
        op.f("fk_suspensions_refusal_id_refusals"), "suspensions", type_="foreignkey"
    )
    for column in ("refusal_id", "confirmed_at", "confirmed_by", "needs_second"):
        op.drop_column("suspensions", column)
