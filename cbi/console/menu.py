"""The menu of the pages: single entries, and shelves of those that belong together."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from cbi.access.permissions import Permission
from cbi.console.languages import N_


class Group(StrEnum):
    """What several entries belong to, as it stands in the menu."""

    FINANCE = N_("Finance")
    REGISTRATION = N_("Registration")
    DATA = N_("Consent and data")


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the menu, for whoever holds the permission (None: for everybody who is signed in)."""

    label: str
    path: str
    permission: Permission | None = None
    group: Group | None = None


@dataclass(frozen=True, slots=True)
class Shelf:
    """One place in the menu's line: a single entry, or a group of several under its label."""

    entries: tuple[Entry, ...]
    label: str = ""


def arranged(entries: Sequence[Entry]) -> list[Shelf]:
    """The entries in their order, each group where its first entry stood; a group of one is just that entry."""
    places: dict[Entry | Group, list[Entry]] = {}
    for entry in entries:
        places.setdefault(entry.group or entry, []).append(entry)
    return [
        Shelf(tuple(found), place if isinstance(place, Group) and len(found) > 1 else "")
        for place, found in places.items()
    ]
