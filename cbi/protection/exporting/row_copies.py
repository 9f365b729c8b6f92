"""A list goes straight back to whoever hands it in, with the reasons beside its rows; the copy is kept nowhere."""

import io
from dataclasses import dataclass
from typing import BinaryIO

from sqlalchemy.orm import Session

from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.errors import Invalid
from cbi.protection.exporting import envelope
from cbi.protection.exporting.fetching import Fetched
from cbi.registry.intake import importing, reports
from cbi.registry.intake.mapping import TEMPLATE, ColumnMapping
from cbi.registry.intake.results import ImportResult

NAME = "list-checked.xlsx"


class EncryptedList(Invalid):
    """A copy in clear was asked for of a list that came encrypted."""

    code = "registry.encrypted_list"


@dataclass(frozen=True, slots=True)
class Copied:
    """What came of a list, and the copy of it (XLSX). `is_refused`: none of its rows could be used, nothing was kept."""

    result: ImportResult
    file: Fetched
    is_refused: bool


def copied(
    session: Session,
    actor: Actor,
    content: BinaryIO,
    *,
    filename: str,
    mapping: ColumnMapping = TEMPLATE,
    language: str = "en",
    dry_run: bool = False,
) -> Copied:
    """Take a list in, or only look at it, and write the copy. Raises EncryptedList, UnusableFile in its kinds, NotPermitted.

    Of a list that came encrypted there is no copy in clear (ADR 0059): what is still wrong of it waits as before.
    """
    actor.require(Permission.REGISTRY_IMPORT)
    if envelope.is_sealed(content):
        raise EncryptedList(
            "This list came encrypted, and the copy would not be.",
            next_step="Hand it in without asking for a copy: what is still wrong waits as before.",
        )
    is_refused = False
    try:
        result = importing.import_file(
            session, actor, content, filename=filename, mapping=mapping, dry_run=dry_run
        )
    except importing.NothingUsable as refusal:
        result, is_refused = refusal.result, True
    target = io.BytesIO()
    content.seek(0)
    reports.write_report(result, content, target, mapping=mapping, language=language)
    return Copied(result, Fetched(NAME, target.getvalue(), result.people), is_refused)
