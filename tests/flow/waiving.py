"""An office in which a run meets a control, and the people who may waive it."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from cbi import clock, offices
from cbi.access.permissions import Role
from cbi.offices import office_of
from cbi.payments.models import PaymentRun
from cbi.payments.runs import runs
from cbi.payments.signing import approval, policies, waivers
from cbi.payments.signing.waiver_models import Waiver
from cbi.programmes import cycles
from tests.approval_factory import leave, look, programme, registered
from tests.factories import PERIOD, START, Colleague, Team
from tests.flow.signing import colleague

POLICY = """
rules:
  - {{currency: DZD, bands: [{{steps: [certifier, authoriser]}}]}}
controls:
{controls}
"""


@dataclass
class Town:
    """Three who pay, one who asks for waivers, one who grants them, and the head of finance."""

    team: Team
    asker: Colleague
    granter: Colleague
    head: Colleague

    def terms(self, session: Session, control: str, **more: Any) -> waivers.Terms:
        """A waiver of that control for the whole programme, for seven days from today."""
        today = clock.today(office_of(session).timezone)
        assert self.head.actor.id
        usual: dict[str, Any] = {
            "control": control, "programme": "winter", "reason": "The families were visited",
            "evidence": "visit report 7", "risk_owner": self.head.actor.id, "first_day": today,
            "last_day": today + timedelta(days=6),
        }  # fmt: skip
        return waivers.Terms(**(usual | more))

    def waived(self, session: Session, control: str, **more: Any) -> Waiver:
        """Asked by one and granted by the other."""
        made = waivers.ask(
            session, self.asker.actor, self.terms(session, control, **more), self.asker.code()
        )
        return waivers.grant(session, self.granter.actor, made.number, self.granter.code())


def town(session: Session, *, shared: bool = False, controls: str = "") -> Town:
    """Six households with money for them; `shared`: the last two have one telephone. `controls`: what the policy says."""
    people = Town(
        Team(*(colleague(session, role) for role in (Role.PROGRAMME_MANAGER, Role.CERTIFIER, Role.AUTHORISER))),
        colleague(session, Role.TREASURER),
        colleague(session, Role.COUNTRY_DIRECTOR),
        colleague(session, Role.HEAD_OF_FINANCE),
    )  # fmt: skip
    registered(session, [1, 2, 3, 4, 2, 2], 1, shared=shared)
    programme(session)
    if controls:
        with clock.frozen(clock.now() - timedelta(minutes=5)):
            text = POLICY.format(controls=controls)
            made = policies.propose(session, people.asker.actor, text, people.asker.code())
            policies.accept(session, people.granter.actor, made.version, people.granter.code())
    return people


def locked(session: Session, people: Town, *, left: str = "", period: str = PERIOD) -> PaymentRun:
    """The cycle's run, locked; the household `left` was closed after it was built."""
    maker = people.team.maker.actor
    run = runs.build(session, maker, cycles.open_cycle(session, maker, "winter", period).id)
    if left:
        leave(session, left)
    return runs.lock(session, maker, run.id)


def sign(session: Session, people: Town, run: PaymentRun, *, looks: bool = True) -> PaymentRun:
    """The next signature, by whoever gives it, who has looked at every list."""
    who, step = (
        (people.team.certifier, "certifier") if run.state == "locked" else (people.team.authoriser, "authoriser")
    )  # fmt: skip
    if looks:
        look(session, who.actor, run.id)
    return approval.sign(session, who.actor, run.id, step, who.code())


def committed(**more: Any) -> tuple[Town, UUID]:
    """The town and its locked run, in the database of this process."""
    with clock.frozen(START), offices.transaction("dz") as session:
        people = town(session, **more)
        return people, locked(session, people, left="W-0002").id
