"""A cycle is topped up by two people, and a run of its own pays what is owed on top."""

import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import URL, Engine, select, text
from sqlalchemy.orm import Session

from cbi import clock, offices
from cbi.access.permissions import Role
from cbi.errors import CbiError
from cbi.money import Money
from cbi.payments.models import Payment, PaymentRun
from cbi.payments.runs import queries as run_queries
from cbi.payments.runs import runs
from cbi.programmes import (
    applying,
    cycles,
    top_up_lists,
    top_up_queries,
    top_up_rules,
    top_ups,
)
from cbi.programmes.models import Entitlement
from cbi.programmes.replaying import replay
from cbi.programmes.top_up_models import TopUp
from cbi.proofs.own_records import no_hand_on_their_own
from cbi.proofs.payments import paid_once
from cbi.proofs.programmes import owed_once
from cbi.registry import needs
from cbi.registry.linkage import staff
from cbi.registry.linkage.models import StaffMatch
from cbi.registry.models import Household, Person
from cbi.registry.naming import named
from tests.factories import (
    EVERYTHING,
    PERIOD,
    START,
    Colleague,
    Team,
    colleague,
    funded_programme,
    households,
    locked_run,
    team,
)
from tests.flow.sending import at_once
from tests.household_factory import CONFIRMER
from tests.kinds_factory import kind_file
from tests.programme_factory import OFFICER

REFERENCE = "MEMO-14"
NOVEMBER = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
CARE = '{base: "0", per_member: "1000", top_ups: [{name: care, amount: "500", for: {needs: [disability]}}]}'


class Story:
    """Three households that were owed 1,000, 2,000 and 3,000 dinars, in a run that was locked."""

    def __init__(self, session: Session) -> None:
        self.session, self.later = session, START
        self.people: Team = team(session)
        self.programme = funded_programme(session)
        self.numbers = households(session, [1, 2, 3])
        self.run: PaymentRun = locked_run(session, self.people, self.programme)
        self.cycle: UUID = self.run.cycle_id

    def lines(self, **amounts: str) -> list[top_up_lists.Line]:
        """A list: `first`, `second` or `third` household with what it is owed on top."""
        places = {"first": 0, "second": 1, "third": 2}
        return [
            top_up_lists.Line(
                f"row {place}",
                self.numbers[places[name]],
                Money.parse(amount, "DZD"),
                "cold winter",
            )
            for place, (name, amount) in enumerate(amounts.items(), 2)
        ]

    def propose(self, reference: str = REFERENCE, **amounts: str) -> TopUp:
        return top_ups.propose(
            self.session, self.people.maker.actor, self.cycle, self.lines(**amounts),
            reason="Prices of fuel", reference=reference,
        )  # fmt: skip

    def accept(self, top_up: TopUp) -> TopUp:
        by = self.people.authoriser
        self.later += timedelta(minutes=1)  # a one-time code works once
        with clock.frozen(self.later):
            return top_ups.accept(self.session, by.actor, top_up.id, by.code())

    def owed(self) -> dict[str, tuple[int, str]]:
        """What is owed on top, by registration number: minor units and the calculation."""
        rows = self.session.scalars(
            select(Entitlement).where(Entitlement.top_up_id.is_not(None))
        ).all()
        numbers = self.session.execute(select(Household.id, Household.source_id))
        whose = {row.id: row.source_id for row in numbers}
        return {whose[row.household_id]: (row.amount_minor, row.trace) for row in rows}


@pytest.fixture
def story(session: Session) -> Story:
    with clock.frozen(START):
        return Story(session)


@pytest.fixture(autouse=True)
def now() -> Iterator[None]:
    with clock.frozen(START):
        yield


def all_kept(session: Session) -> None:
    session.flush()
    assert breaches(session) == []


def breaches(session: Session) -> list[str]:
    """What `cbi verify` finds about what is owed, and about who is paid how much."""
    checks = (*owed_once, *paid_once)
    return [line for check in checks for line in check(session)]


def refusal(work: Callable[[], object]) -> str:
    with pytest.raises(CbiError) as caught:
        work()
    return caught.value.code


