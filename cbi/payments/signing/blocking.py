"""Whether a control keeps a run from being signed or released: what fires, what a waiver lets pass, what is kept of it."""

import hashlib
import hmac
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.errors import Conflict
from cbi.money import Money
from cbi.offices import office_of
from cbi.payments.models import Discrepancy, Payment, PaymentRun
from cbi.payments.runs import payees, summaries
from cbi.payments.runs.sheet_models import RunFinding
from cbi.payments.signing import control_settings, openings, policies, waiver_register
from cbi.payments.signing import waiver_seals as seals
from cbi.payments.signing.control_settings import Bounds, Controls
from cbi.payments.signing.controls import (
    AMOUNT_BOUNDS,
    MEASURES,
    MINIMUM_WAGE,
    OLD_DAYS,
    OLD_DISCREPANCIES,
    PAYEE_LIMIT,
    UNOPENED_LISTS,
    Control,
    Measure,
)
from cbi.payments.signing.waiver_models import ControlCheck
from cbi.payments.signing.waiver_register import Line
from cbi.programmes import work_minimum
from cbi.programmes.models import Programme

RELEASE = "release"
"""What a release is called among the steps of a run."""


class Blocked(Conflict):
    """A control keeps the run from being signed or released."""

    code = "control.blocks"


class ListsUnopened(Conflict):
    """The signer has not opened the lists of what is unusual."""

    code = "control.lists_unopened"


@dataclass(frozen=True, slots=True)
class Fired:
    """A control that found more than passes. `waivers`: those that let it pass all the same; none: the run is blocked."""

    control: Control
    worst: int
    at_most: int
    waivers: tuple[Line, ...] = ()

    @property
    def stops(self) -> bool:
        """Whether it keeps the run from being signed."""
        return not self.waivers

    @property
    def sentence(self) -> str:
        """What was found, in English."""
        what = f"{self.worst} {MEASURES[self.control.measure]}, and {self.at_most} pass"
        return f"{self.control.sentence} ({what})"


def standing(session: Session, run: PaymentRun) -> tuple[Fired, ...]:
    """Every control that fires for a locked run, with its waivers; nothing for a draft. Raises WaiverAltered."""
    return _standing(session, run, _said(session)[1])


def check(session: Session, actor: Actor, run: PaymentRun, step: str) -> dict[str, Any]:
    """What the controls find now, as facts to be kept. Raises Blocked, ListsUnopened, WaiverAltered, PolicyAltered."""
    version, said = _said(session)
    opened = openings.of(session, actor, run) if step != RELEASE else {}
    if step != RELEASE:
        _check_opened(session, actor, run)
    fired = _standing(session, run, said)
    if stopping := [each for each in fired if each.stops]:
        mend = "return the run to draft, and have it locked anew"
        if step == RELEASE:  # what is approved goes back to nobody's draft
            mend = "cancel the run, and build it anew"
        raise Blocked(
            f"Run {run.number} is blocked: {'; '.join(each.sentence for each in stopping)}.",
            next_step=f"Mend it: {mend}. Or two others waive the control for a time: cbi waiver ask --help",
            number=run.number,
            controls=[each.control.code for each in stopping],
        )
    now, began = clock.now(), opened.get(openings.SHEET)
    return {
        "policy": version,
        "found": {
            each.control.code: [each.worst, each.at_most, *(str(line.id) for line in each.waivers)]
            for each in fired
        },
        "opened": {what: at.isoformat() for what, at in sorted(opened.items())},
        "dwelt": began and int((now - began).total_seconds()),
    }  # fmt: skip


def payee_limit(session: Session, run: PaymentRun) -> Money | None:
    """The most that one person or account gets within thirty days in the run's currency, by the policy in force."""
    return control_settings.payee_limit(_said(session)[1], run.currency)


