"""A programme that draws on three funds: one for small households, one for everybody, and one of last resort."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi.ledger import funds
from cbi.money import Money
from cbi.payments.models import Payment, PaymentRun
from cbi.payments.runs import runs
from cbi.programmes import applying, budget, cycles
from cbi.proofs import funding as proofs
from cbi.registry.models import Household
from tests.factories import EVERYTHING, PERIOD, START, Team

SMALL, COMMON, LAST = "small-26", "common-26", "reserve-26"
FILE = """
programme: {{code: {code}, name: Winter, kind: stipend, languages: [ar, fr, en]}}
funds:
  - {{code: small-26, name: Small, amount: "1000000000", valid_from: {small_from}, valid_to: {last}-12-31{small}}}
  - {{code: common-26, name: All, amount: "1000000000", valid_from: {first}-01-01, valid_to: {last}-12-31{common}}}
  - {{code: reserve-26, name: R, amount: "1000000000", valid_from: {first}-01-01, valid_to: {last}-12-31, last_resort: yes}}
currency: DZD
stipend: {{base: "0", per_member: "1000.00"}}
schedule: {{every: month, first: {first}-01, last: {last}-12}}
delivery: {{provider: post_office, mechanism: cash_over_counter}}
"""
FOR_SMALL = ", pays: {for: {household_size: {max: 2}}}"


def applied(
    session: Session, *, code: str = "winter", small: str = FOR_SMALL, common: str = "", small_from: str = ""
) -> str:  # fmt: skip
    """Apply the file; `small` and `common` are what is said of these funds besides."""
    first, last = START.year, START.year + 1
    text = FILE.format(
        code=code, first=first, last=last, small=small, common=common, small_from=small_from or f"{first}-01-01"
    )  # fmt: skip
    applying.apply(session, EVERYTHING, text)
    return code


def budgets(session: Session, programme: str, **thousands: int) -> None:
    """Give the programme so many thousand dinars from each fund (`small`, `common`, `reserve`)."""
    for name, amount in thousands.items():
        if amount:
            code, money = f"{name}-26", Money(amount * 100_000, "DZD")
            funds.receive(session, EVERYTHING, code, money, f"BANK-{name}-{programme}-{amount}")
            budget.allocate(
                session, EVERYTHING, programme, money.decimal, f"MEMO-{name}-{programme}-{amount}", fund=code
            )  # fmt: skip


def built(session: Session, people: Team, programme: str = "winter") -> list[PaymentRun]:
    """The runs of this month's cycle, which is opened first."""
    opened = cycles.open_cycle(session, people.maker.actor, programme, PERIOD)
    return runs.build_all(session, people.maker.actor, opened.id)


def paid(session: Session, run: PaymentRun) -> list[int]:
    """The sizes of the households that the run pays, the smallest first."""
    return list(
        session.scalars(
            select(Household.size)
            .join(Payment, Payment.household_id == Household.id)
            .where(Payment.run_id == run.id, Payment.live)
            .order_by(Household.size)
        )
    )


def nothing_is_broken(session: Session) -> None:
    """What `cbi verify` says of funds."""
    session.flush()
    checks = proofs.by_the_rules + proofs.by_two
    assert [breach for check in checks for breach in check(session)] == []
