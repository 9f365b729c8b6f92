"""Seals people's own keys under a new wrapping key, and destroys old wrapping keys once nothing is under them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from cbi import clock, offices, wrapping
from cbi.access.actor import SYSTEM
from cbi.audit.record import record
from cbi.offices import office_of
from cbi.registry.personal import DATA_KEYS, key_place
from cbi.registry.referrals import receiving
from cbi.registry.scorecards import sealing
from cbi.settings import settings
from cbi.wrapping import NAME_BYTES, UnusableWrappingKeys, WrappingKey, WrappingKeyInUse

CHUNK = 5_000
NOT_BEFORE = timedelta(days=1)
"""How long a new wrapping key is in use before the ones before it may go: no process seals under an old one so late."""


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A table whose rows have keys of their own, sealed under a wrapping key in the column `data_key`.

    `lives` says in SQL whose key may be taken from a file of keys: never one that was destroyed on purpose.
    """

    table: str
    purpose: str
    place: Callable[[UUID], str]
    lives: str = "data_key IS NOT NULL"


WRAPPED = (
    Wrapped(
        "persons",
        DATA_KEYS,
        key_place,
        "id NOT IN (SELECT person_id FROM erasure_persons WHERE erased_at IS NOT NULL)",
    ),
    Wrapped("referrals", receiving.KEYS, receiving.place),
    Wrapped("answer_keys", sealing.ANSWER_KEYS, sealing.key_place),
)


@dataclass(frozen=True, slots=True)
class InUse:
    """A wrapping key, and how many keys are sealed under it in all offices. An empty name is the derived one.

    They are those of people, of requests from outside, and of answers of assessments.
    """

    name: str
    made_at: datetime | None
    keys: int
    is_kept: bool


def in_use() -> Sequence[InUse]:
    """The wrapping keys of the file and of the database, the newest first."""
    counts: dict[bytes, int] = {}
    for code in offices.office_codes():
        with offices.transaction(code) as session:
            for name, keys in _names(session):
                counts[name] = counts.get(name, 0) + keys
    kept = wrapping.kept()
    known = [
        InUse(key.name.hex(), key.made_at, counts.pop(key.name, 0), is_kept=True) for key in kept
    ]
    rest = [InUse(name.hex(), None, keys, is_kept=name == b"") for name, keys in counts.items()]
    return known + sorted(rest, key=lambda each: each.name)


def _names(session: Session) -> Sequence[tuple[bytes, int]]:
    # The first byte says whether a name follows it.
    found = session.execute(
        text(
            "SELECT CASE WHEN get_byte(data_key, 0) = 2 THEN substr(data_key, 2, :bytes) ELSE ''::bytea END,"
            f" count(*) FROM ({' UNION ALL '.join(f'SELECT data_key FROM {each.table}' for each in WRAPPED)}) keys"
            " WHERE data_key IS NOT NULL GROUP BY 1"
        ),
        {"bytes": NAME_BYTES},
    )
    return [(bytes(name), keys) for name, keys in found]


def rotate(*, first: bool = False, progress: Callable[[int], None] = lambda _: None) -> WrappingKey:
    """Make a new wrapping key and seal everybody's own key under it, in all offices; may be interrupted and repeated.

    Where the database is not the embedded one the file must be named by the settings, because every machine that runs
    the engine needs it. `first`: that file may not be there yet. Raises UnusableWrappingKeys.
    """
    if settings().database_url and not settings().wrapping_keys_file:
        raise UnusableWrappingKeys(
            "It is not said where the wrapping keys are kept.",
            next_step="Set CBI_WRAPPING_KEYS_FILE on every machine of the engine to one file that all of them see.",
        )
    with wrapping.alone():
        missing = first and not wrapping.path().exists()
        made = wrapping.fresh(clock.now())
        wrapping.write([made, *(() if missing else wrapping.kept())])
    _say("wrapping_key.made", [made])
    rewrap(progress=progress)
    return made


