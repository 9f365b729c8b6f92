"""How rejected rows end: their household is in a later list, somebody corrects them, or they are given up."""

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy import BigInteger, any_, bindparam, select, text
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.orm import Session

from cbi import clock
from cbi.keys import Keyring
from cbi.offices import office_of
from cbi.registry import row_tokens
from cbi.registry.import_models import Import, RejectedRow
from cbi.registry.intake.facts import Row
from cbi.registry.intake.models import Ending, RowEnd

WHICH_ROW = "CBI row"
"""The column of a copy of rejected rows that says which row each is."""

_BY_LIST = text(
    "INSERT INTO rejected_row_ends (rejected_row_id, ending, import_id, source_id, ended_by, ended_at)"
    " SELECT r.id, told.ending, :import_id, told.number, :ended_by, :now"
    " FROM unnest(CAST(:numbers AS text[]), CAST(:endings AS text[])) AS told (number, ending)"
    " JOIN rejected_rows r ON r.source_id = told.number JOIN imports i ON i.id = r.import_id"
    " WHERE i.source = :source AND r.import_id <> :import_id"
    # A list with the facts that are known already, such as an older one, explains nothing of what differs from them.
    " AND NOT (told.ending = 'unchanged' AND EXISTS (SELECT FROM rejected_rows k, jsonb_array_elements(k.reasons) why"
    " WHERE k.import_id = r.import_id AND k.source_id = r.source_id AND why ->> 'code' IN ('changed', 'edited')))"
    " ON CONFLICT DO NOTHING"
)


def by_list(
    session: Session,
    import_id: UUID,
    source: str,
    found: Mapping[str, Ending],
    ended_by: UUID | None,
) -> None:
    """End the rows that earlier lists of this source left of these households (by registration number).

    A row that was rejected because its facts differ from the known ones stays, until the household is corrected or the
    row is given up.
    """
    if found:
        session.execute(
            _BY_LIST,
            {
                "import_id": import_id,
                "source": source,
                "numbers": list(found),
                "endings": [str(ending) for ending in found.values()],
                "ended_by": ended_by,
                "now": clock.now(),
            },
        )


def token_of(keys: Keyring, row: RejectedRow) -> str:
    """What stands for a rejected row in a copy that is corrected and sent again; it cannot be made up."""
    return row_tokens.token(keys, row.id, 1, 1, 1, row.import_id, kind=row_tokens.REJECTED)


def token_in(row: Row) -> row_tokens.Token | None:
    """The token in a row of a list, if its sheet has such a column."""
    if WHICH_ROW not in row.columns:
        return None
    index = row.columns.index(WHICH_ROW)
    return row_tokens.read(row.line.cells[index]) if index < len(row.line.cells) else None


def by_token(
    session: Session,
    import_id: UUID,
    source: str,
    found: Mapping[row_tokens.Token, Ending],
    ended_by: UUID | None,
) -> None:
    """End the rows of this source that a corrected copy names by their tokens."""
    if not found:
        return
    keys = office_of(session).keys
    wanted = any_(bindparam(None, [token.sheet for token in found], ARRAY(BigInteger)))
    imports = dict(
        iter(
            session.execute(
                select(RejectedRow.id, RejectedRow.import_id)
                .join(Import, Import.id == RejectedRow.import_id)
                .where(RejectedRow.id == wanted, Import.source == source)
                .where(RejectedRow.import_id != import_id)
            )
        )
    )
    ours = {
        token.sheet: ending
        for token, ending in found.items()
        if token.sheet in imports
        and row_tokens.is_ours(keys, token, imports[token.sheet], kind=row_tokens.REJECTED)
    }
    if ours:
        told = {"import_id": import_id, "ended_by": ended_by, "ended_at": clock.now()}
        rows = [{"rejected_row_id": row, "ending": ending, **told} for row, ending in ours.items()]
        session.execute(insert(RowEnd).on_conflict_do_nothing(), rows)
