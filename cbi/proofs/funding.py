"""Promises about funds: each pays only what its rules allow and in its order, and two people move what was given out."""

from collections.abc import Iterator
from uuid import UUID

from sqlalchemy import and_, false, or_, select
from sqlalchemy.orm import Session

from cbi.audit.models import AuditEntry
from cbi.ledger.request_models import Decision, FundRequest
from cbi.payments.models import Payment, PaymentRun
from cbi.payments.runs import costs, digest, funding
from cbi.payments.runs.funding_models import RunFunding
from cbi.programmes import fund_requests, queries
from cbi.programmes.funding import grants
from cbi.programmes.models import Cycle, Entitlement, Programme
from cbi.proofs.promise import SHOWN, Breaches, none_of


def paid_by_the_rules(session: Session) -> Breaches:
    """No payment is of a fund that is not for it, or went past one that was for it, valid, and had enough left."""
    rows = session.execute(
        select(RunFunding, PaymentRun, Cycle, Programme)
        .join(PaymentRun, PaymentRun.id == RunFunding.run_id)
        .join(Cycle, Cycle.id == PaymentRun.cycle_id)
        .join(Programme, Programme.id == PaymentRun.programme_id)
        .order_by(PaymentRun.number)
    ).all()
    plain: dict[tuple[UUID, int], bool] = {}
    for kept, run, cycle, programme in rows:
        if not funding.is_sealed(session, kept):
            yield f"run {run.number}: what was kept of why its fund pays it was altered"
            continue
        version = (programme.id, kept.version)
        if version not in plain:
            terms = queries.definition(session, programme, kept.version).grants
            plain[version] = len(terms) == 1 and terms[0].pays is None
        if not (plain[version] and run.fund_id == programme.fund_id):
            yield from _of_run(session, kept, run, cycle, programme)


def _of_run(
    session: Session, kept: RunFunding, run: PaymentRun, cycle: Cycle, programme: Programme
) -> Iterator[str]:
    found = {
        each.terms.code: each for each in grants(session, programme, cycle, version=kept.version)
    }
    own = found.get(kept.facts["fund"])
    if own is None or own.fund.id != run.fund_id:
        yield f"run {run.number} is paid from another fund than the one that was kept"
        return
    charged = costs.as_kept(session, kept.facts.get("tariffs", {}), run.currency)
    cost = charged.of(Payment.provider, Payment.amount_minor)
    before = or_(
        false(),
        *(
            and_(found[each["fund"]].fits, cost <= each["left"])
            for each in kept.facts["before"]
            if each["valid"]
        ),
    )
    for which, what in (
        (~own.fits, f"is paid from the fund {own.fund.code}, which is not for it"),
        (before, f"is paid from the fund {own.fund.code}, though one before it may and had enough"),
    ):
        breaking = session.scalars(
            select(Payment.number)
            .join(Entitlement, Entitlement.id == Payment.entitlement_id)
            .where(Payment.run_id == run.id, digest.signed(), which)
            .order_by(Payment.number)
            .limit(SHOWN)
        )
        for number in breaking:
            yield f"run {run.number}: payment no. {number} {what}"


def requests_are_what_was_confirmed(session: Session) -> Breaches:
    """Each request is what the audit log says that one person asked and another confirmed."""
    acts = (fund_requests.ASKED, fund_requests.CONFIRMED)
    said = {
        (entry.subject_id, entry.act): (entry.actor_id, entry.details)
        for entry in session.scalars(
            select(AuditEntry).where(
                AuditEntry.subject_kind == fund_requests.SUBJECT, AuditEntry.act.in_(acts)
            )
        )
    }
    kept: dict[tuple[str, str], tuple[UUID | None, object]] = {}
    for row in session.scalars(select(FundRequest)):
        kept[str(row.id), acts[0]] = (row.asked_by, fund_requests.facts(row))
        if row.decision is Decision.CONFIRMED:
            kept[str(row.id), acts[1]] = (row.decided_by, fund_requests.facts(row))
    for about in sorted(said.keys() | kept.keys()):
        if said.get(about) != kept.get(about):
            yield f"fund request {about[0]} is not what the audit log says was {about[1].split('.')[1]}"


by_the_rules = (
    paid_by_the_rules,
    none_of(
        "run {number}: the audit log says something else of why its fund pays it than is kept",
        "SELECT r.number FROM audit_entries e JOIN payment_runs r ON e.subject_id = r.id::text"
        " WHERE e.subject_kind = 'payment_run' AND e.act = 'payment_run.built' AND e.details ? 'funding'"
        " AND NOT EXISTS (SELECT 1 FROM run_fundings f WHERE f.run_id = r.id"
        " AND encode(f.seal, 'hex') = e.details ->> 'funding')"
        " UNION ALL SELECT r.number FROM run_fundings f JOIN payment_runs r ON r.id = f.run_id WHERE NOT EXISTS"
        " (SELECT 1 FROM audit_entries e WHERE e.subject_kind = 'payment_run' AND e.subject_id = f.run_id::text"
        " AND e.act = 'payment_run.built' AND e.details ->> 'funding' = encode(f.seal, 'hex'))",
    ),
)

