"""What must be agreed with a mobile money operator: where it is, who we are to it, its limits and its words."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from adapters.mobile_money import statuses
from cbi.errors import CbiError
from cbi.fsp.messages import AmountRule, Outcome, UnusableAmountRule
from cbi.fsp.settings import AdapterSettings
from cbi.money import Money

SHORTEST_SECRET = 32
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class Credentials:
    """How we show who we are: an API key, a user name and password, OAuth 2.0, or a key beside one of the others."""

    api_key: str = field(default="", repr=False)
    client_id: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    token_url: str = ""
    client_secret: str = field(default="", repr=False)
    scope: str = ""


@dataclass(frozen=True, slots=True)
class MobileMoneySettings:
    """`words` gives the outcome of each of the operator's transaction statuses, in small letters."""

    base_url: str
    account_type: str
    account: str
    credentials: Credentials
    amount_rules: Mapping[str, AmountRule]
    words: Mapping[str, Outcome]
    callback_url: str = ""
    callback_secret: str = field(default="", repr=False)
    callback_minutes: int = 15
    msisdn_plus: bool = True
    heartbeat: bool = True
    fees_are_ours: bool = True
    timeout_seconds: int = 30
    requests_per_second: int = 0
    at_once: int = 16
    headers: Mapping[str, str] = field(default_factory=dict)


def read(given: Mapping[str, str]) -> MobileMoneySettings:
    """From the variables that docs/adapters.md lists. Raises UnusableSetting."""
    settings = AdapterSettings("mobile_money", given)
    callback_url = _address(settings, "CALLBACK_URL")
    read = MobileMoneySettings(
        base_url=_address(settings, "BASE_URL", needed=True),
        account_type=settings.text("ACCOUNT_TYPE", "organisationid"),
        account=_needed(settings, "ACCOUNT"),
        credentials=_credentials(settings),
        amount_rules=_amount_rules(settings),
        words=_words(settings),
        callback_url=callback_url,
        callback_secret=_callback_secret(settings, callback_url),
        callback_minutes=_between(settings, "CALLBACK_MINUTES", 15, 1, 24 * 60),
        msisdn_plus=settings.yes_no("MSISDN_PLUS", default=True),
        heartbeat=settings.yes_no("HEARTBEAT", default=True),
        fees_are_ours=settings.yes_no("FEES_ARE_OURS", default=True),
        timeout_seconds=_between(settings, "TIMEOUT_SECONDS", 30, 1, 300),
        requests_per_second=_between(settings, "REQUESTS_PER_SECOND", 0, 0, 10_000),
        at_once=_between(settings, "AT_ONCE", 16, 1, 40),
        headers={name.replace("_", "-"): text for name, text in settings.pairs("HEADER_").items()},
    )
    settings.done()
    return read


def _needed(settings: AdapterSettings, key: str) -> str:
    text = settings.text(key)
    if not text:
        raise settings.refuse(key, "must be given")
    return text


def _between(settings: AdapterSettings, key: str, usual: int, least: int, most: int) -> int:
    number = settings.number(key, usual)
    if not least <= number <= most:
        raise settings.refuse(key, f"must be from {least} to {most}")
    return number


def _address(settings: AdapterSettings, key: str, *, needed: bool = False) -> str:
    """An address without a slash at its end. In the clear only to this machine: it carries credentials and numbers."""
    text = settings.text(key)
    if not text and not needed:
        return ""
    try:
        parts = urlsplit(text)
        host, odd = parts.hostname, parts.query or parts.fragment or parts.username
    except ValueError:
        host, odd = None, ""
    if not host or odd or parts.scheme not in {"http", "https"}:
        raise settings.refuse(key, "must be an address such as https://api.example.org/v1.2/mm")
    if parts.scheme == "http" and host not in _LOOPBACK:
        raise settings.refuse(key, "must begin with https://")
    return text.rstrip("/")


def _credentials(settings: AdapterSettings) -> Credentials:
    read = Credentials(
        api_key=settings.text("API_KEY"),
        client_id=settings.text("CLIENT_ID"),
        username=settings.text("USERNAME"),
        password=settings.text("PASSWORD"),
        token_url=_address(settings, "TOKEN_URL"),
        client_secret=settings.text("CLIENT_SECRET"),
        scope=settings.text("SCOPE"),
    )
    if read.token_url and read.username:
        raise settings.refuse("TOKEN_URL", "and USERNAME are two ways to sign in: give one")
    if read.token_url and not (read.client_id and read.client_secret):
        raise settings.refuse("TOKEN_URL", "needs CLIENT_ID and CLIENT_SECRET")
    if read.client_secret and not read.token_url:
        raise settings.refuse("CLIENT_SECRET", "needs TOKEN_URL")
    if bool(read.username) != bool(read.password):
        raise settings.refuse("USERNAME", "and PASSWORD go together")
    if not (read.api_key or read.username or read.token_url):
        raise settings.refuse("API_KEY", "or USERNAME or TOKEN_URL must be given")
    return read


def _callback_secret(settings: AdapterSettings, callback_url: str) -> str:
    secret = settings.text("CALLBACK_SECRET")
    if secret and len(secret) < SHORTEST_SECRET:
        raise settings.refuse("CALLBACK_SECRET", f"must have {SHORTEST_SECRET} characters or more")
    if callback_url and not secret:
        raise settings.refuse(
            "CALLBACK_URL", "needs CALLBACK_SECRET: unsigned news is not believed"
        )
    return secret


def _words(settings: AdapterSettings) -> dict[str, Outcome]:
    words: dict[str, Outcome] = {}
    for outcome, usual in statuses.WORDS.items():
        key = f"STATUS_{outcome.name}"
        for word in settings.text(key, ",".join(usual)).lower().split(","):
            if words.setdefault(word.strip(), outcome) is not outcome:
                raise settings.refuse(key, "has a word that another status has too")
    words.pop("", None)
    return words


def _amount_rules(settings: AdapterSettings) -> dict[str, AmountRule]:
    """A rule for every currency with a maximum: no operator pays without one."""
    limits = {
        name: {
            code: _minor(settings, f"{name}_{code}", code, text)
            for code, text in settings.pairs(f"{name}_").items()
        }
        for name in ("MAXIMUM", "MINIMUM", "STEP")
    }
    most = limits["MAXIMUM"]
    if not most:
        raise settings.refuse("MAXIMUM_KES", "(or for another currency) must be given")
    for name in ("MINIMUM", "STEP"):
        for code in set(limits[name]) - set(most):
            raise settings.refuse(f"{name}_{code}", f"needs MAXIMUM_{code}")
    rules = {}
    for code, maximum in most.items():
        step = limits["STEP"].get(code, 1)
        try:
            rules[code] = AmountRule(limits["MINIMUM"].get(code, max(step, 1)), maximum, step)
        except UnusableAmountRule as error:
            raise settings.refuse(
                f"MAXIMUM_{code}", f"leaves no amount: {error.message}"
            ) from error
    return rules


def _minor(settings: AdapterSettings, key: str, code: str, text: str) -> int:
    try:
        return Money.parse(text, code).minor
    except CbiError as error:
        raise settings.refuse(key, "must be an amount, such as 200 or 0.50") from error