def keep(session: Session, run: PaymentRun, step: str, facts: dict[str, Any]) -> str:
    """Keep what was found at a signature, or at the release; returns its seal for the audit log."""
    seal = _seal(session, run.id, run.revision, step, facts)
    made = ControlCheck(
        run_id=run.id, revision=run.revision, step=step, facts=facts, seal=seal, made_at=clock.now()
    )  # fmt: skip
    session.add(made)
    session.flush()
    return seal.hex()


def is_sealed(session: Session, row: ControlCheck) -> bool:
    """Whether nobody without the office's key wrote or altered it."""
    expected = _seal(session, row.run_id, row.revision, row.step, row.facts)
    return hmac.compare_digest(row.seal, expected)


def worst_of(facts: Mapping[str, Any], control: Control) -> int:
    """What a control that is about a list measures in the sealed facts of a run."""
    assert control.finding is not None
    payments = facts["found"].get(control.finding.value, [0])[0]
    if control.measure is Measure.PAYMENTS:
        return int(payments)
    # Before the largest crowd was kept, that some are together was: two at least.
    return int(facts.get("worst", {}).get(control.finding.value, 2 if payments else 0))


def _said(session: Session) -> tuple[int | None, Controls]:
    found = policies.in_force(session)
    return (found[0], found[1].controls) if found else (None, Controls())


def _standing(session: Session, run: PaymentRun, said: Controls) -> tuple[Fired, ...]:
    summary = summaries.kept(session, run)
    if summary is None:
        return ()
    found = []
    for limit in control_settings.limits(said).values():
        if limit.blocks and limit.control.code != UNOPENED_LISTS:
            worst = _worst(session, run, limit.control, summary.facts, said)
            if worst > limit.at_most:
                found.append(Fired(limit.control, worst, limit.at_most))
    if not found:
        return ()
    waivers = waiver_register.for_run(session, run)
    return tuple(_waived(session, run, each, waivers) for each in found)


def _worst(
    session: Session, run: PaymentRun, control: Control, facts: Mapping[str, Any], said: Controls
) -> int:
    if control.code == OLD_DISCREPANCIES:
        return _old(session, run, facts["against"])
    if control.code == AMOUNT_BOUNDS:
        return _outside(session, run, facts["content"], said.amounts)
    if control.code == MINIMUM_WAGE:
        return _underpaid(session, run)
    if control.code == PAYEE_LIMIT:
        limit = control_settings.payee_limit(said, run.currency)
        return payees.above(session, run, limit) if limit else 0
    return worst_of(facts, control)


