"""The way out for texts is chosen by a setting, and says for certain when nothing was sent."""

from pathlib import Path

import pytest

from cbi.messaging.gateways import UnknownTransport, transport
from cbi.messaging.phones import Phones, phones
from cbi.messaging.transports import NotSent, Simulator
from cbi.settings import Settings

NUMBER = "+213551234567"


def test_the_simulator_is_the_way_out_unless_another_is_set(tmp_path: Path) -> None:
    chosen = Settings(data_dir=tmp_path)
    with transport(chosen, "dz") as way_out:
        assert way_out.is_simulated
        assert way_out.trouble() is None
        assert way_out.send(NUMBER, "hello", "1").reference
    assert [text.body for text in phones(chosen).inbox(NUMBER)] == ["hello"]


def test_an_unknown_way_out_is_refused_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(UnknownTransport, match=r"'pigeon'.*simulator"):
        transport(Settings(data_dir=tmp_path, sms_transport="pigeon"), "dz")


def test_a_number_that_no_telephone_has_is_not_worth_another_try(tmp_path: Path) -> None:
    with pytest.raises(NotSent) as refusal:
        Simulator(Phones(tmp_path)).send("12", "secret words", "1")
    assert refusal.value.retry_helps is False
    assert "secret words" not in str(refusal.value)


def test_a_disk_that_cannot_be_written_is_worth_another_try(tmp_path: Path) -> None:
    (tmp_path / "phones").write_text("in the way")
    with pytest.raises(NotSent) as refusal:
        Simulator(Phones(tmp_path / "phones")).send(NUMBER, "secret words", "1")
    assert refusal.value.retry_helps is True
    assert NUMBER not in str(refusal.value)
    assert refusal.value.__suppress_context__
