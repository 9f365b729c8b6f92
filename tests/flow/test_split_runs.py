"""One run, several providers: everybody is paid in the way they asked for, and one provider's trouble is its own."""

import io
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from uuid import UUID

import pytest
from sqlalchemy import URL, select
from sqlalchemy.orm import Session

from cbi import clock, jobs, offices
from cbi.errors import CbiError
from cbi.fsp.messages import Debits, DeliveryMechanism
from cbi.ledger import funds
from cbi.money import Money
from cbi.payments.models import Payment, RunRoute
from cbi.payments.runs import queries, runs
from cbi.payments.sending import dispatch, providers
from cbi.payments.states import PaymentState, RunState
from cbi.programmes import applying, cycles
from cbi.programmes.models import EligibilityDecision
from cbi.programmes.problems import ProgrammeFileErrors
from cbi.redemption.models import CodeIssue
from cbi.registry.intake import importing
from cbi.registry.models import PaymentAccount
from tests import made_up
from tests.factories import (
    EVERYTHING,
    PERIOD,
    PROGRAMME,
    START,
    Team,
    approved_run,
    funded_programme,
    team,
)
from tests.flow.sending import assert_every_promise_is_kept

ALSO = "also: [{provider: sandbox, mechanism: mobile_money}]"
WISHES = ["", "mobile money", "cash", "Wallet", "card", "argent mobile", ""]
BY_SANDBOX = [1, 3, 5]


def registered(session: Session, wishes: list[str]) -> None:
    """Households of sizes 1, 2, 3 … whose recipients asked for these ways of being paid."""
    lines = [
        "Registration number,Name,Phone,Language,Household size,Document type,Document number,Paid by"
    ]
    lines += [
        f"W-{at},{made_up.name(f'W{at}')},+21355500{at:04d},ar,{at + 1},passport,"
        f"{made_up.document(f'W{at}', f'{at:04d}')},{wish}"
        for at, wish in enumerate(wishes)
    ]
    content = io.BytesIO("\n".join(lines).encode())
    result = importing.import_file(session, EVERYTHING, content, filename="wishes.csv")
    assert result.landed == len(wishes), result


def two_ways(session: Session) -> str:
    """A programme that pays over the counter, or by mobile money who asked for it."""
    code = funded_programme(session)
    applying.apply(
        session, EVERYTHING,
        PROGRAMME.format(
            code=code, provider="post_office", mechanism=f"cash_over_counter, {ALSO}", fund="5000000.00",
            first=START.year, last=START.year + 1,
        ),
    )  # fmt: skip
    funds.prefund(session, EVERYTHING, "sandbox", Money.parse("500000.00", "DZD"), "VIR-2")
    return code


def test_a_run_names_only_the_providers_that_have_something_to_pay(database: URL) -> None:
    with clock.frozen(START), offices.transaction("dz") as session:
        people = team(session)
        registered(session, ["", "cash"])
        opened = cycles.open_cycle(session, people.maker.actor, two_ways(session), PERIOD)
        run = runs.build(session, people.maker.actor, opened.id)
        assert run.providers == ["post_office"]
    with offices.transaction("dz") as session:
        assert runs.find(session, run.id).providers == ["post_office"]


@pytest.fixture
def released(database: URL) -> tuple[UUID, Team]:
    """A run over two providers whose release has begun."""
    with clock.frozen(START), offices.transaction("dz") as session:
        people = team(session)
        registered(session, WISHES)
        run = approved_run(session, people, two_ways(session))
    with clock.frozen(START + timedelta(hours=1)), offices.transaction("dz") as session:
        dispatch.begin_release(session, people.authoriser.actor, run.id)
    return run.id, people


