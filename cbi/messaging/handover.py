"""Handing waiting texts to the gateway: each at most once, its code in memory only while it is handed over.

A batch is taken and marked `sending` in one transaction, written and sent outside any, and what became of it
recorded in another. Whoever dies in between leaves texts `sending`, which become `unknown`: a person may ask for a
new code, but no machine sends the same text again.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from cbi import clock
from cbi.keys import Unreadable
from cbi.messaging import choices, claims
from cbi.messaging.choices import Choice, Level, Levels
from cbi.messaging.claims import Outcome, Taken
from cbi.messaging.numbers import index
from cbi.messaging.outbox import opened_number
from cbi.messaging.rendering import UnknownTemplate, UnusableValues, asked_for, render
from cbi.messaging.states import MessageState, Reason
from cbi.messaging.transports import NotSent, SmsTransport
from cbi.offices import Office, office_of, transact

BATCH = 100
SAVED_EVERY = 1
"""Seconds after which what became of a batch is written down, and not only at its end."""
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
    levels: Levels = choices.nobody_was_asked,
    limit: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> HandedOver:
    """Hand the office's waiting texts to the gateway, all of them or `limit`, and say what became of them.

    `numbers` gives the E.164 numbers of payment accounts and `codes` the codes of code issues that are alive; each
    leaves out what there is not. `levels` says how much the people they belong to may be told. Any number of workers
    may do this at once. `progress` is told after each batch how many texts it dealt with. Not to be called inside a
    transaction.
    """
    transact(office, claims.give_up_lost)
    total = HandedOver()
    while not total.stopped and (limit is None or total.handled < limit):
        size = BATCH if limit is None else min(BATCH, limit - total.handled)
        taken = transact(office, lambda session, size=size: claims.take(session, size))  # type: ignore[misc]
        if not taken:
            break
        done = _hand_over_batch(
            office, transport, taken, lambda s, these=taken: _compose(s, these, numbers, codes, levels)  # type: ignore[misc]
        )  # fmt: skip
        total += done
        if progress:
            progress(done.handled)
    return total


def _hand_over_batch(
    office: str,
    transport: SmsTransport,
    taken: list[Taken],
    compose: Callable[[Session], Mapping[UUID, "_Written | Outcome"]],
) -> HandedOver:
    became = _Became(office, dict.fromkeys((message.id for message in taken), _UNTOUCHED))
    try:
        composed = transact(office, compose)
        for key, what in composed.items():
            if isinstance(what, Outcome):
                became.note(key, what)
        written = [what for what in composed.values() if isinstance(what, _Written)]
        stopped = _send(transport, written, became)
    finally:  # an interrupted batch is recorded as far as it got; only a death leaves it open
        became.save()
    return _summary(became.outcomes.values(), stopped=stopped)


class _Became:
    """What became of the texts of one batch, written down about once a second: a death then leaves little open."""

    def __init__(self, office: str, outcomes: dict[UUID, Outcome]) -> None:
        self.outcomes = outcomes
        self._office = office
        self._settled: set[UUID] = set()
        self._saved: set[UUID] = set()
        self._saved_at = time.monotonic()

    def note(self, key: UUID, outcome: Outcome, *, settled: bool = True) -> None:
        """Note an outcome; one that is not settled may be another in a moment."""
        self.outcomes[key] = outcome
        if settled:
            self._settled.add(key)
            if time.monotonic() - self._saved_at >= SAVED_EVERY:
                self._save(self._settled)

    def save(self) -> None:
        """Write down all that was not yet."""
        self._save(self.outcomes.keys())

    def _save(self, keys: Collection[UUID]) -> None:
        # No text twice: after the first time another worker may have taken it.
        some = {key: self.outcomes[key] for key in keys if key not in self._saved}
        transact(self._office, lambda session: claims.record(session, some))
        self._saved |= some.keys()
        self._saved_at = time.monotonic()


def _compose(
    session: Session, taken: list[Taken], numbers: Lookup, codes: Lookup, levels: Levels
) -> dict[UUID, _Written | Outcome]:
    office = office_of(session)
    accounts = list({message.account_id for message in taken if message.account_id})
    known = numbers(session, accounts)
    issues = [message.code_issue_id for message in taken if message.code_issue_id]
    alive = codes(session, issues) if issues else {}
    goes_to = {message.id: _number(message, office, known) for message in taken}
    indexes = {number: index(office.keys, number) for number in goes_to.values() if number}
    chose = choices.of(session, indexes.values())
    allowed = levels(session, accounts)
    composed: dict[UUID, _Written | Outcome] = {}
    for message in taken:
        number = goes_to[message.id]
        if number is None:
            composed[message.id] = Outcome(MessageState.FAILED, Reason.NO_NUMBER)
            continue
        choice = chose.get(indexes[number], Choice())
        level = allowed.get(message.account_id) if message.account_id else None
        suited = _suited(message, choice, level)
        composed[message.id] = (
            suited if isinstance(suited, Outcome) else _write(suited, office, number, alive)
        )
    return composed


def _suited(message: Taken, choice: Choice, level: Level | None) -> Taken | Outcome:
    """The text as its reader wants it, or why it must not go. An answer to somebody's own text always may."""
    language = choice.language or message.language
    if message.account_id is None:
        return replace(message, language=language)
    if choice.silent:
        return Outcome(MessageState.WITHDRAWN, Reason.STOPPED)
    template = choices.suited(message.template, level)
    if template is None:
        return Outcome(MessageState.WITHDRAWN, Reason.NOT_BY_TEXT)
    if template == message.template:
        return replace(message, language=language)
    values = {name: value for name, value in message.values.items() if name in asked_for(template)}
    return replace(message, template=template, values=values, language=language)


def _number(message: Taken, office: Office, known: Mapping[UUID, str]) -> str | None:
    if message.account_id:
        return known.get(message.account_id)
    try:
        return opened_number(office.keys, message.id, message.number or b"")
    except Unreadable:
        return None


def _write(
    message: Taken, office: Office, number: str, codes: Mapping[UUID, str]
) -> _Written | Outcome:
    """The text in words, or why it cannot or must not be sent."""
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


def _send(transport: SmsTransport, written: Iterable[_Written], became: _Became) -> bool:
    """Hand over text after text, noting each outcome at once; True when the gateway seems to be down."""
    not_taken = 0
    for text in written:
        became.note(
            text.message.id,
            Outcome(MessageState.UNKNOWN, Reason.INTERRUPTED, tried=True),
            settled=False,
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
        became.note(text.message.id, outcome)
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
