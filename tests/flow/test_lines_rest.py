"""A payment took less than was sent, and a later line of the statement lists the rest: delivered after all, and once."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import URL, Engine, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from cbi import clock, ids, offices
from cbi.app import create_app
from cbi.fsp.keys import idempotency_key
from cbi.fsp.messages import Outcome, ProviderUpdate
from cbi.helpline import telling as helpline
from cbi.helpline.standing import known
from cbi.ledger.queries import paid_by_day
from cbi.messaging.choices import Level
from cbi.messaging.models import Message
from cbi.money import Money
from cbi.payments.models import Payment
from cbi.payments.outcomes.outcomes import Applied, apply
from cbi.payments.states import PaymentState
from cbi.programmes.models import Entitlement
from cbi.programmes.top_up_models import TopUp, TopUpRow
from cbi.reconciliation import line_findings
from cbi.reconciliation.models import Verdict
from cbi.registry import privacy
from cbi.registry.models import PaymentAccount
from tests.factories import EVERYTHING, office_day
from tests.flow.browsing import Browsing
from tests.flow.people import Caller, token_for
from tests.flow.sending import PointAt, assert_every_promise_is_kept, disputes, told
from tests.flow.suspended import Told, refused
from tests.flow.tampering import noticed
from tests.flow.test_lines import back, is_as_the_provider_says, out
from tests.flow.two_attempts import AMOUNT, FAILED, PAID, tried_of

S, V = PaymentState, Verdict
TOOK = 40_000
"""What the first line lists of the payment of 100,000 minor units."""


@pytest.fixture(scope="module")
def template(server: URL, template: str, point_at: PointAt) -> str:
    return told(server, template, point_at)


@pytest.fixture
def lines(database: URL, template: str) -> Told:
    """Two people have found that the payment took less than was sent."""
    found = Told(tried_of(template), colleagues=9)
    found.tried.sent(PAID)
    found.lists(out("one", TOOK, reference=found.key()))
    found.is_attempt("one")
    assert disputes() == ["paid_less"]
    return found


def more(lines: Told, name: str, minor: int) -> UUID:
    """Two people find that a line is more of the payment; their finding."""
    lines.lists(out(name, minor))
    lines.found(name, V.MORE, payment_id=lines.tried.id)
    assert isinstance(lines.finding, UUID)
    return lines.finding


def by_day(lines: Told) -> int:
    """What the books say was paid out by the provider, day by day, in all."""
    found = lines.tried.do(lambda s: paid_by_day(s, office_day() - timedelta(days=1)))
    assert isinstance(found, list)
    return sum(each.total.minor for each in found if each.provider == "sandbox")


def hears(lines: Told, minor: int) -> Applied:
    news = ProviderUpdate(idempotency_key(lines.tried.id, 1), Outcome.PAID, amount=Money(minor, "DZD"))  # fmt: skip
    return offices.transact("dz", lambda s: apply(s, news, provider="sandbox", source="callback"))


def test_what_was_missing_is_delivered_by_the_lines_that_list_it_and_what_goes_beyond_is_owed(
    lines: Told,
) -> None:
    assert by_day(lines) == TOOK
    more(lines, "two", 25_000)
    assert lines.books("1100", "1310", "1900", "2100", "2900", "5000") == [
        -65_000, 0, 0, 35_000, 65_000, 65_000
    ]  # fmt: skip
    assert disputes() == ["paid_less"], "some of it is still missing"
    assert by_day(lines) == 65_000
    third = more(lines, "three", 45_000)
    whole = [-AMOUNT - 10_000, 10_000, 0, 0, AMOUNT, AMOUNT]
    accounts = ("1100", "1310", "1900", "2100", "2900", "5000")
    assert lines.books(*accounts) == whole
    assert disputes() == ["paid_more"]
    assert not lines.compare().changed
    assert {hears(lines, TOOK), hears(lines, AMOUNT)} == {Applied.NOTHING_NEW}
    lines.found("three", V.MISTAKEN, finding_id=third)
    assert disputes() == ["finding_mistaken", "paid_less"]
    assert lines.books("1310", "1900", "2100", "5000") == [0, 45_000, 35_000, 65_000]
    is_as_the_provider_says(lines)
    lines.found("three", V.MORE, payment_id=lines.tried.id)
    assert (lines.books(*accounts), disputes(), by_day(lines)) == (whole, ["paid_more"], AMOUNT)
    is_as_the_provider_says(lines)


def test_all_of_it_comes_back_with_the_rest_that_came_and_that_stands(lines: Told) -> None:
    second = more(lines, "two", 25_000)
    lines.lists(
        back("three", TOOK, reference=lines.key()), back("four", 65_000, reference=lines.key())
    )
    assert refused(lambda: lines.is_attempt("three")) == "line_finding.does_not_fit"
    lines.is_attempt("four")
    assert lines.tried.state is S.RETURNED
    assert lines.books("1100", "2100", "2400", "5000") == [TOOK, 0, AMOUNT, 0]
    assert refused(lambda: lines.report("two", V.MISTAKEN, finding_id=second)) == (
        "line_finding.does_not_fit"
    )
    is_as_the_provider_says(lines)
    more(lines, "five", 60_000)
    assert lines.books("1310", "5000") == [60_000, 0], "nothing of it is missing any more"
    assert_every_promise_is_kept()


def asked(lines: Told) -> helpline.Told:
    """What the recipient, who chose to be told amounts, is answered who asks how the payment stands."""

    def work(session: Session) -> helpline.Told:
        payment = session.get_one(Payment, lines.tried.id)
        privacy.choose(session, EVERYTHING, payment.person_id, Level.NORMAL)
        index = session.get_one(PaymentAccount, payment.account_id).value_index
        return helpline.status(known(session, index), "en")

    answer = lines.tried.do(work)
    assert isinstance(answer, helpline.Told)
    return answer


def told_of_rests() -> list[tuple[str, str]]:
    """What waits to tell the household of a rest that came, and what was taken back before it was told."""
    with offices.transaction("dz") as session:
        rests = select(Message).where(Message.template == "REST_CAME").order_by(Message.created_at)
        return [(each.values["amount"], each.state.value) for each in session.scalars(rests)]


def test_the_household_is_told_of_each_rest_that_came_unless_it_is_taken_back_before(
    lines: Told,
) -> None:
    more(lines, "two", 25_000)
    third = more(lines, "three", 45_000)
    assert told_of_rests() == [("250 DZD", "queued"), ("350 DZD", "queued")]
    lines.found("three", V.MISTAKEN, finding_id=third)
    assert told_of_rests() == [("250 DZD", "queued"), ("350 DZD", "withdrawn")]
    more(lines, "four", 35_000)
    assert told_of_rests()[2:] == [("350 DZD", "queued")]


def test_whoever_asks_is_told_what_came_and_that_the_rest_is_looked_into(lines: Told) -> None:
    answer = asked(lines)
    assert (answer.template, answer.values["amount"]) == ("STATUS_PART_CAME_AMT", "400 DZD")
    more(lines, "two", 60_000)
    answer = asked(lines)
    assert (answer.template, answer.values["amount"]) == ("STATUS_PAID_AMT", "1000 DZD")
    assert hears(lines, 70_000) is Applied.DISPUTED
    assert asked(lines).template == "STATUS_CHECKED"


def _topped_up(session: Session, payment_id: UUID, minor: int, basis: str) -> None:
    payment = session.get_one(Payment, payment_id)
    owed = session.get_one(Entitlement, payment.entitlement_id)
    by = session.scalars(text("SELECT id FROM users LIMIT 2")).all()
    top_up = TopUp(
        id=ids.fresh(), cycle_id=owed.cycle_id, number=1, basis=basis, reason="Less was paid", reference="MEMO-1",
        reference_key="memo-1", digest=b"", households=1, total_minor=minor, currency="DZD", proposed_by=by[0],
        proposed_at=clock.now(), decision="accepted", decided_by=by[1], decided_at=clock.now() + timedelta(seconds=1),
    )  # fmt: skip
    session.add(top_up)
    session.flush()
    session.add(
        TopUpRow(
            top_up_id=top_up.id, household_id=payment.household_id, before_minor=AMOUNT, amount_minor=minor,
            currency="DZD", reason="Less was paid",
        )
    )  # fmt: skip


def test_what_becomes_of_the_line_is_shown_and_not_confirmed_once_it_has_changed(
    lines: Told,
) -> None:
    lines.lists(out("two", 70_000))
    lines.report("two", V.MORE, payment_id=lines.tried.id)
    assert lines.treasurer.actor.id is not None
    assert lines.both.actor.id is not None
    app = create_app()
    seen = Caller(app, token_for(lines.treasurer.actor.id))
    shown = seen.get(f"/statement-lines/{lines.line('two')}").json()["findings"][0]["split"]
    assert [each["amount"] for each in shown.values()] == ["600.00", "100.00"]
    second = Browsing(app, token_for(lines.both.actor.id))
    second.get(f"/waiting/statement-line/{lines.finding}")
    assert "Delivered after all" in second.words
    lines.settle("paid_less")
    second.send(f"/waiting/accept/statement-line/{lines.finding}", code=lines.both.code())
    assert "is not what you were shown" in second.words
    assert lines.books("1900", "5000") == [70_000, TOOK], "nothing was booked"
    second.get(f"/waiting/statement-line/{lines.finding}")
    second.send(f"/waiting/accept/statement-line/{lines.finding}", code=lines.both.code())
    assert lines.books("1310", "1900", "5000") == [70_000, 0, TOOK]


@pytest.mark.parametrize(("how", "owed"), [("words", 60_000), ("list", 45_000), ("rules", 0)])
def test_a_household_that_got_the_rest_in_words_or_by_a_list_does_not_get_it_twice(
    lines: Told, how: str, owed: int
) -> None:
    if how == "words":
        lines.settle("paid_less")
    else:
        with offices.transaction("dz") as session:
            _topped_up(session, lines.tried.id, 45_000, how)
    more(lines, "two", 60_000)
    assert lines.books("1310", "5000") == [owed, AMOUNT - owed]
    assert disputes() == ["paid_more"] * bool(owed)


HIDDEN = {
    "it was owed for another attempt": (4, "UPDATE receivables SET attempt = 2 WHERE excess"),
    "the rest is of another finding": (
        4, "UPDATE transfers SET source_id = gen_random_uuid() WHERE entry = 'rest_delivered'"
    ),
}  # fmt: skip


def test_more_of_an_attempt_that_is_owed_back_is_its_rest_once_that_is_the_payment(
    database: URL, template: str
) -> None:
    lines = Told(tried_of(template), colleagues=4)
    lines.tried.sent(FAILED)
    lines.tried.becomes(S.READY)
    lines.tried.sent()
    lines.lists(out("one", TOOK, reference=lines.key()), out("two", 25_000))
    lines.is_attempt("one")
    lines.found("two", V.MORE, payment_id=lines.tried.id, attempt=1)
    second = lines.finding
    assert isinstance(second, UUID)
    accounts = ("1100", "1310", "1900", "2100", "5000")
    assert lines.books(*accounts) == [-65_000, 65_000, 0, 0, 0]
    lines.tried.answers(FAILED)
    assert lines.tried.state is S.PAID
    assert lines.books(*accounts) == [-65_000, 0, 0, 35_000, 65_000]
    assert "paid_more" not in disputes()
    is_as_the_provider_says(lines)
    assert noticed(database, HIDDEN) == dict.fromkeys(HIDDEN, True)
    lines.found("two", V.MISTAKEN, finding_id=second)
    assert lines.books(*accounts) == [-65_000, 0, 25_000, 60_000, TOOK]
    is_as_the_provider_says(lines)


def test_a_rest_that_the_budget_does_not_hold_any_more_waits_for_money(
    lines: Told, owner: Engine
) -> None:
    lines.lists(out("two", 60_000))
    lines.report("two", V.MORE, payment_id=lines.tried.id)
    with owner.begin() as intruder:
        intruder.execute(
            text("UPDATE accounts SET debits_minor = credits_minor WHERE code = '2100'")
        )
    assert refused(lines.confirm) == "line_finding.does_not_fit"
    assert lines.books("1900", "5000") == [60_000, TOOK]


WHAT_WAITS = {
    "how the household got it is said": "UPDATE discrepancies SET settled_at = now(), resolution = 'x'"
    " WHERE kind = 'paid_less'",
    "a top-up is accepted": "SELECT id FROM programmes WHERE code = 'wallets' FOR NO KEY UPDATE",
}


def test_while_the_rest_is_booked_it_comes_in_no_other_way(lines: Told) -> None:
    lines.lists(out("two", 60_000))
    lines.report("two", V.MORE, payment_id=lines.tried.id)
    one = lines.authorisers.pop()
    code, finding = one.code(), lines.finding
    assert isinstance(finding, UUID)
    with offices.transaction("dz") as session:
        line_findings.confirm(session, one.actor, finding, code)
        for deed in WHAT_WAITS.values():
            with pytest.raises(OperationalError, match="lock timeout"):
                _at_the_same_moment(deed)
    assert disputes() == []


def _at_the_same_moment(deed: str) -> None:
    with offices.transaction("dz") as session:
        session.execute(text("SET LOCAL lock_timeout = '50ms'"))
        session.execute(text(deed))


DEEDS = {
    "it is another payment's": (
        4, "UPDATE line_findings SET payment_id = gen_random_uuid() WHERE verdict = 'more'"
    ),
    "it is another attempt's": (
        4, "UPDATE transfers SET attempt = 2 WHERE entry IN ('rest_delivered', 'rest_mistaken')"
    ),
    "nobody is told that it is missing": (
        4,
        "UPDATE discrepancies SET settled_at = opened_at - interval '1 day', resolution = 'x' WHERE kind = 'paid_less'",
    ),
}  # fmt: skip


def test_what_an_intruder_does_to_a_rest_is_found(lines: Told, database: URL) -> None:
    more(lines, "two", 25_000)
    third = more(lines, "three", 5_000)
    lines.found("three", V.MISTAKEN, finding_id=third)
    assert_every_promise_is_kept()
    assert noticed(database, DEEDS) == dict.fromkeys(DEEDS, True)
