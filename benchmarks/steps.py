"""The steps of a cycle as the engine does them; each runs in a process of its own."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from sqlalchemy import select, true

from benchmarks.ground import OFFICE, PROGRAMME, PROVIDER, Ground
from benchmarks.measure import Done, watch
from cbi import clock, db, jobs, offices
from cbi.access.actor import Actor
from cbi.messaging import handover
from cbi.messaging.transports import Sent
from cbi.payments import moves
from cbi.payments.models import PaymentRun
from cbi.payments.runs import finding_lists, runs
from cbi.payments.sending import dispatch
from cbi.payments.signing import approval
from cbi.payments.states import PaymentState
from cbi.programmes import cycles
from cbi.proofs.verify import verify
from cbi.reconciliation import matching, statements
from cbi.redemption import counter, issuing
from cbi.redemption.holding import Authorised
from cbi.redemption.models import CodeIssue
from cbi.registry import personal
from cbi.registry.intake import importing, waiting


def import_list(ground: Ground) -> Done:
    """Take in the registration file: parsed, checked, sealed, duplicates found, landed."""
    with offices.transaction(OFFICE) as session:
        result = importing.import_file(
            session, ground.staff["rania"].actor, ground.listed, filename=ground.listed.name
        )
    assert result.landed == ground.households, result.counts()
    return Done(result.landed)


def import_by_worker(ground: Ground) -> Done:
    """The same list left to the worker: kept in sealed parts first, then read and landed part by part."""
    with offices.transaction(OFFICE) as session:
        import_id = waiting.store(
            session, ground.staff["rania"].actor, ground.listed, filename=ground.listed.name
        )
    done = waiting.work(OFFICE, import_id)
    assert done == ground.households, done
    return Done(done)


def compare(ground: Ground) -> Done:
    """Compare everybody with everybody else, as the worker does once they are registered."""
    return Done(jobs.linking(OFFICE))


def build(ground: Ground) -> Done:
    """Open a cycle, build its run and lock it."""
    manager = ground.staff["marc"].actor
    with offices.transaction(OFFICE) as session:
        opened = cycles.open_cycle(session, manager, PROGRAMME, f"{clock.now():%Y-%m}")
        run = runs.build(session, manager, opened.id)
        return Done(runs.lock(session, manager, run.id).payment_count)


def certify(ground: Ground) -> Done:
    """The first signature."""
    return _sign(ground, "amina", approval.certify)


def authorise(ground: Ground) -> Done:
    """The second signature, which commits the funds."""
    return _sign(ground, "karim", approval.authorise)


def _sign(ground: Ground, who: str, sign: Callable[..., PaymentRun]) -> Done:
    signer = ground.staff[who]
    with offices.transaction(OFFICE) as session:
        run = session.get_one(PaymentRun, the_run())
        finding_lists.unusual(session, signer.actor, run, limit=50)
        return Done(sign(session, signer.actor, run.id, signer.one_time_code()).payment_count)


def the_run() -> UUID:
    """The office's one run."""
    with offices.transaction(OFFICE) as session:
        return session.scalars(select(PaymentRun.id)).one()


def release(ground: Ground) -> Done:
    """From authorised to texts in the outbox, and every code computed once as its text will need it."""
    run_id = the_run()
    with offices.transaction(OFFICE) as session:
        dispatch.begin_release(session, ground.staff["karim"].actor, run_id)
    done = jobs.release(OFFICE, run_id).payments
    with offices.transaction(OFFICE) as session:
        issues = session.scalars(select(CodeIssue.id).execution_options(yield_per=1000))
        for some in db.chunks(issues, 1000):
            issuing.render_codes(session, some)
    return Done(done)


class _Takes:
    """A gateway that takes every text at once."""

    is_simulated = True

    def trouble(self) -> str | None:
        return None

    def send(self, number: str, text: str, reference: str) -> Sent:
        return Sent(reference)


def text(ground: Ground) -> Done:
    """Write every text and hand it to a gateway that takes it at once."""
    done = handover.hand_over(
        OFFICE, _Takes(), numbers=personal.numbers, codes=issuing.render_codes
    )
    return Done(done.sent)


@dataclass(frozen=True, slots=True)
class AtTheCounter:
    """Codes to redeem, each with what its recipient shows, by tellers who work at the same time."""

    codes: tuple[tuple[str, str], ...]
    tellers: tuple[Actor, ...]


def redeem(given: AtTheCounter) -> Done:
    """Check each code and its person, then confirm the payment: two transactions, as two requests would be."""
    queues = [given.codes[n :: len(given.tellers)] for n in range(len(given.tellers))]
    with ThreadPoolExecutor(len(given.tellers)) as threads:
        each = threads.map(_redeem, given.tellers, queues)
        times = [seconds for some in each for seconds in some]
    return Done(len(times), times)


def _redeem(teller: Actor, queue: tuple[tuple[str, str], ...]) -> list[float]:
    times = []
    for code, factor in queue:
        with watch() as took:
            held = offices.transact(
                OFFICE,
                lambda session, code=code, factor=factor: counter.authorise(  # type: ignore[misc]
                    session, teller, code=code, factor=factor
                ),
            )
            assert isinstance(held, Authorised), held
            offices.transact(
                OFFICE,
                lambda session, held=held: counter.confirm(  # type: ignore[misc]
                    session, teller, held.authorisation_id
                ),
            )
        times.append(took.seconds)
    return times


def book(ground: Ground) -> Done:
    """Confirm every payment that was accepted, as one set: state, event and books."""
    with offices.transaction(OFFICE) as session:
        run = runs.find(session, the_run())
        return Done(
            moves.move(
                session,
                run,
                true(),
                PaymentState.ACCEPTED,
                PaymentState.PAID,
                provider=PROVIDER,
                source="bench",
            )
        )


def reconcile(given: tuple[Actor, Path]) -> Done:
    """Take the settlement in and match it."""
    treasurer, settlement = given
    with settlement.open("rb") as file, offices.transaction(OFFICE) as session:
        statements.take_in(session, treasurer, PROVIDER, file, settlement.name)
        done = matching.reconcile(session, treasurer, PROVIDER)
    assert (done.matched, done.opened) == (done.lines, 0), done
    return Done(done.lines)


def prove(ground: Ground) -> Done:
    """Every promise, from the raw tables."""
    with offices.transaction(OFFICE) as session:
        verdicts = verify(session)
    broken = {
        verdict.promise.sentence: verdict.breaches for verdict in verdicts if not verdict.kept
    }
    assert not broken, broken
    return Done(ground.households)
