"""How an office stands: the same numbers as the tables, the books and the proofs have, for whoever may know them."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import URL, Engine, text
from sqlalchemy.orm import Session

from cbi import clock, health, jobs, offices
from cbi.access.actor import SYSTEM, Actor, grants_of
from cbi.access.permissions import Role
from cbi.app import create_app
from cbi.ledger.queries import together
from cbi.money import Money
from cbi.payments.models import InboundCallback
from cbi.payments.runs.progress import Tally
from cbi.payments.signing import policies
from cbi.reconciliation import queries as reconciliation
from cbi.reporting.overview import Overview, overview
from cbi.reporting.stuck import Reason, Stuck
from tests.flow.people import Caller, make_user, token_for
from tests.flow.sending import PointAt, assert_every_promise_is_kept
from tests.flow.signing import POLICY, colleague
from tests.flow.standing import STORIES, Standing, told


@pytest.fixture
def template(server: URL, template: str, point_at: PointAt) -> str:
    return told(server, template, point_at)


@pytest.fixture
def standing(database: URL, template: str) -> Standing:
    return STORIES[template]


def seen(actor: Actor = SYSTEM) -> Overview:
    with offices.transaction("dz") as session:
        return overview(session, actor)


def holder(role: Role, programme: str | None = None) -> Actor:
    return Actor("user", uuid4(), "somebody", grants_of([(role, programme)]))


def counted(owner: Engine, where: str) -> dict[str, Tally]:
    """Payments and their sums by programme, straight from the tables."""
    sql = (
        "SELECT g.code, count(*), sum(p.amount_minor), p.currency FROM payments p"
        " JOIN payment_runs r ON r.id = p.run_id JOIN programmes g ON g.id = p.programme_id"
        f" WHERE {where} GROUP BY g.code, p.currency"
    )
    with owner.connect() as connection:
        rows = connection.execute(text(sql)).all()
    return {code: Tally(count, Money(int(minor), currency)) for code, count, minor, currency in rows}  # fmt: skip


def by_programme(found: Overview, step: str) -> dict[str, Tally]:
    assert found.cycles is not None
    tallies = {
        line.progress.cycle.programme: line.settled
        if step == "settled"
        else getattr(line.progress, step)
        for line in found.cycles
    }
    return {code: tally for code, tally in tallies.items() if tally.payments}


@pytest.mark.parametrize(
    ("step", "where"),
    [
        ("in_a_run", "p.live"),
        ("approved", "r.state IN ('approved', 'releasing', 'released', 'closed')"),
        ("handed_over", "p.state NOT IN ('ready', 'cancelled')"),
        ("paid", "p.state = 'paid'"),
        ("undecided", "p.state IN ('failed', 'returned', 'expired')"),
        ("unknown", "p.state = 'unknown'"),
        ("settled", "p.id IN (SELECT payment_id FROM matches)"),
    ],
)
def test_each_step_of_a_cycle_is_what_the_tables_say(
    standing: Standing, owner: Engine, step: str, where: str
) -> None:
    assert by_programme(seen(), step) == counted(owner, where) != {}


def test_what_was_decided_is_shown_before_there_is_a_run(standing: Standing) -> None:
    (heating,) = (
        line.progress for line in seen().cycles or () if line.progress.cycle.programme == "heating"
    )
    assert heating.cycle.decided == Tally(10, Money.parse("34000.00", "DZD"))
    assert heating.in_a_run.payments == 0


def test_what_was_paid_is_what_the_books_delivered(standing: Standing) -> None:
    found = seen()
    assert found.lately is not None
    assert found.funds is not None
    paid = sum_by_currency(tally for tally in by_programme(found, "paid").values())
    by_day = sum_by_currency(Tally(line.payments, line.total) for line in found.lately.paid)
    delivered = {fund.received.currency: fund.delivered for fund in together(found.funds)}
    assert {currency: tally.total for currency, tally in paid.items()} == delivered
    assert paid == by_day
    assert_every_promise_is_kept()


def test_what_is_uncollected_or_unknown_is_what_the_books_have_in_transit(
    standing: Standing,
) -> None:
    found = seen()
    assert found.lately is not None
    assert found.funds is not None
    waiting = [tally for line in found.lately.uncollected for tally in line.ages]
    waiting += by_programme(found, "unknown").values()
    in_transit = {fund.received.currency: fund.in_transit for fund in together(found.funds)}
    assert {
        currency: tally.total for currency, tally in sum_by_currency(waiting).items()
    } == in_transit
    (post_office,) = found.lately.uncollected
    assert [tally.payments for tally in post_office.ages] == [0, 4, 0, 0, 0]


def sum_by_currency(tallies: Iterator[Tally] | list[Tally]) -> dict[str, Tally]:
    found: dict[str, Tally] = {}
    for tally in tallies:
        currency = tally.total.currency
        found[currency] = found[currency] + tally if currency in found else tally
    return found


def test_every_fund_adds_up_and_so_do_their_totals(standing: Standing) -> None:
    funds = seen().funds
    assert funds is not None
    assert {fund.code for fund in funds} == {"harbour", "lighthouse", "ember", "orchard", "granary"}
    for fund in (*funds, *together(funds)):
        parts = (
            fund.unallocated,
            fund.available,
            fund.committed,
            fund.in_transit,
            fund.awaiting,
            fund.delivered,
        )
        assert fund.received == sum(parts, Money.zero(fund.received.currency))
    assert [(fund.received.currency, fund.received.decimal) for fund in together(funds)] == [
        ("DZD", "1200000.00"),
        ("KES", "800000.00"),
    ]


def stuck(found: Overview, reason: Reason) -> Stuck:
    (one,) = (each for each in found.stuck if each.reason is reason)
    return one


def test_everything_that_is_stuck_is_named_with_its_money_and_its_next_step(
    standing: Standing,
) -> None:
    found = seen()
    assert {each.reason for each in found.stuck} == {
        Reason.NO_RUN, Reason.AUTHORISE, Reason.PROVIDER_TAKES_NOTHING, Reason.UNKNOWN, Reason.FAILED,
        Reason.CODES_LOCKED, Reason.DISCREPANCIES, Reason.TEXTS_LATE, Reason.NOT_SEALED,
    }  # fmt: skip
    for each in found.stuck:
        assert each.count > 0
        assert each.link or each.command
        assert each.since or each.until
    signature = stuck(found, Reason.AUTHORISE)
    assert (signature.programme, signature.count) == ("school", 10)
    assert signature.total == Money.parse("34000.00", "DZD")
    assert signature.who == ("A Colleague",)
    assert signature.link == f"/approvals/{standing.runs['school']}"
    route = stuck(found, Reason.PROVIDER_TAKES_NOTHING)
    assert (route.programme, route.provider, route.count) == ("market", "sandbox", 10)
    assert route.until is not None
    assert stuck(found, Reason.UNKNOWN).count == stuck(found, Reason.FAILED).count == 1
    assert stuck(found, Reason.NO_RUN).command == f"cbi run build heating {signature.period}"


def test_a_payment_counts_as_unknown_for_long_after_a_day(standing: Standing) -> None:
    with clock.frozen(clock.now() - timedelta(days=14, hours=2)):
        assert Reason.UNKNOWN not in {each.reason for each in seen().stuck}


def test_nobody_who_can_sign_is_said_too(standing: Standing, owner: Engine) -> None:
    with owner.begin() as connection:
        connection.execute(text("UPDATE users SET disabled_at = now()"))
    assert stuck(seen(), Reason.AUTHORISE).who == ()


def test_work_that_was_done_is_no_longer_stuck(standing: Standing) -> None:
    jobs.seal("dz")
    assert Reason.NOT_SEALED not in {each.reason for each in seen().stuck}


def test_codes_that_are_soon_void_and_messages_that_cannot_be_read_are_stuck(
    standing: Standing, session: Session
) -> None:
    long_ago = clock.now() - timedelta(hours=1)
    session.add(
        InboundCallback(provider="sandbox", digest=b"d", sealed=b"s", received_at=long_ago, outcome=None)
    )  # fmt: skip
    session.flush()
    with clock.frozen(clock.now() + timedelta(days=15)):
        found = overview(session, SYSTEM)
    assert stuck(found, Reason.CODES_EXPIRING).count == 3
    unread = stuck(found, Reason.CALLBACKS_UNREAD)
    assert (unread.provider, unread.count, unread.since) == ("sandbox", 1, long_ago)


def test_whoever_works_for_one_programme_sees_nothing_of_the_others(standing: Standing) -> None:
    found = seen(holder(Role.PROGRAMME_MANAGER, "wallets"))
    assert found.cycles is not None
    assert found.lately is not None
    assert found.funds is not None
    assert [line.progress.cycle.programme for line in found.cycles] == ["wallets"]
    assert {line.provider for line in found.lately.paid} == {"sandbox"}
    assert found.lately.uncollected == ()
    assert [fund.code for fund in found.funds] == ["orchard"]
    assert {each.reason for each in found.stuck} == {Reason.UNKNOWN, Reason.FAILED}


@pytest.mark.parametrize(
    ("role", "parts"),
    [
        (Role.PROGRAMME_MANAGER, {"cycles", "lately", "funds"}),
        (Role.AUDITOR, {"cycles", "lately", "funds"}),
        (Role.COMPLAINT_HANDLER, set()),
        (Role.REGISTRATION_OFFICER, set()),
        (Role.ADMINISTRATOR, set()),
        (Role.TELLER_SUPERVISOR, set()),
        (Role.TELLER, set()),
        (Role.INTEGRATOR, {"cycles", "lately"}),
    ],
)
def test_a_role_is_told_what_its_permissions_allow(
    standing: Standing, role: Role, parts: set[str]
) -> None:
    found = seen(holder(role))
    assert {name for name in ("cycles", "lately", "funds") if getattr(found, name) is not None} == parts  # fmt: skip
    reasons = {each.reason for each in found.stuck}
    if role in {Role.REGISTRATION_OFFICER, Role.TELLER, Role.TELLER_SUPERVISOR}:
        assert reasons == set()
    if role is Role.ADMINISTRATOR:
        assert reasons == {Reason.TEXTS_LATE, Reason.NOT_SEALED}
    if role in {Role.INTEGRATOR, Role.COMPLAINT_HANDLER}:
        assert not reasons & {Reason.DISCREPANCIES, Reason.NOT_SEALED}


def test_programmes_that_pay_without_an_approval_policy_are_named_until_two_people_set_one(
    standing: Standing,
) -> None:
    found = seen()
    paying = sorted({line.progress.cycle.programme for line in found.cycles or ()})
    assert list(found.without_policy) == paying != []
    assert seen(holder(Role.TREASURER, paying[0])).without_policy == (paying[0],)
    (said,) = health.unlimited()
    assert (said.grade, ", ".join(paying) in said.sentence) == ("weak", True)
    with offices.transaction("dz") as session:
        one, other = (colleague(session, role) for role in (Role.TREASURER, Role.HEAD_OF_FINANCE))
        made = policies.propose(session, one.actor, POLICY, one.code())
        assert list(seen().without_policy) == paying
        policies.accept(session, other.actor, made.version, other.code())
    assert (seen().without_policy, list(health.unlimited())) == ((), [])


def test_a_cycle_stays_for_a_month_after_its_last_run_was_closed(
    standing: Standing, owner: Engine
) -> None:
    with owner.begin() as connection:
        connection.execute(
            text("UPDATE payment_runs SET state = 'closed', closed_at = now() WHERE id = :id"),
            {"id": standing.runs["winter"]},
        )

    def shown() -> set[str]:
        return {line.progress.cycle.programme for line in seen().cycles or ()}

    assert "winter" in shown()
    with clock.frozen(clock.now() + timedelta(days=31)):
        assert "winter" not in shown()


def test_programs_get_the_same_facts(standing: Standing) -> None:
    app = create_app()
    auditor = Caller(app, token_for(make_user("auditor", Role.AUDITOR)))
    told_so = auditor.get("/overview").json()
    assert [line["paid"] for line in told_so["cycles"] if line["programme"] == "wallets"] == [
        {"payments": 8, "total": by_programme_amount("wallets")}
    ]
    assert [fund["received"]["amount"] for fund in told_so["funds_total"]] == ["1200000.00", "800000.00"]  # fmt: skip
    assert {each["reason"] for each in told_so["stuck"]} >= {"authorise", "unknown", "not_sealed"}
    officer = Caller(app, token_for(make_user("officer", Role.REGISTRATION_OFFICER)))
    nothing = officer.get("/overview").json()
    assert (told_so["without_policy"], nothing["without_policy"]) == (
        list(seen().without_policy),
        [],
    )
    assert (nothing["cycles"], nothing["lately"], nothing["funds"], nothing["stuck"]) == (None, None, None, [])  # fmt: skip


def by_programme_amount(programme: str) -> dict[str, str]:
    total = by_programme(seen(), "paid")[programme].total
    return {"amount": total.decimal, "currency": total.currency}


def test_a_statement_says_how_much_of_it_agrees(standing: Standing, session: Session) -> None:
    (last,) = reconciliation.last_statements(session, SYSTEM)
    assert (last.file.filename, last.file.new_lines, last.unmatched, last.open_discrepancies) == (
        "settlement.csv", 7, 2, 2,
    )  # fmt: skip
    assert last.per_cent == 71
    about_it = reconciliation.discrepancies(SYSTEM, is_open=True, statement_id=last.file.id)
    assert sorted(each.kind for each in session.scalars(about_it)) == ["amount_differs", "unknown_line"]  # fmt: skip


def test_open_discrepancies_by_provider_add_up_to_those_by_kind(
    standing: Standing, session: Session
) -> None:
    kinds = reconciliation.summary(session, SYSTEM)
    providers = reconciliation.by_provider(session, SYSTEM)
    assert sum(line.count for line in kinds) == sum(line.count for line in providers) == 2
    assert [sum(column) for column in zip(*(line.ageing for line in kinds), strict=True)] == list(
        providers[0].ageing
    )
