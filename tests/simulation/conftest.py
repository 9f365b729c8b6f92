"""The ground on which the lives of a test file are lived."""

from collections.abc import Iterator

import pytest
from sqlalchemy import URL

from tests.simulation.ground import Ground, opened


@pytest.fixture(scope="module")
def ground(server: URL) -> Iterator[Ground]:
    """An office that is put back to its first day before each life."""
    with opened(server, "simulated_lives") as made:
        yield made
