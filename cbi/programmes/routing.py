"""Which way a recipient is paid: the one they asked for where the programme offers it, else the programme's usual one;
by hand, where it offers that, whoever said no to what the other ways take."""

from collections.abc import Mapping, Sequence

from sqlalchemy import ColumnElement, String, and_, case, cast, literal, null, or_

from cbi.fsp.messages import DeliveryMechanism
from cbi.programmes.eligibility import ACCOUNT_KINDS
from cbi.registry.consent.models import Scope
from cbi.registry.consent.standing import said_no
from cbi.registry.models import Person


def by_route(values: Mapping[DeliveryMechanism, str | None]) -> ColumnElement[str | None]:
    """What the mapping has for the way in which a person is paid, in SQL; its first entry is the usual way.

    Whoever said no to what another way takes is paid by hand, where the programme offers that.
    """
    asked_for = _asked_for(values)
    by_hand = DeliveryMechanism.DIRECT_DELIVERY
    if by_hand not in values or len(values) == 1:
        return asked_for
    by_code = DeliveryMechanism.CASH_OVER_COUNTER
    takes_texts = _asked_for({way: way.value for way in values}) == by_code.value
    takes_too_much = or_(
        said_no(Person.id, Scope.PROVIDER), and_(takes_texts, said_no(Person.id, Scope.TEXTS))
    )
    return case((takes_too_much, _text(values[by_hand])), else_=asked_for)


def _asked_for(values: Mapping[DeliveryMechanism, str | None]) -> ColumnElement[str | None]:
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