def test_nothing_is_owed_on_top_until_somebody_else_accepts(story: Story) -> None:
    top_up = story.propose(first="150.00", third="50.50")
    assert story.owed() == {}
    story.accept(top_up)
    assert story.owed() == {
        story.numbers[0]: (15_000, f"top-up 1 to cycle {PERIOD}: 1150.00 instead of 1000.00 DZD: cold winter"),
        story.numbers[2]: (5_050, f"top-up 1 to cycle {PERIOD}: 3050.50 instead of 3000.00 DZD: cold winter"),
    }  # fmt: skip
    assert replay(story.session, story.people.maker.actor, story.programme, PERIOD).differing == 0
    all_kept(story.session)


def test_whoever_proposes_does_not_accept(story: Story) -> None:
    both = colleague(story.session, Role.PROGRAMME_MANAGER, Role.AUTHORISER)
    top_up = top_ups.propose(
        story.session, both.actor, story.cycle, story.lines(first="150.00"), reason="Prices", reference="M-1"
    )  # fmt: skip
    code = both.code()
    own = refusal(lambda: top_ups.accept(story.session, both.actor, top_up.id, code))
    assert own == "top_up.own"
    assert (
        refusal(lambda: top_ups.refuse(story.session, both.actor, top_up.id, "no")) == "top_up.own"
    )
    top_ups.withdraw(story.session, both.actor, top_up.id, "a slip")
    assert refusal(lambda: story.accept(top_up)) == "top_up.already_decided"


def test_nobody_is_topped_up_twice_by_one_list_or_one_decision(story: Story) -> None:
    story.accept(story.propose(first="150.00"))
    assert refusal(lambda: story.propose(second="10.00")) == "top_up.proposed_before"
    again = "This list, or another one under 'MEMO-15', was proposed"
    with pytest.raises(top_ups.ProposedBefore, match=again):
        story.propose("MEMO-15", first="150.00")
    second = story.propose("MEMO-15", second="10.00")
    assert refusal(lambda: story.propose("MEMO-16", second="10.00")) == "top_up.proposed_before"
    for spelt in ("memo-15", " MEMO - 15", "MEMO-\u0661\u0665", "\uff2dEMO-15\u200f"):
        assert refusal(lambda r=spelt: story.propose(r, third="10.00")) == "top_up.proposed_before"  # type: ignore[misc]
    assert story.propose("MEMO-1/5", third="10.00").reference == "MEMO-1/5", "another decision"
    top_ups.refuse(story.session, story.people.authoriser.actor, second.id, "not that one")
    story.accept(story.propose("MEMO-16", second="10.00"))
    assert sorted(minor for minor, _ in story.owed().values()) == [1_000, 15_000]
    all_kept(story.session)


def test_what_was_proposed_on_other_amounts_is_not_accepted(story: Story) -> None:
    one, other = story.propose(first="150.00"), story.propose("MEMO-15", first="20.00")
    story.accept(one)
    assert refusal(lambda: story.accept(other)) == "top_up.outdated"


@pytest.mark.parametrize(
    ("number", "amount"), [("nobody", "10.00"), (None, "0.00"), (None, "-5.00")]
)
def test_a_line_that_cannot_be_owed_refuses_the_list(
    story: Story, number: str | None, amount: str
) -> None:
    line = top_up_lists.Line(
        "row 2", number or story.numbers[0], Money.parse(amount, "DZD"), "cold"
    )
    refused = refusal(
        lambda: top_ups.propose(
            story.session, story.people.maker.actor, story.cycle, [line], reason="why", reference="M-2"
        )
    )  # fmt: skip
    assert refused == "top_up.unusable_lines"


def test_a_run_of_its_own_pays_the_top_up_and_nothing_else(story: Story) -> None:
    maker = story.people.maker.actor
    top_up = story.propose(first="150.00", second="50.00")
    early = refusal(lambda: runs.build(story.session, maker, story.cycle, top_up.id))
    assert early == "payment_run.top_up_not_accepted"
    story.accept(top_up)
    # Without being asked for, it is in no run.
    assert (
        refusal(lambda: runs.build(story.session, maker, story.cycle))
        == "payment_run.nothing_to_pay"
    )
    run = runs.build(story.session, maker, story.cycle, top_up.id)
    runs.lock(story.session, maker, run.id)
    amounts = story.session.scalars(
        select(Payment.amount_minor).where(Payment.run_id == run.id).order_by(Payment.amount_minor)
    ).all()
    assert amounts == [5_000, 15_000]
    on_top = run_queries.sheet(story.session, run.id).on_top
    assert on_top is not None
    assert (on_top.number, on_top.reference, on_top.runs) == (1, REFERENCE, (story.run.number,))
    twice = refusal(lambda: runs.build(story.session, maker, story.cycle, top_up.id))
    assert twice == "payment_run.nothing_to_pay"
    all_kept(story.session)