_LEGS = (
    "(VALUES ('return', 'give_back'), ('reallocation', 'give_back'), ('reallocation', 'allocate'), ('refund', 'refund'),"
    " ('write_off', 'lose_float'), ('recovery', 'recover_written_off'), ('bank_recovery', 'recover_written_off_bank'))"
    " AS l(kind, entry)"
)

by_two = (
    requests_are_what_was_confirmed,
    none_of(
        "fund request {number} was confirmed by whoever asked for it",
        "SELECT number FROM fund_requests WHERE decision = 'confirmed' AND decided_by = asked_by",
    ),
    none_of(
        "fund request {number} is confirmed, and the books do not hold its {entry}",
        f"SELECT q.number, l.entry FROM fund_requests q JOIN {_LEGS} ON l.kind = q.kind WHERE q.decision = 'confirmed'"
        " AND NOT EXISTS (SELECT 1 FROM transfers t JOIN accounts d ON d.id = t.debit_account_id"
        " JOIN accounts c ON c.id = t.credit_account_id WHERE t.source_id = q.id AND t.entry = l.entry"
        " AND t.amount_minor = q.amount_minor AND t.currency = q.currency AND q.fund_id = ALL (CASE l.entry"
        " WHEN 'refund' THEN ARRAY[d.fund_id] ELSE ARRAY[d.fund_id, c.fund_id] END)"
        " AND CASE l.entry WHEN 'give_back' THEN d.programme_id = q.from_programme_id"
        " WHEN 'allocate' THEN c.programme_id = q.to_programme_id WHEN 'refund' THEN true"
        " WHEN 'lose_float' THEN d.programme_id = q.from_programme_id ELSE c.programme_id = q.to_programme_id END)",
    ),
    none_of(
        "fund request {number} is about money with {provider}, and the books moved no such amount of it",
        "SELECT q.number, q.provider FROM fund_requests q WHERE q.decision = 'confirmed' AND q.kind IN"
        " ('write_off', 'recovery') AND NOT EXISTS (SELECT 1 FROM transfers t JOIN accounts a ON a.code = '1100'"
        " AND a.id = CASE q.kind WHEN 'write_off' THEN t.credit_account_id ELSE t.debit_account_id END"
        " WHERE t.source_id = q.id AND a.provider = q.provider AND t.amount_minor = q.amount_minor)",
    ),
    none_of(
        "more came back from {provider} than was given up as lost with it",
        "SELECT provider FROM fund_requests WHERE decision = 'confirmed' AND provider IS NOT NULL"
        " GROUP BY provider, currency, fund_id, coalesce(from_programme_id, to_programme_id)"
        " HAVING sum(CASE kind WHEN 'write_off' THEN amount_minor ELSE -amount_minor END) < 0",
    ),
    none_of(
        "transfer {id} ({entry}) moved a fund's money back, or gave it up, and no confirmed request says so",
        "SELECT t.id, t.entry FROM transfers t WHERE (t.entry IN ('give_back', 'refund', 'lose_float')"
        " OR t.entry IN ('recover_written_off', 'recover_written_off_bank') AND NOT EXISTS"
        " (SELECT 1 FROM receivables r WHERE r.id = t.source_id))"
        " AND NOT EXISTS (SELECT 1 FROM fund_requests q WHERE q.id = t.source_id AND q.decision = 'confirmed')",
    ),
    none_of(
        "fund movement {id} ({kind}) is not what was asked and confirmed",
        "SELECT m.id, m.kind FROM fund_movements m WHERE m.kind IN ('return', 'reallocation', 'refund',"
        " 'write_off', 'recovery', 'bank_recovery') AND NOT EXISTS"
        " (SELECT 1 FROM fund_requests q WHERE q.id = m.id AND q.decision = 'confirmed' AND q.kind = m.kind"
        " AND q.fund_id = m.fund_id AND q.provider IS NOT DISTINCT FROM m.provider"
        " AND q.amount_minor = m.amount_minor AND q.currency = m.currency)"
        " UNION ALL SELECT q.id, q.kind FROM fund_requests q WHERE q.decision = 'confirmed' AND NOT EXISTS"
        " (SELECT 1 FROM fund_movements m WHERE m.id = q.id)",
    ),
)
