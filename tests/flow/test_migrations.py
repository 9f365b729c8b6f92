"""The migrations build exactly the tables that the models declare, in every office."""

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text

from cbi import fitness, offices
from cbi.models import metadata


def test_the_migrations_build_what_the_models_say(owner: Engine) -> None:
    with owner.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_every_check_of_the_models_is_in_the_database(owner: Engine) -> None:
    declared = {
        str(constraint.name)
        for table in metadata.sorted_tables
        for constraint in table.constraints
        if str(constraint.name).startswith("ck_")
    }
    with owner.connect() as connection:
        built = set(
            connection.scalars(
                text(
                    "SELECT conname FROM pg_constraint WHERE contype = 'c' AND connamespace = 'dz'::regnamespace"
                )
            )
        )
    assert declared == built


def test_upgrading_twice_changes_nothing(owner: Engine) -> None:
    assert offices.upgrade(owner) == ["dz"]
    assert offices.upgrade(owner) == ["dz"]


def test_each_migration_can_be_undone_and_done_again(owner: Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(fitness.migrations()))
    with owner.begin() as connection:
        connection.execute(text("SET LOCAL search_path = dz"))
        config.attributes["connection"] = connection
        for revision in ScriptDirectory.from_config(config).walk_revisions():
            if revision.down_revision is not None:
                command.downgrade(config, str(revision.down_revision))
        command.upgrade(config, "head")
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, metadata) == []
