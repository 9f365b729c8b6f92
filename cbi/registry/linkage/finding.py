"""Compares people with everybody else in the registry: each newcomer once, and everybody again when the rules change."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

from sqlalchemy import Select, any_, bindparam, delete, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session
from sqlalchemy.types import Uuid

from cbi import clock
from cbi.db import chunks, planned_by_keys, soon
from cbi.errors import Conflict
from cbi.offices import office_of
from cbi.registry.intake.landing import copy_rows
from cbi.registry.linkage import blocking, candidates, keeping
from cbi.registry.linkage.blocking import Blocking
from cbi.registry.linkage.likeness import Likeness
from cbi.registry.linkage.memory import UNMARKED, Memory, Pairs
from cbi.registry.linkage.models import LinkedPerson, LinkKey, LinkWord
from cbi.registry.linkage.opening import opened
from cbi.registry.linkage.queries import CORRECTED, DUE, NEVER, comparable, members_due, waiting
from cbi.registry.linkage.scoring import Rarity
from cbi.registry.models import Person
from cbi.scope import seeing_all

CHUNK = 5_000
"""People compared in one step."""
KEPT = 100
"""Pairs below this score (per mille) are not kept; an office may ask from any score above it."""
_AT_ONCE = 5_000
"""People who are opened at once."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class StillComparing(Conflict):
    """People were registered who have not been compared with the others yet."""

    code = "registry.still_comparing"


@dataclass(frozen=True, slots=True)
class Compared:
    """What a comparison came to."""

    people: int
    pairs: int
    """Pairs that were opened and scored."""
    found: int
    """Pairs that are kept, because they score at least KEPT."""
    crowded: int
    """Groups in which people share both of a key's hashes and are still too many: nobody in them was compared by it."""

    def __add__(self, other: "Compared") -> "Compared":
        return Compared(
            self.people + other.people,
            self.pairs + other.pairs,
            self.found + other.found,
            self.crowded + other.crowded,
        )


NOTHING = Compared(0, 0, 0, 0)
Step = tuple[UUID | None, Compared]
"""The last who was compared, in the order of their keys, None where nobody was; and what came of it."""


def compare_next(session: Session, memory: Memory, after: UUID | None = None) -> Step:
    """Compare the next people who wait, among those who follow `after`. Repeating it changes nothing.

    Whoever asks for it, they are compared with the whole registry.
    """
    _alone(session)
    if after is None:
        _forget_erased(session)
    return _following(session, memory, waiting(), after)


def compare_again(session: Session, memory: Memory, after: UUID | None = None) -> Step:
    """Compare the people who follow `after` once more, whether they wait or not."""
    _alone(session)
    return _following(session, memory, select(Person.id).where(*comparable()), after)


def compare_waiting(transact: Callable[[Callable[[Session], Step]], Step]) -> Iterator[Compared]:
    """Compare everybody who waits, each step by a `transact` of its own.

    A step goes on where the one before ended, because to look for who waits from the first person on costs the square of
    the registry. Whoever came to wait meanwhile is met in another round; a round that meets nobody is the last.
    """
    after: UUID | None = None
    with Memory() as memory:
        while True:
            last, step = transact(partial(compare_next, memory=memory, after=after))
            if last is not None:
                yield step
            elif after is None:
                return
            after = last


def compare_everybody(transact: Callable[[Callable[[Session], Step]], Step]) -> Iterator[Compared]:
    """Compare everybody with everybody anew, each step by a `transact` of its own."""
    after: UUID | None = None
    with Memory() as memory:
        while True:
            after, step = transact(partial(compare_again, memory=memory, after=after))
            if after is None:
                return
            yield step


def catch_up(session: Session, at_most: int = 20_000) -> Compared:
    """Compare everybody who waits, before something rests on it. Raises StillComparing where they are too many."""
    done = NOTHING
    if not session.scalar(select(waiting().exists())):
        return done
    for step in compare_waiting(lambda work: work(session)):
        done += step
        if done.people >= at_most:
            break
    if session.scalar(select(waiting().exists())):
        raise StillComparing(
            "People were registered who have not been compared with the others yet, and they are many.",
            next_step="Wait for the worker, or run: cbi registry link",
        )
    return done


def compare_members(session: Session, households: Select[UUID]) -> Compared:
    """Compare the members of these households who came, or changed, since they were last compared; for what is paid now."""
    due = members_due(households)
    # All of them, not whether there is one: the planner expects to meet one soon, and goes through the whole registry.
    with planned_by_keys(session):
        if not session.scalars(due).all():
            return NOTHING
    _alone(session)
    with planned_by_keys(session):
        people = session.scalars(due).all()
    done = NOTHING
    with Memory() as memory:
        for some in chunks(people, CHUNK):
            done += _compare(session, memory, some)
    return done


def anew(session: Session, household_ids: Iterable[UUID], *, corrected: bool) -> None:
    """Have everybody of these households compared anew by the next who compares; until then no cycle counts them.

    `corrected`: somebody is on record otherwise than before, so no counter pays them until then, either. Else only
    where they live or with whom has changed, and what was approved before goes on. Whoever was never compared stays so: they
    have a row only for who is comparing them right now to wait for.
    """
    rules = CORRECTED if corrected else DUE
    with seeing_all(session):
        session.execute(
            text(
                "INSERT INTO linked_persons (person_id, rules, linked_at) SELECT id, :never, :now FROM persons"
                " WHERE household_id = ANY(CAST(:homes AS uuid[])) AND data_key IS NOT NULL ORDER BY id"
                " ON CONFLICT (person_id) DO UPDATE SET rules = least(linked_persons.rules, :rules)"
            ),
            {"homes": list(household_ids), "never": NEVER, "rules": rules, "now": clock.now()},
        )
    soon(session, "linking")


