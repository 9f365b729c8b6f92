"""Seals people's own keys under a new wrapping key, destroys old wrapping keys, and keeps the keys apart from backups."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from cbi import clock, offices, wrapping
from cbi.access.actor import SYSTEM
from cbi.audit.record import record
from cbi.errors import Invalid
from cbi.offices import office_of
from cbi.protection.models import Erasure, ErasurePerson
from cbi.registry.personal import DATA_KEYS, key_place
from cbi.registry.referrals import receiving
from cbi.settings import settings
from cbi.wrapping import NAME_BYTES, UnusableWrappingKeys, WrappingKey, WrappingKeyInUse

CHUNK = 5_000
NOT_BEFORE = timedelta(days=1)
"""How long a new wrapping key is in use before the ones before it may go: no process seals under an old one so late."""
_PLACE = "person keys"


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A table whose rows have keys of their own, sealed under a wrapping key in the column `data_key`."""

    table: str
    purpose: str
    place: Callable[[UUID], str]


WRAPPED = (
    Wrapped("persons", DATA_KEYS, key_place),
    Wrapped("referrals", receiving.KEYS, receiving.place),
)


class UnusableKeyFile(Invalid):
    """The file of people's keys is not one of this office, or was altered."""

    code = "protection.unusable_key_file"


@dataclass(frozen=True, slots=True)
class InUse:
    """A wrapping key, and how many people's keys are sealed under it in all offices. An empty name is the derived one."""

    name: str
    made_at: datetime | None
    people: int
    is_kept: bool


def in_use() -> Sequence[InUse]:
    """The wrapping keys of the file and of the database, the newest first."""
    counts: dict[bytes, int] = {}
    for code in offices.office_codes():
        with offices.transaction(code) as session:
            for name, people in _names(session):
                counts[name] = counts.get(name, 0) + people
    kept = wrapping.kept()
    known = [
        InUse(key.name.hex(), key.made_at, counts.pop(key.name, 0), is_kept=True) for key in kept
    ]
    rest = [InUse(name.hex(), None, people, is_kept=name == b"") for name, people in counts.items()]
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
    return [(bytes(name), people) for name, people in found]


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
    missing = first and not wrapping.path().exists()
    wrapping.write([wrapping.fresh(clock.now()), *(() if missing else wrapping.kept())])
    rewrap(progress=progress)
    return wrapping.kept()[0]


def rewrap(*, progress: Callable[[int], None] = lambda _: None) -> int:
    """Seal everybody's own key under the newest wrapping key, thousands at a time; returns how many were not."""
    done = 0
    for code in offices.office_codes():
        for wrapped in WRAPPED:
            while moved := offices.transact(code, partial(_rewrap_some, wrapped)):
                done += moved
                progress(moved)
    return done


