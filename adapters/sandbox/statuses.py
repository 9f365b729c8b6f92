"""The sandbox's words to ours. What is not listed is unknown; a real adapter dates each list."""

from cbi.fsp.messages import FailureReason, LineKind, Outcome

OUTCOMES: dict[str, Outcome] = {
    "QUEUED": Outcome.ACCEPTED,
    "DONE": Outcome.PAID,
    "DECLINED": Outcome.FAILED,
    "REVERSED": Outcome.RETURNED,
    # The first message under this reference stands, whatever became of it: ask, never call it failed.
    "DUPLICATE": Outcome.UNKNOWN,
    "NOT_FOUND": Outcome.UNKNOWN,
}

FAILURES: dict[str, FailureReason] = {
    "NO_SUCH_ACCOUNT": FailureReason.ACCOUNT_NOT_FOUND,
    "ACCOUNT_FROZEN": FailureReason.ACCOUNT_BLOCKED,
    "NAME_DIFFERS": FailureReason.NAME_MISMATCH,
    "OVER_LIMIT": FailureReason.LIMIT_EXCEEDED,
    "FLOAT_TOO_LOW": FailureReason.INSUFFICIENT_FLOAT,
    "NOT_COLLECTED": FailureReason.NOT_COLLECTED,
    "BROKEN": FailureReason.PROVIDER_ERROR,
}

LINES: dict[str, LineKind] = {
    "PAYOUT": LineKind.PAYMENT,
    "REVERSAL": LineKind.RETURN,
    "CHARGE": LineKind.FEE,
    "TOPUP": LineKind.TOP_UP,
}