def forget(session: Session, person_ids: Iterable[UUID]) -> None:
    """Drop the keys of people who were erased."""
    these = any_(bindparam(None, list(person_ids), ARRAY(Uuid)))
    session.execute(delete(LinkKey).where(LinkKey.person_id == these))
    session.execute(delete(LinkedPerson).where(LinkedPerson.person_id == these))


def _following(session: Session, memory: Memory, people: Select[UUID], after: UUID | None) -> Step:
    if after is not None:
        people = people.where(Person.id > after)
    these = session.scalars(people.order_by(Person.id).limit(CHUNK)).all()
    return (these[-1] if these else None), _compare(session, memory, these)


def _forget_erased(session: Session) -> None:
    gone = select(Person.id).where(Person.data_key.is_(None))
    erased = session.scalars(
        select(LinkedPerson.person_id).where(LinkedPerson.person_id.in_(gone))
    ).all()
    if erased:
        forget(session, erased)


def _alone(session: Session) -> None:
    # Two that compare at the same time would each not see whom the other brings.
    session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"),
        {"name": f"linkage:{office_of(session).code}"},
    )


def _compare(session: Session, memory: Memory, person_ids: Sequence[UUID]) -> Compared:
    if not person_ids:
        return NOTHING
    with seeing_all(session):
        return _compare_with_all(session, memory, person_ids)


def _compare_with_all(session: Session, memory: Memory, person_ids: Sequence[UUID]) -> Compared:
    made = Blocking(office_of(session).keys)
    memory.make_room()
    these = any_(bindparam(None, list(person_ids), ARRAY(Uuid)))
    known = set(
        session.scalars(
            select(LinkedPerson.person_id).where(
                LinkedPerson.person_id == these, LinkedPerson.rules != NEVER
            )
        )
    )
    # Before they are opened: whoever changes one of them meanwhile waits for this row, and has them compared once more.
    mark = _mark(session, person_ids)
    people = opened(session, person_ids)
    _keep_keys(session, made, people.values(), known)
    memory.hold(list(people.values()), dict.fromkeys(people, mark))
    shared = candidates.sharing(session, list(people))
    asked = keeping.open_pairs_of(session, person_ids)
    asked_of = {each for pair in asked for each in pair} - people.keys()
    others = dict(
        memory.unknown(
            shared.people + b"".join(each.bytes for each in asked_of),
            shared.marks + UNMARKED * len(asked_of),
        )
    )
    for some in chunks(sorted(others), _AT_ONCE):
        memory.hold(list(opened(session, some).values()), others)
    rarity = partial(_rarity, session, made)
    found, compared = memory.score(
        shared.pairs, rarity, at_least_per_mille=KEPT, but=Pairs.of(asked)
    )
    again, anew = memory.score(Pairs.of(asked), rarity)
    keeping.keep(session, found)
    keeping.keep(session, again)
    return Compared(len(person_ids), compared + anew, len(found) + len(again), shared.crowded)


def _keep_keys(
    session: Session, made: Blocking, people: Iterable[Likeness], known: Collection[UUID]
) -> None:
    if known:
        session.execute(
            delete(LinkKey).where(
                LinkKey.person_id == any_(bindparam(None, list(known), ARRAY(Uuid)))
            )
        )
    words: Counter[int] = Counter()
    keys: list[dict[str, object]] = []
    for one in people:
        keys += (
            {"person_id": one.person, "hash": key.hash, "finer": key.finer}
            for key in made.keys(one)
        )
        if one.person not in known:
            words.update(made.sounds(one))
    copy_rows(session, LinkKey, keys)
    session.execute(
        text(
            "INSERT INTO link_words (hash, people) SELECT * FROM unnest("
            "CAST(:words AS bigint[]), CAST(:people AS bigint[]))"
            " ON CONFLICT (hash) DO UPDATE SET people = link_words.people + excluded.people"
        ),
        {"words": list(words), "people": list(words.values())},
    )


def _rarity(session: Session, made: Blocking, sounds: Iterable[str]) -> Rarity:
    hashes = {made.number(f"word/{sound}"): sound for sound in sounds}
    having = session.execute(
        select(LinkWord.hash, LinkWord.people).where(
            LinkWord.hash == any_(bindparam(None, list(hashes), ARRAY(LinkWord.hash.type)))
        )
    )
    counted: Mapping[str, int] = {hashes[number]: count for number, count in having}
    total = session.scalar(select(func.count()).select_from(LinkedPerson)) or 0
    return Rarity(total, counted)


def _mark(session: Session, person_ids: Sequence[UUID]) -> bytes:
    """Note them as compared now; returns that moment as Memory has it."""
    now = clock.now()
    session.execute(
        text(
            "INSERT INTO linked_persons (person_id, rules, linked_at)"
            " SELECT person, :rules, :now FROM unnest(CAST(:people AS uuid[])) AS person"
            " ON CONFLICT (person_id) DO UPDATE SET rules = excluded.rules, linked_at = excluded.linked_at"
        ),
        {"people": list(person_ids), "rules": blocking.RULES, "now": now},
    )
    return ((now - _EPOCH) // timedelta(microseconds=1)).to_bytes(8)
