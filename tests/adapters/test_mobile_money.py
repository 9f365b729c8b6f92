"""The mobile money adapter keeps the contract, and is certain only of what the operator said clearly."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from adapters.mobile_money import PLUGIN, statement, statuses
from adapters.mobile_money.adapter import MobileMoneyAdapter, _text, correlation_of
from adapters.mobile_money.client import Unanswered
from adapters.mobile_money.statuses import ERRORS, HTTP_STATUS, Refused
from cbi import clock
from cbi.errors import CbiError
from cbi.fsp.contract import AdapterContract, Bench
from cbi.fsp.errors import NotSent, UnreadableStatement, UntrustedCallback, UnusableSetting
from cbi.fsp.messages import ABOUT, FailureReason, LineKind, Outcome, Payee, Question
from cbi.money import Money, exponent
from tests.adapters.benches import MobileMoneyBench
from tests.peers import mobile_money as gsma
from tests.peers.mobile_money import Act, Error


@pytest.fixture
def operator() -> Iterator[gsma.Operator]:
    with gsma.operating() as operator:
        yield operator


class TestMobileMoney(AdapterContract):
    @pytest.fixture
    def bench(self, operator: gsma.Operator) -> Bench:
        return MobileMoneyBench(operator)


@pytest.fixture
def desk(operator: gsma.Operator) -> MobileMoneyBench:
    return MobileMoneyBench(operator)


@pytest.fixture
def adapter(desk: MobileMoneyBench) -> MobileMoneyAdapter:
    return desk.mobile_money


# Amounts

currencies = st.sampled_from(["KES", "DZD", "UGX", "JPY", "TND", "JOD", "EUR", "XOF"])


@given(minor=st.integers(0, 10**15), currency=currencies)
def test_an_amount_is_written_as_the_specification_asks_and_read_back_the_same(
    minor: int, currency: str
) -> None:
    amount = Money(minor, currency)
    text = statuses.written(amount)
    assert gsma._AMOUNT.fullmatch(text)
    assert statuses.amount_in(text, currency) == amount


@given(minor=st.integers(0, 10**15), currency=currencies, noughts=st.integers(0, 4))
def test_noughts_at_the_end_of_an_amount_change_nothing(
    minor: int, currency: str, noughts: int
) -> None:
    amount = Money(minor, currency)
    text = statuses.written(amount)
    sloppy = text + ("" if "." in text else ".") + "0" * noughts if noughts else text
    if len(sloppy.partition(".")[2]) <= 4:
        assert statuses.amount_in(sloppy, currency) == amount


@given(text=st.text(max_size=30) | st.from_regex(r"[0-9.,eE+\-]{0,25}"), currency=currencies)
def test_anything_else_is_read_exactly_or_not_at_all(text: str, currency: str) -> None:
    try:
        amount = statuses.amount_in(text, currency)
    except CbiError:
        return
    whole, _, decimals = text.partition(".")
    assert int(whole + decimals.ljust(4, "0")) == amount.minor * 10 ** (4 - exponent(currency))


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        ("200.005", "KES"), ("200.5", "UGX"), ("1e3", "KES"), ("0200", "KES"), ("-1", "KES"), (".5", "KES"), ("5.", "KES"),
        ("200.0 ", "KES"), ("1,000", "KES"), ("", "KES"), (None, "KES"), ("200", None), (200, "KES"), ("٢٠٠", "KES"),
        ("9" * 18, "KES"), ("1", "XXX"), ("1", "kes"),
    ],
)  # fmt: skip
def test_an_amount_that_needs_guessing_is_none(text: object, currency: object) -> None:
    with pytest.raises(CbiError):
        statuses.amount_in(text, currency)


# Errors


@pytest.mark.parametrize("said", ["", "  ", None, 7, "a\x00b"])
def test_a_reference_that_names_nothing_is_none(said: object) -> None:
    assert _text({"objectReference": said}, "objectReference") is None


def test_every_error_code_of_the_specification_has_a_meaning(shared_data: object) -> None:
    path = f"{shared_data}/specs/gsma-mobile-money/mobile-money-api-specification-1.2.0-disbursements.yaml"
    with open(path) as file:
        schema = YAML(typ="safe").load(file)["components"]["schemas"]["errorObject"]["properties"]
    codes, categories = set(schema["errorCode"]["enum"]), set(schema["errorCategory"]["enum"])
    assert len(codes) == 38
    assert {code for _, code in ERRORS} == codes
    assert {category for category, _ in ERRORS} == categories == set(HTTP_STATUS)


@pytest.mark.parametrize("pair", sorted(ERRORS))
def test_an_error_means_what_its_category_and_code_say_and_nothing_under_another_status(
    desk: MobileMoneyBench, pair: tuple[str, str]
) -> None:
    meaning, status = ERRORS[pair], HTTP_STATUS[pair[0]]
    desk.operator.error = Error(status, *pair)
    desk.operator.otherwise = Act.DECLINE
    if meaning is Refused.TRY_LATER:
        with pytest.raises(NotSent) as refusal:
            desk.mobile_money.submit(desk.instruction())
        assert refusal.value.retry_helps
    else:
        news = desk.mobile_money.submit(desk.instruction())
        assert news.provider_code == "/".join(pair)
        assert (news.outcome, news.failure) == (
            (Outcome.UNKNOWN, None) if meaning is Refused.ASK else (Outcome.FAILED, meaning)
        )
    for other in {200, 201, 202, 400, 401, 404, 409, 500, 502, 503} - {status}:
        desk.operator.error = Error(other, *pair)
        assert desk.mobile_money.submit(desk.instruction(other)).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("pair", [("internal", "insufficientFunds"), ("businessRule", "moonPhase"), ("", "")])  # fmt: skip
def test_an_error_that_is_not_listed_is_unknown(
    desk: MobileMoneyBench, pair: tuple[str, str]
) -> None:
    desk.operator.error, desk.operator.otherwise = Error(400, *pair), Act.DECLINE
    assert desk.mobile_money.submit(desk.instruction()).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("act", [Act.PAY_THEN_503, Act.SAY_NONSENSE, Act.SAY_503])
def test_a_gateway_in_between_proves_nothing(desk: MobileMoneyBench, act: Act) -> None:
    desk.operator.plan(desk.payee.account, act)
    assert desk.mobile_money.submit(desk.instruction()).outcome is Outcome.UNKNOWN
    said = desk.mobile_money.query_status(Question(desk.instruction().idempotency_key)).outcome
    assert said is (Outcome.UNKNOWN if act is Act.SAY_503 else Outcome.PAID)


def test_too_many_requests_are_not_sent_whoever_says_so(desk: MobileMoneyBench) -> None:
    desk.operator.plan(desk.payee.account, Act.SLOW_DOWN)
    desk.operator.error, desk.operator.otherwise = Error(429, "", ""), Act.DECLINE
    for _ in range(2):
        with pytest.raises(NotSent):
            desk.mobile_money.submit(desk.instruction())


# What is sent


def test_the_operator_is_told_the_payee_the_amount_and_our_reference_and_nothing_else(
    desk: MobileMoneyBench,
) -> None:
    key = desk.instruction().idempotency_key
    desk.mobile_money.submit(replace(desk.instruction(), amount=Money(150050, "KES")))
    payment = desk.operator.payment(key)
    assert payment.asked == {
        "amount": "1500.5",
        "currency": "KES",
        "creditParty": [{"key": "msisdn", "value": "+254700123456"}],
        "debitParty": [{"key": "organisationid", "value": gsma.ACCOUNT}],
        "requestingOrganisationTransactionReference": key,
    }
    assert payment.correlation == correlation_of(key) == correlation_of(key.upper())
    assert payment.callback_url == f"http://127.0.0.1:1/callbacks/{key}"


def test_a_number_is_written_without_its_plus_where_the_operator_wants_that(
    operator: gsma.Operator,
) -> None:
    desk = MobileMoneyBench(operator, MSISDN_PLUS="no")
    desk.mobile_money.submit(desk.instruction())
    payment = operator.payment(desk.instruction().idempotency_key)
    assert payment.asked["creditParty"] == [{"key": "msisdn", "value": "254700123456"}]


@pytest.mark.parametrize("account",
    ["", "0700123456", "+0700123456", "254700123456", "+25470012345678901", "+25470O123456"],
)  # fmt: skip
def test_what_is_no_telephone_number_is_not_sent_and_not_shown(
    desk: MobileMoneyBench, account: str
) -> None:
    instruction = replace(desk.instruction(), payee=Payee(account, ""))
    with pytest.raises(NotSent) as refusal:
        desk.mobile_money.submit(instruction)
    assert not refusal.value.retry_helps
    assert not account or account not in f"{refusal.value} {refusal.value.details}"
    assert desk.messages_received() == 0


@pytest.mark.parametrize(
    "given",
    [
        {"API_KEY": "", "USERNAME": "cbi", "PASSWORD": "a-password"},
        {"API_KEY": gsma.API_KEY, "CLIENT_ID": "cbi"},
        {"API_KEY": "", "CLIENT_ID": "cbi", "CLIENT_SECRET": "a-password", "TOKEN_URL": "token"},
    ],
)
def test_we_show_who_we_are_in_the_way_that_was_agreed(
    operator: gsma.Operator, given: dict[str, str]
) -> None:
    if "TOKEN_URL" in given:
        given |= {"TOKEN_URL": f"{operator.url}/token", "SCOPE": "disbursement"}
    desk = MobileMoneyBench(operator, **given)
    assert desk.mobile_money.submit(desk.instruction()).outcome is Outcome.PAID
    assert desk.mobile_money.submit(desk.instruction(2)).outcome is Outcome.PAID
    assert operator.asked["token"] == ("TOKEN_URL" in given), "a token is kept"


def test_without_credentials_that_open_nothing_is_sent_and_the_run_can_go_on_later(
    operator: gsma.Operator,
) -> None:
    for wrong in (
        {"API_KEY": "another"},
        {"API_KEY": "another", "HEARTBEAT": "no"},
        {"API_KEY": "", "CLIENT_ID": "x", "CLIENT_SECRET": "y", "TOKEN_URL": f"{operator.url}/token"},
    ):  # fmt: skip
        desk = MobileMoneyBench(operator, **wrong)
        with pytest.raises(NotSent) as refusal:
            desk.mobile_money.submit(desk.instruction())
        assert refusal.value.retry_helps
    assert operator.truth() == {}


def test_an_operator_that_says_it_is_down_is_sent_nothing(desk: MobileMoneyBench) -> None:
    desk.operator.heartbeat = "unavailable"
    with pytest.raises(NotSent):
        desk.mobile_money.submit(desk.instruction())
    assert desk.messages_received() == 0
    desk.operator.heartbeat = "degraded"
    desk.mobile_money.submit(desk.instruction())
    desk.operator.plan(desk.payee.account, Act.SAY_503)
    desk.mobile_money.submit(desk.instruction(2))
    desk.operator.heartbeat = "unavailable"
    with pytest.raises(NotSent):
        desk.mobile_money.submit(desk.instruction(3))
    assert desk.messages_received() == 2, "one was lost, and none after it"


def test_connections_are_kept_and_the_heartbeat_is_asked_once(desk: MobileMoneyBench) -> None:
    for payment in range(1, 30):
        desk.mobile_money.submit(desk.instruction(payment))
    assert desk.operator.asked["heartbeat"] == 1
    assert desk.operator.connections() == 1


def test_requests_keep_the_pace_that_was_agreed(operator: gsma.Operator) -> None:
    desk = MobileMoneyBench(operator, REQUESTS_PER_SECOND="50", HEARTBEAT="no")
    began = clock.now()
    for payment in range(1, 12):
        desk.mobile_money.submit(desk.instruction(payment))
    assert clock.now() - began >= timedelta(seconds=0.2)


# What became of it


def test_a_payment_for_later_is_followed_through_its_request(desk: MobileMoneyBench) -> None:
    key = desk.instruction().idempotency_key
    desk.answers(Outcome.ACCEPTED)
    taken = desk.mobile_money.submit(desk.instruction())
    assert (taken.outcome, taken.ticket) == (Outcome.ACCEPTED, desk.operator.payment(key).request)
    question = desk.question(ticket=taken.ticket)
    assert desk.mobile_money.query_status(question).outcome is Outcome.ACCEPTED
    assert desk.mobile_money.query_status(Question(key)).outcome is Outcome.UNKNOWN
    desk.operator.settle()
    news = desk.mobile_money.query_status(question)
    assert (news.outcome, news.amount) == (Outcome.PAID, desk.amount)
    assert news.provider_reference == desk.operator.payment(key).reference


def test_a_payment_for_later_can_fail_with_its_reason(desk: MobileMoneyBench) -> None:
    desk.operator.otherwise = Act.DECLINE_LATER
    for payment, (pair, failure) in enumerate(
        {
            ("businessRule", "incorrectState"): FailureReason.ACCOUNT_BLOCKED,
            ("internal", "genericError"): FailureReason.PROVIDER_ERROR,
            ("businessRule", "rateLimitError"): FailureReason.PROVIDER_ERROR,
            ("businessRule", "duplicateRequest"): None,
            ("internal", "moonPhase"): None,
        }.items()
    ):
        desk.operator.error = Error(400, *pair)
        taken = desk.mobile_money.submit(desk.instruction(payment))
        desk.operator.settle()
        news = desk.built_anew().query_status(desk.question(payment, taken.ticket))
        assert news.failure is failure
        assert news.outcome is (Outcome.FAILED if failure else Outcome.UNKNOWN)


def test_a_lost_answer_is_found_again_by_an_adapter_that_remembers_nothing(
    desk: MobileMoneyBench,
) -> None:
    desk.operator.plan(desk.payee.account, Act.PAY_THEN_HANG_UP)
    with pytest.raises(httpx.TransportError):
        desk.mobile_money.submit(desk.instruction())
    after_a_restart = MobileMoneyBench(desk.operator).mobile_money
    news = after_a_restart.query_status(Question(desk.instruction().idempotency_key))
    assert (news.outcome, news.amount) == (Outcome.PAID, desk.amount)
    assert desk.messages_received() == 1


def test_a_ticket_that_the_operator_knows_no_more_leaves_the_other_way_of_asking(
    desk: MobileMoneyBench,
) -> None:
    desk.mobile_money.submit(desk.instruction())
    news = desk.mobile_money.query_status(desk.question(ticket="forgotten/../long ago"))
    assert (news.outcome, news.amount) == (Outcome.PAID, desk.amount)


def test_a_question_that_is_not_answered_says_nothing(desk: MobileMoneyBench) -> None:
    key = desk.instruction().idempotency_key
    stranger = MobileMoneyBench(desk.operator, API_KEY="another").mobile_money
    with pytest.raises(Unanswered):
        stranger.query_status(Question(key))
    with pytest.raises(Unanswered):
        stranger.available_float("KES")
    desk.operator.stop()
    with pytest.raises(Unanswered):
        desk.mobile_money.query_status(Question(key))


def test_a_link_to_somewhere_else_is_asked_at_our_own_operator(desk: MobileMoneyBench) -> None:
    key = desk.instruction().idempotency_key
    desk.mobile_money.submit(desk.instruction())
    here = desk.operator.url
    for elsewhere, outcome in (
        ("http://127.0.0.1:9/transactions/MM00000001", Outcome.PAID),
        ("/transactions/MM00000001", Outcome.PAID),
        ("/accounts/MM00000001", Outcome.UNKNOWN),
        ("MM00000001", Outcome.UNKNOWN),
        ("//[", Outcome.UNKNOWN),
    ):
        desk.operator.url = f"{elsewhere}?"
        assert desk.mobile_money.query_status(Question(key)).outcome is outcome, elsewhere
    desk.operator.url = here
    assert desk.operator.asked["accounts"] == 0, "only what can be a payment is asked for"


def test_another_amount_than_was_sent_is_never_paid(desk: MobileMoneyBench) -> None:
    desk.operator.plan(desk.payee.account, Act.SAY_ANOTHER_AMOUNT)
    news = desk.mobile_money.submit(desk.instruction())
    assert (news.outcome, news.amount) == (Outcome.UNKNOWN, Money(100, "KES"))


@pytest.mark.parametrize("change",
    [{"amount": "1500.001"}, {"amount": None}, {"currency": "XXX"}, {"amount": 1500.5}],
)  # fmt: skip
def test_an_amount_that_cannot_be_read_is_never_paid(
    desk: MobileMoneyBench, change: dict[str, object]
) -> None:
    key = desk.instruction().idempotency_key
    desk.mobile_money.submit(desk.instruction())
    told = desk.operator.told(desk.operator.payment(key)) | change
    (news,) = desk.mobile_money.parse_callback(desk.signed(*desk.operator.message(key, told)))
    if change == {"amount": 1500.5}:  # a number instead of a text is read as it was written
        assert (news.outcome, news.amount) == (Outcome.PAID, Money(150050, "KES"))
    else:
        assert (news.outcome, news.amount) == (Outcome.UNKNOWN, None)


def test_an_operator_that_writes_noughts_is_understood(desk: MobileMoneyBench) -> None:
    desk.operator.sloppy = True
    news = desk.mobile_money.submit(desk.instruction())
    assert (news.outcome, news.amount) == (Outcome.PAID, desk.amount)


def test_a_transaction_of_somebody_else_is_not_ours(desk: MobileMoneyBench) -> None:
    key = desk.instruction().idempotency_key
    desk.mobile_money.submit(desk.instruction())
    desk.operator.payment(key).asked["requestingOrganisationTransactionReference"] = "rent"
    assert desk.mobile_money.query_status(Question(key)).outcome is Outcome.UNKNOWN


# Callbacks


def test_an_error_is_about_the_payment_whose_address_it_came_to(desk: MobileMoneyBench) -> None:
    desk.operator.otherwise = Act.DECLINE_LATER
    for payment in (1, 2):
        desk.mobile_money.submit(desk.instruction(payment))
    desk.operator.settle()
    keys = [desk.instruction(payment).idempotency_key for payment in (1, 2)]
    first, second = (desk.signed(*desk.operator.message(key)) for key in keys)
    assert first.body == second.body, "the same words for two payments"
    for key, genuine in zip(keys, (first, second), strict=True):
        there = replace(genuine, headers={**genuine.headers, ABOUT: key})
        (news,) = desk.mobile_money.parse_callback(there)
        assert (news.idempotency_key, news.failure) == (key, FailureReason.ACCOUNT_NOT_FOUND)
    for about in (keys[1], "", "rent"):
        moved = replace(first, headers={**first.headers, ABOUT: about})
        with pytest.raises(UntrustedCallback):
            desk.mobile_money.parse_callback(moved)


def test_a_callback_is_believed_while_it_is_fresh_and_for_ever_once_it_was_kept(
    desk: MobileMoneyBench,
) -> None:
    genuine = desk.callback(Outcome.PAID)
    came = clock.now()
    for later in (timedelta(hours=1), timedelta(hours=-1)):
        with clock.frozen(came + later), pytest.raises(UntrustedCallback):
            desk.mobile_money.parse_callback(genuine)
        with clock.frozen(came + later):
            (news,) = desk.mobile_money.parse_callback(replace(genuine, received_at=came))
        assert news.outcome is Outcome.PAID


def test_without_a_secret_no_callback_is_asked_for_or_believed(operator: gsma.Operator) -> None:
    desk = MobileMoneyBench(operator, CALLBACK_URL="", CALLBACK_SECRET="")
    genuine = desk.callback(Outcome.PAID)
    assert operator.payment(desk.instruction().idempotency_key).callback_url == ""
    with pytest.raises(UntrustedCallback):
        desk.mobile_money.parse_callback(genuine)


def test_a_signed_message_that_says_nothing_is_untrusted(desk: MobileMoneyBench) -> None:
    desk.callback(Outcome.PAID)
    key = desk.instruction().idempotency_key
    headers, _ = desk.operator.message(key)
    for body in (b"", b"[]", b"3", b"\xff", b"[" * 100_000):
        signed = gsma.signature(headers["X-Date"], headers["X-CorrelationID"], body)
        with pytest.raises(UntrustedCallback):
            desk.mobile_money.parse_callback(desk.signed({**headers, "X-Signature": signed}, body))


# Statement and float


def test_a_statement_is_fetched_page_by_page_without_the_people_in_it(
    desk: MobileMoneyBench,
) -> None:
    yesterday = clock.now() - timedelta(days=1)
    desk.operator.now = lambda: yesterday
    for payment in range(1, 121):
        desk.mobile_money.submit(desk.instruction(payment))
    desk.operator.reverse(desk.instruction(7).idempotency_key)
    desk.operator.move("deposit", "5000", "in")
    desk.operator.move("adjustment", "12.25", "out")
    content = desk.mobile_money.fetch_statement(yesterday.date(), yesterday.date(), "KES")
    statement = desk.mobile_money.parse_statement(content)
    kinds = [line.kind for line in statement.lines]
    assert {kind: kinds.count(kind) for kind in kinds} == {
        LineKind.PAYMENT: 120, LineKind.RETURN: 1, LineKind.TOP_UP: 1, LineKind.OTHER: 1,
    }  # fmt: skip
    assert statement.movement == Money(500000 - 119 * 150000 - 1225, "KES")
    returned = next(line for line in statement.lines if line.kind is LineKind.RETURN)
    seventh = desk.operator.payment(desk.instruction(7).idempotency_key)
    assert returned.provider_reference == seventh.reference
    assert desk.payee.account.strip("+").encode() not in content
    assert desk.operator.asked["accounts"] == 3, "the operator gives fifty at a time"


def test_a_list_that_changes_while_it_is_read_is_refused(
    desk: MobileMoneyBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    yesterday = clock.now() - timedelta(days=1)
    desk.operator.now = lambda: yesterday
    for _ in range(60):
        desk.operator.move("deposit", "1", "in")
    page = desk.operator._page

    def page_then_one_more(query: dict[str, str]) -> gsma.Reply:
        answer = page(query)
        desk.operator.move("deposit", "1", "in")
        return answer

    monkeypatch.setattr(desk.operator, "_page", page_then_one_more)
    with pytest.raises(UnreadableStatement):
        desk.mobile_money.fetch_statement(yesterday.date(), yesterday.date(), "KES")


def test_days_to_come_hold_nothing(adapter: MobileMoneyAdapter) -> None:
    later = clock.now().date() + timedelta(days=2)
    assert adapter.parse_statement(adapter.fetch_statement(later, later, "KES")).lines == ()


_HEADING = {"format": statement.FORMAT, "currency": "KES"}


def _altered(desk: MobileMoneyBench, **change: object) -> bytes:
    rows = [json.loads(row) for row in desk.statement(1, 2).splitlines()[1:-1]]
    rows[1] |= change
    return statement.write(_HEADING, rows)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"transactionStatus": "harvested"}, "status"),
        ({"transactionStatus": 3}, "status"),
        ({"amount": "12.345"}, "amount"),
        ({"currency": "UGX"}, "UGX"),
        ({"direction": ""}, "account"),
        ({"transactionReference": ""}, "reference"),
        ({"creationDate": "yesterday"}, "date"),
        ({"creationDate": None}, "date"),
        ({"fees": "5"}, "fees"),
        ({"fees": [{"feeAmount": "x", "feeCurrency": "KES"}]}, "amount"),
    ],
)
def test_a_transaction_that_cannot_be_understood_is_named(
    desk: MobileMoneyBench, change: dict[str, object], says: str
) -> None:
    with pytest.raises(UnreadableStatement) as refusal:
        desk.mobile_money.parse_statement(_altered(desk, **change))
    assert refusal.value.line == 3
    assert says in refusal.value.reason


def test_what_moved_no_money_is_no_line_and_fees_are_lines_of_their_own(
    operator: gsma.Operator,
) -> None:
    desk = MobileMoneyBench(operator)
    for word in ("pending", "FAILED"):
        assert len(desk.mobile_money.parse_statement(_altered(desk, transactionStatus=word)).lines) == 1  # fmt: skip
    fee = {"feeType": "sending", "feeAmount": "5.5", "feeCurrency": "KES"}
    fees = _altered(desk, fees=[fee, {**fee, "feeAmount": "0"}, fee])
    lines = desk.mobile_money.parse_statement(fees).lines
    assert [(line.kind, line.amount.minor) for line in lines[2:]] == [(LineKind.FEE, 550)] * 2
    theirs = MobileMoneyBench(operator, FEES_ARE_OURS="no").mobile_money
    assert len(theirs.parse_statement(fees).lines) == 2


def test_a_float_in_a_currency_that_is_not_agreed_is_nothing(adapter: MobileMoneyAdapter) -> None:
    assert adapter.available_float("KES") == Money(100_000_000, "KES")
    assert adapter.available_float("UGX") == Money(0, "UGX")


# Settings

_GIVEN = {"BASE_URL": "https://api.example.org/mm/", "ACCOUNT": "1", "API_KEY": "k", "MAXIMUM_KES": "70000"}  # fmt: skip


def test_the_operators_own_words_are_settings(operator: gsma.Operator) -> None:
    desk = MobileMoneyBench(operator, STATUS_PAID="completed, Harvested")
    desk.answers_with_an_unheard_of_status()
    assert desk.mobile_money.submit(desk.instruction()).outcome is Outcome.PAID


def test_amounts_are_those_agreed_with_the_operator() -> None:
    profile = PLUGIN.build(_GIVEN | {"MINIMUM_KES": "10", "STEP_KES": "0.50", "MAXIMUM_UGX": "900"}).profile  # fmt: skip
    assert profile.admits(Money(1050, "KES"))
    for refused in (Money(1025, "KES"), Money(950, "KES"), Money(7_000_001, "KES"), Money(901, "UGX")):  # fmt: skip
        assert not profile.admits(refused)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"BASE_URL": ""}, "BASE_URL"),
        ({"BASE_URL": "http://api.example.org"}, "BASE_URL"),
        ({"BASE_URL": "https://user@api.example.org"}, "BASE_URL"),
        ({"BASE_URL": "https://["}, "BASE_URL"),
        ({"BASE_URL": "ftp://api.example.org"}, "BASE_URL"),
        ({"ACCOUNT": ""}, "ACCOUNT"),
        ({"API_KEY": ""}, "API_KEY"),
        ({"USERNAME": "u"}, "USERNAME"),
        ({"CLIENT_SECRET": "s"}, "CLIENT_SECRET"),
        ({"TOKEN_URL": "https://a.example.org"}, "TOKEN_URL"),
        ({"TOKEN_URL": "https://a.example.org", "USERNAME": "u"}, "TOKEN_URL"),
        ({"CALLBACK_URL": "https://cbi.example.org"}, "CALLBACK_URL"),
        ({"CALLBACK_SECRET": "short"}, "CALLBACK_SECRET"),
        ({"CALLBACK_MINUTES": "0"}, "CALLBACK_MINUTES"),
        ({"MAXIMUM_KES": ""}, "MAXIMUM_KES"),
        ({"MAXIMUM_KES": "1,000"}, "MAXIMUM_KES"),
        ({"MINIMUM_UGX": "1"}, "MINIMUM_UGX"),
        ({"MINIMUM_KES": "80000"}, "MAXIMUM_KES"),
        ({"STATUS_FAILED": "completed"}, "STATUS_FAILED"),
        ({"TIMEOUT": "3"}, "TIMEOUT"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named(given: dict[str, str], named: str) -> None:
    with pytest.raises(UnusableSetting, match=f"CBI_FSP_MOBILE_MONEY_{named} "):
        PLUGIN.build(_GIVEN | given)
