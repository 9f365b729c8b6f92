"""Holding a code for one teller, once the person before the counter has been recognised."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import Boolean, Table, bindparam, or_, update
from sqlalchemy.dialects.postgresql import insert

from cbi.fsp.counter import SecondFactor
from cbi.money import Money
from cbi.redemption import part_terms, receipts, refusals
from cbi.redemption.collecting import Collector, collectors
from cbi.redemption.models import Authorisation, CodeIssue
from cbi.redemption.part_terms import PartTerms
from cbi.redemption.refusals import Refused
from cbi.redemption.states import CodeState, CollectedAs, HoldState, TryResult
from cbi.redemption.till import Found, Till
from cbi.registry.models import FactorKind
from cbi.registry.personal import factor_matches

ASKED_FOR = {
    FactorKind.DOCUMENT: SecondFactor.DOCUMENT,
    FactorKind.CARD: SecondFactor.PROGRAMME_CARD,
    FactorKind.WORD: SecondFactor.MEMORABLE_WORD,
}
"""What registration recorded, as the provider's rules name it."""


@dataclass(frozen=True, slots=True)
class Authorised:
    """The code and the person were right: the code is held for this teller until `held_until`. Nothing is paid yet."""

    authorisation_id: UUID
    receipt: str
    amount: Money
    held_until: datetime
    parts: PartTerms | None = None
    """How it may be handed over in parts; None: all of it at once."""
    collected_as: CollectedAs = CollectedAs.PRIMARY
    """As what the person before the counter was recognised."""


def recognise(
    till: Till, found: Found, issue_id: UUID, factor: str, *, vouched: bool
) -> Collector | Refused:
    """Who stands before the counter: what they showed or said is compared with what each who may collect registered.

    Nobody is told what that is, nor of whom. Where a supervisor vouched, nothing need be shown, and a wrong try counts
    for nothing.
    """
    who = collectors(till.session, found.payment_id, found.attempt, till.now)
    if not who:
        till.note(TryResult.NOT_PAYABLE, issue_id)
        return refusals.NO_GUARDIAN
    usable = [
        each for each in who
        if each.factor_kind is not None and ASKED_FOR[each.factor_kind] in till.rules.second_factors
    ]  # fmt: skip
    typed = any(sign.isalnum() for sign in factor)
    # Everybody's is compared, whoever it fits: the answer takes as long.
    fits = [
        each for each in usable if typed and factor_matches(till.session, each.person_id, factor)
    ]
    if vouched:
        return (fits or who)[0]
    allowed = till.rules.wrong_factors_allowed
    if found.wrong_factors >= allowed:
        till.note(TryResult.WRONG_FACTOR, issue_id)
        return refusals.TOO_MANY_FACTORS
    if fits:
        return fits[0]
    kind = usable[0].factor_kind if usable else None
    asked = _asked(usable)
    if kind is not None and not typed:
        till.note(TryResult.NO_FACTOR, issue_id)
        return refusals.factor_missing(kind, asked)
    if kind is None:
        till.note(TryResult.NO_FACTOR, issue_id)
        return refusals.FACTOR_NEEDED
    wrong = till.session.scalar(
        update(CodeIssue)
        .where(CodeIssue.id == issue_id, CodeIssue.wrong_factors < allowed)
        .values(wrong_factors=CodeIssue.wrong_factors + 1)
        .returning(CodeIssue.wrong_factors)
    )
    till.note(TryResult.WRONG_FACTOR, issue_id)
    return refusals.wrong_factor(kind, allowed - (wrong or allowed), asked)


def _asked(usable: list[Collector]) -> CollectedAs:
    """Who may come beside the primary collector, or in the child's place: as what the counter asks for them."""
    return usable[-1].collected_as if usable else CollectedAs.PRIMARY


def hold(
    till: Till, found: Found, issue_id: UUID, collector: Collector, *, vouched: bool
) -> Authorised | Refused:
    """Reserve the code by compare-and-set, and the receipt number with it."""
    hold_id, until = uuid4(), till.now + timedelta(minutes=till.rules.hold_minutes)
    given = {
        "issue": issue_id, "vouched": vouched, "allowed": till.rules.wrong_factors_allowed, "now": till.now,
        "hold": hold_id, "until": until,
    }  # fmt: skip
    taken = till.session.connection().scalar(_TAKE, given)
    if taken is None:
        till.note(TryResult.NOT_PAYABLE, issue_id)
        return refusals.BUSY
    if found.hold_id is not None:
        till.session.execute(
            update(Authorisation)
            .where(Authorisation.code_issue_id == issue_id, Authorisation.open)
            .values(state=HoldState.LAPSED, open=False, ended_at=till.now)
        )
    receipt = _reserve(till, found, issue_id, hold_id, until, collector, vouched=vouched)
    amount = Money(found.amount_minor, found.currency)
    parts = part_terms.read(found.partial, found.currency)
    return Authorised(hold_id, receipt, amount, until, parts, collector.collected_as)


_CODES: Table = CodeIssue.__table__  # type: ignore[assignment]
_HOLDS: Table = Authorisation.__table__  # type: ignore[assignment]
_TAKE = (
    update(_CODES)
    .where(
        _CODES.c.id == bindparam("issue"),
        _CODES.c.state == CodeState.ISSUED,
        or_(_CODES.c.hold_id.is_(None), _CODES.c.held_until <= bindparam("now")),
        or_(bindparam("vouched", type_=Boolean), _CODES.c.wrong_factors < bindparam("allowed")),
    )
    .values(hold_id=bindparam("hold"), held_until=bindparam("until"))
    .returning(_CODES.c.id)
)
_RESERVE = (
    insert(_HOLDS).on_conflict_do_nothing(index_elements=["receipt"]).returning(_HOLDS.c.receipt)
)


def _reserve(
    till: Till, found: Found, issue_id: UUID, hold_id: UUID, until: datetime, collector: Collector, *, vouched: bool
) -> str:  # fmt: skip
    while True:
        row = {
            "id": hold_id, "code_issue_id": issue_id, "payment_id": found.payment_id, "teller_id": till.teller_id,
            "office_id": till.office_id, "receipt": receipts.draw(), "amount_minor": found.amount_minor,
            "currency": found.currency, "factor_checked": not vouched, "state": HoldState.HELD, "open": True,
            "held_at": till.now, "held_until": until, "collected_as": collector.collected_as,
            "collector_id": collector.person_id,
        }  # fmt: skip
        receipt: str | None = till.session.connection().scalar(_RESERVE, row)
        if receipt is not None:
            return receipt
