"""A payment is handed over in parts where its programme allows it: each has its receipt, and the rest a new code."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, event, func, select, text

from cbi import clock, db, fitness, jobs, offices
from cbi.access.actor import Actor
from cbi.errors import CbiError
from cbi.fsp.keys import idempotency_key
from cbi.fsp.messages import Outcome, ProviderUpdate
from cbi.helpline.standing import Kind, known
from cbi.ledger.queries import fund_positions
from cbi.messaging.models import Message
from cbi.money import Money
from cbi.payments.models import Discrepancy, Payment, PaymentRun
from cbi.payments.outcomes import late, outcomes
from cbi.payments.recovery.receivable_models import Receivable
from cbi.payments.runs import follow_ups, queries, runs
from cbi.payments.runs.progress import board, in_doubt, progress
from cbi.payments.sending import dispatch
from cbi.payments.signing import approval
from cbi.payments.states import PaymentState, ReceivableState
from cbi.payments.unpaid import again, withdrawing
from cbi.payments.unpaid.decision_models import Remedy
from cbi.proofs.verify import verify
from cbi.reconciliation import matching, statements
from cbi.redemption.counter import Receipt
from cbi.redemption.models import Payout
from cbi.redemption.refusals import Refused
from tests.factories import look
from tests.flow.sending import at_once
from tests.reconciliation_factory import TREASURER, Line, settlement
from tests.redemption_factory import (
    LAST_DAY,
    OPEN,
    InParts,
    Issued,
    code_of,
    confirm,
    hold,
    minutes,
    pay_part,
    refused,
    teller,
    try_code,
)
from tests.redemption_factory import statements as sql

AFTER = datetime.combine(LAST_DAY + timedelta(days=1), OPEN.time(), UTC)
"""When the codes are over."""
LATER = (AFTER - OPEN).total_seconds() / 60


def dinars(amount: int) -> Money:
    return Money(amount * 100, "DZD")


def pay(who: Actor, code: str, amount: int, *, at: float = 0) -> Receipt:
    """Hand over so many dinars of what the code pays."""
    return pay_part(who, hold(who, code, at=at).authorisation_id, amount, at=at)


def refusal(work: Callable[[], object]) -> str:
    with pytest.raises(CbiError) as caught:
        work()
    return caught.value.code


class Story:
    """Two payments of 4,000 dinars each at the counter, and a teller."""

    def __init__(self, parted: InParts) -> None:
        self.people, self.run_id = parted.people, parted.run_id
        self.payment, self.other = parted.payments
        self.teller = teller()

    def find(self, payment_id: UUID | None = None) -> Payment:
        with offices.transaction("dz") as session:
            found = session.get_one(Payment, payment_id or self.payment)
            session.expunge(found)
            return found


@pytest.fixture
def story(parted: InParts) -> Story:
    return Story(parted)


def all_kept() -> None:
    with offices.transaction("dz") as session:
        assert [line for each in verify(session) for line in each.breaches] == []


def test_the_totals_of_a_run_say_what_was_handed_over_in_parts_and_the_rest(story: Story) -> None:
    def totals() -> list[tuple[str, int, Money, Money]]:
        with offices.transaction("dz") as session:
            found = queries.state_totals(session, story.run_id)
        return [(str(each.state), each.payments, each.handed_over, each.rest) for each in found]

    pay(story.teller, code_of(story.payment), 1500)
    assert totals() == [("accepted", 2, dinars(1500), dinars(6500))]
    pay(story.teller, code_of(story.payment), 2500, at=1)
    assert totals() == [
        ("accepted", 1, dinars(0), dinars(4000)),
        ("paid", 1, dinars(4000), dinars(0)),
    ]


def test_a_part_has_its_receipt_and_the_rest_a_new_code(story: Story) -> None:
    first = code_of(story.payment)
    receipt = pay(story.teller, first, 1500)
    assert (receipt.amount, receipt.left) == (dinars(1500), dinars(2500))
    second = code_of(story.payment)
    assert second != first
    assert refused(try_code(story.teller, first, at=1)) == "redemption.part_paid"
    held = hold(story.teller, second, at=1)
    assert held.amount == dinars(2500)
    last = confirm(story.teller, held.authorisation_id, at=1)
    assert (last.amount, last.left) == (dinars(2500), None)
    assert last.receipt != receipt.receipt
    assert story.find().state is PaymentState.PAID
    with offices.transaction("dz") as session:
        told = session.execute(
            select(Message.template, Message.values).order_by(Message.created_at)
        ).all()
        paid = [values["amount"] for template, values in told if template == "PAID"]
        part = [values for template, values in told if template == "PARTIAL"]
        assert paid == ["2500 DZD"]
        assert [(each["amount"], each["bal"]) for each in part] == [("1500 DZD", "2500 DZD")]
        assert sum(template == "CODE_REST" for template, _ in told) == 1
    all_kept()


def test_a_lost_answer_is_asked_for_again(story: Story) -> None:
    held = hold(story.teller, code_of(story.payment))
    receipt = pay_part(story.teller, held.authorisation_id, 1500)
    assert pay_part(story.teller, held.authorisation_id, 1500, at=1) == receipt
    assert confirm(story.teller, held.authorisation_id, at=1) == receipt
    otherwise = refusal(lambda: pay_part(story.teller, held.authorisation_id, 2000, at=1))
    assert otherwise == "redemption.paid_another_amount"
    with offices.transaction("dz") as session:
        assert session.scalar(select(func.count()).select_from(Payout)) == 1
    all_kept()


def test_who_asks_for_a_part_never_pays_all_of_it(story: Story, owner: Engine) -> None:
    held = hold(story.teller, code_of(story.payment))

    def became(state: str) -> None:
        with owner.begin() as connection:
            changed = text("UPDATE payments SET state = :state WHERE id = :id")
            connection.execute(changed, {"state": state, "id": story.payment})

    def payable_again(*about: Any) -> None:
        if "owed_back" in str(about[2]) or "receivables" in str(about[2]):
            became("accepted")

    became("unknown")
    # What kept it from being paid ends just after the teller's request was looked at.
    event.listen(db.engine("dz"), "after_cursor_execute", payable_again)
    try:
        no = refusal(lambda: pay_part(story.teller, held.authorisation_id, 1500, at=1))
    finally:
        event.remove(db.engine("dz"), "after_cursor_execute", payable_again)
    assert (no, story.find().state) == ("redemption.not_held", PaymentState.ACCEPTED)
    assert pay_part(story.teller, held.authorisation_id, 1500, at=1).left == dinars(2500)


@pytest.mark.parametrize(
    ("amount", "code"),
    [
        (500, "redemption.unusable_part"),
        (1250, "redemption.unusable_part"),
        (4500, "redemption.unusable_part"),
        (0, "redemption.unusable_part"),
        (-1500, "redemption.unusable_part"),
    ],
)
def test_a_part_is_neither_too_small_nor_in_odd_notes(story: Story, amount: int, code: str) -> None:
    held = hold(story.teller, code_of(story.payment))
    assert refusal(lambda: pay_part(story.teller, held.authorisation_id, amount)) == code
    assert story.find().parts_minor == 0


def test_all_of_it_is_no_part(story: Story) -> None:
    receipt = pay(story.teller, code_of(story.payment), 4000)
    assert receipt.left is None
    assert story.find().attempts == 1
    all_kept()


def test_after_so_many_parts_the_rest_is_paid_whole(story: Story) -> None:
    pay(story.teller, code_of(story.payment), 1000)
    pay(story.teller, code_of(story.payment), 1000, at=1)
    held = hold(story.teller, code_of(story.payment), at=2)
    enough = refusal(lambda: pay_part(story.teller, held.authorisation_id, 1000, at=2))
    assert enough == "redemption.no_parts"
    assert confirm(story.teller, held.authorisation_id, at=2).amount == dinars(2000)
    all_kept()


def test_a_programme_that_says_nothing_pays_all_at_once(run: Issued) -> None:
    who = teller()
    with sql() as asked:
        held = hold(who, code_of(run.payments[0]))
        confirm(who, held.authorisation_id)
    assert held.parts is None
    assert not any("INTO payment_parts" in each for each in asked)
    other = hold(who, code_of(run.payments[1]))
    assert refusal(lambda: pay_part(who, other.authorisation_id, 1500)) == "redemption.no_parts"
    assert confirm(who, other.authorisation_id).amount == dinars(4000)


def test_what_expires_after_a_part_is_the_rest_and_only_that_is_paid_again(story: Story) -> None:
    pay(story.teller, code_of(story.payment), 1500)
    with clock.frozen(AFTER):
        jobs.expire("dz")
    assert story.find().state is PaymentState.EXPIRED
    all_kept()
    with clock.frozen(AFTER), offices.transaction("dz") as session:
        (line,) = again.waits(session, story.people.authoriser.actor, story.run_id)
        assert line.total == dinars(2500) + dinars(4000)
        again.try_again(session, story.people.authoriser.actor, story.run_id, "They came back")
    with clock.frozen(AFTER):
        jobs.release("dz", story.run_id)
    held = hold(story.teller, code_of(story.payment), at=LATER)
    assert held.amount == dinars(2500)
    confirm(story.teller, held.authorisation_id, at=LATER)
    assert story.find().state is PaymentState.PAID
    all_kept()


def test_only_the_rest_is_withdrawn_and_only_the_part_is_in_dispute(story: Story) -> None:
    pay(story.teller, code_of(story.payment), 1500)
    with clock.frozen(AFTER):
        jobs.expire("dz")
    decider = story.people.authoriser.actor
    with clock.frozen(AFTER), offices.transaction("dz") as session:
        again.try_again(session, decider, story.run_id, "They came back")
        proposed = withdrawing.propose(
            session, decider, story.run_id, "post_office", "The counters closed"
        )
        assert proposed.total_minor == 650_000
        came_back = ProviderUpdate(idempotency_key(story.payment, 1), Outcome.RETURNED)
        outcomes.apply(session, came_back, provider="post_office", source="callback")
        about = select(Discrepancy.amount_minor).where(Discrepancy.payment_id == story.payment)
        assert session.scalars(about).all() == [150_000]


def test_what_was_handed_over_in_parts_is_not_forgotten_by_an_older_version(
    story: Story, owner: Engine
) -> None:
    pay(story.teller, code_of(story.payment), 1500)
    config = Config()
    config.set_main_option("script_location", str(fitness.migrations()))
    with owner.begin() as connection:
        connection.execute(text("SET LOCAL search_path = dz"))
        config.attributes["connection"] = connection
        with pytest.raises(RuntimeError, match="handed over in parts"):
            command.downgrade(config, "0020")


def test_a_follow_up_run_pays_what_the_part_had_left(story: Story) -> None:
    pay(story.teller, code_of(story.payment), 1500)
    with clock.frozen(AFTER):
        jobs.expire("dz")
    with clock.frozen(AFTER), offices.transaction("dz") as session:
        decided = again.give_up(
            session, story.people.authoriser.actor, story.run_id, "Paid by the next run"
        )
        assert (decided.remedy, decided.total) == (Remedy.GIVE_UP, dinars(6500))
    all_kept()
    with clock.frozen(AFTER), offices.transaction("dz") as session:
        given_up = session.get_one(PaymentRun, story.run_id)
        run = runs.build(session, story.people.maker.actor, given_up.cycle_id)
        runs.lock(session, story.people.maker.actor, run.id)
        amounts = session.scalars(
            select(Payment.amount_minor)
            .where(Payment.run_id == run.id)
            .order_by(Payment.amount_minor)
        ).all()
        assert amounts == [250_000, 400_000]
        (followed,) = follow_ups.of(session, run)
        assert followed.total == dinars(6500)
        (line,) = progress(board(session))
        assert line.paid.total == dinars(1500)
        assert line.in_a_run.total == dinars(8000)
    all_kept()


def give_up(story: Story, run_id: UUID, at: datetime) -> None:
    """Its codes are over, and what is left of it goes back to the budget."""
    with clock.frozen(at):
        jobs.expire("dz")
    with clock.frozen(at), offices.transaction("dz") as session:
        again.give_up(session, story.people.authoriser.actor, run_id, "Paid by the next run")


def follow_up(story: Story, at: datetime) -> UUID:
    """A run for what was given up, signed and released."""
    with clock.frozen(at), offices.transaction("dz") as session:
        given_up = session.get_one(PaymentRun, story.run_id)
        run = runs.build(session, story.people.maker.actor, given_up.cycle_id)
        runs.lock(session, story.people.maker.actor, run.id)
        look(session, run, story.people)
        approval.certify(
            session, story.people.certifier.actor, run.id, story.people.certifier.code()
        )
        approval.authorise(
            session, story.people.authoriser.actor, run.id, story.people.authoriser.code()
        )
    with clock.frozen(at + timedelta(hours=1)), offices.transaction("dz") as session:
        dispatch.begin_release(session, story.people.authoriser.actor, run.id)
    with clock.frozen(at + timedelta(hours=1)):
        jobs.release("dz", run.id)
    return run.id


def test_news_of_an_earlier_payment_is_owed_back_where_a_later_one_handed_over_a_part(
    story: Story, owner: Engine
) -> None:
    pay(story.teller, code_of(story.payment), 1500)
    give_up(story, story.run_id, AFTER)
    again_run = follow_up(story, AFTER)
    with offices.transaction("dz") as session:
        later = session.scalars(
            select(Payment.id).where(Payment.run_id == again_run, Payment.amount_minor == 250_000)
        ).one()
    pay(story.teller, code_of(later), 1000, at=LATER + 120)
    give_up(story, again_run, AFTER + timedelta(days=60))
    all_kept()
    with clock.frozen(AFTER + timedelta(days=61)), offices.transaction("dz") as session:
        payment = session.get_one(Payment, story.payment, with_for_update=True)
        assert not late.book_paid(session, payment, 2, source="callback")
        assert payment.state is PaymentState.CANCELLED
        (owed,) = session.scalars(select(Receivable))
        assert (owed.amount_minor, owed.state) == (250_000, ReceivableState.OPEN)
    all_kept()
    with owner.begin() as connection:
        connection.execute(
            text("UPDATE dz.payments SET state = 'paid', live = true WHERE id = :id"),
            {"id": story.payment},
        )
    with offices.transaction("dz") as session:
        told = [line for each in verify(session) for line in each.breaches]
    assert any("400000, its payments have handed over 500000" in line for line in told)


def test_the_statement_lists_each_part(story: Story) -> None:
    first = pay(story.teller, code_of(story.payment), 1500)
    second = pay(story.teller, code_of(story.payment), 2500, at=1)
    lines = [Line(first.receipt, 1500, OPEN.date()), Line(second.receipt, 2500, OPEN.date())]
    with clock.frozen(OPEN + timedelta(days=1)), offices.transaction("dz") as session:
        statements.take_in(session, TREASURER, "post_office", settlement(lines), "day.csv")
        done = matching.reconcile(session, TREASURER, "post_office")
        assert (done.matched, done.opened) == (2, 0)
    all_kept()


def test_a_part_that_the_statement_does_not_list_is_asked_about(story: Story) -> None:
    pay(story.teller, code_of(story.payment), 1500)
    whole = pay(story.teller, code_of(story.other), 4000)
    lines = [Line(whole.receipt, 4000, OPEN.date())]
    with clock.frozen(OPEN + timedelta(days=1)), offices.transaction("dz") as session:
        statements.take_in(session, TREASURER, "post_office", settlement(lines), "day.csv")
        done = matching.reconcile(session, TREASURER, "post_office")
        assert (done.matched, done.opened) == (1, 1)
    all_kept()


def test_the_money_of_a_part_is_spent_and_the_rest_in_transit(story: Story) -> None:
    pay(story.teller, code_of(story.payment), 1500)
    with offices.transaction("dz") as session:
        (position,) = fund_positions(session)
        assert position.delivered == dinars(1500)
        assert position.in_transit == dinars(6500)


def test_whatever_is_tried_at_once_no_more_than_the_payment_is_handed_over(story: Story) -> None:
    tellers = [teller() for _ in range(32)]
    with offices.transaction("dz") as session:
        code = code_of(story.payment, session)

    def once(who: Actor) -> int:
        answer = try_code(who, code)
        if isinstance(answer, Refused):
            return 0
        try:
            return pay_part(who, answer.authorisation_id, 1500).amount.minor
        except CbiError:
            return 0

    assert sum(at_once(once, tellers)) == 150_000

    def same_hold(amount: int) -> int:
        try:
            return pay_part(first, held.authorisation_id, amount, at=1).amount.minor
        except CbiError:
            return 0

    first = tellers[0]
    held = hold(first, code_of(story.payment), at=1)
    paid = at_once(same_hold, [1000, 1500, 2000, 2500] * 8)
    assert len({each for each in paid if each}) == 1
    with offices.transaction("dz") as session:
        handed_over = session.scalar(
            select(func.sum(Payout.amount_minor)).where(Payout.payment_id == story.payment)
        )
        assert handed_over == 150_000 + max(paid) <= 400_000
    all_kept()


def test_no_part_is_paid_where_a_new_code_would_not_arrive(story: Story, owner: Engine) -> None:
    held = hold(story.teller, code_of(story.payment))
    with owner.begin() as connection:
        connection.execute(text("UPDATE payment_accounts SET replaced_at = now()"))
    no = refusal(lambda: pay_part(story.teller, held.authorisation_id, 1500))
    assert no == "redemption.no_code_for_rest"
    assert confirm(story.teller, held.authorisation_id).amount == dinars(4000)


def test_a_code_held_on_its_last_evening_leaves_no_rest_after_midnight(story: Story) -> None:
    midnight = datetime.combine(LAST_DAY, datetime.max.time(), ZoneInfo("Africa/Algiers"))
    evening = (midnight - OPEN).total_seconds() / 60 - 1
    held = hold(story.teller, code_of(story.payment), at=evening)
    no = refusal(lambda: pay_part(story.teller, held.authorisation_id, 1500, at=evening + 2))
    assert no == "payment.not_in_parts"
    assert confirm(story.teller, held.authorisation_id, at=evening + 2).amount == dinars(4000)


def test_what_nobody_knows_about_is_the_rest(story: Story, owner: Engine) -> None:
    pay(story.teller, code_of(story.payment), 1500)
    with owner.begin() as connection:
        unknown = text("UPDATE payments SET state = 'unknown' WHERE id = :id")
        connection.execute(unknown, {"id": story.payment})
    with clock.frozen(minutes(5)), offices.transaction("dz") as session:
        (line,) = in_doubt(session, board(session), timedelta(0))
        assert line.tally.total == dinars(2500)


@pytest.mark.parametrize(
    ("altered", "says"),
    [
        ("UPDATE payment_parts SET amount_minor = 100000", "the books say 150000"),
        ("DELETE FROM payment_parts", "says that 150000 was handed over in parts"),
        ("UPDATE payments SET parts_minor = 0", "says that 0 was handed over in parts"),
        ("UPDATE payment_parts SET before_minor = 1", "does not begin where"),
        ("UPDATE payouts SET amount_minor = 100000", "nobody handed it over"),
        ("DELETE FROM payment_events WHERE after = 'partly_paid'", "its story says otherwise"),
    ],
)
def test_a_part_that_was_tampered_with_is_found(
    story: Story, owner: Engine, altered: str, says: str
) -> None:
    pay(story.teller, code_of(story.payment), 1500)
    with owner.begin() as connection:
        connection.execute(text(altered))
    with offices.transaction("dz") as session:
        assert any(says in line for each in verify(session) for line in each.breaches)


def test_the_helpline_tells_what_was_paid_and_what_is_left(story: Story) -> None:
    pay(story.teller, code_of(story.payment), 1500)
    with clock.frozen(minutes(5)), offices.transaction("dz") as session:
        payment = session.get_one(Payment, story.payment)
        (case,) = known(session, payment.account_index).cases
        assert (case.kind, case.amount, case.paid) == (Kind.READY, dinars(2500), dinars(1500))
