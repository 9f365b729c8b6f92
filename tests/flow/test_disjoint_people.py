"""People who hold every role act as they please, and still no run goes out without different people for every step."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import URL, select
from sqlalchemy.orm import Session

from cbi import clock, db, offices
from cbi.access.permissions import Role
from cbi.errors import CbiError
from cbi.payments.models import Approval, Payment, PaymentRun
from cbi.payments.runs import runs
from cbi.payments.sending import dispatch
from cbi.payments.signing import approval, delegations, recall
from cbi.payments.signing.delegations import Terms
from cbi.payments.signing.signing_models import Delegation
from cbi.payments.states import RunState
from cbi.programmes import cycles
from cbi.proofs import signing as proofs
from tests.factories import PERIOD, START, Colleague
from tests.flow.signing import STEPS, colleague, house

ALL = (Role.PROGRAMME_MANAGER, Role.TREASURER, *map(Role, STEPS))
ACTS = (
    "build",
    "exclude",
    "lock",
    "sign",
    "sign",
    "sign",
    "return",
    "recall",
    "release",
    "give",
    "accept",
)
OUT = (RunState.RELEASING, RunState.RELEASED, RunState.CLOSED)

Act = tuple[str, int, int, int]


@dataclass
class Seen:
    """What was done with one run, as the test saw it, and not as the tables say."""

    makers: set[UUID] = field(default_factory=set)
    signers: dict[str, list[UUID]] = field(default_factory=dict)
    """For each step of the present revision: who took it, and for whom."""


class Life:
    """One random life: everything that is refused leaves nothing behind."""

    def __init__(self, session: Session, people: list[Colleague]) -> None:
        self.session, self.people = session, people
        self.seen: dict[UUID, Seen] = {}
        self.now = START + timedelta(hours=1)
        self.released = 0

    def live(self, acts: list[Act]) -> None:
        """Do them all, twenty minutes apart."""
        for what, who, which, other in acts:
            self.now += timedelta(minutes=20)
            with clock.frozen(self.now):
                try:
                    with self.session.begin_nested():
                        self._do(what, self.people[who], which, other)
                except CbiError:
                    self.session.expire_all()

    def _do(self, what: str, who: Colleague, which: int, other: int) -> None:
        session, actor = self.session, who.actor
        assert actor.id
        if what == "build":
            code = ("winter", "school")[which % 2]
            run = runs.build(session, actor, cycles.open_cycle(session, actor, code, PERIOD).id)
            self.seen[run.id] = Seen({actor.id})
            return
        if what in {"give", "accept"}:
            self._stand_in(what, who, which, other)
            return
        found = session.scalars(select(PaymentRun).order_by(PaymentRun.number)).all()
        if not found:
            return
        run = found[which % len(found)]
        seen = self.seen[run.id]
        if what == "sign":
            step = next((step for step in STEPS if step not in seen.signers), STEPS[0])
            approval.sign(session, actor, run.id, step, who.code())
            seen.signers[step] = [actor.id, *self._stood_in_for(run, step)]
        elif what == "exclude":
            payment = session.scalars(
                select(Payment.id).where(Payment.run_id == run.id, Payment.live).limit(1)
            ).first()
            if payment:
                runs.exclude(session, actor, run.id, payment, "moved away")
                seen.makers.add(actor.id)
        elif what == "lock":
            runs.lock(session, actor, run.id)
            seen.makers.add(actor.id)
        elif what == "return":
            recall.send_back(session, actor, run.id, "look again")
            seen.signers.clear()
        elif what == "recall":
            recall.cancel(session, actor, run.id, "not now")
        else:
            dispatch.begin_release(session, actor, run.id)
            self.released += 1
            assert actor.id not in seen.makers
            self._is_out(run, seen)

    def _stand_in(self, what: str, who: Colleague, which: int, other: int) -> None:
        if what == "give":
            to = self.people[other].actor.id
            assert to
            day = self.now.date()
            terms = Terms(to, Role(STEPS[which % 4]), day, day + timedelta(days=3))
            delegations.make(self.session, who.actor, terms, who.code())
        else:
            waits = self.session.scalars(
                select(Delegation.id).where(Delegation.accepted_at.is_(None)).limit(1)
            ).first()
            if waits:
                delegations.accept(self.session, who.actor, waits, who.code())

    def _stood_in_for(self, run: PaymentRun, step: str) -> list[UUID]:
        found = select(Delegation.from_id).join(Approval, Approval.delegation_id == Delegation.id)
        mine = Approval.run_id == run.id, Approval.revision == run.revision, Approval.part == step
        return list(self.session.scalars(found.where(*mine)))

    def _is_out(self, run: PaymentRun, seen: Seen) -> None:
        signers = [each for taken in seen.signers.values() for each in taken]
        assert len(seen.signers) >= 2
        assert len(set(signers)) == len(signers)
        assert not seen.makers & set(signers)
        assert run.state in OUT


CHOICE = st.tuples(st.sampled_from(ACTS), st.integers(0, 7), st.integers(0, 3), st.integers(0, 7))
MOST_LIKELY: list[Act] = [
    ("build", 0, 0, 0), ("lock", 0, 0, 0), ("sign", 1, 0, 0), ("sign", 2, 0, 0), ("sign", 3, 0, 0), ("release", 4, 0, 0),
]  # fmt: skip
"""How a run goes out; chance alone seldom finds it, so each life is this with other acts in between."""


def _by_anybody(what: str, which: int, other: int) -> st.SearchStrategy[Act]:
    return st.tuples(st.just(what), st.integers(0, 7), st.just(which), st.just(other))


@st.composite
def lives(draw: Callable[[st.SearchStrategy[list[Act]]], list[Act]]) -> list[Act]:
    """The likely acts, by anybody, with any others in between."""
    acts: list[Act] = []
    for what, _, which, other in MOST_LIKELY:
        acts += draw(st.lists(CHOICE, max_size=4))
        acts += draw(st.lists(_by_anybody(what, which, other), min_size=1, max_size=2))
    return acts


def test_people_who_hold_all_roles_release_no_run_without_different_people_for_every_step(
    database: URL,
) -> None:
    with offices.transaction("dz") as session:
        house(session)
        people = [colleague(session, *ALL) for _ in range(6)]
        # These two sign nothing unless somebody lets them stand in.
        people += [colleague(session, Role.TREASURER) for _ in range(2)]
    released = 0

    @settings(
        max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    @given(lives())
    def every(acts: list[Act]) -> None:
        nonlocal released
        with Session(db.engine("dz"), expire_on_commit=False) as session, session.begin():
            life = Life(session, people)
            life.live(acts)
            released += life.released
            assert [breach for check in proofs.signatures for breach in check(session)] == []
            session.rollback()

    every()
    assert released > 0
    with offices.transaction("dz") as session:
        straight = Life(session, people)
        straight.live(MOST_LIKELY)
        assert straight.released == 1