def test_the_rules_say_who_is_owed_more_by_what_is_known_now(session: Session) -> None:
    with clock.frozen(NOVEMBER):
        people = team(session)
        applying.apply(session, OFFICER, kind_file(CARE))
        numbers = households(session, [1, 2])
        cycle = cycles.open_cycle(session, people.maker.actor, "winter-2026", "2026-11")

        def propose(reference: str, *chosen: str) -> TopUp:
            return top_up_rules.propose(
                session, people.maker.actor, cycle.id, reason="Known late", reference=reference,
                households=chosen,
            )  # fmt: skip

        assert refusal(lambda: propose("M-3")) == "top_up.nothing_more"
        needs.note(session, EVERYTHING, named(session, numbers[1]), "disability")
        assert refusal(lambda: propose("M-3", numbers[0])) == "top_up.nothing_more"
        own = session.begin_nested()
        home = named(session, numbers[1]).id
        person = session.scalars(select(Person.id).where(Person.household_id == home)).one()
        assert people.maker.actor.id
        staff.keep(session, [(staff.Colleague("user", people.maker.actor.id, ""), person)])
        assert refusal(lambda: propose("M-3", numbers[1])) == "top_up.unusable_lines"
        found = session.scalars(select(StaffMatch.id)).one()
        staff.decide(session, CONFIRMER, found, "same", "They said so themselves")
        assert refusal(lambda: propose("M-3")) == "registry.own_record"
        own.rollback()
        top_up = propose("M-3")
        (row,) = top_up_queries.rows(session, people.maker.actor, cycle.id, top_up.number, 10)
        assert (row.household, row.before.minor, row.amount.minor) == (numbers[1], 200_000, 50_000)
        top_ups.accept(session, people.authoriser.actor, top_up.id, people.authoriser.code())
        told = session.scalars(
            select(Entitlement.trace).where(Entitlement.top_up_id == top_up.id)
        ).one()
        assert told.startswith("top-up 1 to cycle 2026-11: 2500.00 instead of 2000.00 DZD: ")
        assert "care" in told
        assert refusal(lambda: propose("M-4")) == "top_up.nothing_more"
        all_kept(session)


def test_a_ceiling_counts_what_is_owed_on_top(session: Session) -> None:
    with clock.frozen(NOVEMBER):
        people = team(session)
        ceiling = 'ceilings: {lifetime: "2100"}\n'
        applying.apply(session, OFFICER, kind_file(CARE, extra=ceiling))
        (number,) = households(session, [2])
        cycle = cycles.open_cycle(session, people.maker.actor, "winter-2026", "2026-11")

        def propose(amount: str) -> TopUp:
            line = top_up_lists.Line("row 2", number, Money.parse(amount, "DZD"), "cold")
            return top_ups.propose(
                session, people.maker.actor, cycle.id, [line], reason="Prices", reference=f"M-{amount}"
            )  # fmt: skip

        assert refusal(lambda: propose("100.01")) == "top_up.above_the_ceiling"
        assert propose("100.00").total_minor == 10_000


def test_a_list_is_read_in_the_words_of_the_field() -> None:
    file = "Numéro d'enregistrement;Montant;Motif\nH-1;150.00;froid\nH-2;20.00;\n".encode()
    lines = top_up_lists.read_list(io.BytesIO(file), "DZD", reason="prix")
    assert [(each.household, each.amount.minor, each.reason) for each in lines] == [
        ("H-1", 15_000, "froid"), ("H-2", 2_000, "prix"),
    ]  # fmt: skip
    wrong = b'Registration number,Amount\nH-1,"1,000"\n'
    with pytest.raises(top_up_lists.UnusableTopUp) as caught:
        top_up_lists.read_list(io.BytesIO(wrong), "DZD", reason="x-y-z")
    assert len(caught.value.problems) == 1


