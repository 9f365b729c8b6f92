"""What one record of a person said holds for the other; a first day in the past takes two people.

Revision ID: 0040
Revises: 0039
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0040"
down_revision: str | None = "0039"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


_ENROLMENTS = {
    "two_people": "confirmed_by <> noted_by",
    "confirmed_whole": "(confirmed_by IS NULL) = (confirmed_at IS NULL)",
    "refused_or_accepted": "refusal_id IS NULL OR confirmed_by IS NULL",
}


def upgrade() -> None:
    op.add_column("consents", sa.Column("carried_from", sa.Uuid(), nullable=True))
    op.add_column("consents", sa.Column("carried_by", sa.Uuid(), nullable=True))
    op.create_check_constraint(
        op.f("ck_consents_carried_whole"),
        "consents",
        "num_nulls(carried_from, carried_by) IN (0, 2)",
    )
    # What was noted before stands as it was noted.
    op.add_column(
        "enrolments",
        sa.Column("needs_second", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.add_column("enrolments", sa.Column("confirmed_by", sa.Uuid(), nullable=True))
    op.add_column(
        "enrolments", sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.add_column("enrolments", sa.Column("refusal_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_enrolments_refusal_id_refusals"), "enrolments", "refusals", ["refusal_id"], ["id"]
    )
    for name, condition in _ENROLMENTS.items():
        op.create_check_constraint(op.f(f"ck_enrolments_{name}"), "enrolments", condition)
    op.drop_constraint(op.f("ck_link_thresholds_two_people"), "link_thresholds", type_="check")
    op.create_check_constraint(
        op.f("ck_link_thresholds_two_people"),
        "link_thresholds",
        "decided_by <> proposed_by OR decision = 'refused'",
    )


def downgrade() -> None:
    op.drop_constraint(op.f("ck_link_thresholds_two_people"), "link_thresholds", type_="check")
    op.execute(
        "UPDATE link_thresholds SET decision = NULL, decided_by = NULL, decided_at = NULL WHERE decided_by = proposed_by"
    )
    op.create_check_constraint(
        op.f("ck_link_thresholds_two_people"), "link_thresholds", "decided_by <> proposed_by"
    )
    for name in _ENROLMENTS:
        op.drop_constraint(op.f(f"ck_enrolments_{name}"), "enrolments", type_="check")
    op.drop_constraint(op.f("fk_enrolments_refusal_id_refusals"), "enrolments", type_="foreignkey")
    for column in ("refusal_id", "confirmed_at", "confirmed_by", "needs_second"):
        op.drop_column("enrolments", column)
    op.drop_constraint(op.f("ck_consents_carried_whole"), "consents", type_="check")
    op.drop_column("consents", "carried_by")
    op.drop_column("consents", "carried_from")
