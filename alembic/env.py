"""Runs the migrations in the schema that the given connection's search path names."""

from alembic import context

from cbi import models

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=models.metadata,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
