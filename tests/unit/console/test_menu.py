"""The menu keeps its order, and puts together what belongs together."""

from cbi.access.permissions import ROLE_PERMISSIONS, Permission, Role
from cbi.console.areas import AREAS
from cbi.console.menu import Entry, Group, Shelf, arranged

FRONT, WIDEST = 1, 8


def test_a_group_stands_where_its_first_entry_stood_and_one_alone_is_no_group() -> None:
    first, rows, told, pairs = (
        Entry("Approvals", "/a"), Entry("Rows", "/r", None, Group.REGISTRATION),
        Entry("Told", "/t", None, Group.DATA), Entry("Pairs", "/p", None, Group.REGISTRATION),
    )  # fmt: skip
    assert arranged([rows, first, told, pairs]) == [
        Shelf((rows, pairs), "Registration"), Shelf((first,)), Shelf((told,)),
    ]  # fmt: skip


def test_nobody_s_menu_is_longer_than_a_line_of_a_desk() -> None:
    entries = [entry for area in AREAS for entry in area.MENU]
    for role in Role:
        seen = [each for each in entries if each.permission in ROLE_PERMISSIONS[role] | {None}]
        assert len(arranged(seen)) + FRONT <= WIDEST, role
    assert {each.permission for each in entries} <= set(Permission) | {None}
