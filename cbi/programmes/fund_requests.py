"""Money that was given out already is moved by two people: back to its fund, to another programme, or to its donor."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, aliased

from cbi import clock
from cbi.access import totp
from cbi.access.actor import Actor
from cbi.access.models import User
from cbi.access.permissions import Permission
from cbi.audit import reasons, refusing
from cbi.audit.record import record
from cbi.errors import Conflict, Forbidden, Invalid, NotFound
from cbi.ledger import funds
from cbi.ledger.models import Fund
from cbi.ledger.request_models import Decision, FundRequest, RequestKind
from cbi.money import Money
from cbi.programmes import budget, queries, request_booking
from cbi.programmes.models import Programme

SUBJECT = "fund_request"
ASKED, CONFIRMED, REFUSED = (f"fund_request.{act}" for act in ("asked", "confirmed", "refused"))


class UnknownRequest(NotFound):
    """No such request waits for a decision."""

    code = "fund_request.unknown"


class OwnRequest(Forbidden):
    """Nobody confirms what they asked for."""

    code = "fund_request.own"


class UnusableRequest(Invalid):
    """The request does not say what is to be moved from where to where."""

    code = "fund_request.unusable"


class PaperUsed(Conflict):
    """The paper's reference stands for another request already."""

    code = "fund_request.paper_used"


@dataclass(frozen=True, slots=True)
class Request:
    """One request, as people read it. Without programmes it is about the fund's own money; with a `provider`, about what
    was lost with it.
    """

    number: int
    kind: RequestKind
    fund: str
    from_programme: str | None
    to_programme: str | None
    provider: str | None
    amount: Money
    reference: str
    reason: str
    value_date: date | None
    asked_by: str
    asked_at: datetime
    decision: Decision | None
    decided_by: str | None
    decided_at: datetime | None
    remark: str | None


def ask_return(
    session: Session, actor: Actor, programme: str, amount: str, reference: str, reason: str, *,
    to: str | None = None, fund: str | None = None,
) -> Request:  # fmt: skip
    """Ask to move unspent budget (in the programme's currency) back to its fund, or `to` another programme's budget.

    `reference`: the paper's; the same request under it again changes nothing. Raises UnknownProgramme, WhichFund,
    UnusableRequest, UnusableAmount, UnusableReason, PaperUsed.
    """
    giver = queries.find(session, programme)
    taker = queries.find(session, to) if to else None
    for each in filter(None, (giver, taker)):
        actor.require(Permission.FUND_MOVE, each.code)
    source = budget.fund_of(session, giver, fund)
    if taker is not None:
        _check_taker(session, giver, taker, source)
    kind = RequestKind.REALLOCATION if taker else RequestKind.RETURN
    money = Money.parse(amount, giver.currency)
    return ask(session, actor, kind, source, money, reference, reason, giver, taker)


def ask_refund(
    session: Session, actor: Actor, fund: str, amount: str, reference: str, reason: str
) -> Request:
    """Ask to send unspent money of a fund (in its currency) back to the donor; `reference`: the donor's letter.

    All that the fund holds unallocated may go back, also what exchange has gained beyond what the donor gave.
    Raises UnknownFund, UnusableRequest, UnusableAmount, UnusableReason, PaperUsed.
    """
    actor.require(Permission.FUND_MOVE)
    source = funds.find(session, fund)
    money = Money.parse(amount, source.currency)
    return ask(session, actor, RequestKind.REFUND, source, money, reference, reason)


def confirm(session: Session, actor: Actor, number: int, code: str) -> Request:
    """Move the money as a colleague asked, with a fresh one-time code; what is committed to runs cannot be moved.

    Raises UnknownRequest, OwnRequest, WrongCode, NotCovered, NotFree, MoreThanLost, MonthClosed.
    """
    request = _waiting(session, actor, number)
    if request.asked_by == actor.id:
        raise OwnRequest(
            "You asked for this, so somebody else confirms it.",
            next_step="Ask a colleague who may confirm what is moved between funds.",
        )
    totp.step_up(session, actor, code)
    _decide(session, actor, request, Decision.CONFIRMED, None)
    request_booking.book(session, actor, request)
    return _line(session, request)


def refuse(session: Session, actor: Actor, number: int, reason: str) -> Request:
    """Refuse a request, or take back one's own, and say why. Raises UnknownRequest, UnusableReason."""
    request = _waiting(session, actor, number)
    said = reasons.plain(reason)
    _decide(session, actor, request, Decision.REFUSED, said)
    refusing.note(
        session, actor, ("fund-request", number), said, by=request.asked_by, at=request.asked_at, said=request.reason
    )  # fmt: skip
    return _line(session, request)


def requests(session: Session, actor: Actor, *, waiting: bool = False) -> Sequence[Request]:
    """The requests that concern what the actor may see, the latest first; `waiting`: only those nobody has decided."""
    wanted = _lines().order_by(FundRequest.number.desc())
    if waiting:
        wanted = wanted.where(FundRequest.decision.is_(None))
    codes = actor.programmes(Permission.FUND_READ)
    if codes is not None:
        theirs = select(Programme.id).where(Programme.code.in_(codes))
        wanted = wanted.where(
            or_(FundRequest.from_programme_id.in_(theirs), FundRequest.to_programme_id.in_(theirs))
        )
    return [_told(*row) for row in session.execute(wanted)]


