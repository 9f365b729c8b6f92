"""What pages say of notices and of what people said to them: purposes, answers, and why something was refused."""

from collections.abc import Mapping

from cbi.console.languages import N_
from cbi.console.refusals import Table
from cbi.programmes.legal_models import Ground
from cbi.registry.consent.models import Answer, How, Scope

SCOPES: Mapping[Scope, str] = {
    Scope.ASSISTANCE: N_("To be registered, assessed and paid"),
    Scope.PROVIDER: N_("That the provider who pays gets what it needs"),
    Scope.TEXTS: N_("To be written to by SMS"),
    Scope.REFERRAL: N_("To be named to a partner who could help"),
    Scope.DUPLICATES: N_("To be looked for in other agencies' registries"),
    Scope.RESEARCH: N_("To be asked how it went"),
}

ANSWERS: Mapping[Answer, tuple[str, str]] = {
    Answer.GIVEN: (N_("yes"), "good"),
    Answer.REFUSED: (N_("no"), "bad"),
    Answer.WITHDRAWN: (N_("taken back"), "bad"),
}

HOW: Mapping[How, str] = {
    How.IN_PERSON: N_("in person"),
    How.SIGNED: N_("on a signed paper"),
    How.CALL: N_("on the telephone"),
    How.GUARDIAN: N_("by the guardian"),
    How.TEXT: N_("by SMS"),
    How.LIST: N_("as a list says"),
}

STOPS: Mapping[Scope, str] = {
    Scope.ASSISTANCE: N_("No: nothing more is owed from the next cycle on, where the programme rests on consent."),
    Scope.PROVIDER: N_("No: no provider is given anything; what is not sent yet is held, and paid by hand."),
    Scope.TEXTS: N_("No: no text is sent; a code that only a text could tell is not issued, and the money is held."),
    Scope.REFERRAL: N_("No: nobody is named to a partner."),
    Scope.DUPLICATES: N_("No: they are in no file of keyed hashes."),
    Scope.RESEARCH: N_("No: they are not asked."),
}  # fmt: skip

GROUNDS: Mapping[Ground, str] = {
    Ground.CONSENT: N_("consent"),
    Ground.CONTRACT: N_("a contract"),
    Ground.LEGAL_OBLIGATION: N_("a legal obligation"),
    Ground.VITAL_INTEREST: N_("a vital interest"),
    Ground.PUBLIC_INTEREST: N_("a public interest, or a mandate"),
    Ground.LEGITIMATE_INTEREST: N_("a legitimate interest"),
}

_OWN = (N_("You proposed this, so somebody else decides about it."), N_("Ask a colleague who may."))
_OVER = (N_("This does not wait for a decision any more."), N_("See what waits now."))
_NOTICE = (
    N_("Nobody may be asked for this with that notice, on that day."),
    N_("Choose a notice that asks for it and is valid on that day."),
)

REFUSALS: Table = {
    "notice.own": _OWN, "legal_basis.own": _OWN,
    "notice.decided": _OVER, "legal_basis.not_found": _OVER,
    "notice.not_found": _NOTICE, "notice.cannot_ask_so": _NOTICE,
    "notice.waits": (
        N_("A version of this notice waits for a second person."), N_("Accept or refuse it first."),
    ),
    "notice.nothing_new": (
        N_("The file says what is in use already, word for word."), N_("There is nothing to accept."),
    ),
    "notice.unusable": (
        N_("The file is no notice that could be told to people."),
        N_("Check its purposes, its last day, and that each language has every text."),
    ),
    "consent.unusable": (
        N_("What is to be recorded does not fit together."),
        N_("Say what was said, to which purposes, how, on which day, and which notice was told."),
    ),
    "consent.list_too_long": (N_("The list has too many rows."), N_("Split it into several lists.")),
    "consent.said_later": (
        N_("On %(day)s the person said something later about this."),
        N_("What was said last counts: record it with the day on which it was said."),
    ),
    "consent.already_said": (
        N_("That is on record since %(day)s."), N_("There is nothing to record."),
    ),
    "legal_basis.waits": (
        N_("Nobody has accepted the legal basis that the programme's file names."),
        N_("Somebody else than who applied the file accepts it."),
    ),
    "legal_basis.left_out": (
        N_("The file leaves out the legal basis that two people gave the programme."),
        N_("Keep it, or name another one."),
    ),
    "top_up.not_agreed": (
        N_("Somebody on the list has not agreed to be assisted, or no longer."),
        N_("Refuse it, and have it proposed without them."),
    ),
    "registry.unknown_household": (
        N_("There is no such household."), N_("Check the number in the registration list."),
    ),
    "registry.unknown_person": (
        N_("There is no such person, or their data was erased."), N_("Check the household's record."),
    ),
}  # fmt: skip
