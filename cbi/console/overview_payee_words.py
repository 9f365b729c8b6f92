"""What the pages say of money that was not sent: whom it was approved for is not there any more, or may be there twice."""

from collections.abc import Mapping

from cbi.console.languages import N_
from cbi.payments.sending.consented import CONSENT_WITHDRAWN, NO_SHARING, NO_TEXTS
from cbi.payments.sending.elsewhere import PAID_ELSEWHERE
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
    PAID_ELSEWHERE: (
        N_("Paid with another household"),
        N_("The head or collector was on record twice and is paid with another household: nothing was sent."),
        N_("Give the payment up. Where the other household is not paid after all, try it again."),
    ),
    CONSENT_WITHDRAWN: (
        N_("The recipient agrees no longer"),
        N_("The recipient has taken back the consent that the programme rests on, so nothing was sent."),
        N_("Give the payment up. If they agree again, record it and pay in a new run."),
    ),
    NO_SHARING: (
        N_("Nothing may be given to a provider"),
        N_("The recipient has said no to giving a provider what it needs to pay, so the money was not sent."),
        N_("Give the payment up and pay by hand: where the programme offers direct delivery, a new run does so."),
    ),
    NO_TEXTS: (
        N_("No text may tell the code"),
        N_("The recipient has said no to texts, so a code would reach nobody, and none was issued."),
        N_("Give the payment up and pay by hand: where the programme offers direct delivery, a new run does so."),
    ),
}  # fmt: skip

HELD_BY_PAIRS = (
    N_(
        "Run %(run)s (%(programme)s, %(period)s): somebody may be registered twice, so %(provider)s is not given these yet."
    ),
    N_("Decide the pairs; what is found to be two people is sent by itself."),
)
"""What is said of payments that wait for people to decide about a pair: why, and what to do."""

PAYEE_FAILURES: Mapping[str, str] = {
    ACCOUNT_CHANGED: N_("The number is not the one that was approved."),
    PAYEE_GONE: N_("The person does not collect for the household any more."),
    PAID_ELSEWHERE: N_("The person was on record twice and is paid with another household."),
    CONSENT_WITHDRAWN: N_("The person has taken back the consent that the programme rests on."),
    NO_SHARING: N_("The person has said no to giving a provider what it needs."),
    NO_TEXTS: N_("The person has said no to texts, which would tell the code."),
}
