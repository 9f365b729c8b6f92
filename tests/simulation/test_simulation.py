"""A few lives at each build, lives in which something once went wrong, and proof that the simulation notices."""

import json
import random
from collections import Counter
from collections.abc import Iterator

import pytest
from sqlalchemy import true
from sqlalchemy.exc import IntegrityError

from cbi.fsp.errors import NotSent
from cbi.fsp.messages import PaymentInstruction, ProviderUpdate
from cbi.payments.outcomes import late
from cbi.payments.sending import inbox, sending
from cbi.payments.signing import approval
from tests.simulation import __main__ as terminal
from tests.simulation import (
    assistance,
    charging,
    dealing,
    finance,
    funding,
    lines,
    living,
    months,
    pricing,
    signing,
    staff,
    topping,
    waiving,
)
from tests.simulation import finance_stories as money
from tests.simulation import people_stories as people
from tests.simulation.adapter import ModelAdapter
from tests.simulation.checking import check
from tests.simulation.faults import FAULTS
from tests.simulation.ground import Ground
from tests.simulation.life import Life
from tests.simulation.living import live
from tests.simulation.many import Outcome, one
from tests.simulation.stories import DAY, HOUR, NO_FAULTS, Story, kinds, nothing
from tests.simulation.wrongs import Kind

EVERY_BUILD = (*range(1, 7), 6311, 30162)
"""Some lives, and each in which a mistake was found."""


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
    assert first.steps != one(ground, 4, everything, proved=False).steps


def test_what_was_lived_is_told_though_the_rest_never_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def killed(*_: object) -> Iterator[Outcome]:
        yield Outcome(1, Counter(lives=1, steps=20), Counter(), ())
        raise KeyboardInterrupt

    monkeypatch.setattr(terminal, "many", killed)
    monkeypatch.setattr("signal.signal", nothing)
    monkeypatch.setattr(terminal, "TOLD_EVERY", 0)
    monkeypatch.setattr("sys.argv", ["simulation", "--seeds", "2", "--json"])
    assert terminal.main() == 1
    told = capsys.readouterr()
    assert json.loads(told.out)["lives"] == 1
    assert told.err.startswith('So far: {"seconds": 0, "lives": 1')


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


def notices(
    ground: Ground, kind: Kind, only: frozenset[str], *, within: int, first: int = 1
) -> bool:
    """Whether something of this kind is found wrong in one of so many lives, beginning with one that showed it before."""
    seeds = [*range(first, within + 1), *range(1, first)]
    lives = (one(ground, seed, only, proved=False) for seed in seeds)
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
    assert notices(ground, Kind.PAID_TWICE, DOES_NOT_ANSWER, within=6, first=3)


def test_an_interrupted_payment_that_is_sent_again_is_noticed(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "_NEVER_HEARD_OF", true())
    assert notices(ground, Kind.PAID_TWICE, CRASHES, within=8, first=2)


def test_news_that_comes_late_and_is_dropped_is_noticed(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(late, "book_paid", lambda *_, **__: False)
    assert notices(ground, Kind.OTHERWISE, LIES, within=6, first=3)


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
    for seed in range(3, 30):
        life = live(ground, seed, frozenset())
        if life.kept.cash and any(payout.paid for payout in life.provider.payouts.values()):
            return life
    raise AssertionError("nobody is paid in these lives")


def test_a_doctored_truth_and_doctored_books_are_noticed(ground: Ground) -> None:
    life = busy(ground)
    assert wrongs(life) == set()
    life.kept.cash["ANOTHER"] = next(iter(life.kept.cash.values()))
    assert Kind.PAID_TWICE in wrongs(life)
    del life.kept.cash["ANOTHER"]
    paid = next(payout for payout in life.provider.payouts.values() if payout.paid)
    paid.paid *= 2
    assert Kind.OTHERWISE in wrongs(life)
    paid.paid //= 2
    life.acknowledge("run", "one that nobody saved")
    assert Kind.LOST in wrongs(life)
    life.kept.acknowledged.pop()
    ground.owner.execute("DELETE FROM dz.attempts WHERE idempotency_key = %s", (paid.reference,))
    assert Kind.PROMISE in wrongs(life)


def wrongs(life: Life) -> set[Kind]:
    """What kinds of wrong there are after a life."""
    return {kind for kind, _ in check(life).wrong}


# What people do, told one after the other, comes out as it should; and what is broken there on purpose is noticed.


@pytest.mark.parametrize(
    "story", [*people.STORIES, *money.STORIES], ids=lambda story: story.__name__
)
def test_what_people_do_comes_out_as_it_should(ground: Ground, story: Story) -> None:
    assert kinds(ground, story) == {}


BREAKS = people.BREAKS | money.BREAKS


@pytest.mark.parametrize("broken", BREAKS)
def test_what_is_broken_in_what_people_do_is_noticed(
    ground: Ground, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    story, break_it, kind = BREAKS[broken]
    break_it(monkeypatch)
    assert kind in kinds(ground, story, kind)


def test_one_person_who_makes_and_signs_a_run_is_stopped_by_the_tables_too(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(approval, "take_part", nothing)
    with pytest.raises(IntegrityError, match="fk_approvals_run_id_user_id_part"):
        kinds(ground, people.one_person)


EVERY_ACT = (
    assistance.meet_condition, assistance._hand_in, assistance._sign, assistance._sign, finance.owed_back,
    finance.find_amounts, months.close, months.reopen, signing.change_policy, signing.stand_in, staff.find_unpaid,
    charging.tariff, dealing.quote, dealing.deal, funding.move, lines.undo, lines.find, pricing.survey, topping.top_up,
    waiving.waive,
)  # fmt: skip


@pytest.mark.parametrize("seed", [1, 2])
def test_people_who_hold_all_roles_do_nothing_alone_that_takes_two(
    ground: Ground, seed: int
) -> None:
    life = Life(ground, seed, NO_FAULTS)
    with life.lived():
        people.paid_twice(life)
        life.small, life.chance.random = True, random.Random(-seed - 7).random  # type: ignore[method-assign]
        life.pass_time(8 * DAY)
        for act in random.Random(seed).choices(EVERY_ACT, k=70):
            life.pass_time(HOUR)
            act(life)
        living.settle(life)
    assert check(life).wrong == ()
    whole = {what for (what, _), parts in life.kept.hands.items() if len(parts) > 1}
    assert len(whole) >= 6, life.steps
    alone = {code for code in life.refusals if code in OWN}
    assert len(alone) >= 4, life.refusals


OWN = {
    "month_close.own", "month_close.own_reopening", "approval_policy.own", "delegation.own", "programmes.own_note",
    "work.signer_entered", "work.same_signer", "receivable.own_proposal", "delegation.unusable", "tariff.own", "fx.own_rate",
    "fx.own_deal", "fund_request.own", "payment.own_report", "transfer_value.own", "top_up.own", "waiver.own",
}  # fmt: skip
"""What somebody is told who wants to do both parts."""
