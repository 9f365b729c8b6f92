"""The row that stands for one list in `imports`: written first, and filled in with what came of it."""

import json
from pathlib import PurePath
from uuid import UUID, uuid4

from sqlalchemy import insert, text, update
from sqlalchemy.orm import Session

from cbi import clock
from cbi.keys import Keyring, seal, unseal
from cbi.offices import office_of
from cbi.registry.import_models import Import, ImportKind, ImportState
from cbi.registry.intake.mapping import TEMPLATE, ColumnMapping
from cbi.registry.intake.mapping_files import load_mapping
from cbi.registry.intake.requests import request_mapping
from cbi.registry.intake.taking import Taken
from cbi.registry.intake.xlsforms import with_answers
from cbi.registry.text import clean

LONGEST_FILENAME = 200
_MAPPINGS = "registry/import mappings"


def begin(
    session: Session,
    imported_by: UUID | None,
    mapping: ColumnMapping,
    *,
    filename: str,
    digest: bytes,
    kind: ImportKind,
    state: ImportState = ImportState.DONE,
) -> UUID:
    """Write the row of a list that is about to be read; returns its id."""
    import_id = uuid4()
    session.execute(
        insert(Import).values(
            id=import_id,
            file_digest=digest,
            filename=plain(filename),
            source=mapping.source,
            imported_by=imported_by,
            imported_at=clock.now(),
            rows_total=0,
            rows_landed=0,
            rows_rejected=0,
            rows_unchanged=0,
            rows_warned=0,
            people_landed=0,
            kind=kind,
            state=state,
            mapping=_sealed(office_of(session).keys, mapping, import_id),
        )
    )
    return import_id


def add(session: Session, import_id: UUID, taken: Taken, **more: object) -> None:
    """Add to a list's numbers what came of some of its households."""
    session.execute(
        update(Import)
        .where(Import.id == import_id)
        .values(
            rows_total=Import.rows_total + taken.total,
            rows_landed=Import.rows_landed + taken.landed,
            rows_rejected=Import.rows_rejected + taken.rejected,
            rows_unchanged=Import.rows_unchanged + taken.unchanged,
            rows_warned=Import.rows_warned + taken.warned,
            people_landed=Import.people_landed + taken.people,
            **more,
        ),
        execution_options={"synchronize_session": False},
    )


def mapping_of(session: Session, row: Import) -> ColumnMapping:
    """The mapping that a list was read with. Raises Unreadable."""
    if row.kind == ImportKind.REQUEST:
        return request_mapping(row.source)
    if row.mapping is None:
        return TEMPLATE
    key = office_of(session).keys.derive(_MAPPINGS)
    told = json.loads(unseal(key, row.mapping, str(row.id)))
    return with_answers(load_mapping(told["text"]), told["answers"])


def _sealed(keys: Keyring, mapping: ColumnMapping, import_id: UUID) -> bytes | None:
    if mapping.text is None:
        return None
    told = {"text": mapping.text, "answers": mapping.answers}
    plain = json.dumps(told, ensure_ascii=False, default=dict)
    return seal(keys.derive(_MAPPINGS), plain, str(import_id))


def alone_until_commit(session: Session) -> None:
    """Keep other lists from committing until this one has: two that bring one telephone would each not see the other's."""
    session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"),
        {"name": f"registry:{office_of(session).code}"},
    )


def plain(filename: str) -> str:
    """The file's own name, without folders or anything that cannot be seen."""
    return clean(PurePath(filename.replace("\\", "/")).name)[:LONGEST_FILENAME] or "list"
