"""Destroys what colleagues wrote freely about changes of households, once whoever it is about was erased."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

_MINE = "(SELECT unnest(CAST(:people AS uuid[])))"
_HOMES = f"""
    (SELECT h.household_id FROM persons h WHERE h.id IN {_MINE} AND NOT EXISTS (
      SELECT FROM persons o WHERE o.household_id = h.household_id AND o.data_key IS NOT NULL AND o.id NOT IN {_MINE}))"""  # noqa: S608
"""Households of which nobody is left on record but these people."""
_CHANGES = f"""
    (SELECT change_id FROM changed_persons WHERE person_id IN {_MINE}
     UNION SELECT change_id FROM changed_households WHERE household_id IN {_HOMES})"""  # noqa: S608


_WORDS = (
    (
        "UPDATE refusals SET said = '', reason = '' WHERE reason <> '' AND kind = 'household' AND key IN"  # noqa: S608
        f" (SELECT id::text FROM household_requests WHERE person_id IN {_MINE} OR household_id IN {_HOMES})"
    ),
    f"UPDATE household_changes SET reason = '', evidence = NULL WHERE reason <> '' AND id IN {_CHANGES}",  # noqa: S608
    (
        "UPDATE household_requests SET reason = '', evidence = NULL, remark = CASE WHEN remark IS NOT NULL THEN '' END"  # noqa: S608
        f" WHERE reason <> '' AND decision IS NOT NULL AND (person_id IN {_MINE} OR household_id IN {_HOMES})"
    ),
    # A court's file number opens the child's file there: it is as personal as a document.
    (
        "UPDATE guardianships SET reference = '' WHERE reference <> ''"  # noqa: S608
        f" AND (child_id IN {_MINE} OR guardian_id IN {_MINE})"
    ),
)


def of_erased(session: Session, people: Sequence[UUID]) -> None:
    """Destroy reasons and evidence of changes, asked for or made, and file numbers of guardianships, of these people.

    That it happened, when, and who recorded and confirmed it stays.
    """
    for statement in _WORDS:
        session.execute(text(statement), {"people": list(people)})