def by_size(run_id: UUID) -> dict[int, Payment]:
    """The payments by the household's place in the list; a household of n members is owed n thousand dinars."""
    with offices.transaction("dz") as session:
        found = session.scalars(select(Payment).where(Payment.run_id == run_id)).all()
    return {payment.amount_minor // 100_000 - 1: payment for payment in found}


def test_everybody_is_paid_in_the_way_they_asked_for_if_the_programme_offers_it(
    released: tuple[UUID, Team],
) -> None:
    run_id, _ = released
    for at, payment in by_size(run_id).items():
        expected = ("sandbox", "mobile_money") if at in BY_SANDBOX else ("post_office", "cash_over_counter")  # fmt: skip
        assert (payment.provider, payment.mechanism) == expected, WISHES[at]
    assert_every_promise_is_kept()


def test_the_run_sheet_says_what_goes_by_whom(released: tuple[UUID, Team]) -> None:
    run_id, _ = released
    with offices.transaction("dz") as session:
        sheet = queries.sheet(session, run_id)
    assert sheet.line.providers == ("post_office", "sandbox")
    assert [(route.provider, route.payments, route.total.minor) for route in sheet.routes] == [
        ("post_office", 4, (1 + 3 + 5 + 7) * 100_000),
        ("sandbox", 3, (2 + 4 + 6) * 100_000),
    ]
    assert sum(route.total.minor for route in sheet.routes) == sheet.line.total.minor


def test_each_part_is_one_range_of_the_runs_numbers(released: tuple[UUID, Team]) -> None:
    run_id, _ = released
    with offices.transaction("dz") as session:
        first, second = runs.routes_of(session, run_id)
        assert (first.first_number, first.last_number) == (1, 4)
        assert (second.first_number, second.last_number) == (5, 7)


def test_one_job_sends_both_parts(released: tuple[UUID, Team]) -> None:
    run_id, _ = released
    assert jobs.release("dz", run_id).payments == 7
    with offices.transaction("dz") as session:
        assert runs.find(session, run_id).state is RunState.RELEASED
        coded = session.scalars(select(CodeIssue.payment_id)).all()
    states = Counter((p.provider, p.state) for p in by_size(run_id).values())
    assert states == {
        ("post_office", PaymentState.ACCEPTED): 4,
        ("sandbox", PaymentState.PAID): 3,
    }
    assert {p.id for p in by_size(run_id).values() if p.provider == "post_office"} == set(coded)
    assert_every_promise_is_kept()


def test_a_provider_that_is_down_does_not_keep_the_other_from_paying(
    released: tuple[UUID, Team], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id, _ = released
    sandbox = providers.adapter("sandbox")
    monkeypatch.setattr(sandbox.provider, "down", True)  # type: ignore[attr-defined]
    assert jobs.releases("dz") == 4 + 3
    states = Counter((p.provider, p.state) for p in by_size(run_id).values())
    assert states == {
        ("post_office", PaymentState.ACCEPTED): 4,
        ("sandbox", PaymentState.READY): 3,
    }
    with offices.transaction("dz") as session:
        sheet = queries.sheet(session, run_id)
        assert sheet.line.state is RunState.RELEASING
        assert [route.waits_until is None for route in sheet.routes] == [True, False]
    monkeypatch.setattr(sandbox.provider, "down", False)  # type: ignore[attr-defined]
    with clock.frozen(clock.now() + timedelta(minutes=1)):
        assert jobs.releases("dz") == 3
    assert Counter(p.state for p in by_size(run_id).values())[PaymentState.PAID] == 3
    assert_every_promise_is_kept()


def test_a_provider_that_cannot_be_used_does_not_keep_the_other_from_paying(
    released: tuple[UUID, Team], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id, _ = released
    real = providers.adapter

    def unusable(name: str) -> object:
        if name == "post_office":
            raise providers.CannotSend("Its settings are gone.")
        return real(name)

    monkeypatch.setattr(providers, "adapter", unusable)
    with pytest.raises(providers.CannotSend):
        jobs.release("dz", run_id)
    assert Counter(p.state for p in by_size(run_id).values()) == {
        PaymentState.READY: 4,
        PaymentState.PAID: 3,
    }


def test_no_run_is_built_for_a_provider_that_takes_the_money_first_and_cannot_say_that_it_paid(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = team(session)
    registered(session, WISHES[:2])
    opened = cycles.open_cycle(session, people.maker.actor, two_ways(session), PERIOD)
    real = providers.adapter
    profile = replace(real("sandbox").profile, debits=Debits.AT_ACCEPTANCE)
    mute = SimpleNamespace(profile=profile, redact=str)
    monkeypatch.setattr(
        providers, "adapter", lambda name: mute if name == "sandbox" else real(name)
    )
    with pytest.raises(CbiError, match="has no way to say that somebody was paid"):
        runs.build(session, people.maker.actor, opened.id)


def test_taking_a_payment_out_lowers_its_part_and_the_whole(session: Session) -> None:
    people = team(session)
    registered(session, WISHES)
    opened = cycles.open_cycle(session, people.maker.actor, two_ways(session), PERIOD)
    run = runs.build(session, people.maker.actor, opened.id)
    out = session.scalars(
        select(Payment.id).where(Payment.run_id == run.id, Payment.amount_minor == 400_000)
    ).one()
    runs.exclude(session, people.maker.actor, run.id, out, "moved away")
    route = session.get_one(RunRoute, (run.id, "sandbox"))
    assert (route.payment_count, route.total_minor) == (2, 800_000)
    assert (run.payment_count, run.total_minor) == (6, 2_400_000)


def test_who_asked_for_a_card_gets_an_account_that_says_nothing_and_nobody_else_does(
    session: Session,
) -> None:
    registered(session, WISHES)
    kinds = Counter(session.scalars(select(PaymentAccount.kind)))
    assert kinds == {"phone": 7, "card": 1}


def test_who_lacks_what_their_wish_needs_is_not_eligible_and_learns_why(session: Session) -> None:
    people = team(session)
    code = funded_programme(session)
    applying.apply(
        session, EVERYTHING,
        PROGRAMME.format(
            code=code, provider="post_office", fund="5000000.00", first=START.year, last=START.year + 1,
            mechanism="cash_over_counter, also: [{provider: sandbox, mechanism: bank_transfer}]",
        ),
    )  # fmt: skip
    registered(session, ["", "bank"])
    cycles.open_cycle(session, people.maker.actor, code, PERIOD)
    reasons = session.scalars(select(EligibilityDecision.reasons)).all()
    assert sorted(reasons) == [[], ["no_payment_account"]]


@pytest.mark.parametrize(
    ("delivery", "line"),
    [
        ("cash_over_counter, also: [{provider: post_office, mechanism: mobile_money}]", "twice"),
        ("cash_over_counter, also: [{provider: sandbox, mechanism: cash_over_counter}]", "twice"),
        ("cash_over_counter, also: [{provider: sandbox, mechanism: magic}]", "magic"),
        ("cash_over_counter, also: [{provider: sandbox, means: mobile_money}]", "no such field"),
        ("cash_over_counter, also: sandbox", "list"),
    ],
)
def test_a_programme_whose_ways_make_no_sense_is_refused_in_words(
    session: Session, delivery: str, line: str
) -> None:
    with pytest.raises(ProgrammeFileErrors, match=line):
        applying.apply(
            session, EVERYTHING,
            PROGRAMME.format(
                code="winter", provider="post_office", mechanism=delivery, fund="5000000.00", first=START.year,
                last=START.year + 1,
            ),
        )  # fmt: skip


def test_every_way_of_paying_is_known_by_its_own_name_in_a_list(session: Session) -> None:
    registered(session, [mechanism.value for mechanism in DeliveryMechanism])


def test_a_wish_that_nobody_understands_is_told_and_lands_nothing(session: Session) -> None:
    with pytest.raises((CbiError, AssertionError)):
        registered(session, ["by pigeon"])
