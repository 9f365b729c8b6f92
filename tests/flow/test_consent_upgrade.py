"""What was recorded before notices were kept is a yes to assistance afterwards, and what was taken back is so."""

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, text

from cbi import fitness


def test_consents_that_are_there_survive_the_upgrade(owner: Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(fitness.migrations()))
    with owner.begin() as connection:
        connection.execute(text("SET LOCAL search_path = dz"))
        config.attributes["connection"] = connection
        command.downgrade(config, "0031")
        connection.execute(
            text(
                "INSERT INTO consents (id, person_id, scope, notice, given_on, recorded_at, withdrawn_at) VALUES"
                " (gen_random_uuid(), gen_random_uuid(), 'registration', 'the paper', '2026-01-05', now(), NULL),"
                " (gen_random_uuid(), gen_random_uuid(), 'assistance', 'the paper', '2026-01-06', now(), now())"
            )
        )
        command.upgrade(config, "head")
        rows = connection.execute(
            text("SELECT scope, answer, how, notice, notice_code FROM consents ORDER BY number")
        ).all()
    kept = ("assistance", "given", "list", "the paper", None)
    assert rows == [kept, kept, ("assistance", "withdrawn", "list", None, None)]
