"""Stories of what finance does in a life, and what can be broken in each on purpose so that the simulation must notice."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import literal, select

from cbi import jobs
from cbi.fsp.messages import Debits
from cbi.ledger import deals, funds
from cbi.ledger.chart import Entry
from cbi.money import Money
from cbi.payments.outcomes import suspense
from cbi.payments.outcomes.suspense import end
from cbi.payments.signing import blocking
from cbi.programmes import request_booking, top_ups
from cbi.reconciliation import credits, fees, line_booking
from cbi.reconciliation.scratch import open_lines
from cbi.redemption import parts
from cbi.redemption.models import Authorisation
from tests.simulation import (
    charging,
    counter,
    dealing,
    funding,
    keeping,
    lines,
    living,
    papers,
    pricing,
    signing,
    topping,
    waiving,
    withdrawing,
)
from tests.simulation.adapter import LINE
from tests.simulation.first_day import OFFICE
from tests.simulation.life import Life
from tests.simulation.stories import (
    DAY,
    HOUR,
    Break,
    Story,
    decides,
    nothing,
    one_after_the_other,
    sent,
)
from tests.simulation.truth import Moves, Payout
from tests.simulation.wrongs import Kind


def told(life: Life, *chances: float) -> None:
    """What chance says from now on, again and again, where it is asked for a number."""
    again = list(chances)

    def random() -> float:
        again.append(again.pop(0))
        return again[-1]

    life.chance.random = random  # type: ignore[method-assign]


def acknowledged(life: Life, what: str) -> int:
    """How often something was acknowledged."""
    return [each for each, _ in life.kept.acknowledged].count(what)


def fees_by_a_tariff(life: Life) -> None:
    """Two people accept a tariff; of each payment a fee is taken, one of them too high."""
    life.provider.charges.takes = True
    told(life, 0.9)
    charging.tariff(life)
    life.pass_time(HOUR)
    decides(life, "pay")
    sent(life, "wallets-3")
    reference = next(iter(life.provider.payouts))
    life.provider.movement(Moves.FEE, -1_00, reference)
    papers.whole_statement(life)
    assert acknowledged(life, "tariff accepted"), life.steps
    assert sum(each.type == Moves.FEE for each in life.provider.movements) == 4


def in_parts(life: Life) -> None:
    """Recipients are handed a part; the teller, who got no answer, asks for another part."""
    sent(life, "counters-4")
    told(life, 0.29)
    life.chance.choice = lambda among: among[-1]  # type: ignore[method-assign,assignment]
    counter.recipient_comes(life)
    assert acknowledged(life, "part"), life.steps
    (held,) = life.kept.cash.values()
    hold, who = life.look(
        lambda s: s.execute(select(Authorisation.id, Authorisation.teller_id)).one()
    )
    teller = next(at for at, each in enumerate(life.ground.people.tellers) if each.id == who)
    more = Money(held.minor + 10_00, "DZD")
    life.kept.unanswered.append((teller, hold, held.payment_id, more))
    counter.ask_again(life)
    life.pass_time(HOUR)
    counter.recipient_comes(life)


def several_funds(life: Life) -> None:
    """Three funds pay for one programme, each for what it is for and as far as it lasts."""
    sent(life, "wallets-12")
    assert len(life.kept.runs) == 3, life.steps


def changed_money(life: Life) -> None:
    """A new rate, a deal, and a run that is paid from euros."""
    told(life, 0.9)
    dealing.quote(life)
    life.pass_time(HOUR)
    dealing.deal(life)
    assert acknowledged(life, "deal confirmed"), life.steps
    sent(life, "euros-3")


def given_and_moved(life: Life) -> None:
    """Donors give, floats are filled, and two people move what was given out."""
    told(life, 0.3, 0.9)
    for _ in range(3):
        funding.arrive(life)
        funding.fill(life)
        funding.move(life)
        life.pass_time(HOUR)
    assert acknowledged(life, "arrived") == 3
    assert acknowledged(life, "fund request confirmed"), life.steps


def taken_for_nothing(life: Life) -> None:
    """The provider takes something, gives it back into the bank; and takes something that it takes back itself."""
    told(life, 0.3)
    life.provider.movement(Moves.OTHER, -7_00)
    papers.whole_statement(life)
    lines.find_all(life)
    for minor in (9_00, -9_00):
        life.provider.movement(Moves.OTHER, minor)
    papers.whole_statement(life)
    life.pass_time(HOUR)
    lines.find_all(life)
    assert acknowledged(life, "line confirmed") == 2, life.steps


def undone(life: Life) -> None:
    """A match is undone, and two people find that it was right."""
    decides(life, "pay")
    sent(life, "wallets-3")
    papers.whole_statement(life)
    lines.undo(life)
    assert acknowledged(life, "match undone"), life.steps


def on_top(life: Life) -> None:
    """Households of a cycle are owed more, and a run of its own pays it."""
    sent(life, "wallets-3")
    topping.top_up(life)
    assert acknowledged(life, "top-up accepted"), life.steps


def dearer_rice(life: Life) -> None:
    """Prices rise, two people accept what they make, and the next cycle owes it."""
    told(life, 0.9)
    life.chance.choice = lambda among: among[-1]  # type: ignore[method-assign,assignment]
    pricing.survey(life)
    assert acknowledged(life, "value accepted"), life.steps
    sent(life, "wallets-3")


def too_large(life: Life) -> None:
    """A limit keeps a run from being signed."""
    life.chance.randrange = lambda *_: signing.BOUNDED  # type: ignore[method-assign]
    signing.change_policy(life)
    life.pass_time(HOUR)
    sent(life, "wallets-3")


def waived(life: Life) -> None:
    """The same, and two people let it pass."""
    too_large(life)
    assert life.refusals["control.blocks"], life.steps
    told(life, 0.9)
    waiving.waive(life)
    assert acknowledged(life, "waiver granted"), life.steps
    life.pass_time(DAY)
    living._run(life, "wallets-3")


def taken_back(life: Life) -> None:
    """The provider is gone, and two people take back what waits for it."""
    life.provider.down_until = life.weather.now + 30 * DAY
    sent(life, "wallets-6")
    told(life, 0.9)
    withdrawing.withdraw(life)
    assert acknowledged(life, "withdrawal confirmed"), life.steps


def taken_early(life: Life) -> None:
    """The provider takes money at acceptance; some payments it calls failed, and keeps the money, of others it never says
    anything more, and two people find after two weeks that they were not paid.
    """
    provider = life.provider
    provider.early, LINE.debits = True, Debits.AT_ACCEPTANCE

    def keep(payout: Payout) -> None:
        payout.kept, payout.held = payout.held, 0

    provider._decide = nothing  # type: ignore[method-assign]
    accepted = sent(life, "wallets-3")
    end, provider.taking.end = provider.taking.end, keep  # type: ignore[method-assign]
    for payout in accepted:
        provider._do(payout, "decline")
    jobs.poll(OFFICE)
    provider.taking.end = end  # type: ignore[method-assign]
    sent(life, "euros-3")
    keeping.silence(life)


def kept(life: Life) -> None:
    """The same; of what it keeps one is the payment after all, one is refunded, one lost."""
    taken_early(life)
    told(life, 0.9, 0.9, 0.9, 0.2, 0.5, 0.9)
    keeping.find(life)
    lines.find_all(life)
    life.pass_time(HOUR)
    papers.whole_statement(life)
    assert life.kept.found == {
        "accepted in silence, and not paid": 3, "a line unmatched": 3, "a line attempt": 1, "a line refunded": 1,
        "a line lost": 1,
    }, life.steps  # fmt: skip


NOTHING_FOUND: dict[str, Any] = {"policy": None, "found": {}, "opened": {}, "dwelt": 0}
STORIES = tuple(
    one_after_the_other(*told_together)
    for told_together in (
        (fees_by_a_tariff, in_parts), (several_funds, changed_money), (given_and_moved, taken_for_nothing),
        (undone, taken_back), (dearer_rice, on_top), (waived,), (kept,),
    )
)  # fmt: skip


def _fees_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(fees, "book", lambda *_: 0)
    patch.setattr(fees, "is_booked", lambda: open_lines.c.kind == "fee")


def _any_part(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(parts, "_confirmed_so", lambda receipt, part: replace(receipt, amount=part))


BREAKS: dict[str, tuple[Story, Break, Kind]] = {
    "fees are listed and forgotten": (fees_by_a_tariff, _fees_forgotten, Kind.OTHERWISE),
    "a teller is told that another part may be paid": (in_parts, _any_part, Kind.LOST),
    "a deal is confirmed and not booked": (
        changed_money, lambda p: p.setattr(deals, "post_on", nothing), Kind.OTHERWISE,
    ),
    "what a donor gave is not booked": (
        given_and_moved, lambda p: p.setattr(funds, "post_on", nothing), Kind.OTHERWISE,
    ),
    "money is moved in words alone": (
        given_and_moved, lambda p: p.setattr(request_booking, "book", nothing), Kind.LOST,
    ),
    "what was refunded is not booked": (
        taken_for_nothing,
        lambda p: p.setattr(suspense, "end", lambda s, _, *rest: end(s, Entry.EXPLAIN_DEBIT, *rest)),
        Kind.OTHERWISE,
    ),
    "nobody asks for what is kept": (
        taken_early, lambda p: p.setattr(credits, "open_all", lambda *_: 0), Kind.OTHERWISE,
    ),
    "a match is not undone": (
        undone, lambda p: p.setattr(line_booking, "_undo", nothing), Kind.LOST,
    ),
    "a top-up is accepted and owed to nobody": (
        on_top, lambda p: p.setattr(top_ups, "entitling", lambda *_: select(literal(1))), Kind.LOST,
    ),
    "a limit is not looked at": (
        too_large, lambda p: p.setattr(blocking, "check", lambda *_: NOTHING_FOUND), Kind.ALONE,
    ),
}  # fmt: skip
