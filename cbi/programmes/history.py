"""What a programme's file says, field by field, and what each of its versions changed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi.errors import Conflict
from cbi.programmes.definition import stored
from cbi.programmes.models import Programme, ProgrammeVersion


class ChangedMeanwhile(Conflict):
    """Somebody else has changed the programme's rules since they were looked at."""

    code = "programmes.changed_meanwhile"


def check_seen(code: str, version: int, seen: int | None) -> None:
    """Refuse to act on other rules than were looked at; `seen` None: nobody looked. Raises ChangedMeanwhile."""
    if seen is not None and version != seen:
        raise ChangedMeanwhile(
            f"The rules of {code} were changed after you looked at them. Nothing was done.",
            next_step="Look again at what they say now.",
            programme=code,
        )


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a programme: who applied it when, and what it changed. The first one changed nothing."""

    number: int
    applied_by: UUID | None
    applied_at: datetime
    changes: tuple[str, ...]


def versions(session: Session, programme: Programme) -> list[Version]:
    """Every version of the programme, the latest first."""
    rows = session.scalars(
        select(ProgrammeVersion)
        .where(ProgrammeVersion.programme_id == programme.id)
        .order_by(ProgrammeVersion.version)
    )
    found: list[Version] = []
    before: Mapping[str, Any] | None = None
    for row in rows:
        said = stored(row.definition).canonical()
        changes = tuple(differences(before, said)) if before is not None else ()
        found.append(Version(row.version, row.applied_by, row.applied_at, changes))
        before = said
    return found[::-1]


def fields(said: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """Each field with what it says, named as in docs/programme-file.md: `stipend.base`, `grant.tranches[2].amount`."""
    for name, value in said.items():
        if isinstance(value, Mapping):
            yield from fields(value, f"{above}{name}.")
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            for place, item in enumerate(value, 1):
                yield from fields(item, f"{above}{name}[{place}].")
        else:
            yield above + name, ", ".join(value) if isinstance(value, list) else str(value)


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """What was changed, a line for each field: `stipend.base: 300.00 → 350.00`."""
    was, becomes = dict(fields(before)), dict(fields(after))
    for field in sorted(was | becomes):
        if was.get(field) != becomes.get(field):
            yield f"{field}: {was.get(field, 'not set')} → {becomes.get(field, 'not set')}"
