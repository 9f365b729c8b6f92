"""Compares people with everybody else in the registry: each newcomer once, and everybody again when the rules change."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import (
    Select,
    any_,
    bindparam,
    delete,
    func,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session
from sqlalchemy.types import Uuid

from cbi import clock
from cbi.db import chunks, soon
from cbi.errors import Conflict
from cbi.offices import office_of
from cbi.registry.linkage import blocking, keeping, scoring
from cbi.registry.linkage.blocking import Blocking
from cbi.registry.linkage.likeness import Likeness
from cbi.registry.linkage.models import LinkedPerson, LinkKey, LinkWord
from cbi.registry.linkage.opening import opened
from cbi.registry.linkage.queries import CORRECTED, DUE, comparable, members_due, waiting
from cbi.registry.linkage.scoring import Rarity, Scored
from cbi.registry.models import Person
from cbi.scope import seeing_all

CHUNK = 1_000
"""People compared in one step."""
CROWDED = 60
"""So many people may share a key; among more, only those who share the finer one are compared."""
KEPT = 100
"""Pairs below this score (per mille) are not kept; an office may ask from any score above it."""
_AT_ONCE = 50_000


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


def compare_next(session: Session, at_most: int = CHUNK) -> Compared:
    """Compare the next people who wait; `people` is 0 when nobody waits. Repeating it changes nothing.

    Whoever asks for it, they are compared with the whole registry.
    """
    _alone(session)
    _forget_erased(session)
    people = session.scalars(waiting().order_by(Person.id).limit(at_most)).all()
    return _compare(session, people)


def compare_again(
    session: Session, after: UUID | None, at_most: int = CHUNK
) -> tuple[UUID | None, Compared]:
    """Compare the people who follow `after` once more, in the order of their keys; returns the last one, None at the end."""
    _alone(session)
    all_of_them = select(Person.id).where(*comparable())
    if after is not None:
        all_of_them = all_of_them.where(Person.id > after)
    people = session.scalars(all_of_them.order_by(Person.id).limit(at_most)).all()
    return (people[-1] if people else None), _compare(session, people)


def catch_up(session: Session, at_most: int = 20 * CHUNK) -> Compared:
    """Compare everybody who waits, before something rests on it. Raises StillComparing where they are too many."""
    done = NOTHING
    if not session.scalar(select(waiting().exists())):
        return done
    while done.people < at_most:
        step = compare_next(session)
        if not step.people:
            return done
        done += step
    if session.scalar(select(waiting().exists())):
        raise StillComparing(
            "People were registered who have not been compared with the others yet, and they are many.",
            next_step="Wait for the worker, or run: cbi registry link",
        )
    return done


def compare_members(session: Session, households: Select[UUID]) -> Compared:
    """Compare the members of these households who came, or changed, since they were last compared; for what is paid now."""
    done = NOTHING
    if not session.scalar(select(members_due(households).exists())):
        return done
    _alone(session)
    for people in chunks(session.scalars(members_due(households)).all(), CHUNK):
        done += _compare(session, people)
    return done


def anew(session: Session, household_ids: Iterable[UUID], *, corrected: bool) -> None:
    """Have everybody of these households compared anew by the next who compares; until then no cycle counts them.

    `corrected`: somebody is on record otherwise than before, so no counter pays them until then, either. Else only
    where they live or with whom has changed, and what was approved before goes on.
    """
    rules = CORRECTED if corrected else DUE
    with seeing_all(session):
        session.execute(
            text(
                "INSERT INTO linked_persons (person_id, rules, linked_at) SELECT id, :rules, :now FROM persons"
                " WHERE household_id = ANY(CAST(:homes AS uuid[])) AND data_key IS NOT NULL ORDER BY id"
                " ON CONFLICT (person_id) DO UPDATE SET rules = least(linked_persons.rules, excluded.rules)"
            ),
            {"homes": list(household_ids), "rules": rules, "now": clock.now()},
        )
    soon(session, "linking")


def forget(session: Session, person_ids: Iterable[UUID]) -> None:
    """Drop the keys of people who were erased."""
    these = any_(bindparam(None, list(person_ids), ARRAY(Uuid)))
    session.execute(delete(LinkKey).where(LinkKey.person_id == these))
    session.execute(delete(LinkedPerson).where(LinkedPerson.person_id == these))


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


def _compare(session: Session, person_ids: Sequence[UUID]) -> Compared:
    if not person_ids:
        return NOTHING
    with seeing_all(session):
        return _compare_with_all(session, person_ids)


def _compare_with_all(session: Session, person_ids: Sequence[UUID]) -> Compared:
    made = Blocking(office_of(session).keys)
    these = any_(bindparam(None, list(person_ids), ARRAY(Uuid)))
    known = set(
        session.scalars(select(LinkedPerson.person_id).where(LinkedPerson.person_id == these))
    )
    # Before they are opened: whoever changes one of them meanwhile waits for this row, and has them compared once more.
    _mark(session, person_ids)
    people = opened(session, person_ids)
    _keep_keys(session, made, person_ids, people.values(), known)
    pairs, crowded = _candidates(session, list(people))
    asked = keeping.open_pairs_of(session, person_ids)
    scored = found = 0
    for some in chunks([pair for pair in pairs if pair not in asked], _AT_ONCE):
        kept, looked_at = _scored(session, made, some)
        scored, found = scored + looked_at, found + len(kept)
        keeping.keep(session, kept)
    for some in chunks(sorted(asked), _AT_ONCE):
        kept, looked_at = _scored(session, made, some, all_of_them=True)
        scored, found = scored + looked_at, found + len(kept)
        keeping.keep(session, kept)
    return Compared(len(person_ids), scored, found, crowded)


def _keep_keys(
    session: Session, made: Blocking, person_ids: Sequence[UUID], people: Iterable[Likeness],
    known: Collection[UUID],
) -> None:  # fmt: skip
    these = any_(bindparam(None, list(person_ids), ARRAY(Uuid)))
    session.execute(delete(LinkKey).where(LinkKey.person_id == these))
    owners: list[UUID] = []
    hashes: list[int] = []
    finer: list[int] = []
    words: Counter[int] = Counter()
    for one in people:
        for key in made.keys(one):
            owners.append(one.person)
            hashes.append(key.hash)
            finer.append(key.finer)
        if one.person not in known:
            words.update(made.sounds(one))
    session.execute(
        text(
            "INSERT INTO link_keys (person_id, hash, finer) SELECT * FROM unnest("
            "CAST(:owners AS uuid[]), CAST(:hashes AS bigint[]), CAST(:finer AS bigint[]))"
        ),
        {"owners": owners, "hashes": hashes, "finer": finer},
    )
    session.execute(
        text(
            "INSERT INTO link_words (hash, people) SELECT * FROM unnest("
            "CAST(:words AS bigint[]), CAST(:people AS bigint[]))"
            " ON CONFLICT (hash) DO UPDATE SET people = link_words.people + excluded.people"
        ),
        {"words": list(words), "people": list(words.values())},
    )


_SHARED = """
    WITH mine AS MATERIALIZED (SELECT person_id, hash, finer FROM link_keys WHERE person_id = ANY(:people)),
    shared AS MATERIALIZED (
        SELECT m.hash, n.people FROM (SELECT DISTINCT hash FROM mine) m CROSS JOIN LATERAL (
            SELECT count(*) AS people FROM (
                SELECT 1 FROM link_keys k WHERE k.hash = m.hash LIMIT CAST(:crowded AS bigint) + 1) few) n
        WHERE n.people > 1),
    split AS MATERIALIZED (
        SELECT m.hash, m.finer, n.people FROM (
            SELECT DISTINCT m.hash, m.finer FROM mine m JOIN shared s ON s.hash = m.hash WHERE s.people > :crowded) m
        CROSS JOIN LATERAL (
            SELECT count(*) AS people FROM (
                SELECT 1 FROM link_keys k WHERE k.hash = m.hash AND k.finer = m.finer
                LIMIT CAST(:crowded AS bigint) + 1) few) n
        WHERE n.people > 1)