def facts(request: FundRequest) -> dict[str, Any]:
    """What the audit log says of it, each time."""
    return {
        "number": request.number, "kind": request.kind.value, "fund": str(request.fund_id),
        "from": request.from_programme_id and str(request.from_programme_id),
        "to": request.to_programme_id and str(request.to_programme_id),
        "amount_minor": request.amount_minor, "currency": request.currency, "reference": request.reference,
        "reason": request.reason, **({"provider": request.provider} if request.provider else {}),
        **({"value_date": request.value_date.isoformat()} if request.value_date else {}),
    }  # fmt: skip


def _check_taker(session: Session, giver: Programme, taker: Programme, source: Fund) -> None:
    budget.fund_of(session, taker, source.code)
    if giver.id == taker.id:
        raise UnusableRequest("A programme's budget is not moved to itself.")
    if giver.currency != taker.currency:
        raise UnusableRequest(
            f"{giver.code} pays in {giver.currency}, {taker.code} in {taker.currency}.",
            next_step="Give the budget back to the fund, change the money, then give it to the other programme.",
        )


def ask(
    session: Session, actor: Actor, kind: RequestKind, fund: Fund, amount: Money, reference: str, reason: str,
    giver: Programme | None = None, taker: Programme | None = None, *, provider: str | None = None,
    value_date: date | None = None,
) -> Request:  # fmt: skip
    """Note a request of any kind for a second person; the same under its reference again changes nothing.

    The caller asks for the permission. Raises OwnRequest, UnusableRequest, UnusableReason, PaperUsed.
    """
    if amount.minor <= 0 or not reference.strip():
        raise UnusableRequest(
            "It needs an amount above zero and the reference of the paper that it rests on."
        )
    if actor.kind != "user" or actor.id is None:
        raise OwnRequest(
            "Only a member of staff asks to move a fund's money.", next_step="Sign in."
        )
    row = {
        "kind": kind, "fund_id": fund.id, "from_programme_id": giver and giver.id,
        "to_programme_id": taker and taker.id, "provider": provider, "amount_minor": amount.minor,
        "currency": amount.currency, "reference": reference.strip(), "reason": reasons.plain(reason),
        "value_date": value_date,
    }  # fmt: skip
    made = session.scalar(
        insert(FundRequest)
        .values(id=uuid4(), **row, asked_by=actor.id, asked_at=clock.now())
        .on_conflict_do_nothing(
            index_elements=["kind", "reference"],
            index_where=text("decision IS DISTINCT FROM 'refused'"),
        )
        .returning(FundRequest)
    )
    if made is not None:
        record(session, actor, ASKED, SUBJECT, made.id, **facts(made))
        return _line(session, made)
    known = session.scalars(
        select(FundRequest).where(
            FundRequest.kind == kind, FundRequest.reference == row["reference"],
            FundRequest.decision.is_distinct_from(Decision.REFUSED),
        )
    ).one()  # fmt: skip
    if any(getattr(known, name) != value for name, value in row.items()):
        raise PaperUsed(
            f"The reference {known.reference!r} stands for request {known.number} already:"
            f" {Money(known.amount_minor, known.currency)}.",
            next_step="Check the paper: each request has a reference of its own.",
        )
    return _line(session, known)


def _waiting(session: Session, actor: Actor, number: int) -> FundRequest:
    """The request of that number that nobody has decided, kept from others until the transaction ends."""
    found = session.scalar(
        select(FundRequest)
        .where(FundRequest.number == number)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if found is None or found.decision is not None:
        raise UnknownRequest(
            f"No request {number} waits for a decision.", next_step="See: cbi fund requests"
        )
    concerned = [each for each in (found.from_programme_id, found.to_programme_id) if each]
    for programme in concerned:
        actor.require(Permission.FUND_CONFIRM, session.get_one(Programme, programme).code)
    if not concerned:
        actor.require(Permission.FUND_CONFIRM)
    return found


def _decide(
    session: Session, actor: Actor, request: FundRequest, decision: Decision, remark: str | None
) -> None:
    decided = session.scalar(
        update(FundRequest)
        .where(FundRequest.id == request.id, FundRequest.decision.is_(None))
        .values(decision=decision, decided_by=actor.id, decided_at=clock.now(), remark=remark)
        .returning(FundRequest.id)
    )
    assert decided is not None  # it was locked while nobody had decided it
    session.refresh(request)
    act = CONFIRMED if decision is Decision.CONFIRMED else REFUSED
    record(session, actor, act, SUBJECT, request.id, **facts(request))


_giver, _taker = aliased(Programme), aliased(Programme)
_asker, _decider = aliased(User), aliased(User)


def _lines() -> Any:
    return (
        select(
            FundRequest, Fund.code, _giver.code, _taker.code, _asker.full_name, _decider.full_name
        )
        .join(Fund, Fund.id == FundRequest.fund_id)
        .outerjoin(_giver, _giver.id == FundRequest.from_programme_id)
        .outerjoin(_taker, _taker.id == FundRequest.to_programme_id)
        .join(_asker, _asker.id == FundRequest.asked_by)
        .outerjoin(_decider, _decider.id == FundRequest.decided_by)
    )


def _line(session: Session, request: FundRequest) -> Request:
    return _told(*session.execute(_lines().where(FundRequest.id == request.id)).one())


def _told(
    row: FundRequest, fund: str, giver: str | None, taker: str | None, asker: str, decider: str | None
) -> Request:  # fmt: skip
    return Request(
        row.number, row.kind, fund, giver, taker, row.provider, Money(row.amount_minor, row.currency), row.reference,
        row.reason, row.value_date, asker, row.asked_at, row.decision, decider, row.decided_at, row.remark,
    )  # fmt: skip
