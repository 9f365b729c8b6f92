"""What the front page says of what is stuck: why it does not go on, and what to do next."""

from collections.abc import Mapping
from dataclasses import dataclass

from cbi.console.languages import N_
from cbi.console.overview_payee_words import HELD_BY_PAIRS
from cbi.reporting.stuck import Reason


@dataclass(frozen=True, slots=True)
class StuckWords:
    """Why something is stuck, with `%(name)s` for what it is about; and what to do next."""

    why: str
    next: str


_RUNNING = N_("The administrator checks that background work is running.")
STUCK: Mapping[Reason, StuckWords] = {
    Reason.CYCLE_DUE: StuckWords(
        N_("%(programme)s, %(period)s should have opened by itself, and did not."),
        N_("The programme manager opens it, and reads why not"),
    ),
    Reason.NO_RUN: StuckWords(
        N_("%(programme)s, %(period)s: decided, but in no payment run."), N_("The programme manager builds the run."),
    ),
    Reason.LOCK: StuckWords(
        N_("Run %(run)s (%(programme)s, %(period)s) is still a draft."), N_("Look at the run, and lock it"),
    ),
    Reason.CERTIFY: StuckWords(
        N_("Run %(run)s (%(programme)s, %(period)s) waits for the first signature."), N_("Look at the run"),
    ),
    Reason.AUTHORISE: StuckWords(
        N_("Run %(run)s (%(programme)s, %(period)s) waits for the second signature."), N_("Look at the run"),
    ),
    Reason.SIGN: StuckWords(
        N_("Run %(run)s (%(programme)s, %(period)s) waits for another signature."), N_("Look at the run"),
    ),
    Reason.RELEASE: StuckWords(
        N_("Run %(run)s (%(programme)s, %(period)s) is approved, and nobody has released it."),
        N_("Look at the run, and release it"),
    ),
    Reason.PROVIDER_TAKES_NOTHING: StuckWords(
        N_("Run %(run)s (%(programme)s, %(period)s): %(provider)s takes nothing."),
        N_("It is tried again by itself. If it stays so, call the provider."),
    ),
    Reason.NOT_HANDED_OVER: StuckWords(
        N_("Run %(run)s (%(programme)s, %(period)s): a part for %(provider)s is not handed over for over an hour."),
        N_("The administrator checks that background work is running."),
    ),
    Reason.HELD: StuckWords(
        N_("Run %(run)s (%(programme)s, %(period)s): %(provider)s may have paid these, so they are not sent again."),
        N_("Look at the discrepancies"),
    ),
    Reason.HELD_BY_PAIRS: StuckWords(*HELD_BY_PAIRS),
    Reason.UNKNOWN: StuckWords(N_("Nobody can say whether %(provider)s paid these."), N_("Look at each payment")),
    Reason.FAILED: StuckWords(
        N_("Run %(run)s (%(programme)s, %(period)s): %(provider)s could not pay these."), N_("See which, and decide"),
    ),
    Reason.RETURNED: StuckWords(
        N_("Run %(run)s (%(programme)s, %(period)s): money came back from %(provider)s."), N_("See which, and decide"),
    ),
    Reason.DUPLICATES: StuckWords(
        N_("Households may be registered twice; nobody has decided yet, and some of them are not paid until then."),
        N_("See which, and decide"),
    ),
    Reason.NOT_MERGED: StuckWords(
        N_("Households were found to be one person's, and nobody has merged them: none of them is paid until then."),
        N_("See which, and merge them"),
    ),
    Reason.EXPIRED: StuckWords(
        N_("Run %(run)s (%(programme)s, %(period)s): not collected in time."), N_("See which, and decide"),
    ),
    Reason.CODES_LOCKED: StuckWords(
        N_("Codes are locked: too many wrong tries, or reported lost."), N_("Send new codes"),
    ),
    Reason.CODES_EXPIRING: StuckWords(
        N_("Codes will soon be void, and nobody has cashed them."), N_("Remind these people, by a visit or by telephone."),
    ),
    Reason.NO_CASH: StuckWords(
        N_("Office %(office)s said it had no cash: %(count)s × since %(since)s, and has paid nobody after that."),
        N_("Look at the office's cash, and call the provider"),
    ),
    Reason.TEXTS_FAILED: StuckWords(N_("Texts did not reach their telephones."), N_("Find out the right numbers.")),
    Reason.TEXTS_UNKNOWN: StuckWords(N_("Nobody knows whether these texts went out."), N_("Ask the gateway's operator.")),
    Reason.DISCREPANCIES: StuckWords(
        N_("%(provider)s: what it says and what our books say do not agree."), N_("Look at the discrepancies"),
    ),
    Reason.COMPLAINTS_OVERDUE: StuckWords(N_("Complaints should have been answered by now."), N_("Answer them.")),
    Reason.CALLBACKS_UNREAD: StuckWords(
        N_("Messages of %(provider)s cannot be read."), N_("The administrator asks the provider what changed."),
    ),
    Reason.TEXTS_LATE: StuckWords(N_("Texts wait for over ten minutes: nothing sends them."), _RUNNING),
    Reason.NOT_SEALED: StuckWords(N_("Entries of the audit log are not sealed for over ten minutes."), _RUNNING),
    Reason.STANDS_STILL: StuckWords(
        N_("The office stands still since %(since)s: no payment leaves, no code is paid, no text goes out."),
        N_("See why, and what is missing before it goes on"),
    ),
    Reason.PROMISE_BROKEN: StuckWords(
        N_("The proof of the night found broken promises: books, approvals or records are not what they should be."),
        N_("Release nothing. The auditor runs this and looks at each line."),
    ),
    Reason.NOT_PROVED: StuckWords(
        N_("Nobody has proved for over two days that books, approvals and records are what they should be."), _RUNNING,
    ),
}  # fmt: skip
