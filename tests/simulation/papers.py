"""The statements that reach us: true ones, cut short, overlapping, late, in another order, and with lines that are wrong."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date

from cbi.fsp.errors import UnreadableStatement
from cbi.reconciliation import matching, statements
from tests.reconciliation_factory import Line, settlement
from tests.simulation.first_day import COUNTER, MODEL
from tests.simulation.life import Life
from tests.simulation.truth import OF_PAYOUTS, Movement, Moves


def model_statement(life: Life) -> None:
    """A statement of some movements of the model provider, as the weather has it."""
    w = life.weather
    if w.strikes("F33", 0.2):
        _for_nothing(life)
    all_of_them = list(life.provider.movements)
    if not all_of_them:
        return
    first = w.chance.randrange(len(all_of_them))
    chosen = all_of_them[first:] if w.strikes("F32", 0.5) else all_of_them
    lines = _lines(life, chosen)
    if w.strikes("F33", 0.3):
        lines = _spoilt(life, lines)
    if w.strikes("F32", 0.2):
        w.chance.shuffle(lines)
    content = written(lines)
    if w.strikes("F31", 0.1):
        content = content[: len(content) // 2]
    times = 2 if w.strikes("F32", 0.2) else 1
    for _ in range(times):
        take_in(life, MODEL, content)


def _for_nothing(life: Life) -> None:
    """The provider takes money for nothing that anybody asked for, or gives some; or it takes that back."""
    open_ = Counter(each.minor for each in life.provider.movements if each.type == Moves.OTHER)
    back = [minor for minor in open_ if open_[minor] > open_[-minor]]
    if back and life.chance.random() < 0.6:
        life.provider.movement(Moves.OTHER, -back[0])
    else:
        life.provider.movement(Moves.OTHER, life.chance.choice((-7_00, -7_00, 9_00)))


def _spoilt(life: Life, lines: list[dict[str, object]]) -> list[dict[str, object]]:
    """One line that is missing, there twice, of nobody, or about another amount."""
    chance, place = life.chance, life.chance.randrange(len(lines))
    one = lines[place]
    payout = life.provider.payouts.get(str(one["reference"]))
    of_payouts = payout is not None and one["type"] in OF_PAYOUTS
    kind = chance.choice(("missing", "twice", "unknown", *(("amount",) if of_payouts else ())))
    if kind == "missing":
        return lines[:place] + lines[place + 1 :]
    if kind == "unknown":
        nobody = f"{life.provider.moment():032x}"
        other = {"id": f"MOV-X{nobody[-6:]}", "reference": f"{nobody}-01", "transaction": f"X{nobody[-6:]}"}  # fmt: skip
        return [*lines, one | other]
    if payout is not None and of_payouts:
        payout.lied = payout.muddled = True
    if kind == "twice":
        return [*lines, one | {"id": f"{one['id']}-again"}]
    return [
        each | {"minor": int(str(each["minor"])) - 100} if each is one else each for each in lines
    ]


def whole_statement(life: Life) -> None:
    """The truth, whole: every movement there was, and every payout at the counter."""
    if movements := life.provider.movements:
        life.kept.listed = {each.id for each in movements}
        take_in(life, MODEL, written(_lines(life, movements)))
    counter_statement(life)


def _lines(life: Life, movements: Sequence[Movement]) -> list[dict[str, object]]:
    nobody, nameless = {"reference": "", "transaction": ""}, life.provider.taking.nameless
    return [asdict(each) | (nobody if each.id in nameless else {}) for each in movements]


def written(lines: list[dict[str, object]]) -> bytes:
    """The file of a statement with these lines."""
    return "\n".join([*map(json.dumps, lines), f"END {len(lines)}"]).encode()


def counter_statement(life: Life) -> None:
    """What the post office says that its tellers paid."""
    cash = life.kept.cash
    if cash:
        lines = [
            Line(receipt, each.minor // 100, date.fromisoformat(each.day)) for receipt, each in cash.items()
        ]  # fmt: skip
        if life.weather.strikes("F31", 0.1):
            take_in(life, COUNTER, settlement(lines)[:-20])
        take_in(life, COUNTER, settlement(lines))


def take_in(life: Life, provider: str, content: bytes) -> None:
    """The treasurer takes a file in and reconciles it."""
    treasurer = life.who("treasurer").actor

    def work() -> None:
        try:
            taken = life.transact(
                lambda s: statements.take_in(s, treasurer, provider, content, "statement.txt")
            )
        except UnreadableStatement:
            assert b"END" not in content.splitlines()[-1], "a whole file was refused"
            return
        life.acknowledge("statement", taken.statement_id)
        life.transact(lambda s: matching.reconcile(s, treasurer, provider))

    life.step(f"a statement of {provider}", work)
