"""Lists of people for tests: households in a place, what is asked for, and a list opened again."""

import io

import openpyxl
from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi.offices import office_of
from cbi.protection.exporting import envelope, passphrases
from cbi.protection.exporting.asking import Wish
from cbi.protection.exporting.choosing import Whom
from cbi.protection.exporting.models import Export
from cbi.registry.models import Household
from tests.factories import households

NAMED = ("number", "name", "phone")


def placed(session: Session, count: int, area: str = "Oran") -> list[str]:
    """Households in a place."""
    numbers = households(session, [3] * count)
    for household in session.scalars(select(Household).where(Household.source_id.in_(numbers))):
        household.area = area
    session.flush()
    return numbers


def wish(columns: tuple[str, ...] = NAMED, area: str = "Oran", **more: object) -> Wish:
    options: dict[str, object] = {"purpose": "delivery", "reason": "Call those who wait.", **more}
    return Wish(Whom(area=area), columns, **options)  # type: ignore[arg-type]


def clear(session: Session, made: Export, content: bytes) -> list[list[str]]:
    """The rows of the list's sheet, its two headings too, opened with its passphrase."""
    words = passphrases.of(office_of(session).keys, made.id)
    name, book = envelope.opened(content, words)
    assert name == f"export-{made.number}.xlsx"
    sheet = openpyxl.load_workbook(io.BytesIO(book))["People"]
    return [[str(cell or "") for cell in row] for row in sheet.iter_rows(values_only=True)]
