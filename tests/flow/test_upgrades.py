"""What an office had written down before an upgrade is there afterwards, and means the same."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, select, text

from cbi import fitness, offices
from cbi.registry.linkage.queries import is_uncompared, uncompared_households
from cbi.registry.models import Household
from tests.factories import households

ROW = (
    "INSERT INTO top_ups (id, cycle_id, number, basis, reason, reference, digest, households, total_minor, currency,"
    " proposed_by, proposed_at) VALUES (gen_random_uuid(), '{cycle}', {number}, 'list', 'why', '{reference}',"
    " '\\x{number:02d}', 1, 100, 'DZD', gen_random_uuid(), now())"
)
ONE, OTHER = ("00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002")


@contextmanager
def downgraded(owner: Engine, revision: str) -> Iterator[Callable[..., Any]]:
    """Say SQL to the office as it was at that revision; at the end it is upgraded again."""
    config = Config()
    config.set_main_option("script_location", str(fitness.migrations()))
    with owner.begin() as connection:
        connection.execute(text("SET LOCAL search_path = dz"))
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        config.attributes["connection"] = connection
        command.downgrade(config, revision)
        yield lambda sql: connection.execute(text(sql))
        command.upgrade(config, "head")


def test_counters_go_on_for_whoever_was_never_compared(owner: Engine) -> None:
    with offices.transaction("dz") as session:
        households(session, [1])
        home = session.scalars(select(Household.id)).one()
    with downgraded(owner, "0033") as say:
        say("DELETE FROM linked_persons")
    with offices.transaction("dz") as session:
        assert session.scalar(select(is_uncompared(Household.id))) is False
        assert session.scalars(uncompared_households()).all() == [home]


def test_references_of_top_ups_that_are_one_by_now_stay_two(owner: Engine) -> None:
    with downgraded(owner, "0029") as say:
        for number, (cycle, reference) in enumerate(
            [(ONE, "MEMO-14"), (ONE, "memo -14"), (OTHER, "MEMO-١٤")], 1
        ):
            say(ROW.format(cycle=cycle, number=number, reference=reference))
    with owner.begin() as connection:
        kept = connection.execute(
            text("SELECT reference, reference_key FROM top_ups ORDER BY number")
        )
        assert [tuple(row) for row in kept] == [
            ("MEMO-14", "memo-14"), ("memo -14", "memo-14 2"), ("MEMO-١٤", "memo-14"),
        ]  # fmt: skip
