"""A rate that is far from the last one, perhaps the wrong way round, is typed again by its second person."""

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.permissions import Role
from cbi.ledger import reference_rates
from cbi.ledger.fx_models import ReferenceRate
from cbi.ledger.reference_rates import OtherRate, RateJumps
from cbi.payments.signing import policies, policy_files, rate_limits
from tests.factories import colleague
from tests.flow.dealing import Dealers, dealers, grant, nothing_is_broken, rate
from tests.flow.signing import later

POLICY = """
rules: [{currency: DZD, bands: [{steps: [certifier, authoriser]}]}]
controls:
  rates: [{at_most: 3}, {currencies: [DZD, EUR], at_most: "1.1"}]
"""


@pytest.fixture
def people(session: Session) -> Dealers:
    grant(session)
    return dealers(session)


def entered(
    session: Session, people: Dealers, value: str, base: str = "EUR", quote: str = "DZD"
) -> ReferenceRate:
    return reference_rates.propose(
        session, people.treasurer.actor, base, quote, value, "Bank of Algeria",
        clock.now().date() - timedelta(days=1),
    )  # fmt: skip


def confirmed(session: Session, people: Dealers, made: ReferenceRate, again: str = "") -> str:
    finance = people.finance
    found = rate_limits.confirm(session, finance.actor, made.id, finance.code(), again)
    return reference_rates.state(found)


def test_a_rate_that_is_written_the_other_way_round_is_typed_again(
    session: Session, people: Dealers
) -> None:
    rate(session, people, "146.5", days_ago=5)
    with later():
        made = entered(session, people, "0.0068259")
        found = reference_rates.change(session, made)
        assert found is not None
        assert (found.percent, found.last.rate.written) == ("-100.0 %", "146.5")
        with pytest.raises(
            RateJumps, match=r"-100\.0 % against the last rate \(1 EUR = 146\.5 DZD"
        ):
            confirmed(session, people, made)
        with pytest.raises(OtherRate):
            confirmed(session, people, made, "146.5")
        reference_rates.withdraw(session, people.treasurer.actor, made.id, "It was typed wrongly.")
        right = entered(session, people, "0.0068259", "DZD", "EUR")
        assert confirmed(session, people, right) == "confirmed", (
            "the same rate, written the other way"
        )
    nothing_is_broken(session)


def test_a_true_jump_is_confirmed_by_typing_it(session: Session, people: Dealers) -> None:
    with later():
        assert confirmed(session, people, entered(session, people, "40")) == "confirmed", (
            "the first"
        )
    with later():
        crash = entered(session, people, "95")
        with pytest.raises(RateJumps, match=r"\+137\.5 %"):
            confirmed(session, people, crash)
        assert confirmed(session, people, crash, "95.00") == "confirmed"
    nothing_is_broken(session)


def test_the_policy_says_how_far_a_rate_may_be_from_the_last(
    session: Session, people: Dealers
) -> None:
    one, other = (colleague(session, Role.HEAD_OF_FINANCE) for _ in range(2))
    made = policies.propose(session, one.actor, POLICY, one.code())
    policies.accept(session, other.actor, made.version, other.code())
    rate(session, people, "146.5", days_ago=5)
    with later():
        higher = entered(session, people, "162")
        with pytest.raises(RateJumps, match=r"\+10\.6 %"):
            confirmed(session, people, higher)
    assert rate_limits.at_most(session, "EUR", "DZD") * 10 == 11
    assert rate_limits.at_most(session, "EUR", "KES") == 3


@pytest.mark.parametrize(
    ("part", "says"),
    [
        ("{at_most: 1}", "above 1"),
        ("{at_most: often}", "above 1"),
        ("{currencies: [EUR], at_most: 2}", "Name two"),
        ("{currencies: [EUR, DZD]}", "at_most: 2"),
    ],
)
def test_a_limit_that_says_nothing_is_named_with_its_line(part: str, says: str) -> None:
    with pytest.raises(policy_files.PolicyFileErrors, match=says):
        policy_files.read(
            f"rules: [{{currency: DZD, bands: [{{steps: [certifier]}}]}}]\ncontrols: {{rates: [{part}]}}\n",
            {},
        )