@pytest.mark.parametrize(
    ("altered", "told"),
    [
        ("UPDATE top_up_rows SET amount_minor = amount_minor + 1", "are not those that were proposed"),
        ("UPDATE entitlements SET amount_minor = amount_minor + 1 WHERE component = 'topup-1'", "is owed"),
        ("UPDATE entitlements SET trace = 'nothing' WHERE component = 'topup-1'", "its top-up makes"),
        ("UPDATE entitlements SET top_up_id = NULL WHERE component = 'topup-1'", "is owed"),
        ("DELETE FROM audit_entries WHERE act = 'top_up.accepted'", "no two people decided so"),
        ("UPDATE payment_runs SET top_up_id = gen_random_uuid()", "for something else than the run"),
    ],
)  # fmt: skip
def test_a_top_up_that_was_tampered_with_is_found(
    told_once: None, owner: Engine, altered: str, told: str
) -> None:
    with owner.connect() as connection, connection.begin() as undone:
        connection.execute(text(altered))
        connection.execute(text("SET LOCAL ROLE cbi_dz"))
        with Session(connection) as session:
            assert any(told in line for line in breaches(session))
        undone.rollback()


@pytest.fixture
def told_once(database: URL) -> None:
    """A top-up that was accepted, beside a run, committed."""
    with clock.frozen(START), offices.transaction("dz") as session:
        story = Story(session)
        story.accept(story.propose(first="150.00"))


def test_many_who_accept_at_once_make_it_owed_once(database: URL) -> None:
    with clock.frozen(START), offices.transaction("dz") as session:
        story = Story(session)
        top_up = story.propose(first="150.00").id
        accepters = [colleague(session, Role.AUTHORISER) for _ in range(8)]

    def one(by: Colleague) -> str:
        try:
            with clock.frozen(START), offices.transaction("dz") as own:
                return str(top_ups.accept(own, by.actor, top_up, by.code()).decision)
        except CbiError as error:
            return error.code

    found = at_once(one, accepters)
    assert sorted(found) == ["accepted", *["top_up.already_decided"] * 7]
    with offices.transaction("dz") as session:
        assert (
            session.scalar(text("SELECT count(*) FROM entitlements WHERE component = 'topup-1'"))
            == 1
        )
        all_kept(session)


def test_nobody_tops_up_their_own_household(session: Session, story: Story) -> None:
    home = named(session, story.numbers[0]).id
    person = session.scalars(select(Person.id).where(Person.household_id == home)).one()
    maker, authoriser = story.people.maker.actor.id, story.people.authoriser.actor.id
    assert maker
    assert authoriser
    top_up = story.propose(second="50.00", first="30.00")
    staff.keep(
        session, [(staff.Colleague("user", each, ""), person) for each in (maker, authoriser)]
    )
    with pytest.raises(CbiError, match="may be your own household"):
        story.propose("MEMO-15", first="30.00")
    with pytest.raises(staff.OwnRecord):
        story.accept(top_up)
    for match in session.scalars(select(StaffMatch)):
        staff.decide(session, CONFIRMER, match.id, "same", "They said so themselves")
    with pytest.raises(staff.OwnRecord):
        story.accept(top_up)

    def hands() -> list[str]:
        told = [breach for check in no_hand_on_their_own for breach in check(session)]
        return sorted(breach.partition(" was ")[2].partition(" by ")[0] for breach in told)

    assert hands() == [], "nobody knew whose household it was when it was proposed"
    copied = (
        "WITH made AS (INSERT INTO top_ups SELECT (jsonb_populate_record(t, jsonb_build_object('id', gen_random_uuid(),"
        " 'basis', CAST(:basis AS text), 'number', 9, 'reference_key', CAST(:basis AS text), 'digest', :basis,"
        " 'proposed_at', t.proposed_at + CAST(:later AS interval)))).* FROM top_ups t RETURNING id, basis)"
        " INSERT INTO top_up_rows SELECT made.id, r.household_id, r.before_minor, r.amount_minor, r.currency, r.reason"
        " FROM top_up_rows r, made"
    )
    accepted = f"UPDATE top_ups SET decision = 'accepted', decided_by = '{authoriser}', decided_at = proposed_at + :later"
    for forgery, basis, later, found in (
        (copied, "list", "1 hour", ["proposed"]),
        (copied, "rules", "1 hour", ["proposed"]),
        (copied, "rules", "-1 hour", []),
        (accepted, "", "1 hour", ["accepted"]),
        (accepted, "", "-1 hour", []),
    ):
        with session.begin_nested() as undoing:
            session.execute(text(forgery), {"basis": basis, "later": later})
            assert hands() == found, (basis, later)
            undoing.rollback()
