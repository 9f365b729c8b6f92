"""Lines that match nothing: what is wrong with each now, and which earlier doubts have been explained."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import ColumnElement, String, Uuid, and_, case, cast, exists, func, literal, select
from sqlalchemy.orm import Session, aliased

from cbi.ledger.models import FundMovement
from cbi.payments.models import Discrepancy, Payment
from cbi.payments.outcomes.discrepancies import open_set, settle_set
from cbi.payments.outcomes.known import expected_minor
from cbi.reconciliation import fees
from cbi.reconciliation.models import STANDS, Match, StatementFile, StatementLine, stands
from cbi.reconciliation.rules import REVISITED, began, once_more, verdicts
from cbi.reconciliation.scratch import fill, open_lines, unexplained


def judge(session: Session, provider: str, early: Collection[UUID]) -> int:
    """Write down, for every open line without a match, what is wrong with it; returns how many there are.

    In the runs `early` the provider debits at acceptance.
    """
    o, own = open_lines.c, aliased(Match)
    verdict = case(*((holds, kind.value) for holds, kind in verdicts(early)))
    return fill(
        session,
        unexplained,
        select(o.id, o.kind, o.payment_id, o.attempt, verdict)
        .select_from(open_lines)
        .outerjoin(own, and_(own.line_id == o.id, stands(own)))
        .outerjoin(Payment, Payment.id == o.payment_id)
        .outerjoin(
            Match,
            and_(
                Match.payment_id == o.payment_id,
                Match.attempt == o.attempt,
                Match.kind == o.kind,
                STANDS,
            ),
        )
        .where(own.line_id.is_(None), ~_top_up_of_ours(provider), ~fees.is_booked()),
    )


def _top_up_of_ours(provider: str) -> ColumnElement[bool]:
    """A top-up line that alone has the reference and the amount of money that we placed with the provider, or that came
    back to our account with it after it was given up.
    """
    o, other = open_lines.c, aliased(StatementLine)
    return and_(
        o.kind == "top_up",
        exists().where(
            FundMovement.kind.in_(["prefunding", "recovery"]), FundMovement.provider == provider,
            FundMovement.reference == o.provider_reference, FundMovement.amount_minor == o.amount_minor,
            FundMovement.currency == o.currency,
        ),
        ~exists().where(
            other.provider == provider, other.kind == "top_up", other.provider_reference == o.provider_reference,
            other.id != o.id,
        ),
    )  # fmt: skip


def open_all(session: Session, provider: str, owner_id: UUID | None) -> int:
    """Open a discrepancy for every such line, once for each kind; returns how many are new."""
    u = unexplained.c
    same = Discrepancy.kind == u.discrepancy
    details = func.jsonb_strip_nulls(
        func.jsonb_build_object(
            "statement_id", cast(StatementLine.statement_id, String), "file", StatementFile.filename,
            "line", StatementLine.number, "reference", StatementLine.provider_reference, "office", StatementLine.office,
            "attempt", u.attempt, "our_amount_minor", expected_minor(u.attempt, u.line_kind),
            "our_currency", Payment.currency, "our_state", Payment.state, "settled_by", cast(Match.line_id, String),
        )
    )  # fmt: skip
    return open_set(
        session,
        select(
            u.discrepancy.label("kind"),
            func.concat(
                "line:", u.id, once_more(Discrepancy.line_id, u.id, same, u.payment_id, u.attempt)
            ).label("subject"),
            literal(provider).label("provider"),
            u.payment_id,
            u.id.label("line_id"),
            StatementLine.amount_minor,
            StatementLine.currency,
            details.label("details"),
            began(session, StatementLine.value_date).label("since"),
            literal(owner_id, Uuid).label("owner_id"),
        )
        .join(StatementLine, StatementLine.id == u.id)
        .join(StatementFile, StatementFile.id == StatementLine.statement_id)
        .outerjoin(Payment, Payment.id == u.payment_id)
        .outerjoin(
            Match,
            and_(
                Match.payment_id == u.payment_id,
                Match.attempt == u.attempt,
                Match.kind == u.line_kind,
                STANDS,
            ),
        ),
    )


def settle(session: Session, provider: str) -> int:
    """Settle what was opened about a line that is matched now, or in which something else is wrong now."""
    u = unexplained.c
    return settle_set(
        session,
        select(
            Discrepancy.id,
            case(
                (Match.line_id.is_not(None), func.concat("The line settles its payment, by rule ", Match.rule, ".")),
                (u.id.is_not(None), func.concat("Something else is wrong with the line now: ", u.discrepancy, ".")),
                else_="Our books hold the same movement now.",
            ),
        )
        .outerjoin(unexplained, u.id == Discrepancy.line_id)
        .outerjoin(Match, and_(Match.line_id == Discrepancy.line_id, STANDS))
        .where(
            Discrepancy.provider == provider, Discrepancy.settled_at.is_(None),
            Discrepancy.kind.in_(REVISITED), u.discrepancy.is_distinct_from(Discrepancy.kind),
        ),
    )  # fmt: skip
