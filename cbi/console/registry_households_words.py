"""What the page of a household calls things, and the refusals that it can meet."""

from collections.abc import Mapping

from cbi.console.languages import N_
from cbi.console.refusals import Table
from cbi.registry.households.models import ChangeKind, MemberRole
from cbi.registry.models import Gone
from cbi.registry.viewing import Field

STATUSES: Mapping[str, tuple[str, str]] = {
    "active": (N_("registered"), "good"),
    "departed": (N_("departed"), "plain"),
    "merged": (N_("part of another household"), "plain"),
    "empty": (N_("nobody is left in it"), "bad"),
}
"""How a household stands, and its sign."""

ROLES: Mapping[str, str] = {
    MemberRole.HEAD: N_("head"),
    MemberRole.COLLECTOR: N_("collects"),
    MemberRole.ALTERNATE: N_("collects in place"),
}
SEXES: Mapping[str, str] = {
    "female": N_("female"), "male": N_("male"), "other": N_("another sex"), "unknown": N_("sex not known"),
}  # fmt: skip
GONE: Mapping[str, str] = {
    Gone.DIED: N_("died"), Gone.LEFT: N_("left"), Gone.SAME: N_("was on record twice"),
}  # fmt: skip
FIELDS: Mapping[str, str] = {
    Field.NAME: N_("Name"), Field.PHONE: N_("Telephone"), Field.DOCUMENT: N_("Document"), Field.BORN: N_("Born"),
}  # fmt: skip

CHANGES: Mapping[ChangeKind, str] = {
    ChangeKind.DIED: N_("A member died"),
    ChangeKind.LEFT: N_("A member left for good"),
    ChangeKind.DEPARTED: N_("The whole household departed"),
    ChangeKind.RETURNED: N_("A member, or the household, is back"),
    ChangeKind.BORN: N_("A child was born"),
    ChangeKind.JOINED: N_("Somebody joined it"),
    ChangeKind.COLLECTOR: N_("Somebody else collects"),
    ChangeKind.ALTERNATE: N_("Somebody collects in place"),
    ChangeKind.HEAD: N_("Somebody else is the head"),
    ChangeKind.PHONE: N_("Another telephone"),
    ChangeKind.CORRECTED: N_("Something is written wrongly"),
    ChangeKind.MOVED: N_("It moved"),
}
"""What can be said on the page."""

_NEW = ("name", "sex", "born_on", "age", "document_kind", "document")
_COLLECTS = ("member", "phone", "document_kind", "document", "word", "consent_on")
ASKS: Mapping[ChangeKind, tuple[str, ...]] = {
    ChangeKind.DIED: ("anybody",),
    ChangeKind.LEFT: ("anybody",),
    ChangeKind.DEPARTED: (),
    ChangeKind.RETURNED: ("anybody",),
    ChangeKind.BORN: _NEW,
    ChangeKind.JOINED: _NEW,
    ChangeKind.COLLECTOR: _COLLECTS,
    ChangeKind.ALTERNATE: _COLLECTS,
    ChangeKind.HEAD: ("member",),
    ChangeKind.PHONE: ("member", "new_phone"),
    ChangeKind.CORRECTED: ("anybody", "name", "sex", "born_on", "document_kind", "document", "size", "language"),
    ChangeKind.MOVED: ("area",),
}  # fmt: skip
"""The fields that the form of each kind has, beside day, reason and paper. `anybody`: a member, or none of them."""

HOLDS: Mapping[str, str] = {
    "inactive": N_("It is not registered any more: nothing is paid."),
    "nobody_collects": N_("Nobody collects for it: say who does."),
    "pair": N_("Somebody of it may be on record twice: two people find that out first."),
    "document": N_("Another household shows a document of its people: that is found out first."),
    "suspended": N_("It is suspended in %(programme)s since %(day)s."),
}
"""Why nothing, or less, is paid to it now."""

REFUSALS: Table = {
    "household.unusable_change": (
        N_("What is said of the household cannot be used, or something is missing."),
        N_("Choose what happened, fill in what it needs, and say why in a few words."),
    ),
    "household.cannot_change": (
        N_("The household is not so that this can be noted of it."), N_("Look at its members, and say what happened."),
    ),
    "household.changed_meanwhile": (
        N_("Somebody else has changed the household meanwhile."), N_("Look at it as it is now, and say it again."),
    ),
    "household.not_yet": (
        N_("Not now: a cycle is being opened, or something about the household is decided first."),
        N_("Try again in a few minutes."),
    ),
    "household.waits_already": (
        N_("A change of this kind waits already."), N_("Have it confirmed or refused first."),
    ),
    "household.unknown_member": (N_("Nobody of the household is meant."), N_("Choose a member of the list.")),
    "household.unknown": (N_("There is no such household."), N_("Check the number in the registration list.")),
    "registry.unknown_household": (
        N_("There is no such household, or several sources have one of this number."),
        N_("Check the number in the registration list; write source/number where several have it."),
    ),
    "registry.unusable_purpose": (
        N_("It was not said what is to be opened, or for what."), N_("Choose both."),
    ),
    "registry.own_record": (
        N_("This record may be your own."), N_("Ask a colleague to do it."),
    ),
}  # fmt: skip
