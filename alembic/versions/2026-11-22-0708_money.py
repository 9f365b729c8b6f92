"""Small mendings of the money core.

Revision ID: 0030
Revises: 0029
"""

import unicodedata
from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0030"
down_revision: str | None = "0029"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_OLD_VERDICTS = "'attempt', 'booked', 'opposite', 'not_ours', 'refunded', 'lost', 'unmatched'"
_NEW_VERDICTS = f"{_OLD_VERDICTS}, 'more', 'fee', 'mistaken', 'first_story', 'later_story'"
_STATES = "'open', 'recovered', 'written_off', 'delivered'"
_OWED_ONCE = ["payment_id", "attempt", "excess"]


def upgrade() -> None:
    _line_findings()
    _references()
    _received("received_minor <= amount_minor")
    _monthly_fees()
    op.add_column("receivables", sa.Column("finding_id", sa.Uuid(), nullable=True))
    op.drop_constraint(
        op.f("uq_receivables_payment_id_attempt_excess"), "receivables", type_="unique"
    )
    op.create_unique_constraint(
        op.f("uq_receivables_payment_id_attempt_excess_finding_id"),
        "receivables",
        [*_OWED_ONCE, "finding_id"],
        postgresql_nulls_not_distinct=True,
    )
    _states(f"{_STATES}, 'unfounded'")
    op.add_column(
        "amount_findings",
        sa.Column("again", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.alter_column("amount_findings", "again", server_default=None)
    _amounts_found_once("confirmed_by IS NOT NULL AND paid_minor > 0 AND NOT again")


def downgrade() -> None:
    # Fails where more was found of a line than the older books have a place for.
    _amounts_found_once("confirmed_by IS NOT NULL AND paid_minor > 0")
    op.drop_column("amount_findings", "again")
    op.drop_table("monthly_fees")
    _received("received_minor >= 0 AND received_minor <= amount_minor")
    _unique_reference("reference")
    op.drop_column("top_ups", "reference_key")
    op.drop_constraint(
        op.f("uq_receivables_payment_id_attempt_excess_finding_id"), "receivables", type_="unique"
    )
    op.create_unique_constraint(
        op.f("uq_receivables_payment_id_attempt_excess"), "receivables", _OWED_ONCE
    )
    op.drop_column("receivables", "finding_id")
    _states(_STATES)
    _line_findings_as_before()


def _monthly_fees() -> None:
    op.create_table(
        "monthly_fees",
        sa.Column("line_id", sa.Uuid(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("currency", sa.CHAR(length=3), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("tariff_version", sa.BigInteger(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("programme_id", sa.Uuid(), nullable=False),
        sa.Column("fund_id", sa.Uuid(), nullable=False),
        sa.Column("booked_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_monthly_fees_amount_positive")),
        sa.CheckConstraint("extract(day FROM month) = 1", name=op.f("ck_monthly_fees_first_day")),
        sa.ForeignKeyConstraint(
            ["provider", "currency", "tariff_version"],
            ["tariffs.provider", "tariffs.currency", "tariffs.version"],
            name=op.f("fk_monthly_fees_provider_currency_tariff_version_tariffs"),
        ),
        sa.PrimaryKeyConstraint("line_id", name=op.f("pk_monthly_fees")),
        sa.UniqueConstraint(
            "provider", "currency", "month", name=op.f("uq_monthly_fees_provider_currency_month")
        ),
    )


def _received(within: str) -> None:
    op.drop_constraint(op.f("ck_funds_within_the_grant"), "funds", type_="check")
    op.create_check_constraint(op.f("ck_funds_within_the_grant"), "funds", within)


def _references() -> None:
    op.add_column("top_ups", sa.Column("reference_key", sa.Text(), nullable=True))
    top_ups = sa.table(
        "top_ups", sa.column("id", sa.Uuid()), sa.column("reference", sa.Text()), sa.column("reference_key", sa.Text()),
        sa.column("cycle_id", sa.Uuid()), sa.column("number", sa.BigInteger()),
    )  # fmt: skip
    taken: set[tuple[object, str]] = set()
    rows = op.get_bind().execute(
        sa.select(top_ups.c.id, top_ups.c.cycle_id, top_ups.c.number, top_ups.c.reference).order_by(
            top_ups.c.cycle_id, top_ups.c.number
        )
    )
    for number, cycle, place, reference in rows.all():
        key = _folded(reference)
        if (cycle, key) in taken:  # it was another decision so far, and stays one
            key = f"{key} {place}"
        taken.add((cycle, key))
        op.execute(top_ups.update().where(top_ups.c.id == number).values(reference_key=key))
    op.alter_column("top_ups", "reference_key", nullable=False)
    _unique_reference("reference_key")


def _folded(reference: str) -> str:
    plain = unicodedata.normalize("NFKC", reference)
    digits = "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in plain)
    return "".join(digits.casefold().split())


def _unique_reference(column: str) -> None:
    op.drop_index("uq_top_ups_reference", table_name="top_ups")
    op.create_index(
        "uq_top_ups_reference",
        "top_ups",
        ["cycle_id", column],
        unique=True,
        postgresql_where=sa.text("decision IS DISTINCT FROM 'refused'"),
    )


def _states(known: str) -> None:
    op.drop_constraint(op.f("ck_receivables_receivablestate"), "receivables", type_="check")
    op.create_check_constraint(
        op.f("ck_receivables_receivablestate"), "receivables", f"state IN ({known})"
    )


def _amounts_found_once(where: str) -> None:
    op.drop_index("uq_amount_findings_confirmed", table_name="amount_findings")
    op.create_index(
        "uq_amount_findings_confirmed",
        "amount_findings",
        ["payment_id", "attempt"],
        unique=True,
        postgresql_where=sa.text(where),
    )


def _line_findings() -> None:
    for name in ("finding_id", "discrepancy_id", "taken_back_by"):
        op.add_column("line_findings", sa.Column(name, sa.Uuid(), nullable=True))
    op.drop_constraint(op.f("ck_line_findings_says_which"), "line_findings", type_="check")
    op.drop_constraint(op.f("ck_line_findings_verdict"), "line_findings", type_="check")
    op.create_check_constraint(
        op.f("ck_line_findings_says_which"),
        "line_findings",
        "(verdict IN ('attempt', 'unmatched', 'more')) = (payment_id IS NOT NULL AND attempt IS NOT NULL)"
        " AND (verdict = 'booked') = (transfer_id IS NOT NULL)"
        " AND (verdict = 'opposite') = (other_line_id IS NOT NULL)"
        " AND (verdict IN ('lost', 'fee')) = (programme_id IS NOT NULL AND fund_id IS NOT NULL)"
        " AND (verdict = 'mistaken') = (finding_id IS NOT NULL)"
        " AND (verdict IN ('first_story', 'later_story')) = (discrepancy_id IS NOT NULL)",
    )
    op.create_check_constraint(
        op.f("ck_line_findings_verdict"), "line_findings", f"verdict IN ({_NEW_VERDICTS})"
    )
    op.create_check_constraint(
        op.f("ck_line_findings_taken_back_once_found"),
        "line_findings",
        "taken_back_by IS NULL OR confirmed_by IS NOT NULL",
    )
    stands = "confirmed_by IS NOT NULL AND taken_back_by IS NULL AND"
    _found_once(
        f"{stands} verdict IN ('booked', 'opposite', 'refunded', 'lost', 'more', 'fee')",
        f"{stands} transfer_id IS NOT NULL",
    )
    op.create_index(
        "uq_line_findings_taken_back",
        "line_findings",
        ["finding_id"],
        unique=True,
        postgresql_where=sa.text("confirmed_by IS NOT NULL AND finding_id IS NOT NULL"),
    )


def _found_once(found: str, booked: str) -> None:
    for name, column, where in (
        ("uq_line_findings_confirmed", "line_id", found),
        ("uq_line_findings_booked", "transfer_id", booked),
    ):
        op.drop_index(name, table_name="line_findings")
        op.create_index(
            name, "line_findings", [column], unique=True, postgresql_where=sa.text(where)
        )


def _line_findings_as_before() -> None:
    op.drop_index("uq_line_findings_taken_back", table_name="line_findings")
    _found_once(
        "confirmed_by IS NOT NULL AND verdict NOT IN ('attempt', 'not_ours', 'unmatched')",
        "confirmed_by IS NOT NULL AND transfer_id IS NOT NULL",
    )
    for name in ("taken_back_once_found", "verdict", "says_which"):
        op.drop_constraint(op.f(f"ck_line_findings_{name}"), "line_findings", type_="check")
    op.create_check_constraint(
        op.f("ck_line_findings_says_which"),
        "line_findings",
        "(verdict IN ('attempt', 'unmatched')) = (payment_id IS NOT NULL AND attempt IS NOT NULL)"
        " AND (verdict = 'booked') = (transfer_id IS NOT NULL)"
        " AND (verdict = 'opposite') = (other_line_id IS NOT NULL)"
        " AND (verdict = 'lost') = (programme_id IS NOT NULL AND fund_id IS NOT NULL)",
    )
    op.create_check_constraint(
        op.f("ck_line_findings_verdict"), "line_findings", f"verdict IN ({_OLD_VERDICTS})"
    )
    for name in ("taken_back_by", "discrepancy_id", "finding_id"):
        op.drop_column("line_findings", name)
