"""An office whose providers charge: a tariff that two people accepted, a run that was sent, and statements with fees."""

from collections.abc import Iterable
from datetime import date, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi.ledger.models import Account
from cbi.payments.fees import fees as use
from cbi.payments.fees import tariffs
from cbi.payments.fees.fee_models import TariffVersion
from cbi.payments.models import Attempt, Payment, PaymentRun
from cbi.payments.outcomes import outcomes
from cbi.payments.sending import dispatch
from cbi.proofs import fees as proofs
from cbi.reconciliation.matching import Reconciled, reconcile
from cbi.reconciliation.statements import take_in
from tests.factories import EVERYTHING, START, funded_programme
from tests.flow.signing import House, house, later, locked, sign
from tests.reconciliation_factory import movements

DAY = START.date()
TARIFF = """
provider: {provider}
currency: DZD
valid_from: {first}
source: Contract 2026/14, annex B
rounding: nearest
bands:
  - fixed: "{fixed}"
    basis_points: 100
settlement: {settlement}
billed_within_days: {days}
"""
FEES = (20_00, 30_00, 40_00, 50_00)
"""What the payments of `a_run` (1,000 to 4,000 dinars) cost: ten dinars and one per cent each."""
EXPECTED = sum(FEES)


def tariff(session: Session, people: House, text: str) -> TariffVersion:
    """A tariff that one proposed and another accepted."""
    with later():
        made = tariffs.propose(session, people.treasurer.actor, text, people.treasurer.code())
        return tariffs.accept(
            session, people.authoriser.actor, made.provider, made.currency, made.version, people.authoriser.code()
        )  # fmt: skip


def charging(
    session: Session, *, fixed: str = "10.00", settlement: str = "gross", days: int = 31,
    first: date = DAY - timedelta(days=60), budgeted: str = "500000.00", accepted: bool = True, monthly: str = "",
) -> House:  # fmt: skip
    """The house, a programme whose provider charges, and its tariff."""
    people = house(session, policy=None)
    funded_programme(
        session, code="wallets", provider="sandbox", mechanism="mobile_money", budgeted=budgeted
    )
    text = TARIFF.format(
        provider="sandbox", first=first, fixed=fixed, settlement=settlement, days=days
    )
    if accepted:
        tariff(session, people, text + monthly)
    return people


def another(session: Session, people: House, **terms: object) -> PaymentRun:
    """A run of another programme by the same provider, sent under a new version of its tariff."""
    poor(session, "500000.00")
    values = {
        "fixed": "10.00",
        "settlement": "gross",
        "days": 31,
        "first": DAY - timedelta(days=60),
    }
    tariff(session, people, TARIFF.format(**{"provider": "sandbox", **values, **terms}))
    return sent(session, people, "purses")


def poor(session: Session, budgeted: str) -> str:
    """Another programme by the same provider, with that budget; returns its code."""
    return funded_programme(
        session, code="purses", provider="sandbox", mechanism="mobile_money", budgeted=budgeted
    )


def signed(session: Session, people: House, programme: str = "wallets") -> PaymentRun:
    """A run of four payments, with both signatures."""
    run = locked(session, people.makers[0], programme)
    for step in ("certifier", "authoriser"):
        sign(session, run, step, people.by_step[step])
    return run


def sent(session: Session, people: House, programme: str = "wallets") -> PaymentRun:
    """The same, handed over and accepted by its provider."""
    run = signed(session, people, programme)
    with later(hours=1):
        dispatch.begin_release(session, people.by_step["authoriser"].actor, run.id)
        chunk = dispatch.Chunk(run.id, run.providers[0], 1, run.payment_count)
        dispatch.start_chunk(session, chunk)
        outcomes.accept_chunk(session, chunk, "a test")
        dispatch.finish_release(session, run.id)
    return run


def keys(session: Session, run: PaymentRun) -> list[str]:
    """What the provider knows the payments by, the smallest payment first."""
    found = (
        select(Attempt.idempotency_key)
        .join(Payment, Payment.id == Attempt.payment_id)
        .where(Payment.run_id == run.id)
        .order_by(Payment.amount_minor)
    )
    return list(session.scalars(found))


def paid_lines(
    session: Session, run: PaymentRun, *, more: Iterable[int] = ()
) -> list[dict[str, object]]:
    """The lines of a statement by which each payment was made; with `more`, each took so much more (net settlement)."""
    amounts = session.scalars(
        select(Payment.amount_minor).where(Payment.run_id == run.id).order_by(Payment.amount_minor)
    ).all()
    also = [*more] or [0] * len(amounts)
    return [
        {"id": f"p{place}", "minor": -amount - fee, "reference": key, "date": DAY.isoformat()}
        for place, (amount, fee, key) in enumerate(zip(amounts, also, keys(session, run), strict=True))
    ]  # fmt: skip


def fee_lines(
    keys_: Iterable[str], taken: Iterable[int], name: str = "f"
) -> list[dict[str, object]]:
    """Lines by which fees were taken, one for each of these payments."""
    return [
        {"id": f"{name}{place}", "minor": -fee, "type": "CHARGE", "reference": key, "date": DAY.isoformat()}
        for place, (key, fee) in enumerate(zip(keys_, taken, strict=False))
    ]  # fmt: skip


def statement(session: Session, *rows: dict[str, object], hours: int = 4) -> Reconciled:
    """The sandbox's statement with these lines, taken in and reconciled; to reconcile again changes nothing."""
    with later(hours=hours):
        take_in(session, EVERYTHING, "sandbox", movements(*rows), "statement.jsonl")
        done = reconcile(session, EVERYTHING, "sandbox")
        assert not reconcile(session, EVERYTHING, "sandbox").changed
    return done


def held(session: Session, run: PaymentRun) -> int:
    """What is set aside for a run's fees, in minor units."""
    return sum(each.held.minor for each in use.of(session, run))


def balance(session: Session, code: str) -> int:
    """What all accounts of a kind hold, debit less credit, in minor units."""
    found = select(Account.debits_minor, Account.credits_minor).where(Account.code == code)
    return sum(debits - credits for debits, credits in session.execute(found))


def nothing_is_broken(session: Session) -> None:
    """What `cbi verify` says of fees."""
    checks = (*proofs.fees_as_booked, *proofs.tariffs_are_what_was_accepted)
    assert [breach for check in checks for breach in check(session)] == []
