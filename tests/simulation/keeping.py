"""What finance does about money that the provider took when it accepted a payment, and did not pay out."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Integer, cast, select, text
from sqlalchemy.orm import Session

from cbi import jobs
from cbi.fsp.keys import idempotency_key
from cbi.payments.models import Discrepancy
from cbi.payments.outcomes.discrepancies import CREDIT_NOT_LISTED
from cbi.reconciliation.line_findings import Said
from cbi.reconciliation.models import FOUND, STANDS, LineFinding, Match, StatementLine, Verdict
from tests.simulation import funding, lines, papers, staff
from tests.simulation.first_day import MODEL, OFFICE
from tests.simulation.life import Life
from tests.simulation.truth import Moves, Payout
from tests.simulation.wrongs import Kind, Wrong

DAY = timedelta(days=1)


def find(life: Life) -> None:
    """Two people put what the provider says it keeps into suspense, and take back what they found to be lost and is not."""
    for payment_id, attempt, line_id in life.look(_asked_about):
        payout = life.provider.payouts[idempotency_key(payment_id, attempt)]
        if line_id is not None and _says_it_keeps(life, payout):
            _suspend(life, line_id)
    for line_id, name, finding_id in life.look(_lost):
        movement = life.provider.moved(name)
        payout_ = life.provider.payouts.get(movement.reference) if movement else None
        if payout_ is None:
            continue
        if payout_.kept and not payout_.promised and life.chance.random() < 0.2:
            life.provider.pays_after_all(payout_)
        if not payout_.kept:
            lines.found_by_two(life, line_id, name, Said(Verdict.MISTAKEN, finding_id=finding_id))


def _says_it_keeps(life: Life, payout: Payout) -> bool:
    """What it writes, asked for money that it took: it keeps it (which may be untrue), or has paid with it."""
    if not payout.kept or payout.status == "QUEUED":
        return False
    if payout.promised:
        return life.chance.random() < 0.5  # or that it will give it back
    if life.chance.random() < 0.2:
        life.provider.pays_after_all(payout)
        return False
    return True


def _suspend(life: Life, line_id: UUID) -> None:
    """The line by which it was taken is matched with a payment that nobody was paid with, or was found to be that."""

    def how(session: Session) -> tuple[str, Said] | None:
        name = session.get_one(StatementLine, line_id).line_id
        booked = (LineFinding.line_id == line_id, LineFinding.verdict == Verdict.BOOKED.value)
        finding = session.scalar(select(LineFinding.id).where(*booked, FOUND))
        if finding is not None:
            return name, Said(Verdict.MISTAKEN, finding_id=finding)
        matched = session.scalar(select(Match.line_id).where(Match.line_id == line_id, STANDS))
        return (name, Said(Verdict.UNMATCHED)) if matched else None

    said = life.look(how)
    if said is not None:
        lines.found_by_two(life, line_id, *said)


def days_go_by(life: Life) -> None:
    """A week or two in which only the provider's statement comes."""
    days = life.chance.choice((4, 9, 15))
    life.pass_time(days * DAY)
    life.provider.deliver_post()
    life.step("job poll", lambda: jobs.poll(OFFICE))
    funding.place(life, 50_000)
    papers.model_statement(life)


ACTS: dict[Callable[[Life], None], int] = {days_go_by: 4, find: 4, staff.find_unpaid: 2}


def wait_it_out(life: Life) -> None:
    """Weeks pass, until the provider has given back what it ever will, and two people have found what became of the rest."""
    payouts = life.provider.payouts.values()
    if any(each.status == "QUEUED" for each in payouts) and life.apart("silence") < 0.5:
        silence(life)
    for _ in range(3):
        told = life.look(lambda s: found(life, s))
        if not any(each.kept > told[each.reference] or each.promised for each in payouts):
            break
        _weeks(life, 9 * DAY)
        find(life)
        lines.find_all(life)
        life.provider.deliver_post()  # that it has paid after all
        life.step("job read_inbox", lambda: jobs.read_inbox(OFFICE))


def silence(life: Life) -> None:
    """Two weeks after payments were accepted nobody has heard more of them, and two people find them unpaid."""
    _weeks(life, 15 * DAY)
    staff.find_unpaid(life)


def _weeks(life: Life, time: timedelta) -> None:
    life.pass_time(time)
    life.provider.deliver_post()
    for job in (jobs.read_inbox, jobs.releases, jobs.poll):
        life.step(f"job {job.__name__}", lambda job=job: job(OFFICE))  # type: ignore[misc]
    funding.place(life, 50_000)
    papers.whole_statement(life)


def found(life: Life, session: Session) -> Counter[str]:
    """What two people found that the provider keeps of what it took for an attempt, in minor units by its reference."""
    told: Counter[str] = Counter()
    for (name,) in session.execute(_FOUND):
        movement = life.provider.moved(name)
        if movement is not None and movement.type == Moves.PAYOUT:
            told[movement.reference] -= movement.minor
    return told


def wrong(life: Life, session: Session) -> Iterator[Wrong]:
    """Nobody is asked for money any more that has come back, and everybody says so."""
    for payment_id, attempt, _ in _asked_about(session):
        payout = life.provider.payouts[idempotency_key(payment_id, attempt)]
        if (
            not payout.kept
            and not payout.lied
            and life.kept.listed.issuperset(_listed(life, payout))
        ):
            yield (
                Kind.UNRESOLVED,
                f"{payout.reference} is asked about, and what was taken for it was given back",
            )


def _listed(life: Life, payout: Payout) -> set[str]:
    return {each.id for each in life.provider.movements if each.reference == payout.reference}


def _asked_about(session: Session) -> list[tuple[UUID, int, UUID | None]]:
    rows = session.execute(
        select(
            Discrepancy.payment_id, cast(Discrepancy.details["attempt"].astext, Integer), Discrepancy.line_id
        )
        .where(
            Discrepancy.kind == CREDIT_NOT_LISTED, Discrepancy.provider == MODEL, Discrepancy.settled_at.is_(None)
        )
        .order_by(Discrepancy.subject)
    )  # fmt: skip
    return [(payment_id, attempt, line_id) for payment_id, attempt, line_id in rows if payment_id]


def _lost(session: Session) -> list[tuple[UUID, str, UUID]]:
    rows = session.execute(
        select(StatementLine.id, StatementLine.line_id, LineFinding.id)
        .join(LineFinding, LineFinding.line_id == StatementLine.id)
        .where(StatementLine.provider == MODEL, LineFinding.verdict == Verdict.LOST.value, FOUND)
        .order_by(StatementLine.line_id)
    )
    return [(line_id, name, finding_id) for line_id, name, finding_id in rows]


_FOUND = text(
    """
    SELECT l.line_id FROM line_findings f JOIN statement_lines l ON l.id = f.line_id AND l.provider = 'model'
    WHERE f.confirmed_at IS NOT NULL AND f.taken_back_by IS NULL AND (f.verdict IN ('refunded', 'lost')
        OR f.verdict = 'not_ours' AND EXISTS (
            SELECT FROM suspended_lines s WHERE s.line_id = l.id AND s.ended_at IS NULL AND s.since <= f.confirmed_at))
    """
)
