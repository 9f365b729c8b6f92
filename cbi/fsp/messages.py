"""The values that cross the line between the engine and a provider's adapter."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from cbi.errors import Invalid
from cbi.money import LARGEST_MINOR, Money


class UnusableAmountRule(Invalid):
    """A rule on amounts that no amount could meet."""

    code = "fsp.unusable_amount_rule"


class UnusableProfile(Invalid):
    """A provider's profile that says what none can mean."""

    code = "fsp.unusable_profile"


class Outcome(StrEnum):
    """What the provider said, in our words."""

    ACCEPTED = "accepted"  # taken; the final word comes later
    PAID = "paid"
    FAILED = "failed"  # certain that no money moved
    RETURNED = "returned"  # paid, then came back
    UNKNOWN = "unknown"  # every status that we do not recognise ends here


class FailureReason(StrEnum):
    """Why no money moved: a closed list; the provider's own code is kept beside it."""

    ACCOUNT_NOT_FOUND = "account_not_found"
    ACCOUNT_BLOCKED = "account_blocked"
    NAME_MISMATCH = "name_mismatch"
    LIMIT_EXCEEDED = "limit_exceeded"
    INSUFFICIENT_FLOAT = "insufficient_float"
    NOT_COLLECTED = "not_collected"
    PROVIDER_ERROR = "provider_error"


class DeliveryMechanism(StrEnum):
    """How the money reaches the person (CALP glossary, 2023)."""

    CASH_OVER_COUNTER = "cash_over_counter"
    MOBILE_MONEY = "mobile_money"
    BANK_TRANSFER = "bank_transfer"
    PREPAID_CARD = "prepaid_card"
    DIRECT_DELIVERY = "direct_delivery"


class Idempotency(StrEnum):
    """What the provider promises when the same instruction reaches it twice."""

    BY_KEY = "by_key"  # it pays once per key
    BY_QUERY = "by_query"  # it may pay twice; we ask before we send again


class Debits(StrEnum):
    """When the provider takes a payment's money from our float."""

    AT_PAYMENT = "at_payment"
    AT_ACCEPTANCE = "at_acceptance"  # and gives it back where the payment fails


@dataclass(frozen=True, slots=True)
class AmountRule:
    """The amounts a provider pays in one currency, in minor units: from minimum to maximum, in multiples of step.

    `step` exists because some pay whole shillings though ISO 4217 gives KES two decimals.
    """

    minimum: int = 1
    maximum: int = LARGEST_MINOR
    step: int = 1

    def __post_init__(self) -> None:
        if self.step < 1 or not 1 <= self.minimum <= self.maximum <= LARGEST_MINOR:
            raise UnusableAmountRule(
                "A rule on amounts needs 0 < minimum ≤ maximum and a step above zero."
            )
        if self.maximum // self.step * self.step < self.minimum:
            raise UnusableAmountRule(
                "No multiple of the step lies between the minimum and the maximum."
            )

    def admits(self, minor: int) -> bool:
        """Whether the provider pays that many minor units."""
        return self.minimum <= minor <= self.maximum and minor % self.step == 0


GIVES_BACK_AT_LATEST = timedelta(days=31)
"""No contract leaves a provider longer with money of a payment that it did not make."""


@dataclass(frozen=True, slots=True)
class FspProfile:
    """Facts about a provider, checked before a run is built and again before a payment is sent.

    `idempotency` is None where nothing is ever submitted: the engine itself issues codes, or people carry the cash.
    `at_once` is how many payments are submitted at the same time, each by a thread of its own. That many are asked about
    after a crash, so it is no larger than speed needs. `debits` says when a payment's money leaves our float, and
    `gives_back_within` how long after a payment ended unpaid it may take to be listed as given back, where it left before.
    """

    name: str
    delivery_mechanisms: frozenset[DeliveryMechanism]
    amount_rules: Mapping[str, AmountRule]
    idempotency: Idempotency | None = None
    at_once: int = 1
    debits: Debits = Debits.AT_PAYMENT
    gives_back_within: timedelta = timedelta(days=7)

    def __post_init__(self) -> None:
        if not timedelta() <= self.gives_back_within <= GIVES_BACK_AT_LATEST:
            raise UnusableProfile(
                f"Money that paid nobody is given back within {GIVES_BACK_AT_LATEST.days} days, or asked for."
            )

    def admits(self, amount: Money) -> bool:
        """Whether the provider pays this amount; a currency without a rule is never paid."""
        rule = self.amount_rules.get(amount.currency)
        return rule is not None and rule.admits(amount.minor)


