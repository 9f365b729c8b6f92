"""Whatever households do in any months, nobody is owed more than one share of a cycle, and ceilings go with people."""

from collections import Counter
from datetime import UTC, date, datetime
from fractions import Fraction
from itertools import accumulate
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.errors import CbiError
from cbi.programmes.applying import apply
from cbi.programmes.enrolling import Act
from cbi.programmes.models import Entitlement
from cbi.registry import needs
from cbi.registry.households.models import HouseholdChange
from cbi.registry.models import Person
from tests.flow.parting import Telling
from tests.household_factory import family, fresh
from tests.kinds_factory import kind_file
from tests.programme_factory import OFFICER

HOMES, SHARE, CARED, CEILING = 2, 1000_00, 500_00, 5000_00
_HARMONIC = list(accumulate((Fraction(1, k) for k in range(1, 20)), initial=Fraction()))
"""1 + 1/2 + … + 1/n: what one person can have as shares of a ceiling by living with n people, all told, one by one."""
STEPS = ("split", "merge", "undo", "suspend", "resume", "resume wrong", "month", "month")


@settings(
    max_examples=3, deadline=None, database=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(
    st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 30)), min_size=8, max_size=12),
    st.booleans(),
)
def test_nobody_is_ever_owed_more_than_one_share_of_a_cycle(
    session: Session,
    steps: list[tuple[str, int]],
    with_ceiling: bool,  # noqa: FBT001 - Hypothesis gives it by place
) -> None:
    undo = session.begin_nested()
    try:
        with clock.frozen(datetime(2026, 4, 1, 9, tzinfo=UTC)):
            _live(session, steps, with_ceiling=with_ceiling)
    finally:
        undo.rollback()
        session.expire_all()


def _live(  # noqa: C901 - a life is a list of cases
    session: Session, steps: list[tuple[str, int]], *, with_ceiling: bool
) -> None:
    """Random splits, merges, undoings and months: each cycle owes at most a share for each person, and for each need."""
    telling, people, merges, month = Telling(session), list[UUID](), list[UUID](), 0
    for _ in range(HOMES):
        home, members = family(session, "Omar", "Lina 7")
        people += members.values()
        needs.note(session, OFFICER, fresh(session, home), "disability")
    extra = f'ceilings: {{lifetime: "{CEILING // 100}"}}\n' if with_ceiling else ""
    top_up = '{name: care, amount: "500", per: member, for: {needs: [disability]}}'
    care = f'{{per_member: "1000", arrears: 3, top_ups: [{top_up}]}}'
    apply(session, OFFICER, kind_file(care, extra=extra))
    lived: Counter[UUID] = Counter()
    had_of: dict[UUID, Fraction] = dict.fromkeys(people, Fraction())
    for kind, pick in [*steps, ("month", 0)]:
        active = _homes(session, people)
        home = sorted(active)[pick % len(active)]
        try:
            with session.begin_nested():
                if kind == "split":
                    leaving = sorted(active[home])[: 1 + pick % 2]
                    has = sum(count for _, _, count in needs.words_of(session, home))
                    shares = {"disability": str(min(has, pick % 2))} if has else {}
                    telling.split(home, *leaving, needs=shares)
                elif kind == "merge":
                    other = sorted(active)[(pick + 1) % len(active)]
                    size = len(active[home]) + len(active[other])
                    merges.append(telling.change("merged", home, other=other, size=size))
                elif kind == "undo" and merges:
                    telling.change("unmerged", _kept(session, merges[-1]), other=merges.pop())
                elif kind == "suspend":
                    telling.enrol(Act.SUSPEND, home, date(2026, 1 + month, 1))
                elif kind.startswith("resume"):
                    day = date(2026, 1 + month, 1)
                    telling.enrol(Act.RESUME, home, day, was_wrong=kind.endswith("wrong"))
        except CbiError:
            continue  # what does not fit is refused, and changes nothing
        if kind == "month" and month < 11:
            month += 1
            homes = _homes(session, people)
            cycle = telling.opened(f"2026-{month:02}")
            of_cycle = select(Entitlement.household_id, func.sum(Entitlement.amount_minor)).where(
                Entitlement.cycle_id == cycle
            )
            for owed_to, minor in session.execute(of_cycle.group_by(Entitlement.household_id)):
                here = homes[owed_to]
                had = -(-sum(lived[person] for person in here) // len(here))
                for person in here:
                    lived[person] += int(minor)
                    had_of[person] += Fraction(int(minor), len(here))
                assert not with_ceiling or had + minor <= CEILING
            most = len(people) * SHARE + HOMES * CARED
            usual = select(Entitlement.amount_minor).where(
                Entitlement.cycle_id == cycle, Entitlement.component != "arrears"
            )
            assert sum(session.scalars(usual)) <= most
            ever = session.scalars(select(Entitlement.amount_minor)).all()
            assert sum(ever) <= most * month, "with arrears, too"
    if with_ceiling:
        # What a household of k was owed leaves its people with k ceilings at most, lived through by all of them together.
        # So whoever has lived through t was one of t / ceiling at least for the last of it, and had that part as a share.
        assert all(share <= CEILING * _HARMONIC[len(people)] for share in had_of.values())
        assert sum(had_of.values()) <= CEILING * len(people), "however they part and come together"


def _kept(session: Session, merge: UUID) -> UUID:
    told: list[str] = session.get_one(HouseholdChange, merge).details["with"]
    return UUID(told[0])


def _homes(session: Session, people: list[UUID]) -> dict[UUID, list[UUID]]:
    """Who lives where now."""
    found: dict[UUID, list[UUID]] = {}
    rows = session.execute(
        select(Person.household_id, Person.id).where(Person.id.in_(people), Person.gone.is_(None))
    )
    for home, person in rows:
        found.setdefault(home, []).append(person)
    return found
