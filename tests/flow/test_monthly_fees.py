"""A fee for a month names no payment: the tariff says how much it is and who bears it, or two people do."""

from datetime import timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from cbi.payments.fees.tariff_files import TariffFileErrors
from cbi.payments.fees.tariffs import NobodyBears
from cbi.payments.models import Discrepancy
from cbi.proofs import books
from cbi.proofs import fees as proofs
from cbi.proofs.suspense import matched_by_two
from cbi.reconciliation import fee_queries, line_findings
from cbi.reconciliation.line_findings import Said
from cbi.reconciliation.models import LineFinding, StatementLine, Verdict
from tests.flow.charging import DAY, TARIFF, balance, charging, statement, tariff
from tests.flow.signing import House, later

MONTHLY = 'monthly: {{amount: "25.00", programme: {programme}}}\n'
PROOF = "Letter 55 of the provider"


def terms(programme: str = "wallets") -> str:
    text_ = TARIFF.format(
        provider="sandbox", first=DAY - timedelta(days=60), fixed="10.00", settlement="gross", days=31
    )  # fmt: skip
    return text_ + MONTHLY.format(programme=programme)


@pytest.fixture
def people(session: Session) -> House:
    made = charging(session, accepted=False)
    tariff(session, made, terms())
    return made


def fee(name: str, minor: int = 25_00, *, days: int = 0) -> dict[str, object]:
    day = DAY.replace(day=1) + timedelta(days=days)
    return {"id": name, "minor": -minor, "type": "CHARGE", "date": day.isoformat()}


def open_kinds(session: Session) -> list[str]:
    found = select(Discrepancy.kind).where(
        Discrepancy.settled_at.is_(None), Discrepancy.line_id.is_not(None)
    )
    return sorted(session.scalars(found))


def nothing_is_broken(session: Session) -> None:
    checks = (*proofs.fees_as_booked, *books.in_one_place, *books.never_overspent, *matched_by_two)
    assert [breach for check in checks for breach in check(session)] == []


def found(session: Session, people: House, name: str, said: Said) -> LineFinding:
    line = session.scalars(select(StatementLine.id).where(StatementLine.line_id == name)).one()
    with later():
        made = line_findings.report(session, people.treasurer.actor, line, said, PROOF)
        return line_findings.confirm(
            session, people.authoriser.actor, made.id, people.authoriser.code()
        )


def test_the_tariffs_monthly_fee_is_booked_once_a_month(session: Session, people: House) -> None:
    assert statement(session, fee("m1")).fees == 1
    assert (balance(session, "5100"), balance(session, "1900"), balance(session, "1100")) == (
        25_00, 0, balance(session, "1100"),
    )  # fmt: skip
    assert open_kinds(session) == []
    statement(session, fee("m2", days=3), fee("m3", 25_01, days=4), hours=5)
    assert open_kinds(session) == ["fee_line", "fee_line"], (
        "another one, and another amount, are for people"
    )
    statement(session, fee("next", days=31), hours=6)
    assert (balance(session, "5100"), balance(session, "1900")) == (50_00, 50_01)
    (compared,) = fee_queries.compared(session, DAY.replace(day=1), DAY + timedelta(days=62))
    assert (compared.charged.minor, compared.unexplained.minor, compared.above.minor) == (
        50_00,
        50_01,
        0,
    )
    nothing_is_broken(session)


def test_two_people_book_a_fee_for_no_payment_and_one_that_was_given_back(
    session: Session, people: House
) -> None:
    statement(
        session,
        fee("m1", 90_00),
        {"id": "b1", "minor": 40_00, "type": "WHIM", "date": DAY.isoformat()},
    )
    found(session, people, "m1", Said(Verdict.FEE, programme="wallets"))
    assert (balance(session, "5100"), -balance(session, "2910")) == (90_00, 90_00)
    back = found(session, people, "b1", Said(Verdict.FEE, programme="wallets"))
    assert (balance(session, "5100"), balance(session, "1900"), open_kinds(session)) == (
        50_00,
        0,
        [],
    )
    nothing_is_broken(session)
    found(session, people, "b1", Said(Verdict.MISTAKEN, finding_id=back.id))
    assert (balance(session, "5100"), balance(session, "1900")) == (90_00, -40_00)
    assert open_kinds(session) == ["finding_mistaken"]
    nothing_is_broken(session)


def test_a_monthly_fee_that_no_budget_covers_waits(session: Session, people: House) -> None:
    rich = session.execute(
        text("SELECT id, credits_minor - debits_minor FROM accounts WHERE code = '2100'")
    )
    held = {row[0]: row[1] for row in rich}
    session.execute(text("UPDATE accounts SET debits_minor = credits_minor WHERE code = '2100'"))
    assert statement(session, fee("m1")).fees == 0
    assert (open_kinds(session), balance(session, "1900")) == (["fee_line"], 25_00)
    for number, minor in held.items():
        session.execute(
            text("UPDATE accounts SET debits_minor = debits_minor - :minor WHERE id = :id"),
            {"id": number, "minor": minor},
        )
    statement(session, fee("other", 1), hours=5)
    assert (open_kinds(session), balance(session, "5100")) == (["fee_line"], 25_00)
    nothing_is_broken(session)


def test_whoever_bears_a_monthly_fee_is_named_and_is_there(session: Session, people: House) -> None:
    with pytest.raises(NobodyBears):
        tariff(session, people, terms("nobody"))
    with pytest.raises(TariffFileErrors, match="programme: winter-2026"):
        tariff(session, people, TARIFF.format(
            provider="sandbox", first=DAY, fixed="10.00", settlement="gross", days=31
        ) + 'monthly: {amount: "25.00"}\n')  # fmt: skip
