"""What people do about lines of statements that nothing explains, by the provider's written word; and matches they undo."""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from cbi.payments.models import Attempt
from cbi.payments.outcomes import suspense
from cbi.payments.outcomes.suspense_models import SuspendedLine
from cbi.reconciliation import line_findings
from cbi.reconciliation.line_findings import Said
from cbi.reconciliation.models import STANDS, Match, StatementLine, Verdict
from tests.simulation import early_words
from tests.simulation.finance import FRESH
from tests.simulation.first_day import MODEL, PROGRAMMES, drawn_on
from tests.simulation.life import Life
from tests.simulation.truth import OF_PAYOUTS, Moves
from tests.simulation.wrongs import Kind, Wrong


@dataclass(frozen=True, slots=True)
class _Open:
    """A line of the model provider in suspense."""

    id: UUID
    name: str
    effect: int


def _suspended(session: Session) -> list[_Open]:
    rows = session.execute(
        select(StatementLine.id, StatementLine.line_id, SuspendedLine.effect_minor)
        .join(SuspendedLine, SuspendedLine.line_id == StatementLine.id)
        .where(SuspendedLine.provider == MODEL, suspense.OPEN)
        .order_by(StatementLine.line_id)
    )
    return [_Open(*row) for row in rows]


def find(life: Life) -> None:
    """Two people find what one of the lines in suspense is."""
    lines = life.look(_suspended)
    if lines:
        _find(life, life.chance.choice(lines), lines)


def find_all(life: Life) -> None:
    """Two people find what each of the lines in suspense is, as far as anybody can tell."""
    for line in life.look(_suspended):
        _find(life, line, life.look(_suspended))


def _find(life: Life, line: _Open, lines: list[_Open]) -> None:
    said = _said(life, line, lines)
    if said is None:
        return
    movement = life.provider.moved(line.name)
    if (
        found_by_two(life, line.id, line.name, said)
        and said.verdict is Verdict.ATTEMPT
        and movement is not None
        and movement.type == Moves.PAYOUT
    ):
        life.provider.payouts[movement.reference].settled = True


def found_by_two(life: Life, line_id: UUID, name: str, said: Said) -> bool:
    """One person reports what a line is, by the provider's written word, and another confirms it."""
    treasurer = life.who("treasurer")
    authoriser = life.who("authoriser", but=treasurer)
    made: list[UUID] = []
    if not life.step(
        f"report that {name} is {said.verdict}",
        lambda: made.append(
            life.transact(
                lambda s: (
                    line_findings.report(s, treasurer.actor, line_id, said, "letter no. 12").id
                )
            )
        ),
    ):
        return False
    life.acknowledge("line reported", made[-1])
    life.did("line", made[-1], "reported", treasurer)
    life.weather.now += FRESH
    if not life.step(
        f"confirm that {name} is {said.verdict}",
        lambda: life.transact(
            lambda s: line_findings.confirm(s, authoriser.actor, made[-1], authoriser.code()).id
        ),
    ):
        return False
    life.acknowledge(
        "match undone" if said.verdict is Verdict.UNMATCHED else "line confirmed", made[-1]
    )
    life.kept.found[f"a line {said.verdict}"] += 1
    life.did("line", made[-1], "confirmed", authoriser)
    return True


def _said(life: Life, line: _Open, lines: list[_Open]) -> Said | None:
    """What the provider writes of a line; None where it can say nothing, or nobody asks it now."""
    movement = life.provider.moved(line.name)
    others = [each for each in lines if each.effect == -line.effect]
    if movement is None or movement.minor != line.effect:
        # There was no such movement. Whatever takes it back may be listed as well.
        return Said(Verdict.NOT_OURS)
    if movement.type in OF_PAYOUTS and not early_words.is_plain(life, movement):
        opposites = {each.name: each.id for each in others}
        return early_words.of_line(life, line.id, movement, opposites)
    if movement.type in OF_PAYOUTS:
        life.provider.last_word(movement.reference)
        attempt = life.look(
            lambda s: s.execute(
                select(Attempt.payment_id, Attempt.number).where(
                    Attempt.idempotency_key == movement.reference
                )
            ).one_or_none()
        )
        return Said(Verdict.ATTEMPT, attempt[0], attempt[1]) if attempt else None
    if movement.type == Moves.OTHER and (back := _taken_back(life, movement.minor, others)):
        return Said(Verdict.OPPOSITE, other_line_id=back.id)
    if movement.minor > 0 or movement.type == Moves.TOP_UP:
        return None
    if life.chance.random() < 0.5:
        return Said(Verdict.REFUNDED)
    programme = life.chance.choice(sorted(PROGRAMMES))
    return Said(Verdict.LOST, programme=programme, fund=drawn_on(programme)[0])


def _taken_back(life: Life, minor: int, others: list[_Open]) -> _Open | None:
    for each in others:
        known = life.provider.moved(each.name)
        if known is not None and known.type == Moves.OTHER and known.minor == -minor:
            return each
    return None


def undo(life: Life) -> None:
    """Two people find that a line was matched wrongly: it is in suspense again."""
    matched = life.look(
        lambda s: s.execute(
            select(Match.line_id, StatementLine.line_id)
            .join(StatementLine, StatementLine.id == Match.line_id)
            .where(StatementLine.provider == MODEL, STANDS)
            .order_by(StatementLine.line_id)
        ).all()
    )
    if not matched:
        return
    line_id, name = life.chance.choice(matched)
    found_by_two(life, line_id, name, Said(Verdict.UNMATCHED))


def wrong(life: Life, session: Session) -> Iterator[Wrong]:
    """Every movement of the float is a line; and each line in suspense is somebody's question, or was answered."""
    listed = set(
        session.scalars(select(StatementLine.line_id).where(StatementLine.provider == MODEL))
    )
    for name in sorted(life.kept.listed - listed):
        yield Kind.LOST, f"the provider listed {name}, and our books have no such line"
    for name, kinds in session.execute(_UNASKED):
        yield (
            Kind.UNRESOLVED,
            f"the line {name} ({kinds}) stands in suspense, and no discrepancy is open",
        )


_UNASKED = text(
    """
    SELECT l.line_id, l.kind FROM suspended_lines s JOIN statement_lines l ON l.id = s.line_id
    WHERE s.ended_at IS NULL
        AND NOT EXISTS (SELECT FROM discrepancies d WHERE d.line_id = l.id AND d.settled_at IS NULL)
        AND NOT EXISTS (SELECT FROM line_findings f
            WHERE f.line_id = l.id AND f.confirmed_at IS NOT NULL AND f.verdict = 'not_ours')
    """
)
