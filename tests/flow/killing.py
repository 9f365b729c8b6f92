"""A process that works for an office and is killed at a given step, as by a power cut; and a provider that survives it."""

import json
import multiprocessing
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from time import monotonic, sleep
from types import ModuleType
from uuid import UUID

from sqlalchemy import text as sql

from adapters.sandbox.adapter import SandboxAdapter
from adapters.sandbox.client import SandboxProvider
from cbi import clock, db, jobs, offices
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.fsp.messages import FspProfile, Outcome, PaymentInstruction, ProviderUpdate, Question
from cbi.messaging import claims, handover
from cbi.messaging.phones import phones
from cbi.messaging.transports import Sent, Simulator
from cbi.money import Money
from cbi.offices import transact
from cbi.payments.outcomes import outcomes
from cbi.payments.sending import answers, dispatch, inbox, polling, sending
from cbi.reconciliation import matching, statements
from cbi.redemption import counter, expiry, issuing, notices, parts, reissuing, shortages
from cbi.registry import personal
from cbi.settings import settings
from tests.factories import EVERYTHING

OFFICE = "dz"
SECRET = "a-secret-for-callbacks"


class Ledger:
    """A provider's own record, in a file that is safe on disk before anything is answered."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "provider.jsonl"

    def write(self, what: str, key: str, minor: int = 0) -> None:
        with self._file.open("a") as file:
            file.write(json.dumps([what, key, minor]) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def rows(self, what: str) -> list[tuple[str, int]]:
        """The keys and amounts that were written so."""
        if not self._file.exists():
            return []
        rows = [json.loads(line) for line in self._file.read_text().splitlines()]
        return [(key, minor) for kind, key, minor in rows if kind == what]

    def heard(self) -> Counter[str]:
        """How often each key reached the provider."""
        return Counter(key for key, _ in self.rows("heard"))

    def paid(self) -> dict[str, int]:
        """What was paid under each key. Raises when a key was paid twice."""
        rows = self.rows("paid")
        assert len(dict(rows)) == len(rows), rows
        return dict(rows)


class LastingAdapter(SandboxAdapter):
    """The sandbox's profile, before a provider that pays once for each key and forgets nothing."""

    def __init__(
        self, ledger: Ledger, reached: Callable[[str], None] = lambda _: None, at_once: int = 1
    ) -> None:
        super().__init__(SandboxProvider())
        self._ledger, self._reached, self._at_once = ledger, reached, at_once

    @property
    def profile(self) -> FspProfile:
        return replace(super().profile, at_once=self._at_once)

    def submit(self, instruction: PaymentInstruction) -> ProviderUpdate:
        key = instruction.idempotency_key
        self._reached("before it is sent")
        self._ledger.write("heard", key)
        self._reached("before the provider pays")
        if key not in self._ledger.paid():
            self._ledger.write("paid", key, instruction.amount.minor)
        self._reached("before the provider answers")
        return self._answer(key)

    def query_status(self, question: Question) -> ProviderUpdate:
        self._reached("before the provider is asked")
        return self._answer(question.idempotency_key)

    def _answer(self, key: str) -> ProviderUpdate:
        paid = key in self._ledger.paid()
        return ProviderUpdate(
            key, Outcome.PAID if paid else Outcome.UNKNOWN, provider_reference=key
        )


class LastingPhones(Simulator):
    """The telephones of the simulator, whose files survive."""

    def __init__(self, reached: Callable[[str], None]) -> None:
        super().__init__(phones(settings()))
        self._reached = reached

    def send(self, number: str, text: str, reference: str) -> Sent:
        sent = super().send(number, text, reference)
        self._reached("before the gateway answers")
        return sent


class Killer:
    """Ends this process, without a chance to tidy up, at the given passage of the given step; or freezes it."""

    def __init__(self, step: str, passage: int, by: signal.Signals = signal.SIGKILL) -> None:
        self._step, self._left, self._by = step, passage, by

    def reached(self, step: str) -> None:
        if step != self._step:
            return
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), self._by)

    def around(self, module: ModuleType, name: str, *, before: str = "", after: str = "") -> None:
        """Pass these steps just before and just after that function."""
        original = getattr(module, name)

        def passing(*given: object, **named: object) -> object:
            self.reached(before)
            result = original(*given, **named)
            self.reached(after)
            return result

        setattr(module, name, passing)


def send(killer: Killer, folder: Path, run_id: str) -> None:
    """Send a run."""
    killer.around(sending, "_start", after="before the intent is saved")
    killer.around(sending, "_hand_to_provider", after="before it is marked as handed over")
    killer.around(sending, "_save_answer", after="before the answer is saved")
    killer.around(sending, "_submit", after="after the answer is saved")
    killer.around(sending, "finish_release", after="before the run is finished")
    adapter = LastingAdapter(Ledger(folder), killer.reached)
    sending.send(OFFICE, UUID(run_id), "sandbox", adapter, personal.accounts)
    killer.reached("after the run is finished")


