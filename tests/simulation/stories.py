"""Telling a life that is not left to chance: what happens, in which order, and what is wrong after it."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from cbi import jobs
from tests.simulation import living
from tests.simulation.checking import check
from tests.simulation.first_day import OFFICE
from tests.simulation.ground import Ground
from tests.simulation.life import Life
from tests.simulation.truth import Payout
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


def nothing(*_: object, **__: object) -> None:
    """What is done instead of the real thing."""


def one_after_the_other(*stories: Story) -> Story:
    """These stories in one life; after each, chance and provider are as they were."""

    def told(life: Life) -> None:
        for story in stories:
            story(life)
            for name in ("random", "choice", "randrange"):
                vars(life.chance).pop(name, None)
            vars(life.provider).pop("_decide", None)
            life.provider.charges.takes = False
            life.pass_time(HOUR)

    told.__name__ = "_and_".join(story.__name__ for story in stories)
    return told


def kinds(ground: Ground, story: Story, only: Kind | None = None) -> dict[Kind, str]:
    """What is wrong after the story, once all that can be known is known; without proofs where only others count."""
    life = Life(ground, 1, NO_FAULTS)
    with life.lived():
        story(life)
        living.settle(life)
    found = check(life, proved=only in {None, Kind.PROMISE})
    return {kind: "\n".join([words, *life.steps]) for kind, words in found.wrong}
