"""Every job has a name on the pages."""

from cbi.access.permissions import Role
from cbi.console.overview_roles import ROLES


def test_every_role_has_words() -> None:
    assert set(ROLES) == set(Role)