def send_together(killer: Killer, folder: Path, run_id: str) -> None:
    """Send a run, three payments at a time."""
    killer.around(answers, "take_set", before="before the answer is saved")
    adapter = LastingAdapter(Ledger(folder), killer.reached, at_once=3)
    sending.send(OFFICE, UUID(run_id), "sandbox", adapter, personal.accounts)


def issue(killer: Killer, folder: Path, run_id: str) -> None:
    """Release a run to codes, two at a time."""
    original = issuing.issue_chunk
    issuing.issue_chunk = lambda session, run, provider: original(session, run, provider, 2)  # type: ignore[assignment,misc]
    killer.around(issuing, "issue_chunk", before="before a chunk", after="before a chunk is saved")
    killer.around(dispatch, "finish_release", after="before the run is finished")
    jobs.release(OFFICE, UUID(run_id))


def text(killer: Killer, folder: Path, _: str) -> None:
    """Hand the waiting texts to the gateway."""
    killer.around(claims, "take", after="before the texts are taken")
    killer.around(handover, "_compose", after="before the first text")
    killer.around(claims, "record", after="before the outcomes are saved")
    handover.hand_over(
        OFFICE, LastingPhones(killer.reached), numbers=personal.numbers, codes=issuing.render_codes
    )


def confirm(killer: Killer, folder: Path, held: str) -> None:
    """Pay out over the counter. `held` names the teller and the authorisation."""
    teller, authorisation = map(UUID, held.split("/"))
    who = Actor("teller", teller, "", frozenset({(Permission.REDEMPTION_PERFORM, None)}))
    killer.around(counter, "confirm", after="before the payout is saved")
    transact(OFFICE, lambda session: counter.confirm(session, who, authorisation))
    killer.reached("after the payout is saved")


def callback(killer: Killer, folder: Path, _: str) -> None:
    """Receive a callback that stands in a file."""
    killer.around(inbox, "_read", before="before the callback is read")
    killer.around(inbox, "apply", after="before the callback's news is saved")
    headers, body = json.loads((folder / "callback.json").read_text())
    adapter = SandboxAdapter(SandboxProvider(secret=SECRET))
    inbox.receive(OFFICE, "sandbox", adapter, headers, body.encode())


def statement(killer: Killer, folder: Path, _: str) -> None:
    """Take in and reconcile the statement that stands in a file."""
    content = (folder / "statement").read_bytes()
    killer.around(statements, "_copy", before="before its lines are copied")
    killer.around(statements, "_keep", after="before the statement is saved")
    taken = transact(
        OFFICE, lambda s: statements.take_in(s, EVERYTHING, "sandbox", content, "statement.txt")
    )
    killer.reached("after the statement is saved")
    killer.around(matching, "_confirm", before="before its news is booked")
    killer.around(matching, "_match", before="before its lines are matched")
    killer.around(matching, "reconcile", after="before the matches are saved")
    transact(OFFICE, lambda s: matching.reconcile(s, EVERYTHING, "sandbox"))
    killer.reached(f"after {taken.lines} lines are matched")


def ask(killer: Killer, folder: Path, _: str) -> None:
    """Ask the provider about what nobody knows."""
    killer.around(polling, "apply", before="before the news is booked", after="before it is saved")
    adapter = LastingAdapter(Ledger(folder), killer.reached)
    polling.poll(OFFICE, "sandbox", adapter, patience=timedelta(0))


def hold(killer: Killer, folder: Path, typed: str) -> None:
    """Hold a payment for somebody at the counter. `typed` is the teller, the code and the second factor."""
    teller, code, factor = typed.split("/")
    who = Actor("teller", UUID(teller), "", frozenset({(Permission.REDEMPTION_PERFORM, None)}))
    killer.around(counter, "authorise", after="before the hold is saved")
    transact(OFFICE, lambda s: counter.authorise(s, who, code=code, factor=factor))
    killer.reached("after the hold is saved")


def no_cash(killer: Killer, folder: Path, held: str) -> None:
    """Send somebody away because there is not enough cash. `held` names the teller and the authorisation."""
    teller, authorisation = map(UUID, held.split("/"))
    who = Actor("teller", teller, "", frozenset({(Permission.REDEMPTION_PERFORM, None)}))
    killer.around(shortages, "release_hold", after="before it is noted")
    transact(OFFICE, lambda s: shortages.turn_away(s, who, authorisation_id=authorisation))
    killer.reached("after it is noted")


