"""The facts of a run as approvers see them: worked out once, when it is locked, and kept under a seal."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, and_, func, literal_column, select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.db import planned_for_sets
from cbi.errors import Conflict
from cbi.money import Money
from cbi.offices import office_of
from cbi.payments.models import Payment, PaymentRun
from cbi.payments.runs import digest, findings
from cbi.payments.runs.findings import Found
from cbi.payments.runs.sheet_models import FindingKind, RunSummary

MOST_BANDS = 12
Facts = dict[str, Any]


class SummaryAltered(Conflict):
    """What is kept of a run's sheet is not what was worked out when the run was locked."""

    code = "payment_run.summary_altered"


@dataclass(frozen=True, slots=True)
class Band:
    """Payments of `first` to `last`, both included."""

    first: Money
    last: Money
    payments: int
    total: Money


@dataclass(frozen=True, slots=True)
class Against:
    """The cycle that a run is compared with."""

    period: str
    runs: tuple[int, ...]
    payments: int
    total: Money


@dataclass(frozen=True, slots=True)
class Change:
    """So many payments, which were `before` and are `after` together."""

    payments: int
    before: Money
    after: Money


@dataclass(frozen=True, slots=True)
class Summary:
    """The facts of a run. `made_at` is when they were kept; None: worked out just now."""

    payments: int
    households: int
    total: Money
    smallest: Money
    median: Money
    largest: Money
    spread: tuple[Band, ...]
    against: Against | None
    found: Mapping[FindingKind, Change]
    made_at: datetime | None

    def of(self, kind: FindingKind) -> Change:
        """How many payments of a kind were found; none at all when nothing was."""
        nothing = Money.zero(self.total.currency)
        return self.found.get(kind, Change(0, nothing, nothing))


def keep(session: Session, run: PaymentRun) -> bytes:
    """Work out the facts of a run that has just been given its digest, and keep them; returns their seal."""
    assert run.digest is not None
    last = findings.last_cycle(session, run)
    with planned_for_sets(session):
        content = content_of(session, run)
        findings.keep(session, run, last, content["median"])
        found = findings.counted(session, run)
        facts = _facts(content, last, found)
        facts["findings"] = findings.fingerprint(session, run).hex()
        facts["worst"] = findings.worst(session, run)
    seal = _seal(session, run.id, run.revision, run.digest, facts)
    session.add(
        RunSummary(
            run_id=run.id, revision=run.revision, digest=run.digest, facts=facts, seal=seal, made_at=clock.now()
        )
    )  # fmt: skip
    session.flush()
    return seal


def of(session: Session, run: PaymentRun) -> Summary:
    """The facts of a run: those that were kept, or (for a draft) as they are now. Raises SummaryAltered."""
    summary = kept(session, run)
    if summary is not None:
        return _told(run.currency, summary.facts, summary.made_at)
    last = findings.last_cycle(session, run)
    with planned_for_sets(session):
        content = content_of(session, run)
        found = findings.looked_for(session, run, last, content["median"])
    return _told(run.currency, _facts(content, last, found), None)


def kept(session: Session, run: PaymentRun) -> RunSummary | None:
    """What was kept for the content that the run has now. Raises SummaryAltered when it is of other content, or changed.

    None for a draft, and for a run that was locked before summaries were kept.
    """
    if run.digest is None:
        return None
    summary = session.get(RunSummary, (run.id, run.revision))
    if summary is not None and not (summary.digest == run.digest and is_sealed(session, summary)):
        raise _altered(run)
    return summary


def _altered(run: PaymentRun) -> SummaryAltered:
    return SummaryAltered(
        f"What is kept of run {run.number}'s sheet is not what was worked out when it was locked.",
        next_step="Do not sign it. Tell the auditor, then return the run to draft and have it locked again.",
        number=run.number,
    )


def check_findings(session: Session, run: PaymentRun) -> None:
    """Raise SummaryAltered unless the lists behind the sheet are those that were kept with it."""
    summary = kept(session, run)
    if summary and summary.facts["findings"] != findings.fingerprint(session, run).hex():
        raise _altered(run)


