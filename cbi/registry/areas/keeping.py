"""Takes in a list of places: new ones are added, new names noted, and nothing that is there is changed or deleted."""

from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import BinaryIO

from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from cbi import clock, ids
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit.record import record
from cbi.offices import office_of
from cbi.registry.areas import queries
from cbi.registry.areas.models import Area, AreaImport, AreaName
from cbi.registry.areas.reading import in_order, read
from cbi.registry.intake.files import opened
from cbi.registry.text import clean, folded

LONGEST_FILENAME = 200


@dataclass(frozen=True, slots=True)
class Taken:
    """What a list of places brings: places, those of them that are new, and names that are new."""

    listed: int
    added: int
    named: int
    dry_run: bool

    @property
    def changed(self) -> bool:
        """Whether there was anything new in it."""
        return bool(self.added or self.named)


def import_areas(
    session: Session,
    actor: Actor,
    content: Path | BinaryIO,
    *,
    filename: str,
    dry_run: bool = False,
) -> Taken:
    """Take in a CSV or XLSX file of places; a file without news changes nothing, and neither does a dry run.

    Raises UnusableAreas with every row that is wrong, UnusableFile in its kinds, NotPermitted.
    """
    actor.require(Permission.AREAS_CHANGE)
    # Whoever takes in another list at the same moment waits here, and then sees what this one brought.
    session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"),
        {"name": f"areas:{office_of(session).code}"},
    )
    queries.forget(session)
    with opened(content) as file:
        listed, digest = read(file), file.digest()
    tree = queries.tree(session)
    new = in_order(listed, {code: place.parent for code, place in tree.places.items()})
    names = [
        (place.code, language, name)
        for place in listed
        for language, name in sorted(place.names.items())
        if place.code not in tree.places or tree.places[place.code].names.get(language) != name
    ]
    taken = Taken(len(listed), len(new), len(names), dry_run)
    if dry_run or not taken.changed:
        return taken
    row = {
        "id": ids.fresh(), "filename": clean(PurePath(filename.replace("\\", "/")).name)[:LONGEST_FILENAME],
        "file_digest": digest, "added": taken.added, "named": taken.named, "imported_by": actor.id,
        "imported_at": clock.now(),
    }  # fmt: skip
    session.execute(insert(AreaImport).values(row))
    if new:
        session.execute(
            insert(Area),
            [
                {
                    "code": place.code, "key": folded(place.code), "parent": place.parent, "level": len(line) - 1,
                    "above": list(line), "import_id": row["id"],
                }
                for place, line in new
            ],
        )  # fmt: skip
    if names:
        session.execute(
            insert(AreaName),
            [
                {"area": code, "language": said, "name": name, "key": folded(name), "import_id": row["id"]}
                for code, said, name in names
            ],
        )  # fmt: skip
    queries.forget(session)
    record(
        session, actor, "areas.imported", "area_import", str(row["id"]), listed=taken.listed, added=taken.added,
        named=taken.named,
    )  # fmt: skip
    return taken
