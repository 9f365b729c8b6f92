"""What pages say of pairs: how closely two records agree, what was found out, and why something was refused."""

from collections.abc import Mapping

from cbi.console.languages import N_
from cbi.console.refusals import Table
from cbi.console.visit import Visit
from cbi.registry.linkage.models import Finding, PairState
from cbi.registry.linkage.telling import reasons_of

LEVELS: Mapping[str, str] = {
    "name_same": N_("The same name"),
    "name_sounds_same": N_("The names sound the same"),
    "name_sounds_same_in_part": N_("The names sound the same, one of them has more parts"),
    "name_close": N_("The names are nearly the same"),
    "name_one_close": N_("Part of the name sounds the same, the rest resembles it"),
    "name_one_same": N_("Part of the name sounds the same"),
    "name_differs": N_("Other names"),
    "birth_same": N_("The same date of birth"),
    "birth_swapped": N_("Day and month of birth swapped"),
    "birth_one_off": N_("The dates of birth are one day or one year apart"),
    "birth_two_parts": N_("The dates of birth differ in the day, the month or the year alone"),
    "birth_year_known": N_("Only a year or an age is known, and it agrees"),
    "birth_near": N_("Born about the same year"),
    "birth_about": N_("Born some years apart, by age"),
    "birth_differs": N_("Other dates of birth"),
    "sex_same": N_("The same sex"),
    "sex_differs": N_("The other sex"),
    "home_phone": N_("The same telephone"),
    "home_place_and_size": N_("The same place and size of household"),
    "home_place": N_("The same place"),
    "home_differs": N_("Another place, and no telephone in common"),
    "document_same": N_("The same document"),
    "document_close": N_("Documents that differ in one sign"),
    "document_differs": N_("Another document of the same kind"),
}

FINDINGS: Mapping[Finding, str] = {
    Finding.DIFFERENT: N_("two people"),
    Finding.SAME: N_("the same person"),
    Finding.ASK_AGAIN: N_("nobody can tell yet"),
    Finding.TAKEN_BACK: N_("taken back"),
    Finding.UNDO_ASKED: N_("wants both records back"),
    Finding.UPHELD: N_("stays one record"),
}

STATES: Mapping[PairState, tuple[str, str]] = {
    PairState.OPEN: (N_("Open: neither household is paid"), "wait"),
    PairState.DIFFERENT: (N_("Two people"), "good"),
    PairState.SAME: (N_("The same person, now on record once"), "good"),
}

REFUSALS: Table = {
    "registry.unknown_pair": (N_("There is no such pair."), N_("Go back to the list.")),
    "registry.pair_settled": (
        N_("This pair was settled in the meantime, or is open again."), N_("See below who said so."),
    ),
    "registry.pair_said_already": (
        N_("You have said so already."), N_("Somebody else must look at this pair, too."),
    ),
    "registry.unusable_finding": (
        N_("This cannot be said of the pair as it stands."),
        N_(
            "If both are one person, choose which record stays: the one that was chosen before you, if there is one, and not"
            " that of a household that has departed or of somebody who has left."
        ),
    ),
    "registry.pair_one_died": (
        N_("One of the two was noted to have died, and the household of the other is paid."),
        N_(
            "If they live, note first that they are back; if they died, note it of the other record, too. If it is somebody"
            " else, say that they are two people."
        ),
    ),
    "registry.own_record": (N_("This record may be your own."), N_("Somebody else must do this.")),
    "registry.still_comparing": (
        N_("People were registered who have not been compared with the others yet, and they are many."),
        N_("Wait for the worker."),
    ),
}  # fmt: skip


def because(visit: Visit, levels: Mapping[str, str]) -> list[str]:
    """Why two records may be one person, a sentence for each thing that is known of both."""
    return [visit.gettext(LEVELS[level]) for _, level in reasons_of(levels)]


def state_of(visit: Visit, state: PairState) -> tuple[str, str]:
    """A pair's state in words, and its kind."""
    words, kind = STATES[state]
    return visit.gettext(words), kind
