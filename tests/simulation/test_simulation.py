"""A few lives at each build, lives in which something once went wrong, and proof that the simulation notices."""

import pytest
from sqlalchemy import true

from cbi.fsp.errors import NotSent
from cbi.fsp.messages import PaymentInstruction, ProviderUpdate
from cbi.payments.outcomes import late
from cbi.payments.sending import inbox, sending
from tests.simulation import staff
from tests.simulation.adapter import ModelAdapter
from tests.simulation.checking import check
from tests.simulation.faults import FAULTS
from tests.simulation.ground import Ground
from tests.simulation.life import Life
from tests.simulation.living import live
from tests.simulation.many import Outcome, one
from tests.simulation.wrongs import Kind

EVERY_BUILD = range(1, 7)


def told(outcome: Outcome) -> str:
    """What is wrong, and how to see it again."""
    wrong = "\n".join(f"{kind}: {words}" for kind, words in outcome.wrong)
    steps = "\n".join(outcome.steps)
    return f"python -m tests.simulation --seed {outcome.seed} -v\n{wrong}\n{steps}"


@pytest.mark.parametrize("seed", EVERY_BUILD)
def test_after_a_life_with_faults_the_books_say_what_happened(ground: Ground, seed: int) -> None:
    outcome = one(ground, seed)
    assert not outcome.wrong, told(outcome)


def test_a_seed_is_one_life(ground: Ground) -> None:
    everything = frozenset(FAULTS)
    first, second = one(ground, 3, everything), one(ground, 3, everything)
    assert first == second
    assert first.steps != one(ground, 4, everything).steps


def test_a_run_is_built_though_nobody_is_left_for_one_of_its_providers(ground: Ground) -> None:
    life = Life(ground, 1, frozenset())
    with life.lived():
        staff.make_run(life, "both-8")
        staff.exclude(life, life.kept.runs[0])
        staff.make_run(life, "both-8")
    assert len(life.kept.runs) == 2


# What follows breaks something on purpose: a simulation that finds nothing then would find nothing ever.

DOES_NOT_ANSWER = frozenset({"F8", "F13", "F14", "F15", "F26", "F30"})
CRASHES = frozenset({"F1", "F26", "F30"})
LIES = frozenset({"F10", "F19"})


def notices(ground: Ground, kind: Kind, only: frozenset[str], *, within: int) -> bool:
    """Whether something of this kind is found wrong in one of so many lives."""
    lives = (one(ground, seed, only) for seed in range(1, within + 1))
    return any(kind in {each for each, _ in outcome.wrong} for outcome in lives)


def test_a_timeout_taken_for_a_refusal_is_noticed(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit = ModelAdapter.submit

    def careless(self: ModelAdapter, instruction: PaymentInstruction) -> ProviderUpdate:
        try:
            return submit(self, instruction)
        except (TimeoutError, ConnectionResetError, RuntimeError, ValueError) as error:
            raise NotSent("It did not answer.") from error

    monkeypatch.setattr(ModelAdapter, "submit", careless)
    assert notices(ground, Kind.PAID_TWICE, DOES_NOT_ANSWER, within=6)


def test_an_interrupted_payment_that_is_sent_again_is_noticed(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "_NEVER_HEARD_OF", true())
    assert notices(ground, Kind.PAID_TWICE, CRASHES, within=8)


def test_news_that_comes_late_and_is_dropped_is_noticed(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(late, "book_paid", lambda *_, **__: False)
    assert notices(ground, Kind.OTHERWISE, LIES, within=6)


def test_a_message_that_is_acknowledged_and_dropped_is_noticed(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "_keep", lambda *_: None)
    assert notices(ground, Kind.LOST, frozenset(), within=3)


def test_a_worker_that_never_asks_is_noticed(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cbi.payments.sending.polling._all_due", lambda *_: [])
    assert notices(ground, Kind.UNRESOLVED, DOES_NOT_ANSWER, within=6)


def busy(ground: Ground) -> Life:
    """A life without faults in which both providers paid somebody."""
    for seed in range(1, 30):
        life = live(ground, seed, frozenset())
        if life.kept.cash and any(payout.paid for payout in life.provider.payouts.values()):
            return life
    raise AssertionError("nobody is paid in these lives")


def test_a_doctored_truth_and_doctored_books_are_noticed(ground: Ground) -> None:
    life = busy(ground)
    assert kinds(life) == set()
    life.kept.cash["ANOTHER"] = next(iter(life.kept.cash.values()))
    assert Kind.PAID_TWICE in kinds(life)
    del life.kept.cash["ANOTHER"]
    paid = next(payout for payout in life.provider.payouts.values() if payout.paid)
    paid.paid *= 2
    assert Kind.OTHERWISE in kinds(life)
    paid.paid //= 2
    life.acknowledge("run", "one that nobody saved")
    assert Kind.LOST in kinds(life)
    life.kept.acknowledged.pop()
    ground.owner.execute("DELETE FROM dz.attempts WHERE idempotency_key = %s", (paid.reference,))
    assert Kind.PROMISE in kinds(life)


def kinds(life: Life) -> set[Kind]:
    """What kinds of wrong there are after a life."""
    return {kind for kind, _ in check(life).wrong}
