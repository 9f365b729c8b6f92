"""The migrations build exactly the tables that the models declare, in every office."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, text

from cbi import offices
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