def is_sealed(session: Session, summary: RunSummary) -> bool:
    """Whether nobody without the office's key wrote or altered it."""
    expected = _seal(session, summary.run_id, summary.revision, summary.digest, summary.facts)
    return hmac.compare_digest(summary.seal, expected)


def content_of(session: Session, run: PaymentRun) -> Facts:
    """What follows from the run's own payments alone, so that it can be worked out again at any time."""
    mine = and_(Payment.run_id == run.id, digest.signed())
    amount = Payment.amount_minor
    row = session.execute(
        select(
            func.count().label("payments"),
            func.count(Payment.household_id.distinct()).label("households"),
            func.coalesce(func.sum(amount), 0).label("total"),
            func.coalesce(func.min(amount), 0).label("smallest"),
            func.coalesce(func.percentile_disc(0.5).within_group(amount), 0).label("median"),
            func.coalesce(func.max(amount), 0).label("largest"),
            func.count(amount.distinct()).label("amounts"),
        ).where(mine)
    ).one()
    facts: Facts = {name: int(value) for name, value in row._mapping.items() if name != "amounts"}
    facts["spread"] = _spread(session, facts["smallest"], facts["largest"], row.amounts, mine)
    return facts


def band_width(smallest: int, largest: int) -> int:
    """The width of at most twelve equal bands that cover the range: 1, 2 or 5 and zeros, in minor units."""
    wanted, width = -(-(largest - smallest + 1) // (MOST_BANDS - 2)), 1
    while True:
        for step in (1, 2, 5):
            if step * width >= wanted:
                return step * width
        width *= 10


def _spread(
    session: Session,
    smallest: int,
    largest: int,
    amounts: int,
    mine: ColumnElement[bool],
) -> list[list[int]]:
    """(first, last, payments, total) of each band: one for each amount while they are few, empty ones included."""
    width = 1 if amounts <= MOST_BANDS else band_width(smallest, largest)
    band = Payment.amount_minor // literal_column(str(width), BigInteger)
    rows = session.execute(
        select(band, func.count(), func.sum(Payment.amount_minor))
        .where(mine)
        .group_by(band)
        .order_by(band)
    )
    counts = {int(place): (count, int(total)) for place, count, total in rows}
    places = counts if width == 1 else range(smallest // width, largest // width + 1)
    return [
        [place * width, place * width + width - 1, *counts.get(place, (0, 0))] for place in places
    ]


def _facts(
    content: Facts, last: findings.LastCycle | None, found: Mapping[FindingKind, Found]
) -> Facts:
    against = last and {
        "period": last.period,
        "runs": list(last.runs.values()),
        "payments": last.payments,
        "total": last.total_minor,
    }
    return {
        "content": content,
        "against": against,
        "found": {
            kind.value: [each.payments, each.before_minor, each.after_minor]
            for kind, each in sorted(found.items())
        },
    }


def _told(currency: str, facts: Facts, made_at: datetime | None) -> Summary:
    def money(minor: int) -> Money:
        return Money(minor, currency)

    content, last = facts["content"], facts["against"]
    return Summary(
        payments=content["payments"],
        households=content["households"],
        **{name: money(content[name]) for name in ("total", "smallest", "median", "largest")},
        spread=tuple(
            Band(money(first), money(end), payments, money(total))
            for first, end, payments, total in content["spread"]
        ),
        against=last
        and Against(last["period"], tuple(last["runs"]), last["payments"], money(last["total"])),
        found={
            FindingKind(kind): Change(payments, money(before), money(after))
            for kind, (payments, before, after) in facts["found"].items()
        },
        made_at=made_at,
    )


def _seal(session: Session, run_id: UUID, revision: int, digest: bytes, facts: Facts) -> bytes:
    text = json.dumps(
        [str(run_id), revision, digest.hex(), facts], sort_keys=True, separators=(",", ":")
    )
    key = office_of(session).keys.derive("run summaries")
    return hmac.digest(key, text.encode(), hashlib.sha256)
