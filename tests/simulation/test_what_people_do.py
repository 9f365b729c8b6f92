"""What people do in lives comes out as it should, and what is broken there on purpose is noticed."""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from itertools import cycle
from types import SimpleNamespace

import pytest
from sqlalchemy import false
from sqlalchemy.exc import IntegrityError

from cbi import clock, jobs
from cbi.ledger import closed, posting
from cbi.payments.outcomes import differences
from cbi.payments.recovery import receivables, recovering
from cbi.payments.signing import approval, delegations, required
from cbi.payments.signing.approval_policy import ORDINARY
from cbi.payments.unpaid import again
from cbi.programmes import enrolling, judging, taking_part, work_entering, work_pay
from cbi.redemption import shortages
from tests.simulation import assistance, counter, finance, living, months, signing, staff
from tests.simulation.checking import check
from tests.simulation.first_day import GRANTS, OFFICE, ROADS
from tests.simulation.ground import Ground
from tests.simulation.life import Life
from tests.simulation.provider import Payout
from tests.simulation.wrongs import Kind

NO_FAULTS: frozenset[str] = frozenset()
Story = Callable[[Life], None]
Break = Callable[[pytest.MonkeyPatch], None]
MONTH, DAY, HOUR = timedelta(days=31), timedelta(days=1), timedelta(hours=1)


def decides(life: Life, act: str) -> None:
    """From now on the provider pays, or declines, whatever it is sent."""
    provider = life.provider
    provider._decide = lambda payout: provider._do(payout, act)  # type: ignore[method-assign]


def sent(life: Life, programme: str) -> list[Payout]:
    """A run is made, signed and sent; what the provider knows of it."""
    living._run(life, programme)
    jobs.releases(OFFICE)
    life.provider.deliver_post()
    return list(life.provider.payouts.values())


def paid_twice(life: Life) -> None:
    """All of a run is declined, tried again and paid; then the first attempts are paid, too."""
    decides(life, "decline")
    first = sent(life, "wallets-3")
    decides(life, "pay")
    run_id, who = life.kept.runs[0], life.who("authoriser").actor
    life.transact(lambda s: again.try_again(s, who, run_id, "as agreed"))
    jobs.releases(OFFICE)
    for payout in first:
        payout.lied = True
        life.provider._do(payout, "pay")
    life.provider.deliver_post()
    chances = cycle(
        (0.4, 0.1, 0.4, 0.9, 0.1)
    )  # one comes to the bank, one to the float, one is given up
    life.chance.random = lambda: next(chances)  # type: ignore[method-assign]
    for _ in range(3):
        finance.owed_back(life)
    assert life.kept.banked, life.steps


def another_amount(life: Life) -> None:
    """The provider pays less than it was sent, and more, and two people find it."""
    minors = iter((-1_000, 2_000, 0))

    def decide(payout: Payout) -> None:
        more = next(minors)
        payout.lied = payout.muddled = bool(more)
        payout.minor += more
        life.provider._do(payout, "pay")

    life.provider._decide = decide  # type: ignore[method-assign]
    sent(life, "wallets-3")
    finance.find_amounts(life)


def a_month_closed(life: Life) -> None:
    """January is closed, opened again, and closed; then money moves in February."""
    life.chance.random = lambda: 0.5  # type: ignore[method-assign]
    sent(life, "wallets-3")
    life.pass_time(8 * DAY)
    for act in (months.close, months.reopen, months.close):
        act(life)
        life.pass_time(HOUR)
    assert life.kept.months, life.steps
    sent(life, "wallets-6")


def a_policy(life: Life) -> None:
    """A policy asks for more people, somebody stands in, and a run is signed."""
    life.chance.randrange = lambda *_: 0  # type: ignore[method-assign]
    signing.change_policy(life)
    life.pass_time(HOUR)
    sent(life, "wallets-12")
    assert life.kept.needed, life.steps
    assert len([what for what, _ in life.kept.acknowledged if what == "signature"]) >= 2


def stood_in(life: Life) -> None:
    """The treasurer signs in the place of the authoriser."""
    life.chance.random = lambda: 0.1  # type: ignore[method-assign]
    signing.stand_in(life)
    life.pass_time(HOUR)
    sent(life, "wallets-3")
    assert ("run", life.kept.hands) != ("run", {})


def unaccepted(life: Life) -> None:
    """The same, and nobody has agreed to it."""
    life.ground.people.staff["head_of_finance"], nobody = (
        life.ground.people.staff["certifier"], life.ground.people.staff["head_of_finance"],
    )  # fmt: skip
    try:
        stood_in(life)
    finally:
        life.ground.people.staff["head_of_finance"] = nobody


def one_person(life: Life) -> None:
    """Everybody holds every role, and one of them does all there is to do."""
    life.small, life.chance.choice = True, lambda among: among[0]  # type: ignore[method-assign,assignment]
    sent(life, "wallets-3")


def a_grant(life: Life) -> None:
    """Two tranches; one household shows its ticket."""
    living._run(life, GRANTS)
    life.chance.random = lambda: 0.5  # type: ignore[method-assign]
    assistance.meet_condition(life)
    life.pass_time(MONTH)
    sent(life, GRANTS)


def a_sheet(life: Life) -> None:
    """The sheet is handed in, signed, corrected, signed again and paid."""
    assistance._hand_in(life)
    assistance._sign(life)
    sent(life, ROADS)
    assistance._hand_in(life)
    assistance._sign(life)
    life.pass_time(MONTH)
    sent(life, ROADS)


def suspended(life: Life) -> None:
    """Households are suspended, and then a cycle is opened."""
    for _ in range(8):
        assistance.suspend(life)
    for programme in ("wallets-3", "wallets-6"):
        living._run(life, programme)


