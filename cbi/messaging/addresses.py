"""Where a gateway calls us back about one text, and how we know that it is the gateway."""

import base64
import hashlib
import hmac
import re
from uuid import UUID

from cbi.errors import Invalid
from cbi.http.routing import API
from cbi.keys import Keyring, keyring
from cbi.settings import Settings

ROUTES = f"{API}/sms/{{office}}"
SHORTEST_SECRET = 16
_TOKEN_BYTES = 16
_ADDRESS = re.compile(r"https?://[^\s?#]+\Z")


class UnusableSettings(Invalid):
    """The settings of the SMS gateway cannot work together. The message names them and shows none of their values."""

    code = "messaging.unusable_settings"


def report_address(chosen: Settings, office: str, message_id: str) -> str | None:
    """Where the gateway reports on one text, if it can reach us at all. It tells nothing of whom or what it is about."""
    if chosen.sms_callback_url is None:
        return None
    base = chosen.sms_callback_url.rstrip("/") + ROUTES.format(office=office)
    return f"{base}/reports/{message_id}/{report_token(keyring(office), UUID(message_id))}"


def report_token(keys: Keyring, message_id: UUID) -> str:
    """What only we can write and what opens the reports on this one text and no other (HMAC-SHA256, 128 bits)."""
    tag = hmac.digest(keys.derive("sms reports"), message_id.bytes, hashlib.sha256)
    return base64.urlsafe_b64encode(tag[:_TOKEN_BYTES]).decode().rstrip("=")


def is_report_token(keys: Keyring, message_id: UUID, token: str) -> bool:
    """Whether `report_token` wrote this."""
    return hmac.compare_digest(report_token(keys, message_id).encode(), token.encode())


def is_gateway(chosen: Settings, told: str) -> bool:
    """Whether a caller knows the secret that this deployment shares with its gateway; nobody does while there is none."""
    if chosen.sms_callback_secret is None:
        return False
    secret = chosen.sms_callback_secret.get_secret_value()
    return hmac.compare_digest(secret.encode(), told.encode())


def check(chosen: Settings) -> None:
    """Raise UnusableSettings where what the gateway calls back with could be guessed, or goes nowhere."""
    secret = chosen.sms_callback_secret
    for name, address in (
        ("CBI_SMS_CALLBACK_URL", chosen.sms_callback_url),
        ("CBI_SMS_KANNEL_URL", chosen.sms_kannel_url),
    ):
        if address is not None and not _ADDRESS.match(address):
            raise UnusableSettings(
                f"{name} is no address.", next_step="It begins with http:// or https://"
            )
    if secret is not None and len(secret.get_secret_value()) < SHORTEST_SECRET:
        raise UnusableSettings(
            f"CBI_SMS_CALLBACK_SECRET is shorter than {SHORTEST_SECRET} characters.",
            next_step="Make one with: openssl rand -hex 24",
        )
