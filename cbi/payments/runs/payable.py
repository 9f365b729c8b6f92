"""Whether the providers of a run pay such amounts in such ways, asked before anybody signs it."""

from collections.abc import Iterable

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cbi.errors import Invalid
from cbi.fsp.adapter import PaysOverCounter, QueriesStatus, ReadsCallbacks
from cbi.fsp.errors import AdapterUnavailable
from cbi.fsp.messages import Debits
from cbi.money import Money
from cbi.payments.models import Payment, PaymentRun
from cbi.payments.sending import providers


class ProviderCannotPay(Invalid):
    """The provider does not pay such amounts, or in such a way."""

    code = "payment_run.provider_cannot_pay"


def check_payable(session: Session, run: PaymentRun) -> None:
    """Refuse now what a provider's profile says it cannot pay, not when ten thousand people wait."""
    amounts = session.execute(
        select(Payment.provider, Payment.mechanism, Payment.amount_minor, func.count())
        .where(Payment.run_id == run.id)
        .group_by(Payment.provider, Payment.mechanism, Payment.amount_minor)
        .order_by(Payment.provider, Payment.amount_minor)
    ).all()
    refused = []
    for provider, mechanism, minor, count in amounts:
        profile, amount = providers.adapter(provider).profile, Money(minor, run.currency)
        if mechanism not in profile.delivery_mechanisms:
            raise ProviderCannotPay(f"{provider} does not deliver by {mechanism}.")
        _check_tells(provider)
        if not profile.admits(amount):
            refused.append(f"{amount} by {provider} ({count} payments)")
    if refused:
        raise ProviderCannotPay(
            f"These amounts are not paid by their provider: {', '.join(refused[:5])}.",
            next_step="Change the rate card so that the amounts fit, or choose another provider.",
        )


def _check_tells(provider: str) -> None:
    """Refuse a provider that takes the money first and could never say that somebody was paid with it."""
    tells = isinstance(
        providers.adapter(provider), (QueriesStatus, ReadsCallbacks, PaysOverCounter)
    )
    if _debits(provider) is Debits.AT_ACCEPTANCE and not tells:
        raise ProviderCannotPay(
            f"{provider} takes a payment's money when it accepts it, and has no way to say that somebody was paid.",
            next_step="Complete its adapter, so that it can be asked or calls back: docs/adapters.md",
        )


def debiting_early(names: Iterable[str]) -> list[str]:
    """Those of these providers that take a payment's money from our float when they accept it."""
    return [name for name in dict.fromkeys(names) if _debits(name) is Debits.AT_ACCEPTANCE]


def _debits(name: str) -> Debits | None:
    try:
        return providers.adapter(name).profile.debits
    except AdapterUnavailable:  # whoever is to pay through it is refused by `check_payable`
        return None
