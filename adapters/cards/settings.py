"""What the adapter must be told: Stripe's keys, the currencies that cards have, and the office's own address."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from adapters.cards.amounts import NotInStripesUnits, rule, to_stripe
from cbi.errors import CbiError
from cbi.fsp.messages import AmountRule, UnusableAmountRule
from cbi.fsp.settings import AdapterSettings
from cbi.money import Money

STRIPE = "https://api.stripe.com"
CARD_TYPES = ("virtual", "physical")
_KEY = re.compile(r"(sk|rk)_(test|live)_[A-Za-z0-9_]{8,250}")
_LOCAL = ("http://127.0.0.1:", "http://localhost:")


@dataclass(frozen=True, slots=True)
class CardSettings:
    """`address` is the billing address of every cardholder: the office's own, since many recipients have none."""

    api_key: str = field(repr=False)
    webhook_secret: str = field(repr=False)
    amount_rules: Mapping[str, AmountRule]
    address: Mapping[str, str]
    email_domain: str
    card_type: str = "virtual"
    ship_to: str = ""
    """Who physical cards are sent to, all together, at `address`."""
    base_url: str = STRIPE
    timeout: timedelta = timedelta(seconds=30)
    tolerance: timedelta = timedelta(minutes=5)


def read(given: Mapping[str, str]) -> CardSettings:
    """From the variables that docs/adapters.md lists. Raises UnusableSetting."""
    settings = AdapterSettings("cards", given)
    api_key = settings.text("API_KEY")
    if not _KEY.fullmatch(api_key):
        raise settings.refuse(
            "API_KEY", "must be a secret or restricted key of Stripe's (sk_…, rk_…)"
        )
    secret = settings.text("WEBHOOK_SECRET")
    if not secret.startswith("whsec_") or len(secret) < 16:
        raise settings.refuse(
            "WEBHOOK_SECRET", "must be the signing secret of the endpoint (whsec_…)"
        )
    base_url = settings.text("BASE_URL", STRIPE).rstrip("/")
    if not base_url.startswith(("https://", *_LOCAL)):
        raise settings.refuse("BASE_URL", "must begin with https:// unless it is on this machine")
    card_type = settings.text("CARD_TYPE", "virtual")
    if card_type not in CARD_TYPES:
        raise settings.refuse("CARD_TYPE", f"must be {' or '.join(CARD_TYPES)}")
    ship_to = settings.text("SHIP_TO")
    if card_type == "physical" and not ship_to:
        raise settings.refuse("SHIP_TO", "must say who physical cards are sent to")
    domain = settings.text("EMAIL_DOMAIN")
    if not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", domain):
        raise settings.refuse(
            "EMAIL_DOMAIN", "must be a domain of the office's, such as cards.example.org"
        )
    read = CardSettings(
        api_key=api_key, webhook_secret=secret, amount_rules=_amount_rules(settings), address=_address(settings),
        email_domain=domain, card_type=card_type, ship_to=ship_to, base_url=base_url,
        timeout=timedelta(seconds=_bounded(settings, "TIMEOUT_SECONDS", 30, 1, 300)),
        tolerance=timedelta(seconds=_bounded(settings, "TOLERANCE_SECONDS", 300, 1, 3600)),
    )  # fmt: skip
    settings.done()
    return read


def _bounded(settings: AdapterSettings, key: str, usual: int, low: int, high: int) -> int:
    number = settings.number(key, usual)
    if not low <= number <= high:
        raise settings.refuse(key, f"must be from {low} to {high}")
    return number


def _amount_rules(settings: AdapterSettings) -> dict[str, AmountRule]:
    codes = [
        code.strip().upper() for code in settings.text("CURRENCIES").split(",") if code.strip()
    ]
    if not codes:
        raise settings.refuse(
            "CURRENCIES", "must name the currencies of the cards, such as EUR,GBP"
        )
    maximums = settings.pairs("MAXIMUM_")
    rules = {}
    for code in codes:
        try:
            rules[code] = rule(code)
        except CbiError as error:
            raise settings.refuse(
                "CURRENCIES", "must be currencies that Stripe has a unit for"
            ) from error
    for code, text in maximums.items():
        try:
            most = Money.parse(text, code)
            to_stripe(Money(most.minor - most.minor % rules[code].step, code))
            rules[code] = rule(code, most.minor)
        except (KeyError, CbiError, NotInStripesUnits, UnusableAmountRule) as error:
            raise settings.refuse(
                f"MAXIMUM_{code}", "must be an amount in one of the currencies, such as 300"
            ) from error
    return rules


def _address(settings: AdapterSettings) -> dict[str, str]:
    parts = {
        part: settings.text(f"ADDRESS_{part.upper()}")
        for part in ("line1", "city", "postal_code", "country", "state")
    }
    for part in ("line1", "city", "postal_code", "country"):
        if not parts[part]:
            raise settings.refuse(f"ADDRESS_{part.upper()}", "must be given: Stripe asks for it")
    if not re.fullmatch("[A-Z]{2}", parts["country"]):
        raise settings.refuse("ADDRESS_COUNTRY", "must be a code of ISO 3166, such as FR")
    return {part: text for part, text in parts.items() if text}