@dataclass(frozen=True, slots=True, repr=False)
class Payee:
    """Who is paid: the account as the provider knows it, and the name it may check. Never shown by repr."""

    account: str
    name: str

    def __repr__(self) -> str:
        return "Payee(hidden)"


@dataclass(frozen=True, slots=True)
class PaymentInstruction:
    """One attempt at one payment, as handed to the adapter. `idempotency_key` comes from `keys.idempotency_key`."""

    payment_id: UUID
    idempotency_key: str
    amount: Money
    mechanism: DeliveryMechanism
    payee: Payee


@dataclass(frozen=True, slots=True)
class ProviderUpdate:
    """What a provider said about one attempt: the one answer to submitting, asking and being called back.

    FAILED always carries `failure`. `provider_code` keeps the provider's own word. `amount` is what it says it paid,
    where it says so: with another amount than was sent, nothing is believed to be paid. `ticket` is what it gave us to
    ask by, where that is not our key; it comes back in the `Question`, also after a restart, and nobody is shown it.
    """

    idempotency_key: str
    outcome: Outcome
    provider_reference: str | None = None
    failure: FailureReason | None = None
    provider_code: str | None = None
    occurred_at: datetime | None = None
    amount: Money | None = None
    ticket: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Question:
    """What became of one attempt? With everything that a provider may find it by.

    `account` is the payee's, as in the instruction; None when nobody knows it any more. `ticket` is the latest that the
    provider gave for this attempt; None when it gave none, or its answer was lost. Neither is shown by repr.
    """

    idempotency_key: str
    account: str | None = field(default=None, repr=False)
    ticket: str | None = field(default=None, repr=False)


ABOUT = "X-Callback-About"
"""A header of a callback that the engine itself sets: what stood behind the provider's name in the address it came to."""


@dataclass(frozen=True, slots=True)
class Callback:
    """A message that reached us over HTTP, exactly as it came; repr shows nothing of it.

    `received_at` is when it came, where it was kept and is read later: a signature that names its moment was fresh then.
    """

    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    received_at: datetime | None = None

    def header(self, name: str) -> str | None:
        """The header of that name, in whatever letter case it came."""
        wanted = name.lower()
        return next((text for key, text in self.headers.items() if key.lower() == wanted), None)


@dataclass(frozen=True, slots=True)
class PaymentFile:
    """Instructions written down for a bank or a paying team; repr does not show the content."""

    name: str
    media_type: str
    content: bytes = field(repr=False)
    count: int
    total: Money


class LineKind(StrEnum):
    """What a line of a statement did to our float."""

    PAYMENT = "payment"  # left it
    RETURN = "return"  # came back
    FEE = "fee"  # left it, to the provider
    TOP_UP = "top_up"  # we added to it
    OTHER = "other"  # anything else; the amount carries its own sign


LEAVES = (LineKind.PAYMENT, LineKind.FEE)
"""The kinds of lines whose money left our float."""


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One movement in the provider's account of what happened.

    `amount` is above zero, except that OTHER keeps its sign (below zero: money left). `line_id` is the movement's own
    name: the same in every file that lists it, distinct within one file. `line_number` is its place in this file.
    """

    line_id: str
    kind: LineKind
    amount: Money
    value_date: date
    idempotency_key: str | None = None
    provider_reference: str | None = None
    office: str | None = None
    line_number: int = 0

    @property
    def effect(self) -> Money:
        """The change of our float: below zero when money left it."""
        return -self.amount if self.kind in LEAVES else self.amount


@dataclass(frozen=True, slots=True)
class Statement:
    """A provider's statement in one currency. `opening` and `closing` are None where it gives no balances.

    `lines` can be read as often as one likes: a tuple, or `Lines`, which reads them from the file anew each time.
    """

    currency: str
    opening: Money | None
    closing: Money | None
    lines: Sequence[StatementLine]

    @property
    def movement(self) -> Money:
        """The sum of the lines' effects on our float."""
        return Money(sum(line.effect.minor for line in self.lines), self.currency)
