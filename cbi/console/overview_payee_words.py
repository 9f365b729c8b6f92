"""What the pages say of money that was not sent because whom it was approved for is not there any more."""

from collections.abc import Mapping

from cbi.console.languages import N_
from cbi.payments.sending.recipients import ACCOUNT_CHANGED, PAYEE_GONE

PAYEE_KINDS: Mapping[str, tuple[str, str, str]] = {
    ACCOUNT_CHANGED: (
        N_("The number was changed after approval"),
        N_("The recipient's number is not the one that was approved, so the money was not sent."),
        N_("Ask the recipient face to face, then pay in a new run."),
    ),
    PAYEE_GONE: (
        N_("The collector is gone"),
        N_("Whoever was to receive has died, left or collects no more, or the household is not active: nothing was sent."),
        N_("See the household. Once another collector is confirmed, give the payment up and pay it in a new run."),
    ),
}  # fmt: skip

PAYEE_FAILURES: Mapping[str, str] = {
    ACCOUNT_CHANGED: N_("The number is not the one that was approved."),
    PAYEE_GONE: N_("The person does not collect for the household any more."),
}