def rewrap(*, progress: Callable[[int], None] = lambda _: None) -> int:
    """Seal everybody's own key under the newest wrapping key, thousands at a time; returns how many were not."""
    done = 0
    for code in offices.office_codes() if wrapping.kept() else ():
        here = 0
        for wrapped in WRAPPED:
            while moved := _rewrapped(code, wrapped):
                here += moved
                progress(moved)
        if here:
            offices.transact(code, partial(_say_rewrapped, here))
        done += here
    return done


def _rewrapped(code: str, wrapped: Wrapped) -> int:
    # Rows that somebody else holds come last: there they are waited for, so that none is left behind.
    passing = offices.transact(code, partial(_rewrap_some, wrapped, "SKIP LOCKED"))
    return passing or offices.transact(code, partial(_rewrap_some, wrapped, ""))


def _say_rewrapped(keys: int, session: Session) -> None:
    newest = wrapping.kept()[0].name.hex()
    record(session, SYSTEM, "person_keys.sealed_anew", "wrapping_key", newest, keys=keys)


def _say(act: str, keys: Sequence[WrappingKey]) -> None:
    """Write it down in every office: the keys are those of all of them."""
    for code in offices.office_codes():
        with offices.transaction(code) as session:
            for key in keys:
                made = key.made_at.isoformat()
                record(session, SYSTEM, act, "wrapping_key", key.name.hex(), made_at=made)


def _rewrap_some(wrapped: Wrapped, locked: str, session: Session) -> int:
    wrapper = wrapping.Wrapper(office_of(session).keys, wrapped.purpose)
    rows = session.execute(
        text(
            f"SELECT id, data_key FROM {wrapped.table} WHERE data_key IS NOT NULL"
            f" AND substr(data_key, 1, :length) <> :newest ORDER BY id LIMIT :some FOR UPDATE {locked}"
        ),
        {"length": 1 + NAME_BYTES, "newest": b"\x02" + wrapper.name, "some": CHUNK},
    ).all()
    if rows:
        places = [wrapped.place(each) for each, _ in rows]
        session.execute(
            text(
                f"UPDATE {wrapped.table} t SET data_key = n.fresh"
                " FROM unnest(CAST(:ids AS uuid[]), CAST(:olds AS bytea[]), CAST(:news AS bytea[]))"
                " AS n(id, old, fresh) WHERE t.id = n.id AND t.data_key = n.old"
            ),
            {
                "ids": [each for each, _ in rows],
                "olds": [old for _, old in rows],
                "news": [
                    wrapper.wrap(wrapper.unwrap(old, place), place)
                    for (_, old), place in zip(rows, places, strict=True)
                ],
            },
        )
    return len(rows)


def destroy_old() -> Sequence[WrappingKey]:
    """Remove every wrapping key but the newest from the file, once nothing is sealed under them; returns those.

    The copy of the file that you keep elsewhere has them still: replace it. The audit log of every office says it
    before and after, because nothing brings a key back. Raises WrappingKeyInUse.
    """
    with wrapping.alone():
        kept = wrapping.kept()
        if len(kept) < 2:
            return []
        newest, old = kept[0], kept[1:]
        _check_unused(newest, old)
        _say("wrapping_key.to_be_destroyed", old)
        wrapping.write([newest])
    _say("wrapping_key.destroyed", old)
    return old


def _check_unused(newest: WrappingKey, old: Sequence[WrappingKey]) -> None:
    if newest.made_at > clock.now() - NOT_BEFORE:
        raise WrappingKeyInUse(
            f"The newest wrapping key was made {newest.made_at:%F %H:%M} UTC, less than a day ago.",
            next_step="Wait until a day has passed, so that nothing seals under an older one any more.",
        )
    held = {each.name for each in in_use() if each.keys}
    if still := [key.name.hex() for key in old if key.name.hex() in held]:
        raise WrappingKeyInUse(
            f"Keys are still sealed under {', '.join(still)}.",
            next_step="Run: cbi keys rotate --again",
        )
