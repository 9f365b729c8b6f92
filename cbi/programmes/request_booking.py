"""What a confirmed request to move a fund's money does in the books: its movement, under its id, and its entries."""

from datetime import date

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.ledger import floats
from cbi.ledger.chart import Entry
from cbi.ledger.models import Fund, FundMovement
from cbi.ledger.posting import Book
from cbi.ledger.request_models import FundRequest, RequestKind
from cbi.ledger.value_dates import post_on
from cbi.money import Money
from cbi.offices import office_of

_OF_A_FLOAT = {
    RequestKind.WRITE_OFF: Entry.LOSE_FLOAT,
    RequestKind.RECOVERY: Entry.RECOVER_WRITTEN_OFF,
    RequestKind.BANK_RECOVERY: Entry.RECOVER_WRITTEN_OFF_BANK,
}


def book(session: Session, actor: Actor, request: FundRequest) -> None:
    """The movement, under the request's id, and its entries. Raises NotCovered, NotFree, MoreThanLost, MonthClosed."""
    amount = Money(request.amount_minor, request.currency)
    day = request.value_date or clock.today(office_of(session).timezone)
    session.execute(
        insert(FundMovement).values(
            id=request.id, kind=request.kind.value, fund_id=request.fund_id,
            programme_id=request.to_programme_id or request.from_programme_id, provider=request.provider,
            amount_minor=amount.minor, currency=amount.currency, reference=request.reference, recorded_by=actor.id,
            value_date=day, recorded_at=clock.now(),
        )
    )  # fmt: skip
    if request.kind in _OF_A_FLOAT:
        _book_loss(session, request, amount, day)
        return
    if request.kind is RequestKind.REFUND:
        # The fund before its accounts, as when money is received: two at once would wait for each other crosswise.
        _less_received(session, request)
        of_fund = Book(amount.currency, fund_id=request.fund_id)
        post_on(session, Entry.REFUND, of_fund, amount, request.id, day)
        return
    giver = Book(amount.currency, fund_id=request.fund_id, programme_id=request.from_programme_id)
    post_on(session, Entry.GIVE_BACK, giver, amount, request.id, day)
    if request.kind is RequestKind.REALLOCATION:
        taker = Book(amount.currency, fund_id=request.fund_id, programme_id=request.to_programme_id)
        post_on(session, Entry.ALLOCATE, taker, amount, request.id, day)


def _less_received(session: Session, request: FundRequest) -> None:
    """More than was received may go back where exchange gained it; more than the fund holds is refused by its account."""
    session.execute(
        update(Fund)
        .where(Fund.id == request.fund_id)
        .values(received_minor=Fund.received_minor - request.amount_minor)
    )


def _book_loss(session: Session, request: FundRequest, amount: Money, day: date) -> None:
    """What is lost with a provider, or came back of it. Looked at once it is booked: the accounts are locked by then."""
    bearer = request.to_programme_id or request.from_programme_id
    assert request.provider is not None
    assert bearer is not None
    ours = Book(
        amount.currency, fund_id=request.fund_id, programme_id=bearer, provider=request.provider
    )
    post_on(session, _OF_A_FLOAT[request.kind], ours, amount, request.id, day)
    if request.kind is RequestKind.WRITE_OFF:
        left = floats.free(session, request.provider, amount.currency)
        floats.check_free(request.provider, amount, left)
    else:
        left = floats.given_up(session, bearer, request.fund_id, request.provider, amount.currency)
        floats.check_lost(request.provider, amount, left)
