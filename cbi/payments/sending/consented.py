"""Whether, at the moment of sending, the person still agrees to what the payment takes; what was sent already runs on."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, not_, or_

from cbi.fsp.messages import DeliveryMechanism
from cbi.payments.models import Payment, PaymentRun
from cbi.programmes.legal_basis import cycle_asks_for_consent
from cbi.registry.consent.models import Scope
from cbi.registry.consent.standing import said_no

CONSENT_WITHDRAWN, NO_SHARING, NO_TEXTS = "consent_withdrawn", "no_sharing", "no_texts"


def stops(run: PaymentRun) -> Sequence[tuple[str, ColumnElement[bool]]]:
    """What holds a payment of the run back, by its kind, and whether a payment may go all the same.

    To be assisted counts where the programme rests on consent. Cash by hand needs neither a provider's list nor a text.
    """
    by_hand = Payment.mechanism == DeliveryMechanism.DIRECT_DELIVERY.value
    by_code = Payment.mechanism == DeliveryMechanism.CASH_OVER_COUNTER.value
    person = Payment.person_id
    return (
        (
            CONSENT_WITHDRAWN,
            not_(and_(cycle_asks_for_consent(run.cycle_id), said_no(person, Scope.ASSISTANCE))),
        ),
        (NO_SHARING, or_(by_hand, ~said_no(person, Scope.PROVIDER))),
        (NO_TEXTS, or_(~by_code, ~said_no(person, Scope.TEXTS))),
    )
