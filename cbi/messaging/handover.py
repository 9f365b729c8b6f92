"""Handing waiting texts to the gateway: each at most once, its code in memory only while it is handed over.

A batch is taken and marked `sending` in one transaction, written and sent outside any, and what became of it
recorded in another. Whoever dies in between leaves texts `sending`, which become `unknown`: a person may ask for a
new code, but no machine sends the same text again.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from cbi import clock
from cbi.messaging import claims
from cbi.messaging.claims import Outcome, Taken
from cbi.messaging.rendering import UnknownTemplate, UnusableValues, asked_for, render
from cbi.messaging.states import MessageState, Reason
from cbi.messaging.transports import NotSent, SmsTransport
from cbi.offices import Office, office_of, transact

BATCH = 100
PATIENCE = 5
"""After so many texts in a row that the gateway did not take, it counts as down and the rest is left waiting."""
TRIES = 12
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=6)

Lookup = Callable[[Session, Sequence[UUID]], Mapping[UUID, str]]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HandedOver:
    """What became of the texts of one pass: `postponed` ones are tried again later. `stopped`: the gateway is down."""

    sent: int = 0
    postponed: int = 0
    failed: int = 0
    unknown: int = 0
    withdrawn: int = 0
    stopped: bool = False

    @property
    def handled(self) -> int:
        """All texts that something became of."""
        return self.sent + self.postponed + self.failed + self.unknown + self.withdrawn

    def __add__(self, other: "HandedOver") -> "HandedOver":
        return HandedOver(
            self.sent + other.sent,
            self.postponed + other.postponed,
            self.failed + other.failed,
            self.unknown + other.unknown,
            self.withdrawn + other.withdrawn,
            self.stopped or other.stopped,
        )


@dataclass(frozen=True, slots=True)
class _Written:
    """A text in memory. What nobody may see is not in its repr."""

    message: Taken
    number: str = field(repr=False)
    words: str = field(repr=False)


_UNTOUCHED = Outcome(MessageState.QUEUED)


def hand_over(
    office: str,
    transport: SmsTransport,
    *,
    numbers: Lookup,
    codes: Lookup,
    limit: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> HandedOver:
    """Hand the office's waiting texts to the gateway, all of them or `limit`, and say what became of them.

    `numbers` gives the E.164 numbers of payment accounts and `codes` the codes of code issues that are alive; each
    leaves out what there is not. Any number of workers may do this at once. `progress` is told after each batch how
    many texts it dealt with. Not to be called inside a transaction.
    """
    transact(office, claims.give_up_lost)
    total = HandedOver()
    while not total.stopped and (limit is None or total.handled < limit):
        size = BATCH if limit is None else min(BATCH, limit - total.handled)
        taken = transact(office, lambda session, size=size: claims.take(session, size))  # type: ignore[misc]
        if not taken:
            break
        done = _hand_over_batch(office, transport, taken, numbers, codes)
        total += done
        if progress:
            progress(done.handled)
    return total


def _hand_over_batch(
    office: str, transport: SmsTransport, taken: list[Taken], numbers: Lookup, codes: Lookup
) -> HandedOver:
    outcomes = dict.fromkeys((message.id for message in taken), _UNTOUCHED)
    try:
        composed = transact(office, lambda session: _compose(session, taken, numbers, codes))
        outcomes |= {key: what for key, what in composed.items() if isinstance(what, Outcome)}
        written = [what for what in composed.values() if isinstance(what, _Written)]
        stopped = _send(transport, written, outcomes)
    finally:  # an interrupted batch is recorded as far as it got; only a death leaves it open
        transact(office, lambda session: claims.record(session, outcomes))
    return _summary(outcomes.values(), stopped=stopped)


def _compose(
    session: Session, taken: list[Taken], numbers: Lookup, codes: Lookup
) -> dict[UUID, _Written | Outcome]:
    office = office_of(session)
    known = numbers(session, list({message.account_id for message in taken}))
    issues = [message.code_issue_id for message in taken if message.code_issue_id]
    alive = codes(session, issues) if issues else {}
    return {
        message.id: _write(message, office, known.get(message.account_id), alive)
        for message in taken
    }


def _write(
    message: Taken, office: Office, number: str | None, codes: Mapping[UUID, str]
) -> _Written | Outcome:
    """The text in words, or why it cannot or must not be sent."""
    if number is None:
        return Outcome(MessageState.FAILED, Reason.NO_NUMBER)
    try:
        asked = asked_for(message.template)
        values = dict(message.values)
        if "hotline" in asked:
            values["hotline"] = office.hotline
        if "code" in asked:
            if message.code_issue_id is None or message.code_issue_id not in codes:
                return Outcome(MessageState.WITHDRAWN, Reason.CODE_DEAD)
            values["code"] = codes[message.code_issue_id]
        words = render(message.template, message.language, values, office.languages)
    except (UnknownTemplate, UnusableValues) as error:
        _log.error("The text %s cannot be written: %s", message.id, error)  # names only, no values
        return Outcome(MessageState.FAILED, Reason.UNUSABLE_VALUES)
    return _Written(message, number, words)


def _send(
    transport: SmsTransport, written: Iterable[_Written], outcomes: dict[UUID, Outcome]
) -> bool:
    """Hand over text after text, noting each outcome at once; True when the gateway seems to be down."""
    not_taken = 0
    for text in written:
        outcomes[text.message.id] = Outcome(
            MessageState.UNKNOWN, Reason.INTERRUPTED, tried=True
        )  # true at any instant of what follows
        try:
            sent = transport.send(text.number, text.words, str(text.message.id))
        except NotSent as error:
            not_taken += error.retry_helps
            outcome = _not_sent(text.message, retry_helps=error.retry_helps)
        except Exception as error:  # noqa: BLE001 - of anything else, nobody knows what it means
            # Not the error itself: a gateway's may quote the request, with the number and the words.
            _log.warning("No clear answer to text %s: %s", text.message.id, type(error).__name__)
            not_taken += 1
            outcome = Outcome(MessageState.UNKNOWN, Reason.NO_ANSWER, tried=True)
        else:
            not_taken = 0
            outcome = Outcome(MessageState.SENT, tried=True, reference=sent.reference)
        outcomes[text.message.id] = outcome
        if not_taken >= PATIENCE:
            return True
    return False


def _not_sent(message: Taken, *, retry_helps: bool) -> Outcome:
    if not retry_helps or message.tries + 1 >= TRIES:
        return Outcome(MessageState.FAILED, Reason.NOT_SENT, tried=True)
    wait = min(FIRST_WAIT * 4**message.tries, LONGEST_WAIT)
    return Outcome(MessageState.QUEUED, Reason.NOT_SENT, tried=True, not_before=clock.now() + wait)


def _summary(outcomes: Iterable[Outcome], *, stopped: bool) -> HandedOver:
    became = Counter(outcome.after for outcome in outcomes if outcome != _UNTOUCHED)
    return HandedOver(
        sent=became[MessageState.SENT],
        postponed=became[MessageState.QUEUED],
        failed=became[MessageState.FAILED],
        unknown=became[MessageState.UNKNOWN],
        withdrawn=became[MessageState.WITHDRAWN],
        stopped=stopped,
    )
