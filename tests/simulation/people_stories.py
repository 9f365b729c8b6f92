"""Stories of what people do in a life, and what can be broken in each on purpose so that the simulation must notice."""

from dataclasses import replace
from datetime import date
from itertools import cycle
from types import SimpleNamespace

import pytest
from sqlalchemy import false

from cbi import clock, jobs
from cbi.ledger import closed, posting
from cbi.payments.outcomes import differences
from cbi.payments.recovery import receivables, recovering
from cbi.payments.signing import delegations, required
from cbi.payments.signing.approval_policy import ORDINARY
from cbi.payments.unpaid import again
from cbi.programmes import enrolling, judging, taking_part, work_entering, work_pay
from cbi.redemption import shortages
from tests.simulation import assistance, counter, finance, living, months, signing
from tests.simulation.first_day import GRANTS, OFFICE, ROADS
from tests.simulation.life import Life
from tests.simulation.stories import (
    DAY,
    HOUR,
    MONTH,
    Break,
    Story,
    decides,
    nothing,
    sent,
)
from tests.simulation.truth import Payout
from tests.simulation.wrongs import Kind


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
