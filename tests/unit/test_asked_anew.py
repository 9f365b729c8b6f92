"""That a question two levels further in is about every row is seen before anybody is asked."""

import pytest
from sqlalchemy import column, exists, select, table

HOME = table("homes", column("id"))
PERSON = table("people", column("id"), column("home"))
PAID = table("paid", column("person"), column("home"))


def test_a_table_that_is_listed_anew_two_questions_further_in_is_refused() -> None:
    paid = exists().where(PAID.c.person == PERSON.c.id, PAID.c.home == HOME.c.id)
    somebody = exists().where(PERSON.c.home == HOME.c.id, paid)
    with pytest.raises(AssertionError, match="homes"):
        str(select(HOME).where(somebody))
    tied = exists().where(PERSON.c.home == HOME.c.id, paid.correlate(PERSON, HOME))
    assert str(select(HOME).where(tied)).count("FROM homes") == 1
