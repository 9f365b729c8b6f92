"""What can go wrong between us and a provider; each error says only what is certain.

    NotSent              nothing went out: sending again is safe
    UntrustedCallback    the provider's signature is missing or wrong
    UnreadableStatement  a statement that cannot be read to the last line
    AdapterUnavailable   the provider cannot be used by this deployment
    UnusableSetting      a setting of an adapter is missing, unknown or out of range

Any other exception out of an adapter means that we do not know what happened.
"""

from cbi.errors import Conflict, Forbidden, Invalid


class NotSent(Conflict):
    """Nothing reached the provider. The only error after which a payment may be sent again.

    `retry_helps` is False where the instruction itself is outside what the provider pays, so that sending the same
    again can only fail the same way.
    """

    code = "fsp.not_sent"

    def __init__(self, message: str, *, next_step: str = "", retry_helps: bool = True) -> None:
        super().__init__(message, next_step=next_step, retry_helps=retry_helps)
        self.retry_helps = retry_helps


class UntrustedCallback(Forbidden):
    """The message does not prove that it comes from the provider."""

    code = "fsp.untrusted_callback"


class UnreadableStatement(Invalid):
    """The statement cannot be read to the last line, so none of it is used.

    `line` counts from 1 in the file as a text editor shows it; what concerns the whole file names line 1.
    """

    code = "fsp.unreadable_statement"

    def __init__(self, line: int, reason: str, *, next_step: str = "") -> None:
        super().__init__(
            f"Line {line} of the statement: {reason}",
            next_step=next_step or "Ask the provider for the file anew; do not mend it by hand.",
            line=line,
            reason=reason,
        )
        self.line = line
        self.reason = reason


class AdapterUnavailable(Conflict):
    """This deployment may not, or cannot, use that provider."""

    code = "fsp.adapter_unavailable"


class UnusableSetting(Invalid):
    """A setting of an adapter is missing, unknown or out of range. The message never shows its value."""

    code = "fsp.unusable_setting"
