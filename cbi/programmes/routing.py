"""Which way a recipient is paid: the one they asked for where the programme offers it, else the programme's usual one."""

from collections.abc import Mapping, Sequence

from sqlalchemy import ColumnElement, String, case, cast, literal, null

from cbi.fsp.messages import DeliveryMechanism
from cbi.programmes.eligibility import ACCOUNT_KINDS
from cbi.registry.models import Person


def by_route(values: Mapping[DeliveryMechanism, str | None]) -> ColumnElement[str | None]:
    """What the mapping has for the way in which a person is paid, in SQL; its first entry is the usual way."""
    (_, usual), *others = values.items()
    if not others:
        return _text(usual)
    return case(
        *((Person.prefers == mechanism.value, _text(value)) for mechanism, value in others),
        else_=_text(usual),
    )


def mechanism_of(mechanisms: Sequence[DeliveryMechanism]) -> ColumnElement[str | None]:
    """How a person is paid, of the ways a programme offers."""
    return by_route({mechanism: mechanism.value for mechanism in mechanisms})


def account_kind_of(mechanisms: Sequence[DeliveryMechanism]) -> ColumnElement[str | None]:
    """The kind of payment account that this needs; NULL where people carry the cash."""
    return by_route({mechanism: ACCOUNT_KINDS[mechanism] for mechanism in mechanisms})


def _text(value: str | None) -> ColumnElement[str | None]:
    return cast(null(), String) if value is None else literal(value, String)