def _rewrap_some(wrapped: Wrapped, session: Session) -> int:
    wrapper = wrapping.Wrapper(office_of(session).keys, wrapped.purpose)
    rows = session.execute(
        text(
            f"SELECT id, data_key FROM {wrapped.table} WHERE data_key IS NOT NULL"
            " AND substr(data_key, 1, :length) <> :newest ORDER BY id LIMIT :some FOR UPDATE SKIP LOCKED"
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

    The copy of the file that you keep elsewhere has them still: replace it. Raises WrappingKeyInUse.
    """
    kept = wrapping.kept()
    if len(kept) < 2:
        return []
    newest, old = kept[0], kept[1:]
    if newest.made_at > clock.now() - NOT_BEFORE:
        raise WrappingKeyInUse(
            f"The newest wrapping key was made {newest.made_at:%F %H:%M} UTC, less than a day ago.",
            next_step="Wait until a day has passed, so that nothing seals under an older one any more.",
        )
    held = {each.name for each in in_use() if each.people}
    if still := [key.name.hex() for key in old if key.name.hex() in held]:
        raise WrappingKeyInUse(
            f"People's keys are still sealed under {', '.join(still)}.",
            next_step="Run: cbi keys rotate --again",
        )
    wrapping.write([newest])
    return old


def export(session: Session, file: Path) -> int:
    """Write everybody's own key (sealed as it is) and every erasure to a file, to be kept apart from backups.

    Keep the newest only. After an old backup was read back it opens everybody in it but those erased since. Returns
    how many people's keys there are.
    """
    keys = {each.table: _sealed_keys(session, each) for each in WRAPPED}
    said = {
        "office": office_of(session).code,
        "made_at": clock.now().isoformat(),
        "keys": keys,
        "erasures": _rows(session, "erasures"),
        "erasure_persons": _rows(session, "erasure_persons"),
    }
    people = len(keys["persons"])
    file.touch(mode=0o600)
    file.write_text(json.dumps(said | {"seal": _seal(session, said)}))
    record(session, SYSTEM, "person_keys.exported", "office", said["office"], people=people)
    return people


def read_back(session: Session, file: Path) -> tuple[int, int]:
    """After an old backup was read back: take people's keys from the file, and erase again whoever is not in it.

    Returns how many keys were taken and how many people were erased again. Whoever was registered after the file was
    made is left alone. Raises UnusableKeyFile.
    """
    try:
        said: dict[str, Any] = json.loads(file.read_text())
        sealed = said.pop("seal")
    except (ValueError, KeyError, AttributeError):
        said, sealed = {}, ""
    if sealed != _seal(session, said) or said.get("office") != office_of(session).code:
        raise UnusableKeyFile(
            "This is no file of people's keys of this office, or it was altered.",
            next_step="Take the newest that `cbi keys export` wrote for this office.",
        )
    made_at = datetime.fromisoformat(said["made_at"])
    for table, rows in (
        (Erasure, said["erasures"]),
        (ErasurePerson, said["erasure_persons"]),
    ):
        if rows:
            session.execute(
                text(
                    f"INSERT INTO {table.__tablename__} SELECT * FROM"
                    f" jsonb_populate_recordset(NULL::{table.__tablename__}, CAST(:rows AS jsonb))"
                    " ON CONFLICT DO NOTHING"
                ),
                {"rows": json.dumps(rows)},
            )
    taken = sum(_take_keys(session, each, said["keys"][each.table]) for each in WRAPPED)
    ids = [UUID(person) for person in said["keys"]["persons"]]
    session.execute(
        text(
            "UPDATE referrals SET data_key = NULL, words = NULL, phone_index = NULL"
            " WHERE received_at < :made AND id <> ALL(CAST(:ids AS uuid[]))"
        ),
        {"ids": [UUID(each) for each in said["keys"]["referrals"]], "made": made_at},
    )
    erased = session.execute(
        text(
            "WITH done AS (UPDATE persons SET data_key = NULL, name = NULL, born_on = NULL, document = NULL,"
            " document_index = NULL, factor_kind = NULL, factor = NULL"
            " WHERE data_key IS NOT NULL AND registered_at < :made AND id <> ALL(CAST(:ids AS uuid[]))"
            " RETURNING id), gone AS (UPDATE payment_accounts SET value = '',"
            " value_index = sha256(convert_to('erased/' || payment_accounts.id, 'UTF8')),"
            " replaced_at = coalesce(replaced_at, :now) FROM done WHERE person_id = done.id)"
            " SELECT count(*) FROM done"
        ),
        {"ids": ids, "made": made_at, "now": clock.now()},
    ).scalar_one()
    record(
        session,
        SYSTEM,
        "person_keys.read_back",
        "office",
        said["office"],
        taken=taken,
        erased=erased,
    )
    return taken, int(erased)


def _sealed_keys(session: Session, wrapped: Wrapped) -> dict[str, str]:
    found = session.execute(
        text(f"SELECT id, data_key FROM {wrapped.table} WHERE data_key IS NOT NULL")
    )
    return {str(each): bytes(key).hex() for each, key in found}


def _take_keys(session: Session, wrapped: Wrapped, keys: Mapping[str, str]) -> int:
    return int(
        session.execute(
            text(
                f"WITH done AS (UPDATE {wrapped.table} t SET data_key = n.key"
                " FROM unnest(CAST(:ids AS uuid[]), CAST(:keys AS bytea[])) AS n(id, key)"
                " WHERE t.id = n.id AND t.data_key IS DISTINCT FROM n.key RETURNING 1)"
                " SELECT count(*) FROM done"
            ),
            {
                "ids": [UUID(each) for each in keys],
                "keys": [bytes.fromhex(key) for key in keys.values()],
            },
        ).scalar_one()
    )


def _rows(session: Session, table: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = session.execute(
        text(f"SELECT coalesce(jsonb_agg(to_jsonb(t)), '[]') FROM {table} t")
    ).scalar_one()
    return found


def _seal(session: Session, said: dict[str, Any]) -> str:
    text_ = json.dumps(said, sort_keys=True, separators=(",", ":"))
    return office_of(session).keys.fingerprint(_PLACE, text_).hex()
