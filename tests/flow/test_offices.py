"""Two offices side by side see nothing of each other."""

import pytest
from sqlalchemy import URL, select, text
from sqlalchemy.exc import ProgrammingError

from cbi import offices
from cbi.offices import OfficeRow


def test_an_office_is_found_by_its_table(database: URL) -> None:
    assert offices.office_codes() == ["dz"]


def test_an_office_sees_only_its_own_tables(database: URL) -> None:
    offices.create(
        "ke", currency="KES", timezone="Africa/Nairobi", languages=("en",), hotline="1500"
    )
    with offices.transaction("ke") as session:
        assert session.scalars(select(OfficeRow.code)).all() == ["ke"]
        with pytest.raises(ProgrammingError, match="permission denied for schema dz"):
            session.execute(text("SELECT 1 FROM dz.office"))


def test_the_application_may_not_change_what_is_append_only(database: URL) -> None:
    with (
        offices.transaction("dz") as session,
        pytest.raises(ProgrammingError, match="permission denied"),
    ):
        session.execute(text("UPDATE transfers SET amount_minor = 1"))


def test_the_same_office_cannot_be_made_twice(database: URL) -> None:
    with pytest.raises(offices.OfficeExists):
        offices.create(
            "dz", currency="DZD", timezone="Africa/Algiers", languages=("ar",), hotline="3030"
        )
    assert offices.upgrade() == ["dz"]
