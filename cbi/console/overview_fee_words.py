"""What the pages call the ways in which fees and tariffs disagree: the name, what it means, and what to do about it."""

from collections.abc import Mapping

from cbi.console.languages import N_

FEE_KINDS: Mapping[str, tuple[str, str, str]] = {
    "fee_above_tariff": (
        N_("A fee above the tariff"),
        N_("The provider took a higher fee than its tariff says."),
        N_("Claim the difference back from the provider, or correct the tariff if its contract has changed."),
    ),
    "fee_below_tariff": (
        N_("A fee below the tariff"),
        N_("The provider took a lower fee than its tariff says."),
        N_("Ask the provider whether the rest is still to come, or correct the tariff."),
    ),
    "fees_not_reserved": (
        N_("Fees that were not set aside"),
        N_("Fees that the tariff allows, for which the run had set nothing aside."),
        N_("They were paid from the programme's budget. Find out why the run did not expect them."),
    ),
}  # fmt: skip
