"""What the provider charges: its contract changes, two people accept its tariff, and its statements list its fees."""

from collections.abc import Iterator

from sqlalchemy import text
from sqlalchemy.orm import Session

from cbi.payments.fees import tariffs
from tests.simulation.charges import FIXED
from tests.simulation.finance import FRESH
from tests.simulation.first_day import MODEL
from tests.simulation.life import Life
from tests.simulation.truth import Moves
from tests.simulation.wrongs import Kind, Wrong

_TARIFF = """
provider: {provider}
currency: DZD
valid_from: {first}
source: Contract {number}
rounding: nearest
bands: [{{fixed: "{fixed}", basis_points: 100}}]
billed_within_days: {days}
"""


def tariff(life: Life) -> None:
    """One proposes what the provider's contract says, which may be new; another accepts it. It may charge nothing."""
    charges = life.provider.charges
    if charges.takes and life.chance.random() < 0.4:
        charges.contract = 1 - charges.contract
    one, other = life.who("treasurer"), life.who("authoriser")
    said = _TARIFF.format(
        provider=MODEL, first=f"{life.weather.now:%Y-%m-%d}", number=life.provider.moment(),
        fixed=f"{FIXED[charges.contract] / 100:.2f}", days=life.chance.choice((0, 31)),
    )  # fmt: skip
    made: list[int] = []
    if not life.step(
        "propose a tariff",
        lambda: made.append(life.transact(lambda s: tariffs.propose(s, one.actor, said, one.code()).version)),
    ):  # fmt: skip
        return
    life.acknowledge("tariff", made[-1])
    life.did("tariff", made[-1], "proposed", one)
    life.weather.now += FRESH
    if life.step(
        "accept the tariff",
        lambda: life.transact(
            lambda s: tariffs.accept(s, other.actor, MODEL, "DZD", made[-1], other.code()).version
        ),
    ):
        life.acknowledge("tariff accepted", made[-1])
        life.did("tariff", made[-1], "accepted", other)


def wrong(life: Life, session: Session) -> Iterator[Wrong]:
    """Each fee that was taken is a line, and booked whole to its payment, or in suspense, or found by two people.

    Of fees that were never taken none is booked but where a discrepancy says so.
    """
    lines = {row.line_id: row for row in session.execute(_LINES)}
    taken = {
        each.id: each
        for each in life.provider.movements
        if each.type == Moves.FEE and each.id in life.kept.listed
    }
    for name, fee in taken.items():
        line = lines.get(name)
        if line is None:
            yield Kind.LOST, f"the fee {name} was taken, and no line lists it"
        elif line.charged is None and not (line.suspended or line.found):
            yield (
                Kind.OTHERWISE,
                f"the fee {name} is neither booked nor in suspense, nor found by two people",
            )
        elif line.charged is not None and (line.charged, line.attempt) != (
            -fee.minor,
            fee.reference,
        ):
            yield (
                Kind.OTHERWISE,
                f"the fee {name} of {-fee.minor} for {fee.reference} is booked as {line.charged} for {line.attempt}",
            )
    for line in lines.values():
        if line.charged is not None and line.line_id not in taken and not line.disputed:
            yield (
                Kind.OTHERWISE,
                f"the fee {line.line_id} was never taken, is booked, and no discrepancy says so",
            )


_LINES = text(
    """
    SELECT l.line_id, c.charged_minor AS charged, a.idempotency_key AS attempt,
        EXISTS (SELECT FROM suspended_lines s WHERE s.line_id = l.id AND s.ended_at IS NULL) AS suspended,
        EXISTS (SELECT FROM line_findings f WHERE l.id IN (f.line_id, f.other_line_id)
            AND f.confirmed_at IS NOT NULL) AS found,
        EXISTS (SELECT FROM discrepancies d WHERE d.line_id = l.id OR d.payment_id = c.payment_id) AS disputed
    FROM statement_lines l LEFT JOIN fee_charges c ON c.line_id = l.id
    LEFT JOIN attempts a ON a.payment_id = c.payment_id AND a.number = c.attempt
    WHERE l.provider = 'model' AND l.kind = 'fee'
    """
)
