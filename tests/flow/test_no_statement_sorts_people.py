"""Whatever a test runs, no statement is about what nobody is asked for; and the watch that sees to it is awake."""

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT count(*) FROM persons GROUP BY nationality",
        "SELECT id FROM households ORDER BY legal_status",
        "SELECT id FROM persons WHERE citizenship = 'x'",
    ],
)
def test_a_statement_that_sorts_people_so_stops_whatever_runs_it(
    session: Session, statement: str
) -> None:
    with pytest.raises(AssertionError, match="FROM"):
        session.execute(text(statement))


def test_others_pass(session: Session) -> None:
    assert session.execute(text("SELECT count(*) FROM households GROUP BY status")).all() == []