def no_cash(life: Life) -> None:
    """A counter has not enough cash."""
    sent(life, "counters-4")
    life.chance.random = lambda: 0.2  # type: ignore[method-assign]
    for _ in range(3):
        counter.recipient_comes(life)


def _booked_back(patch: pytest.MonkeyPatch) -> None:
    today = SimpleNamespace(today=lambda _: date(2027, 1, 31), now=clock.now)
    patch.setattr(posting, "clock", today)
    patch.setattr(closed, "is_closed", false)


def _everybody_has_a_ticket(patch: pytest.MonkeyPatch) -> None:
    judged = judging._tranche
    patch.setattr(
        judging, "_tranche", lambda facts, grant: judged(replace(facts, met=("ticket",)), grant)
    )


def _two_are_enough(patch: pytest.MonkeyPatch) -> None:
    reckon = required.reckon
    patch.setattr(required, "reckon", lambda *given: replace(reckon(*given), steps=ORDINARY))


def _paid_double(patch: pytest.MonkeyPatch) -> None:
    earned = work_pay.earned

    def double(*given: object) -> object:
        value, trace = earned(*given)  # type: ignore[arg-type]
        return value + value, trace

    patch.setattr(work_entering, "earned", double)


def nothing(*_: object, **__: object) -> None:
    """What is done instead of the real thing."""


BREAKS: dict[str, tuple[Story, Break, Kind]] = {
    "what came to the bank is booked to the float": (
        paid_twice,
        lambda p: p.setattr(
            receivables, "_RECOVERY",
            {key: receivables._RECOVERY[key[0], False] for key in receivables._RECOVERY},
        ),
        Kind.OTHERWISE,
    ),
    "money that came back is forgotten": (
        paid_twice, lambda p: p.setattr(recovering, "come_back", nothing), Kind.LOST,
    ),
    "another amount is found and not booked": (
        another_amount, lambda p: p.setattr(differences, "square", nothing), Kind.OTHERWISE,
    ),
    "money is booked into a closed month": (a_month_closed, _booked_back, Kind.OTHERWISE),
    "a policy asks for more people and nobody looks": (
        a_policy,
        _two_are_enough, Kind.ALONE,
    ),
    "nobody agreed that somebody stands in": (
        unaccepted, lambda p: p.setattr(delegations, "_why_not", lambda *_: ""), Kind.PROMISE,
    ),
    "a tranche is given without its ticket": (a_grant, _everybody_has_a_ticket, Kind.ALONE),
    "work is paid double": (a_sheet, _paid_double, Kind.OTHERWISE),
    "a suspension is not looked at": (
        suspended,
        lambda p: p.setattr(
            taking_part, "_NOW", taking_part._NOW.replace("THEN 'suspended'", "THEN 'in'")
        ),
        Kind.OTHERWISE,
    ),
    "a suspension is acknowledged and lost": (
        suspended, lambda p: p.setattr(enrolling, "_write", nothing), Kind.LOST,
    ),
    "a shortage is acknowledged and lost": (
        no_cash, lambda p: p.setattr(shortages, "_note", nothing), Kind.LOST,
    ),
}  # fmt: skip
STORIES = (
    paid_twice, another_amount, a_month_closed, a_policy, stood_in, one_person, a_grant, a_sheet, suspended, no_cash,
)  # fmt: skip


def kinds(ground: Ground, story: Story) -> dict[Kind, str]:
    """What is wrong after the story, once all that can be known is known."""
    life = Life(ground, 1, NO_FAULTS)
    with life.lived():
        story(life)
        living.settle(life)
    return {kind: "\n".join([words, *life.steps]) for kind, words in check(life).wrong}


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_what_people_do_comes_out_as_it_should(ground: Ground, story: Story) -> None:
    assert kinds(ground, story) == {}


@pytest.mark.parametrize("broken", BREAKS)
def test_what_is_broken_in_what_people_do_is_noticed(
    ground: Ground, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    story, break_it, kind = BREAKS[broken]
    break_it(monkeypatch)
    assert kind in kinds(ground, story)


def test_one_person_who_makes_and_signs_a_run_is_stopped_by_the_tables_too(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(approval, "take_part", nothing)
    with pytest.raises(IntegrityError, match="fk_approvals_run_id_user_id_part"):
        kinds(ground, one_person)


EVERY_ACT = (
    assistance.meet_condition, assistance._hand_in, assistance._sign, assistance._sign, finance.owed_back,
    finance.find_amounts, months.close, months.reopen, signing.change_policy, signing.stand_in, staff.find_unpaid,
)  # fmt: skip


@pytest.mark.parametrize("seed", [1, 2])
def test_people_who_hold_all_roles_do_nothing_alone_that_takes_two(
    ground: Ground, seed: int
) -> None:
    life = Life(ground, seed, NO_FAULTS)
    with life.lived():
        paid_twice(life)
        life.small, life.chance.random = True, random.Random(-seed - 7).random  # type: ignore[method-assign]
        life.pass_time(8 * DAY)
        for act in random.Random(seed).choices(EVERY_ACT, k=70):
            life.pass_time(HOUR)
            act(life)
        living.settle(life)
    assert check(life).wrong == ()
    whole = {what for (what, _), parts in life.kept.hands.items() if len(parts) > 1}
    assert whole >= {"month", "policy", "delegation", "sheet"}, life.steps
    alone = {code for code in life.refusals if code in OWN}
    assert len(alone) >= 4, life.refusals


OWN = {
    "month_close.own", "month_close.own_reopening", "approval_policy.own", "delegation.own", "programmes.own_note",
    "work.signer_entered", "work.same_signer", "receivable.own_proposal", "delegation.unusable",
}  # fmt: skip
"""What somebody is told who wants to do both parts."""
