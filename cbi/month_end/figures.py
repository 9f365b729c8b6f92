"""What is kept of a closed month: the trial balance and the funds of its last day, under a keyed seal."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import fields
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from cbi.ledger import closed, past
from cbi.ledger.models import MonthClose
from cbi.ledger.queries import FundPosition
from cbi.offices import office_of

_AMOUNTS = [
    each.name for each in fields(FundPosition) if each.name not in {"code", "name", "granted"}
]
_SINCE = {"converted", "fx_borne", "fees"}
"""What came later: left out where it is zero, so that what earlier closes kept still says the same."""


def of(session: Session, month: date) -> dict[str, Any]:
    """What the transfers say of the month's last day, in plain values: amounts in whole minor units."""
    through = closed.last_day(month)
    return {
        "through": through.isoformat(),
        "balances": [
            {
                "code": line.code,
                "currency": line.balance.currency,
                "debits": line.debits.minor,
                "credits": line.credits.minor,
            }
            for line in past.trial_balance(session, through=through)
        ],
        "funds": [
            {"code": fund.code, "currency": fund.received.currency}
            | {
                name: minor
                for name in _AMOUNTS
                if (minor := getattr(fund, name).minor) or name not in _SINCE
            }
            for fund in past.fund_positions(session, through=through)
        ],
    }


def kept(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The part of what was kept that `of` gives again as long as nobody booked into the month."""
    return {name: facts.get(name) for name in ("through", "balances", "funds")}


def seal(session: Session, month: date, number: int, facts: Mapping[str, Any]) -> bytes:
    """A keyed hash (HMAC-SHA256) of what is kept: nobody without the office's key can make or alter it."""
    text = json.dumps([month.isoformat(), number, facts], sort_keys=True, separators=(",", ":"))
    return hmac.digest(office_of(session).keys.derive("month close"), text.encode(), hashlib.sha256)


def is_sealed(session: Session, close: MonthClose) -> bool:
    """Whether what is kept of this close is what was certified."""
    expected = seal(session, close.month, close.number, close.facts)
    return hmac.compare_digest(close.seal, expected)