"""
"""Nobody is counted beyond one too many, so a step costs no more in a registry of a million than in one of a thousand."""
_PAIRS = (
    _SHARED  # noqa: S608 - both parts are ours
    + """
    SELECT DISTINCT least(one, other) AS one, greatest(one, other) AS other FROM (
        SELECT m.person_id AS one, k.person_id AS other FROM mine m
        JOIN shared s ON s.hash = m.hash AND s.people <= :crowded JOIN link_keys k ON k.hash = m.hash
        UNION ALL
        SELECT m.person_id, k.person_id FROM mine m
        JOIN split s ON s.hash = m.hash AND s.finer = m.finer AND s.people <= :crowded
        JOIN link_keys k ON k.hash = m.hash AND k.finer = m.finer) AS found
    WHERE one <> other ORDER BY 1, 2
"""
)
_STILL_CROWDED = _SHARED + "SELECT count(*) FROM split WHERE people > :crowded"  # noqa: S608


def _candidates(session: Session, people: list[UUID]) -> tuple[list[tuple[UUID, UUID]], int]:
    """Pairs that share a key with one of these people, and how many groups were too many to compare."""
    told = {"people": people, "crowded": CROWDED}
    pairs = [(one, other) for one, other in session.execute(text(_PAIRS), told)]
    return pairs, session.scalar(text(_STILL_CROWDED), told) or 0


def _scored(
    session: Session, made: Blocking, pairs: Sequence[tuple[UUID, UUID]], *, all_of_them: bool = False
) -> tuple[list[Scored], int]:  # fmt: skip
    people = opened(session, sorted({each for pair in pairs for each in pair}))
    listed = list(people.values())
    place = {one.person: at for at, one in enumerate(listed)}
    wanted = [
        (min(place[one], place[other]), max(place[one], place[other]))
        for one, other in pairs
        if one in people and other in people
        and (all_of_them or _worth_asking(people[one], people[other]))
    ]  # fmt: skip
    found = scoring.score(
        listed, wanted, _rarity(session, made, listed) if wanted else Rarity(0, {}),
        at_least_per_mille=0 if all_of_them else KEPT,
    )  # fmt: skip
    return found, len(wanted)


def _worth_asking(one: Likeness, other: Likeness) -> bool:
    """Whether a pair is anybody's question.

    Who shows the same document in another household is flagged for that (`duplicates`). In one household brothers and
    sisters share nearly everything, so only those whose whole names sound the same are asked about.
    """
    if one.home == other.home:
        return one.sound == other.sound
    return one.document is None or other.document is None or _number(one) != _number(other)


def _number(one: Likeness) -> str:
    return (one.document or "").rpartition("/")[2]


def _rarity(session: Session, made: Blocking, people: Sequence[Likeness]) -> Rarity:
    hashes = {made.number(f"word/{word.sound}"): word.sound for one in people for word in one.words}
    having = session.execute(
        select(LinkWord.hash, LinkWord.people).where(
            LinkWord.hash == any_(bindparam(None, list(hashes), ARRAY(LinkWord.hash.type)))
        )
    )
    counted: Mapping[str, int] = {hashes[number]: count for number, count in having}
    total = session.scalar(select(func.count()).select_from(LinkedPerson)) or 0
    return Rarity(total, counted)


def _mark(session: Session, person_ids: Sequence[UUID]) -> None:
    session.execute(
        text(
            "INSERT INTO linked_persons (person_id, rules, linked_at)"
            " SELECT person, :rules, :now FROM unnest(CAST(:people AS uuid[])) AS person"
            " ON CONFLICT (person_id) DO UPDATE SET rules = excluded.rules, linked_at = excluded.linked_at"
        ),
        {"people": list(person_ids), "rules": blocking.RULES, "now": clock.now()},
    )
