"""Who signs in an office, and how that changes: policies that ask for more people, and people who stand in for others."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi.access.permissions import Permission, Role
from cbi.money import Money
from cbi.payments.models import Approval, PaymentRun
from cbi.payments.runs import finding_lists, queries, runs
from cbi.payments.signing import approval, delegations, policies
from cbi.payments.signing.delegations import Terms
from cbi.payments.signing.signing_models import Delegation
from cbi.payments.states import RunState
from tests.factories import Colleague
from tests.simulation.finance import FRESH
from tests.simulation.life import Life
from tests.simulation.wrongs import Kind, Wrong

OUT = (RunState.APPROVED, RunState.RELEASING, RunState.RELEASED, RunState.CLOSED)
_TWO, _THREE = "[certifier, authoriser]", "[certifier, authoriser, head_of_finance]"
_FOUR = "[certifier, authoriser, head_of_finance, country_director]"
LARGEST = 205_00
"""The largest payment that the last of these policies lets pass, in minor units."""
_BOUNDS = 'controls:\n  amounts:\n    - {currency: DZD, at_most: "205.00"}\n'
POLICIES = tuple(
    f"rules:\n  - currency: DZD\n    bands:\n{''.join(f'      - {{{band}}}' + chr(10) for band in bands)}{controls}"
    for bands, controls in (
        ([f'up_to: "900.00", steps: {_TWO}', f'up_to: "90000.00", steps: {_THREE}'], ""),
        ([f'up_to: "700.00", household_up_to: "300.00", steps: {_TWO}', f'up_to: "90000.00", steps: {_FOUR}'], ""),
        ([f'up_to: "90000.00", steps: {_TWO}'], ""),
        ([f'up_to: "90000.00", steps: {_TWO}'], _BOUNDS),
    )
)  # fmt: skip
BOUNDED = 3
"""The place of the last."""

FEWEST = ((900_00, 3), (700_00, 4), (90_000_00, 2), (90_000_00, 2))
"""For each of them: up to which sum two people are enough, and how many sign what is above."""


def change_policy(life: Life) -> None:
    """One person proposes another policy, a second accepts it."""
    one, second = life.who("treasurer"), life.who("authoriser")
    place, made = life.chance.randrange(len(POLICIES)), []
    if not life.step(
        "propose a policy",
        lambda: made.append(
            life.transact(
                lambda s: policies.propose(s, one.actor, POLICIES[place], one.code()).version
            )
        ),
    ):
        return
    life.acknowledge("policy proposed", made[-1])
    life.did("policy", made[-1], "proposed", one)
    life.weather.now += FRESH
    life.kept.policy = None
    if life.step(
        "accept the policy",
        lambda: life.transact(
            lambda s: policies.accept(s, second.actor, made[-1], second.code()).version
        ),
    ):
        life.acknowledge("policy accepted", made[-1])
        life.kept.policy = place
        life.did("policy", made[-1], "accepted", second)


def stand_in(life: Life) -> None:
    """Whoever authorises lets the treasurer do it for some days; or what was so given is taken back."""
    given = life.look(
        lambda s: s.scalars(select(Delegation.id).where(Delegation.withdrawn_at.is_(None))).all()
    )
    absent, other, third = life.who("authoriser"), life.who("treasurer"), life.who("head_of_finance")  # fmt: skip
    if given and life.chance.random() < 0.4:
        if life.step(
            "take a delegation back",
            lambda: life.transact(
                lambda s: delegations.withdraw(s, third.actor, given[0], "Back early.").id
            ),
        ):
            life.acknowledge("delegation withdrawn", given[0])
        return
    today, to = life.weather.now.date(), other.actor.id
    assert to is not None
    terms = Terms(
        to, Role.AUTHORISER, today, today + timedelta(days=life.chance.randint(0, 5)),
        limit=life.chance.choice((None, Money(80_000, "DZD"))),
    )  # fmt: skip
    made: list[UUID] = []
    if not life.step(
        "let somebody stand in",
        lambda: made.append(
            life.transact(lambda s: delegations.make(s, absent.actor, terms, absent.code()).id)
        ),
    ):
        return
    life.acknowledge("delegation given", made[-1])
    life.did("delegation", made[-1], "given", absent)
    life.did("delegation", made[-1], "received", other)
    life.weather.now += FRESH
    if life.step(
        "agree that somebody stands in",
        lambda: life.transact(
            lambda s: delegations.accept(s, third.actor, made[-1], third.code()).id
        ),
    ):
        life.acknowledge("delegation accepted", made[-1])
        life.did("delegation", made[-1], "accepted", third)


def locked(life: Life, who: Colleague, run_id: UUID) -> None:
    """Lock a run, and remember how many people have to sign it at least, by its own total alone."""

    def work(session: Session) -> tuple[int, int]:
        run = runs.lock(session, who.actor, run_id)
        return run.revision, run.total_minor

    revision, total = life.transact(work)
    life.acknowledge("run", f"{run_id} {RunState.LOCKED}")
    if life.kept.policy is not None:
        up_to, more = FEWEST[life.kept.policy]
        life.kept.needed[run_id, revision] = 2 if total <= up_to else more


def next_step(life: Life, run_id: UUID) -> str:
    """The signature that a run waits for."""

    def look(session: Session) -> str:
        steps = queries.sheet(session, run_id).signatures
        return next((each.step for each in steps if each.at is None), "certifier")

    return life.look(look)


def sign(life: Life, run_id: UUID, step: str, who: Colleague) -> None:
    """Sign, and remember who did."""
    code = who.code()

    def work(session: Session) -> tuple[int, RunState]:
        if who.actor.may(Permission.PAYMENT_READ):  # what is unusual is looked at before
            finding_lists.unusual(session, who.actor, session.get_one(PaymentRun, run_id), limit=1)
        run = approval.sign(session, who.actor, run_id, step, code)
        return run.revision, run.state

    revision, state = life.transact(work)
    life.acknowledge("signature", f"{run_id} {revision} {who.actor.id}")
    life.acknowledge("run", f"{run_id} {state}")
    life.did("run", f"{run_id} {revision}", step, who)
    if life.kept.policy == BOUNDED:
        life.kept.bounded.add(run_id)


def wrong(life: Life, session: Session) -> Iterator[Wrong]:
    """Whatever takes several people was done by different ones, and no run went out without them."""
    for (what, which), parts in life.kept.hands.items():
        if len(set(parts.values())) < len(parts):
            yield Kind.ALONE, f"{what} {which}: {', '.join(parts)}"
    absent = select(Delegation.from_id).where(Delegation.id == Approval.delegation_id)
    rows = session.execute(
        select(
            PaymentRun.id, PaymentRun.number, PaymentRun.revision, Approval.user_id,
            absent.scalar_subquery(),
        )
        .outerjoin(
            Approval,
            (Approval.run_id == PaymentRun.id) & (Approval.revision == PaymentRun.revision),
        )
        .where(PaymentRun.state.in_(OUT))
    ).all()  # fmt: skip
    for run_id, number, revision in {row[:3] for row in rows}:
        mine = [row[3:] for row in rows if row[0] == run_id]
        signers = [each for pair in mine for each in pair if each is not None]
        if len(mine) < life.kept.needed.get((run_id, revision), 2):
            yield (
                Kind.ALONE,
                f"run {number} was signed by {len(mine)}, and the policy asks for more",
            )
        if len(set(signers)) < max(len(signers), 2):
            yield Kind.ALONE, f"run {number} went out with {len(set(signers))} people's signatures"
        if life.kept.makers.get(run_id, set()) & set(signers):
            yield Kind.ALONE, f"run {number} was signed by somebody who made it"
