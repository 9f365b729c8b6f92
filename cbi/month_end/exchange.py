"""Whether every exchange of money is decided before a month is closed, and what is then in position."""

from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi.ledger import past
from cbi.ledger.chart import FX_POSITION
from cbi.ledger.fx_models import Deal
from cbi.month_end.findings import Finding, counted, done, still_open


def decided(session: Session, last: date, over: datetime) -> Finding:
    """No deal of the month waits for a second person; the positions that deals have left are named."""
    waiting = session.scalars(
        select(Deal.reference)
        .where(
            Deal.confirmed_at.is_(None), Deal.withdrawn_at.is_(None),
            (Deal.dealt_on <= last) | (Deal.proposed_at < over),
        )
        .order_by(Deal.reference)
    ).all()  # fmt: skip
    if waiting:
        return still_open(
            f"{counted(len(waiting), 'deal waits', 'deals wait')} for a second person: {', '.join(waiting)}.",
            "Confirm each, or withdraw it: cbi fx confirm-deal, cbi fx withdraw-deal",
        )
    held = [
        str(line.balance)
        for line in past.trial_balance(session, through=last)
        if line.code == FX_POSITION.code
    ]
    if held:
        return done(f"Every deal is confirmed. FX position on {last}: {'; '.join(held)}.")
    return done("No money was changed into another currency.")
