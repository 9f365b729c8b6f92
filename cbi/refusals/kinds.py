"""The kinds of proposals that are refused here: how each is found, who decides about it, and how it ends."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import CursorResult, inspect, update
from sqlalchemy.orm import Session

from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit.refusal_models import Refusal
from cbi.ledger import deals, reference_rates
from cbi.month_end import reopening
from cbi.payments.models import PaymentRun
from cbi.payments.signing import delegations
from cbi.payments.unpaid.again import check_decider
from cbi.programmes.work_models import WorkSheet
from cbi.reconciliation import going_on
from cbi.refusals import finding
from cbi.refusals.finding import Waiting
from cbi.registry.linkage import thresholds

Find = Callable[[Session, str], Waiting | None]
End = Callable[[Session, Actor, Waiting, UUID], bool]


@dataclass(frozen=True, slots=True)
class Refusable:
    """One kind: who may decide about it, how one that waits is found by its key, and how it ends.

    `barred` raises where somebody has a part in it that keeps them from deciding.
    """

    decide: Permission
    find: Find
    end: End
    barred: Callable[[Session, Actor, Waiting], None] | None = None


def _by(accepted: str) -> End:
    """Ends a proposal by its refusal, unless the column that says who accepted it is set."""

    def end(session: Session, actor: Actor, waiting: Waiting, refusal_id: UUID) -> bool:
        model = type(waiting.row)
        key = inspect(model).primary_key
        same = [getattr(model, each.key) == getattr(waiting.row, each.key) for each in key]
        same.append(getattr(model, accepted).is_(None))
        done = session.execute(
            update(model).where(*same, model.refusal_id.is_(None)).values(refusal_id=refusal_id)
        )
        return isinstance(done, CursorResult) and done.rowcount == 1

    return end


def _not_of_its_run(session: Session, actor: Actor, waiting: Waiting) -> None:
    run = session.get_one(PaymentRun, waiting.row.run_id)
    check_decider(session, actor, run, Permission.RUN_AUTHORISE)


def _end_reopening(session: Session, actor: Actor, waiting: Waiting, refusal_id: UUID) -> bool:
    return reopening.drop(session, actor, waiting.row)


def _end_going_on(session: Session, actor: Actor, waiting: Waiting, refusal_id: UUID) -> bool:
    return going_on.drop(session, actor, waiting.row)


def _end_work(session: Session, actor: Actor, waiting: Waiting, refusal_id: UUID) -> bool:
    done = session.execute(
        update(WorkSheet)
        .where(
            WorkSheet.id == waiting.row.id,
            WorkSheet.latest == waiting.row.latest,
            WorkSheet.refused < WorkSheet.latest,
        )
        .values(refused=WorkSheet.latest)
    )
    return isinstance(done, CursorResult) and done.rowcount == 1


def _end_rate(session: Session, actor: Actor, waiting: Waiting, refusal_id: UUID) -> bool:
    return reference_rates.drop(session, actor, waiting.row.id).withdrawn_at is not None


def _end_deal(session: Session, actor: Actor, waiting: Waiting, refusal_id: UUID) -> bool:
    return deals.drop(session, actor, waiting.row.id).withdrawn_at is not None


def _end_delegation(session: Session, actor: Actor, waiting: Waiting, refusal_id: UUID) -> bool:
    reason = session.get_one(Refusal, refusal_id).reason
    return delegations.drop(session, actor, waiting.row.id, reason).withdrawn_at is not None


def _end_thresholds(session: Session, actor: Actor, waiting: Waiting, refusal_id: UUID) -> bool:
    thresholds.decide(session, actor, waiting.row.version, accept=False)
    return True


_CONFIRMED, _ACCEPTED = _by("confirmed_by"), _by("accepted_by")
_P = Permission

KINDS: Mapping[str, Refusable] = {
    "write-off": Refusable(_P.RUN_AUTHORISE, finding.write_off, _CONFIRMED),
    "amount": Refusable(_P.RUN_AUTHORISE, finding.amount, _CONFIRMED),
    "unpaid": Refusable(_P.RUN_AUTHORISE, finding.unpaid, _CONFIRMED),
    "statement-line": Refusable(_P.RUN_AUTHORISE, finding.line, _CONFIRMED),
    "withdrawal": Refusable(_P.RUN_AUTHORISE, finding.withdrawal, _CONFIRMED, _not_of_its_run),
    "tariff": Refusable(_P.TARIFF_CHANGE, finding.tariff, _ACCEPTED),
    "approval-policy": Refusable(_P.POLICY_CHANGE, finding.policy, _ACCEPTED),
    "month-close": Refusable(_P.BOOKS_CLOSE, finding.close, _CONFIRMED),
    "month-reopening": Refusable(_P.BOOKS_CLOSE, finding.reopening, _end_reopening),
    "work-sheet": Refusable(_P.WORK_SIGN, finding.work, _end_work),
    "days": Refusable(_P.VALUE_ACCEPT, finding.days, _CONFIRMED),
    "resumption": Refusable(_P.VALUE_ACCEPT, finding.resumption, _CONFIRMED),
    "exchange-rate": Refusable(_P.FX_CONFIRM, finding.rate, _end_rate),
    "deal": Refusable(_P.FX_CONFIRM, finding.deal, _end_deal),
    "delegation": Refusable(_P.POLICY_CHANGE, finding.delegation, _end_delegation),
    "link-thresholds": Refusable(_P.HOUSEHOLD_CONFIRM, finding.thresholds, _end_thresholds),
    "standstill-end": Refusable(_P.BOOKS_CLOSE, finding.going_on, _end_going_on),
}
"""By what each is called on the page of what waits for a second person. Another kind is another entry here."""