def part(killer: Killer, folder: Path, held: str) -> None:
    """Hand a part over. `held` names the moment, the teller, the authorisation and the part in whole dinars."""
    at, teller, authorisation, dinars = held.split("/")
    who = Actor("teller", UUID(teller), "", frozenset({(Permission.REDEMPTION_PERFORM, None)}))
    killer.around(parts, "issue_after", before="before the rest has its code")
    killer.around(parts, "confirm", after="before it is saved")
    amount = Money(int(dinars) * 100, "DZD")
    with clock.frozen(datetime.fromisoformat(at)):
        transact(OFFICE, lambda s: parts.confirm(s, who, UUID(authorisation), amount))
    killer.reached("after it is saved")


def renew(killer: Killer, folder: Path, about: str) -> None:
    """Send a new code in the place of one that is lost. `about` names the moment and the payment."""
    at, payment = about.split("/")
    killer.around(reissuing, "issue_after", before="before there is a new one")
    killer.around(reissuing, "reissue", after="before it is saved")
    with clock.frozen(datetime.fromisoformat(at)):
        transact(OFFICE, lambda s: reissuing.reissue(s, EVERYTHING, UUID(payment), "lost"))
    killer.reached("after it is saved")


def block(killer: Killer, folder: Path, about: str) -> None:
    """Block a code that somebody else may have seen. `about` names the moment and the payment."""
    at, payment = about.split("/")
    killer.around(notices, "tell", before="before it is told")
    killer.around(reissuing, "lock_code", after="before it is saved")
    with clock.frozen(datetime.fromisoformat(at)):
        transact(OFFICE, lambda s: reissuing.lock_code(s, EVERYTHING, UUID(payment), "stolen"))
    killer.reached("after it is saved")


def expire(killer: Killer, folder: Path, at: str) -> None:
    """Void the codes whose last day is over, two at a time."""
    original = expiry.expire_due
    expiry.expire_due = lambda session: original(session, 2)  # type: ignore[assignment,misc]
    killer.around(outcomes, "expire", before="before the payments expire")
    killer.around(expiry, "expire_due", after="before it is saved")
    with clock.frozen(datetime.fromisoformat(at)):
        jobs.expire(OFFICE)


WORK: dict[str, Callable[[Killer, Path, str], None]] = {
    "send": send,
    "send_together": send_together,
    "issue": issue,
    "text": text,
    "confirm": confirm,
    "callback": callback,
    "statement": statement,
    "ask": ask,
    "hold": hold,
    "no cash": no_cash,
    "part": part,
    "renew": renew,
    "block": block,
    "expire": expire,
}


def killed(step: str, folder: Path, work: str, about: object = "", *, passage: int = 1) -> bool:
    """Do that work in a process of its own, killed when it passes the step for the given time.

    False: it ended before. A step inside a transaction comes before its commit.
    """
    with working(step, folder, work, about, passage=passage) as child:
        child.join(120)
        assert child.exitcode in {0, -signal.SIGKILL}, "its traceback is in the captured output"
    until_let_go()
    return child.exitcode != 0


def until_let_go() -> None:
    """Wait until the database has noticed that everybody else of the office is gone.

    A killed process's locks stay until then, and whoever works meanwhile stands back, as they should.
    """
    db.disconnect()  # what remains of the office's connections after this are the others'
    until = monotonic() + 60
    while _others():
        assert monotonic() < until, "the database still serves a process that is dead"
        sleep(0.01)


def _others() -> int:
    """How many connections to this database are open as this user, besides the one that asks."""
    count = sql(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND usename = session_user AND pid <> pg_backend_pid()"
    )
    with offices.transaction(OFFICE) as session:
        return int(session.scalars(count).one())


@contextmanager
def working(
    step: str,
    folder: Path,
    work: str,
    about: object = "",
    *,
    passage: int = 1,
    by: signal.Signals = signal.SIGKILL,
) -> Iterator[ForkServerProcess]:
    """A process of its own that does that work, and is sent the signal at that step; gone after the block."""
    given = (dict(os.environ), step, passage, by, folder, work, str(about))
    child = _processes.Process(target=_work, args=given)
    child.start()
    try:
        yield child
    finally:
        if child.is_alive():
            child.kill()
        child.join(60)


_processes = multiprocessing.get_context("forkserver")  # each begins with the imports done
_processes.set_forkserver_preload([__name__])


def _work(
    environment: dict[str, str],
    step: str,
    passage: int,
    by: signal.Signals,
    folder: Path,
    work: str,
    about: str,
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    WORK[work](Killer(step, passage, by), folder, about)
