"""Keeps people's own keys, sealed, in a file apart from backups, and takes them from it after a backup was read back."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from cbi import clock, wrapping
from cbi.access.actor import SYSTEM
from cbi.audit.record import record
from cbi.errors import Invalid
from cbi.keys import Unreadable
from cbi.offices import office_of
from cbi.protection import destroying
from cbi.protection.models import ErasureDecision
from cbi.protection.rotating import CHUNK, WRAPPED, Wrapped
from cbi.wrapping import UnusableWrappingKeys, Wrapper

_PLACE = "person keys"


class UnusableKeyFile(Invalid):
    """The file of people's keys is not one of this office, was altered, or cannot be opened with what is kept here."""

    code = "protection.unusable_key_file"


def export(session: Session, file: Path) -> int:
    """Write everybody's own key (sealed as it is) and every erasure to a file, to be kept apart from backups.

    Keep the newest only. After an old backup was read back it opens everybody in it but those erased since. Returns
    how many people's keys there are. Raises UnusableWrappingKeys when the file cannot be written.
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
    try:
        wrapping.replace(file, json.dumps(said | {"seal": _seal(session, said)}), mode=0o600)
    except OSError as error:
        raise UnusableWrappingKeys(
            f"People's keys cannot be written to {file}: {error.strerror}.",
            next_step="Name another file.",
        ) from None
    record(session, SYSTEM, "person_keys.exported", "office", said["office"], people=people)
    return people


def read_back(session: Session, file: Path) -> tuple[int, int]:
    """After an old backup was read back: take keys from the file, and destroy again what its erasures destroyed.

    Only a key that cannot be opened here any more is replaced, so an older file over a living database changes nothing;
    nobody who was erased gets a key. Each is sealed anew under the newest wrapping key, so that no older one may be
    destroyed meanwhile. Returns how many keys were taken and how many people were erased again. Raises
    UnusableKeyFile, also when something in it is under a wrapping key that is not kept here; then nothing is taken.
    """
    said = _read(session, file)
    _take_erasures(session, said)
    taken = sum(_take_keys(session, each, said["keys"].get(each.table, {})) for each in WRAPPED)
    _forget_answers(session, said)
    erased = destroying.again(session)
    record(
        session,
        SYSTEM,
        "person_keys.read_back",
        "office",
        said["office"],
        taken=taken,
        erased=erased,
    )
    return taken, erased


def _read(session: Session, file: Path) -> dict[str, Any]:
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
    kept = {b"", *(key.name for key in wrapping.kept())}
    under = {
        wrapping.name_in(bytes.fromhex(key))
        for keys in said["keys"].values()
        for key in keys.values()
    }
    if missing := sorted(name.hex() for name in under - kept):
        raise UnusableKeyFile(
            f"Keys in this file are under wrapping keys that are not kept here: {', '.join(missing)}.",
            next_step="Take the newest file of `cbi keys export`, or bring back the file of wrapping keys.",
        )
    return said


def _take_erasures(session: Session, said: Mapping[str, Any]) -> None:
    """Add those that this database has not, and end those that it knows only as asked for."""
    rows = json.dumps(said["erasures"])
    clash = session.scalars(
        text(
            "SELECT here.number FROM erasures here JOIN jsonb_populate_recordset(NULL::erasures, CAST(:rows AS jsonb))"
            " said ON said.number = here.number AND said.id <> here.id ORDER BY 1"
        ),
        {"rows": rows},
    ).all()
    if clash:
        raise UnusableKeyFile(
            f"Erasure {clash[0]} was asked for here since the backup was read back, and the file has another of that"
            " number.",
            next_step="Read the backup back once more, and then this file before anybody asks for an erasure.",
        )
    session.execute(
        text(
            "INSERT INTO erasures AS here SELECT * FROM jsonb_populate_recordset(NULL::erasures, CAST(:rows AS jsonb))"
            " ON CONFLICT (id) DO UPDATE SET decision = excluded.decision, decided_by = excluded.decided_by,"
            " decided_at = excluded.decided_at, remark = excluded.remark, certificate = excluded.certificate,"
            " seal = excluded.seal WHERE here.decision IS NULL"
        ),
        {"rows": rows},
    )
    session.execute(
        text(
            "INSERT INTO erasure_persons AS here"
            " SELECT * FROM jsonb_populate_recordset(NULL::erasure_persons, CAST(:rows AS jsonb))"
            " ON CONFLICT (erasure_id, person_id) DO UPDATE SET erased_at = excluded.erased_at,"
            " obstacle = excluded.obstacle WHERE here.erased_at IS NULL AND excluded.erased_at IS NOT NULL"
        ),
        {"rows": json.dumps(said["erasure_persons"])},
    )


def _forget_answers(session: Session, said: Mapping[str, Any]) -> None:
    """Destroy the keys of answers that were gone when the file was made: old enough by its erasures, and not in it."""
    past = [
        each["answers_before"]
        for each in said["erasures"]
        if each["decision"] == ErasureDecision.CONFIRMED and each.get("answers_before")
    ]
    if not past:
        return
    session.execute(
        text(
            "UPDATE answer_keys k SET data_key = NULL FROM assessments a WHERE a.id = k.assessment_id"
            " AND a.noted_at < :past AND k.data_key IS NOT NULL AND k.id NOT IN (SELECT unnest(CAST(:ids AS uuid[])))"
        ),
        {
            "past": max(map(datetime.fromisoformat, past)),
            "ids": [UUID(each) for each in said["keys"].get("answer_keys", {})],
        },
    )


def _take_keys(session: Session, wrapped: Wrapped, keys: Mapping[str, str]) -> int:
    wrapper = Wrapper(office_of(session).keys, wrapped.purpose)
    return sum(
        _take_some(session, wrapped, wrapper, some) for some in _parts(keys, each_time=CHUNK)
    )


def _parts(keys: Mapping[str, str], *, each_time: int) -> Iterator[dict[UUID, bytes]]:
    rest = iter(keys.items())
    while some := {UUID(each): bytes.fromhex(key) for each, key in islice(rest, each_time)}:
        yield some


def _take_some(
    session: Session, wrapped: Wrapped, wrapper: Wrapper, keys: Mapping[UUID, bytes]
) -> int:
    held = session.execute(
        text(
            f"SELECT id, data_key FROM {wrapped.table} WHERE id = ANY(CAST(:ids AS uuid[])) AND {wrapped.lives}"
        ),
        {"ids": list(keys)},
    )
    lost = [(each, old) for each, old in held if not _opens(wrapper, old, wrapped.place(each))]
    try:
        found = [
            wrapper.wrap(wrapper.unwrap(keys[each], place), place)
            for each, place in ((each, wrapped.place(each)) for each, _ in lost)
        ]
    except Unreadable:
        raise UnusableKeyFile(
            "A key in this file cannot be opened with the keys of this deployment.",
            next_step="Check that it has the master key that the database was filled with.",
        ) from None
    return int(
        session.execute(
            text(
                f"WITH done AS (UPDATE {wrapped.table} t SET data_key = n.fresh"
                " FROM unnest(CAST(:ids AS uuid[]), CAST(:olds AS bytea[]), CAST(:news AS bytea[]))"
                " AS n(id, old, fresh) WHERE t.id = n.id AND t.data_key IS NOT DISTINCT FROM n.old RETURNING 1)"
                " SELECT count(*) FROM done"
            ),
            {"ids": [each for each, _ in lost], "olds": [old for _, old in lost], "news": found},
        ).scalar_one()
    )


def _opens(wrapper: Wrapper, wrapped: bytes | None, place: str) -> bool:
    if wrapped is None:
        return False
    try:
        wrapper.unwrap(wrapped, place)
    except Unreadable:
        return False
    return True


def _sealed_keys(session: Session, wrapped: Wrapped) -> dict[str, str]:
    found = session.execute(
        text(f"SELECT id, data_key FROM {wrapped.table} WHERE data_key IS NOT NULL")
    )
    return {str(each): bytes(key).hex() for each, key in found}


def _rows(session: Session, table: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = session.execute(
        text(f"SELECT coalesce(jsonb_agg(to_jsonb(t)), '[]') FROM {table} t")
    ).scalar_one()
    return found


def _seal(session: Session, said: Mapping[str, Any]) -> str:
    text_ = json.dumps(said, sort_keys=True, separators=(",", ":"))
    return office_of(session).keys.fingerprint(_PLACE, text_).hex()
