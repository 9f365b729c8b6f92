"""Everything that happens without somebody asking: sending runs, texting codes, asking providers, expiring, sealing.

Each job reads from the office's own tables what there is to do, so a job lost, repeated or run twice at once costs nothing.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TypeVar
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi import offices
from cbi.access import tokens
from cbi.access.actor import SYSTEM
from cbi.access.models import User
from cbi.audit import sealing
from cbi.errors import CbiError
from cbi.fsp.adapter import PaysOverCounter, QueriesStatus, ReadsCallbacks, SubmitsPayments
from cbi.helpline import answering
from cbi.http import replay
from cbi.messaging import gateways, handover
from cbi.payments.outcomes import late
from cbi.payments.runs import closing, queries, runs, scheduled
from cbi.payments.sending import ageing, dispatch, inbox, polling, providers, sending
from cbi.payments.states import RunState
from cbi.programmes import following
from cbi.proofs import nightly, restored
from cbi.redemption import expiry, issuing
from cbi.redemption.models import Teller
from cbi.registry import personal, privacy
from cbi.registry.households import requests
from cbi.registry.households.recording import FOLLOWING
from cbi.registry.intake import pulling, sources
from cbi.registry.intake import waiting as lists
from cbi.registry.linkage import finding, staff
from cbi.registry.referrals import remarks
from cbi.registry.scorecards import appeal_words
from cbi.settings import settings

log = logging.getLogger(__name__)

Given = TypeVar("Given")
Result = TypeVar("Result")
Progress = Callable[[int], None]
"""Called with how many payments, texts or rows were just done."""


def _quietly(_: int) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Done:
    """How many payments were handed over by a release."""

    payments: int
    held_back: int = 0


def release(office: str, run_id: UUID, progress: Progress = _quietly) -> Done:
    """Hand over every waiting payment of a releasing run, by whatever its providers can do. Safe to start again."""
    run = offices.transact(office, lambda session: runs.find(session, run_id))
    done = _each(run.providers, lambda provider: _release_route(office, run_id, provider, progress))
    return Done(sum(part.payments for part in done), sum(part.held_back for part in done))


def _release_route(office: str, run_id: UUID, provider: str, progress: Progress) -> Done:
    adapter = providers.adapter(provider)
    if isinstance(adapter, PaysOverCounter):
        return _issue_codes(office, run_id, provider, progress)
    if isinstance(adapter, SubmitsPayments):
        sent = sending.send(office, run_id, provider, adapter, personal.accounts)
        progress(sent.submitted)
        return Done(sent.submitted, sent.held_back)
    raise providers.CannotSend(
        f"The provider {provider} neither pays over a counter nor takes payments one by one.",
        next_step="Choose another provider in the programme file.",
    )


def _issue_codes(office: str, run_id: UUID, provider: str, progress: Progress) -> Done:
    done = 0
    while issued := offices.transact(
        office, lambda session: issuing.issue_chunk(session, run_id, provider)
    ):
        done += issued
        progress(issued)
    offices.transact(office, lambda session: dispatch.finish_release(session, run_id))
    return Done(done)


def releases(office: str) -> int:
    """Go on with every run that is being released; returns how many payments were handed over."""
    waiting = offices.transact(office, lambda s: queries.waiting(s, RunState.RELEASING))
    return sum(done.payments for done in _each(waiting, lambda run_id: release(office, run_id)))


def hand_over(office: str, progress: Progress = _quietly) -> int:
    """Hand every waiting text to the gateway; numbers and codes exist only in memory, for the moment it takes."""
    with gateways.transport(settings(), office) as way_out:
        return handover.hand_over(
            office,
            way_out,
            numbers=personal.numbers,
            codes=issuing.render_codes,
            levels=privacy.levels,
            progress=progress,
        ).sent


def answer(office: str) -> int:
    """Answer the texts that came in, and let the answers out at once; returns how many texts were dealt with."""
    done = answering.answer(office)
    if done:
        hand_over(office)
    return done


def poll(office: str) -> int:
    """Ask every provider that can be asked about payments whose outcome is not known; returns how many moved."""

    def ask(name: str) -> int:
        adapter = providers.adapter(name)
        return polling.poll(office, name, adapter) if isinstance(adapter, QueriesStatus) else 0

    return sum(_each(settings().providers, ask))


def read_inbox(office: str) -> int:
    """Read callbacks that were kept and could not be read before."""

    def read(name: str) -> int:
        adapter = providers.adapter(name)
        if not isinstance(adapter, ReadsCallbacks):
            return 0
        return inbox.read_waiting(office, name, adapter)

    return sum(_each(settings().providers, read))


def cycles(office: str) -> int:
    """Open the cycles that are due and make their runs ready to be signed; returns how many runs.

    What is refused (a fund that has ended, an amount that a provider does not pay) is for people: the front page shows it.
    """
    for what in offices.transact(office, scheduled.due):
        _unless_refused(office, partial(scheduled.open_cycle, what=what))
    waiting = offices.transact(office, scheduled.without_run)
    made = [
        _unless_refused(office, partial(scheduled.make_run, cycle_id=cycle_id))
        for cycle_id in waiting
    ]
    return sum(map(bool, made))


def _unless_refused(office: str, work: Callable[[Session], Result]) -> Result | None:
    try:
        return offices.transact(office, work)
    except CbiError as refusal:
        log.warning("%s: %s", office, refusal.message)
        return None


def imports(office: str) -> int:
    """Take in the lists that wait, part by part; returns how many households were read."""
    waiting = offices.transact(office, lists.waiting)
    return sum(_each(waiting, lambda import_id: lists.work(office, import_id)))


def linking(office: str) -> int:
    """Compare everybody who was registered since with everybody else; returns how many people were compared."""
    steps = finding.compare_waiting(partial(offices.transact, office))
    done = sum(steps, finding.NOTHING)
    if done.crowded:
        log.warning(
            "%s: %s groups of people were too large to compare; see cbi verify",
            office,
            done.crowded,
        )
    offices.transact(office, lambda session: staff.look(session, _colleagues(session)))
    return done.people


def follow(office: str) -> int:
    """Let suspensions follow people whose household split or was merged; returns how many changes were followed."""
    return offices.transact(office, following.catch_up)


def _colleagues(session: Session) -> Iterator[staff.Colleague]:
    for user in session.scalars(select(User).where(User.disabled_at.is_(None))):
        yield staff.Colleague("user", user.id, user.full_name)
    for teller in session.scalars(select(Teller).where(Teller.disabled_at.is_(None))):
        yield staff.Colleague("teller", teller.id, teller.full_name)


def pull(office: str) -> int:
    """Fetch new submissions from the sources that are to be asked each hour; returns how many lists came of it."""
    hourly = [each for each in sources.sources(office) if each.is_hourly]
    return sum(map(bool, _each(hourly, lambda each: pulling.pull(office, SYSTEM, each))))


def expire(office: str) -> int:
    """Void the codes whose last day is over, and end holds nobody confirmed; returns how many codes."""
    offices.transact(office, expiry.lapse_holds)
    done = _until_none(office, expiry.expire_due)
    offices.transact(office, expiry.free_locators)
    return done


def adopt(office: str) -> int:
    """Make what is owed back the payment where nothing else was paid; returns how many payments."""
    return _until_none(office, late.adopt_all)


def age(office: str) -> int:
    """Set apart in the books what nobody has known about for days; returns how many payments."""
    return offices.transact(office, ageing.age)


def close(office: str) -> int:
    """Close the runs of which everything is settled; returns how many."""
    return offices.transact(office, closing.close_settled)


def watch(office: str) -> int:
    """Stop an office whose database was restored from a backup; returns 1 when that was just found, else 0."""
    return restored.look(office)


def seal(office: str) -> int:
    """Chain the audit entries that are not sealed yet; returns how many."""
    return _until_none(office, sealing.seal)


def forget(office: str) -> int:
    """Drop ended sign-ins, the keys of requests answered long ago, and changes that nobody confirmed; returns how many.

    Words of people that an older version kept in clear are sealed.
    """
    for older in (appeal_words.seal_older, remarks.seal_older):
        _until_none(office, older)
    passing = (tokens.forget_old, replay.forget_old, requests.lapse_due)
    return sum(offices.transact(office, each) for each in passing)


def _each(these: Iterable[Given], work: Callable[[Given], Result]) -> list[Result]:
    """Do the work for each of them, whatever becomes of the others; then raise the first error, if there was one."""
    done, failed = [], None
    for one in these:
        try:
            done.append(work(one))
        except Exception as error:  # noqa: BLE001 - one provider's trouble must not keep the others from paying
            failed = failed or error
    if failed:
        raise failed
    return done


def _until_none(office: str, batch: Callable[[Session], int]) -> int:
    done = 0
    while some := offices.transact(office, batch):
        done += some
    return done


HOUSEKEEPING: dict[str, tuple[Callable[[str], int], int]] = {
    # name: (job, how often in seconds)
    "releases": (releases, 30),
    "hand_over": (hand_over, 10),
    "answer": (answer, 5),
    "read_inbox": (read_inbox, 60),
    "poll": (poll, 60),
    "cycles": (cycles, 300),
    "imports": (imports, 30),
    "pull": (pull, 3600),
    "linking": (linking, 60),
    FOLLOWING: (follow, 300),
    "expire": (expire, 900),
    "adopt": (adopt, 300),
    "age": (age, 3600),
    "close": (close, 900),
    "watch": (watch, 60),
    "seal": (seal, 60),
    "forget": (forget, 3600),
    "prove": (nightly.prove, 1800),
}
"""What the scheduler asks for, again and again, in every office."""