def _old(session: Session, run: PaymentRun, last: Mapping[str, Any] | None) -> int:
    """The programme's payments with an old unexplained discrepancy, in percent of its last cycle, rounded up."""
    if last is None or not last["total"]:
        return 0
    doubtful = select(Discrepancy.payment_id).where(
        Discrepancy.settled_at.is_(None), Discrepancy.payment_id.is_not(None),
        Discrepancy.since < clock.now() - timedelta(days=OLD_DAYS),
    )  # fmt: skip
    minor = session.scalar(
        select(func.coalesce(func.sum(Payment.amount_minor), 0)).where(
            Payment.id.in_(doubtful), Payment.programme_id == run.programme_id
        )
    )
    return -(-100 * int(minor or 0) // int(last["total"]))


def _outside(
    session: Session, run: PaymentRun, content: Mapping[str, Any], amounts: Sequence[Bounds]
) -> int:
    """How many payments are smaller or larger than the office allows."""
    programme = session.get_one(Programme, run.programme_id).code
    smallest, largest = (Money(content[name], run.currency) for name in ("smallest", "largest"))
    outside = [
        _beyond(each)
        for each in amounts
        if each.are_for(run.currency, programme) and control_settings.reaches(each, smallest, largest)
    ]  # fmt: skip
    if not outside:
        return 0
    counted = select(func.count()).where(Payment.run_id == run.id, Payment.live, or_(*outside))
    return session.scalar(counted) or 0


def _underpaid(session: Session, run: PaymentRun) -> int:
    """How many payments pay work below the minimum wage."""
    wanted = work_minimum.underpaid(session, run.programme_id)
    if wanted is None:
        return 0
    counted = select(func.count()).where(
        Payment.run_id == run.id, Payment.live, Payment.entitlement_id.in_(wanted)
    )
    return session.scalar(counted) or 0


def _beyond(bounds: Bounds) -> ColumnElement[bool]:
    beyond = []
    if bounds.at_least is not None:
        beyond.append(Payment.amount_minor < bounds.at_least.minor)
    if bounds.at_most is not None:
        beyond.append(Payment.amount_minor > bounds.at_most.minor)
    some = Payment.component.in_(bounds.components) if bounds.components else Payment.live
    return and_(some, or_(*beyond))


def _waived(session: Session, run: PaymentRun, fired: Fired, lines: Sequence[Line]) -> Fired:
    """With the waivers that let it pass: one that is enough by itself, else all that are together."""
    mine = [each for each in lines if each.control == fired.control.code]
    whole = [each for each in mine if not each.concerns]
    for each in whole:
        if each.at_most is None or fired.worst <= each.at_most:
            return Fired(fired.control, fired.worst, fired.at_most, (each,))
    single = [each for each in mine if each.concerns]
    if not single:
        return fired
    summaries.check_findings(session, run)
    most = max((each.at_most or 0 for each in whole), default=0)
    if left(session, run, fired.control, single) <= max(fired.at_most, most):
        return Fired(fired.control, fired.worst, fired.at_most, (*single, *whole))
    return fired


def left(session: Session, run: PaymentRun, control: Control, lines: Sequence[Line]) -> int:
    """What a control still measures without the households that these waivers concern."""
    rows = session.execute(
        select(RunFinding.together, RunFinding.household_id).where(
            RunFinding.run_id == run.id, RunFinding.revision == run.revision, RunFinding.kind == control.finding
        )
    ).all()  # fmt: skip
    groups: dict[int | None, list[str]] = defaultdict(list)
    for together, household_id in rows:
        groups[together].append(seals.concern(session, household_id).hex())
    sizes = [_left(control, group, lines) for group in groups.values()]
    return sum(sizes) if control.measure is Measure.PAYMENTS else max(sizes, default=0)


def _left(control: Control, group: Sequence[str], lines: Sequence[Line]) -> int:
    """Of those who are together: how many no waiver concerns, or all where they are more than it allows."""
    size = len(set(group)) if control.measure is Measure.HOUSEHOLDS_AT_ONE else len(group)
    concerned = {
        each
        for line in lines
        if line.at_most is None or control.measure is Measure.PAYMENTS or size <= line.at_most
        for each in line.concerns
    }  # fmt: skip
    others = [each for each in group if each not in concerned]
    return len(set(others)) if control.measure is Measure.HOUSEHOLDS_AT_ONE else len(others)


def unopened(session: Session, actor: Actor, run: PaymentRun) -> list[str]:
    """The kinds of findings whose lists the actor opens before signing, and has not yet."""
    summary = summaries.kept(session, run)
    if summary is None or not control_settings.limits(_said(session)[1])[UNOPENED_LISTS].blocks:
        return []
    opened, found = openings.of(session, actor, run), summary.facts["found"]
    return [kind for kind in openings.to_open(found) if kind not in opened]


def _check_opened(session: Session, actor: Actor, run: PaymentRun) -> None:
    if missing := unopened(session, actor, run):
        raise ListsUnopened(
            f"Run {run.number} has something unusual that you have not looked at: {', '.join(missing)}.",
            next_step=f"Open these lists on its sheet first, or: cbi run findings {run.number}",
            number=run.number,
            lists=missing,
        )


def _seal(
    session: Session, run_id: UUID, revision: int, step: str, facts: Mapping[str, Any]
) -> bytes:
    text = json.dumps([str(run_id), revision, step, facts], sort_keys=True, separators=(",", ":"))
    key = office_of(session).keys.derive("control checks")
    return hmac.digest(key, text.encode(), hashlib.sha256)
