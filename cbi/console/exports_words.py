"""What lists of people and disclosures are called on pages."""

from collections.abc import Mapping

from cbi import clock
from cbi.console.languages import N_
from cbi.console.refusals import Table
from cbi.console.visit import Visit
from cbi.protection.exporting.models import Export, ExportDecision
from cbi.registry.disclosing.models import (
    Column,
    Disclosure,
    DisclosureDecision,
    RequesterKind,
)
from cbi.registry.purposes import Purpose

PURPOSES: Mapping[str, str] = {
    Purpose.REGISTRATION: N_("registering people"),
    Purpose.CORRECTION: N_("correcting what is registered"),
    Purpose.SAME_PERSON: N_("finding out whether two are one person"),
    Purpose.ASSESSMENT: N_("assessing needs"),
    Purpose.DELIVERY: N_("getting assistance to people"),
    Purpose.WORK: N_("work that is paid"),
    Purpose.COMPLAINT: N_("answering complaints"),
    Purpose.PROTECTION: N_("protecting people"),
    Purpose.OWN_REQUEST: N_("the people asked for it themselves"),
    Purpose.AUDIT: N_("an audit"),
}

COLUMNS: Mapping[str, str] = {
    Column.NUMBER: N_("registration number"),
    Column.ROLE: N_("role in the household"),
    Column.AREA: N_("area"),
    Column.SIZE: N_("household size"),
    Column.SEX: N_("sex"),
    Column.BORN_YEAR: N_("year of birth"),
    Column.NAME: N_("name"),
    Column.PHONE: N_("telephone"),
    Column.DOCUMENT: N_("document"),
    Column.BORN_ON: N_("date of birth"),
}

REQUESTERS: Mapping[str, str] = {
    RequesterKind.AGENCY: N_("another agency"),
    RequesterKind.PARTNER: N_("a partner"),
    RequesterKind.AUTHORITY: N_("an authority"),
    RequesterKind.COURT: N_("a court"),
    RequesterKind.AUDITOR: N_("an auditor"),
    RequesterKind.DONOR: N_("a donor"),
}

Shown = tuple[str, str]
"""A state in words, and its sign."""


def state_of(visit: Visit, one: Export) -> Shown:
    """Where a list stands."""
    said, sign = _state(one)
    return visit.gettext(said), sign


def _state(one: Export) -> Shown:
    if one.revoked_at is not None:
        return N_("revoked"), "plain"
    if one.decision is ExportDecision.REFUSED:
        return N_("refused"), "plain"
    if one.fetches >= one.most_fetches:
        return N_("fetched"), "plain"
    if one.expires_at <= clock.now():
        return N_("over"), "plain"
    if one.needs_approval and one.decision is None:
        return N_("waits for a second person"), "wait"
    return N_("can be fetched"), "good"


def answer_of(visit: Visit, one: Disclosure) -> Shown:
    """What became of a disclosure."""
    if one.revoked_at is not None:
        return visit.gettext("revoked"), "plain"
    if one.decision is DisclosureDecision.REFUSED:
        return visit.gettext("refused"), "plain"
    if one.decision is None:
        return visit.gettext("waits for the legal officer"), "wait"
    return visit.gettext("approved by the legal officer"), "good"


REFUSALS: Table = {
    "export.unknown": (
        N_("There is no list of this number for what you wanted to do."),
        N_("See below how the lists stand now."),
    ),
    "export.unusable": (
        N_("A list cannot be asked for like this."),
        N_("Choose at least one column and what it is for, and look at each field."),
    ),
    "export.nobody_chosen": (
        N_("Nobody is meant, or it was not said who. A list of the whole registry is not made."),
        N_("Choose a programme, an area, or both, and check the period."),
    ),
    "export.too_many_people": (
        N_("This list would hold more people than any may."),
        N_("Ask for one area after the other."),
    ),
    "export.own": (
        N_("You asked for this list or fetch it, so somebody else approves it."),
        N_("Ask a colleague who may approve lists of people."),
    ),
    "export.beyond_disclosure": (
        N_("This list would tell somebody outside more than the legal officer approved."),
        N_("Ask for what was approved, or propose another disclosure."),
    ),
    "export.not_to_be_fetched": (
        N_("This list is not given out: it waits, was refused or revoked, is over, or was fetched as often as it may be."),
        N_("See below how it stands, or ask for it anew."),
    ),
    "export.not_yours": (
        N_("One person fetches the file, another reads its passphrase out. You cannot be both."),
        N_("Ask a colleague."),
    ),
    "export.passphrase_shown": (
        N_("The passphrase of this list was shown before, and is shown once."),
        N_("Whoever asked for the list revokes it and asks anew: that one has another passphrase."),
    ),
    "disclosure.unknown": (
        N_("There is no disclosure of this number for what you wanted to do."),
        N_("See the register."),
    ),
    "disclosure.unusable": (
        N_("A disclosure cannot be proposed like this."),
        N_("A file is about a programme or an area and has columns; the last day is within a year. Look at each field."),
    ),
    "disclosure.own": (
        N_("You proposed this disclosure, or you make users. Somebody else decides about it."),
        N_("Ask a legal officer who is no administrator."),
    ),
    "disclosure.not_allowed": (
        N_("No disclosure that is approved and valid today allows this."),
        N_("Propose one. The legal officer decides."),
    ),
}  # fmt: skip
