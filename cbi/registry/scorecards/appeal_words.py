"""What a household says in an appeal, and what it is told: sealed under its collector's key, every look written down.

The words go with whoever's key they are under. Appeals that are older than their seals are sealed by the worker, some at a
time; until then `person_id` is empty and the words stand as they were written.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import bindparam, select, text
from sqlalchemy.orm import Session

from cbi.access.actor import Actor
from cbi.keys import seal, unseal
from cbi.offices import office_of
from cbi.registry import viewing
from cbi.registry.models import Person
from cbi.registry.personal import Sealer
from cbi.registry.purposes import Purpose
from cbi.registry.scorecards.models import Appeal

APPEAL = "appeal"
"""What `PersonView.fields` calls these words."""
CHUNK = 1_000
_WHOSE = """
    SELECT p.id, p.data_key FROM persons p WHERE p.data_key IS NOT NULL AND (p.household_id = {household} OR p.id IN (
      SELECT c.person_id FROM changed_persons c WHERE c.household_before = {household}))
    ORDER BY p.household_id <> {household}, p.gone IS NOT NULL, NOT p.is_recipient, NOT p.is_head, p.id LIMIT 1"""
"""The collector of a household, or its head, or whoever is listed; of one that was made part of another, who was in it."""


@dataclass(frozen=True, slots=True, repr=False)
class Words:
    """What was said and told, for the moment it is shown. None: not told yet, or erased."""

    says: str | None
    answer: str | None


@dataclass(frozen=True, slots=True, repr=False)
class Holder:
    """Under whose key words are sealed."""

    person_id: UUID
    key: bytes


def holder_for(session: Session, household_id: UUID) -> Holder | None:
    """Whose key a household's words are sealed under; None where everybody of it was erased. Raises Unreadable."""
    found = session.execute(
        text(_WHOSE.format(household=":household")), {"household": household_id}
    ).one_or_none()
    return None if found is None else _holder(session, found.id, found.data_key)


def holder_of(session: Session, row: Appeal) -> Holder | None:
    """Whose key the words of this appeal are under; None where they were erased. Raises Unreadable."""
    data_key = session.scalar(select(Person.data_key).where(Person.id == row.person_id))
    if row.person_id is None or data_key is None:
        return None
    return _holder(session, row.person_id, data_key)


def _holder(session: Session, person_id: UUID, data_key: bytes) -> Holder:
    return Holder(person_id, Sealer(office_of(session).keys).key_of(person_id, data_key))


def sealed(holder: Holder, household_id: UUID, about: object, what: str, words: str) -> bytes:
    """Words for the appeal about this assessment (its number) or cycle (its id). `what`: says, or answer."""
    return seal(holder.key, words, _place(household_id, about, what))


def _place(household_id: UUID, about: object, what: str) -> str:
    return f"appeal/{household_id}/{about}/{what}"


def shown(session: Session, actor: Actor, rows: Iterable[Appeal]) -> dict[int, Words]:
    """What these appeals say, by their numbers; the look is written down. Raises Unreadable."""
    rows = list(rows)
    people = {row.person_id for row in rows if row.person_id is not None}
    viewing.noted(session, actor, sorted(people), [APPEAL], Purpose.COMPLAINT)
    sealer = Sealer(office_of(session).keys)
    keys = {
        person: sealer.key_of(person, data_key)
        for person, data_key in session.execute(
            select(Person.id, Person.data_key).where(
                Person.id.in_(people), Person.data_key.is_not(None)
            )
        )
        if data_key is not None
    }

    def read(row: Appeal, what: str, words: bytes | None) -> str | None:
        if not words:
            return None
        if row.person_id is None:  # not sealed yet
            return words.decode()
        key = keys.get(row.person_id)
        where = _place(row.household_id, row.assessment_id or row.cycle_id, what)
        return unseal(key, words, where).decode() if key is not None else None

    return {
        row.id: Words(read(row, "says", row.says), read(row, "answer", row.answer)) for row in rows
    }


def seal_older(session: Session, *, only: int | None = None) -> int:
    """Seal some appeals that are older than their seals, or one; returns how many. May be interrupted and repeated.

    Where everybody of the household was erased, the words are destroyed. Raises Unreadable.
    """
    rows = session.execute(_OLDER, {"only": only, "some": CHUNK}).all()
    if not rows:
        return 0
    changed = []
    for row in rows:
        words = {"says": bytes(row.says), "answer": row.answer and bytes(row.answer)}
        holder = _holder(session, row.person_id, row.data_key) if row.person_id else None
        anew = {
            what: None if said is None
            else sealed(holder, row.household_id, row.about, what, said.decode()) if holder else b""
            for what, said in words.items()
        }  # fmt: skip
        changed.append({"number": row.id, "person": row.person_id, **anew})
    session.connection().execute(_ANEW, changed)
    return len(rows)


_OLDER = text(
    "SELECT a.id, a.household_id, coalesce(a.assessment_id::text, a.cycle_id::text) AS about, a.says, a.answer,"  # noqa: S608
    f" w.id AS person_id, w.data_key FROM appeals a LEFT JOIN LATERAL ({_WHOSE.format(household='a.household_id')})"
    " w ON true WHERE a.person_id IS NULL AND a.says <> '' AND a.id = coalesce(CAST(:only AS bigint), a.id)"
    " ORDER BY a.id LIMIT :some FOR UPDATE OF a SKIP LOCKED"
)
_ANEW = (
    Appeal.__table__.update()  # type: ignore[attr-defined]
    .where(Appeal.id == bindparam("number"), Appeal.person_id.is_(None))
    .values(person_id=bindparam("person"), says=bindparam("says"), answer=bindparam("answer"))
)


def destroy(session: Session, people: Sequence[UUID]) -> None:
    """Destroy the words that are under the keys of these people, and nobody else's."""
    session.execute(
        text(
            "UPDATE appeals SET says = '', answer = CASE WHEN answer IS NOT NULL THEN ''::bytea END"
            " WHERE person_id = ANY(CAST(:people AS uuid[]))"
        ),
        {"people": list(people)},
    )
