"""How many wrong codes a teller may type before a pause, and before a supervisor is needed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cbi.fsp.counter import CounterRules


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a teller stands: free to try, paused until an instant, or stopped until a supervisor unlocks.

    `tries_left` counts the wrong codes the teller may still type, the last of which starts the pause or the stop. It
    depends on the teller alone, so it is the same for a wrong secret and for a code that never was.
    """

    tries_left: int
    paused_until: datetime | None = None
    stopped: bool = False


def reach_back(rules: CounterRules, now: datetime, day_start: datetime) -> datetime:
    """How far back wrong codes still count for anything."""
    return min(
        day_start,
        now - timedelta(minutes=rules.teller_window_minutes + rules.teller_pause_minutes),
    )


def standing(
    wrong_at: Sequence[datetime], rules: CounterRules, now: datetime, day_start: datetime
) -> Standing:
    """Where a teller with wrong codes at these instants stands now; `day_start` is midnight at the office.

    A pause starts with the wrong code that fills the window, so waiting it out is the only way on.
    """
    latest_first = sorted(wrong_at, reverse=True)
    today = sum(1 for at in latest_first if at >= day_start)
    if today >= rules.teller_wrong_codes_per_day:
        return Standing(0, stopped=True)
    window = timedelta(minutes=rules.teller_window_minutes)
    allowed = rules.teller_wrong_codes
    if len(latest_first) >= allowed:
        last, first = latest_first[0], latest_first[allowed - 1]
        paused_until = last + timedelta(minutes=rules.teller_pause_minutes)
        if last - first <= window and now < paused_until:
            return Standing(0, paused_until=paused_until)
    within = sum(1 for at in latest_first if at > now - window)
    return Standing(min(max(1, allowed - within), rules.teller_wrong_codes_per_day - today))
