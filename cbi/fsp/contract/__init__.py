"""The promises every adapter keeps, as tests. They ship with the engine, for everybody's adapters.

    class TestMine(AdapterContract):
        @pytest.fixture
        def bench(self) -> Bench:
            return MyBench()

A test for an ability that the adapter lacks is skipped. For readable failures, put
`pytest.register_assert_rewrite("cbi.fsp.contract")` in the `conftest.py` beside it.
"""

from cbi.fsp.adapter import FspAdapter, SubmitsPayments, capabilities
from cbi.fsp.contract.bench import Bench
from cbi.fsp.contract.hearing import HearingContract
from cbi.fsp.contract.issuing import IssuingContract
from cbi.fsp.contract.paying import PayingContract
from cbi.fsp.contract.reading import ReadingContract
from cbi.fsp.messages import AmountRule
from cbi.money import exponent

__all__ = ["AdapterContract", "Bench"]


class AdapterContract(PayingContract, HearingContract, ReadingContract, IssuingContract):
    """Inherit from it, and provide the fixture `bench`."""

    def test_it_has_the_abilities_its_author_means_it_to_have(self, bench: Bench) -> None:
        assert isinstance(bench.adapter, FspAdapter)
        assert set(capabilities(bench.adapter)) == set(bench.abilities)

    def test_its_profile_is_a_fact(self, bench: Bench) -> None:
        profile = bench.adapter.profile
        assert profile == bench.adapter.profile
        assert profile.name.isidentifier()
        assert profile.name == profile.name.lower()
        assert profile.delivery_mechanisms
        assert bench.mechanism in profile.delivery_mechanisms
        assert profile.admits(bench.amount)
        for currency, rule in profile.amount_rules.items():
            assert exponent(currency) >= 0
            assert isinstance(rule, AmountRule)
        if isinstance(bench.adapter, SubmitsPayments):
            assert profile.idempotency is not None, "it says what a repeated message does"

    def test_nothing_it_redacts_shows_a_person_or_a_secret(self, bench: Bench) -> None:
        transcript = bench.transcript()
        redacted = bench.adapter.redact(transcript)
        assert bench.sensitive()
        for hidden in bench.sensitive():
            assert hidden in transcript, "the bench must show what redact is to hide"
            assert hidden not in redacted
