"""A no that is said at the moment at which two records are found to be one stands, whichever of the two comes first."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from sqlalchemy import URL, bindparam, select, text
from sqlalchemy.orm import Session
from sqlalchemy.types import Uuid

from cbi import offices
from cbi.access.actor import SYSTEM
from cbi.messaging.choices import Level
from cbi.registry import privacy
from cbi.registry.consent import recording, standing
from cbi.registry.consent.models import Answer, How, Scope
from cbi.registry.consent.recording import UnusableWord, Word
from cbi.registry.households import merging
from cbi.registry.models import PrivacyChoice
from cbi.registry.personal import UnknownPerson
from tests.consenting import accepted, notice_file
from tests.factories import EVERYTHING
from tests.household_factory import ASKER, CONFIRMER, family

Work = Callable[[Session], object]


def while_open(first: Work, second: Work) -> None:
    """`second` on a connection of its own, begun while the transaction of `first` is open; it waits for that."""
    with ThreadPoolExecutor(1) as thread:
        with offices.transaction("dz") as session:
            first(session)
            later = thread.submit(_alone, second)
            waiting = text(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            )
            until = time.monotonic() + 20
            while not session.scalar(waiting):
                assert not later.done(), "it did not wait"
                assert time.monotonic() < until
                time.sleep(0.01)
        later.result(timeout=20)


def _alone(work: Work) -> None:
    with offices.transaction("dz") as session:
        work(session)


def says(person: UUID, answer: Answer, scope: Scope) -> Work:
    told = "" if answer is Answer.WITHDRAWN else "registration"
    return lambda session: recording.say(
        session, EVERYTHING, person, Word((scope,), answer, How.CALL, notice=told)
    )


def stops(person: UUID) -> Work:
    return lambda session: recording.say_by_text(session, SYSTEM, person, Answer.WITHDRAWN)


def merges(kept: UUID, other: UUID, same: dict[UUID, UUID]) -> Work:
    return lambda session: merging.merge(
        session, CONFIRMER, kept, other, reason="registered twice", same=same, asked_by=ASKER.id
    )


def test_in_either_order_the_no_stands_for_the_record_that_stays(database: URL) -> None:
    with offices.transaction("dz") as session:
        accepted(session, notice_file())
        pairs = [(family(session), family(session)) for _ in range(4)]
    story = [(home, other, ours["head"], theirs["head"]) for (home, ours), (other, theirs) in pairs]
    word_first, merge_first, text_after, yes_after = story
    home, other, stays, gone = word_first
    while_open(says(gone, Answer.REFUSED, Scope.ASSISTANCE), merges(home, other, {gone: stays}))
    home, other, stays, gone = merge_first
    while_open(merges(home, other, {gone: stays}), says(gone, Answer.WITHDRAWN, Scope.ASSISTANCE))
    home, other, stays, gone = text_after
    while_open(merges(home, other, {gone: stays}), stops(gone))
    home, other, stays, gone = yes_after
    with pytest.raises(UnusableWord, match="used no more"):
        while_open(merges(home, other, {gone: stays}), says(gone, Answer.GIVEN, Scope.ASSISTANCE))
    with offices.transaction("dz") as session:
        for scope, (_, _, person, _) in (
            (Scope.ASSISTANCE, word_first), (Scope.ASSISTANCE, merge_first), (Scope.TEXTS, text_after),
        ):  # fmt: skip
            who = bindparam(None, person, Uuid)
            assert session.scalar(select(standing.said_no(who, scope)))
        last = standing.latest(session, [yes_after[2]])[yes_after[2]]
        assert Scope.ASSISTANCE not in last


def chooses(person: UUID) -> Work:
    return lambda session: privacy.choose(session, EVERYTHING, person, Level.NO_SMS)


def test_how_much_texts_may_tell_is_kept_or_asked_again_when_records_are_made_one(
    database: URL,
) -> None:
    with offices.transaction("dz") as session:
        pairs = [(family(session), family(session)) for _ in range(2)]
    story = [(home, other, ours["head"], theirs["head"]) for (home, ours), (other, theirs) in pairs]
    home, other, stays, gone = story[0]
    while_open(chooses(gone), merges(home, other, {gone: stays}))
    with offices.transaction("dz") as session:
        chosen = select(PrivacyChoice.level).where(PrivacyChoice.person_id == stays)
        assert session.scalar(chosen) is Level.NO_SMS
    home, other, stays, gone = story[1]
    with pytest.raises(UnknownPerson, match="another record"):
        while_open(merges(home, other, {gone: stays}), chooses(gone))
