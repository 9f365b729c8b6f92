"""What an office had written down before the money core was mended is there afterwards, and means the same."""

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, text

from cbi import offices

ROW = (
    "INSERT INTO top_ups (id, cycle_id, number, basis, reason, reference, digest, households, total_minor, currency,"
    " proposed_by, proposed_at) VALUES (gen_random_uuid(), '{cycle}', {number}, 'list', 'why', '{reference}',"
    " '\\x{number:02d}', 1, 100, 'DZD', gen_random_uuid(), now())"
)
ONE, OTHER = ("00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002")


def test_references_of_top_ups_that_are_one_by_now_stay_two(owner: Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(offices._migrations()))
    with owner.begin() as connection:
        connection.execute(text("SET LOCAL search_path = dz"))
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        config.attributes["connection"] = connection
        command.downgrade(config, "0029")
        for number, (cycle, reference) in enumerate(
            [(ONE, "MEMO-14"), (ONE, "memo -14"), (OTHER, "MEMO-١٤")], 1
        ):
            connection.execute(text(ROW.format(cycle=cycle, number=number, reference=reference)))
        command.upgrade(config, "head")
        kept = connection.execute(
            text("SELECT reference, reference_key FROM top_ups ORDER BY number")
        )
        assert [tuple(row) for row in kept] == [
            ("MEMO-14", "memo-14"), ("memo -14", "memo-14 2"), ("MEMO-١٤", "memo-14"),
        ]  # fmt: skip
        connection.execute(text("DELETE FROM top_ups"))
