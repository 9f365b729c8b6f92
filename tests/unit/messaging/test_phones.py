"""Simulated telephones keep every text, for many writers at once, and nobody else may read them."""

import multiprocessing
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cbi import clock
from cbi.messaging.numbers import UnusableNumber, e164
from cbi.messaging.phones import Phones, Text, phones
from cbi.settings import Settings

NUMBER = "+213551234567"


@pytest.fixture
def telephones(tmp_path: Path) -> Phones:
    return Phones(tmp_path / "data" / "phones")


def test_a_text_is_on_the_telephone_it_was_sent_to(telephones: Phones) -> None:
    at = datetime(2026, 12, 5, 9, tzinfo=UTC)
    with clock.frozen(at):
        telephones.send(NUMBER, "مبلغك جاهز\nrésumé", sender="CBI")
    assert telephones.inbox(NUMBER) == [Text(at, "CBI", "مبلغك جاهز\nrésumé")]
    assert telephones.inbox("+213551234568") == []


@pytest.mark.parametrize(
    "written",
    ["+213 551 23 45 67", "00213551234567", "213551234567", " +213-551-234-567 ", "+٢١٣٥٥١٢٣٤٥٦٧"],
)
def test_a_number_is_found_however_it_is_written(telephones: Phones, written: str) -> None:
    telephones.send(NUMBER, "hello", sender="CBI")
    assert [text.body for text in telephones.inbox(written)] == ["hello"]


@pytest.mark.parametrize(
    "written", ["", "+", "0551234567", "12", "+999551234567", "../../etc", "+2135512345678901"]
)
def test_what_is_no_number_is_refused_without_being_quoted(
    telephones: Phones, written: str
) -> None:
    with pytest.raises(UnusableNumber) as refusal:
        telephones.inbox(written)
    assert written == "" or f"{written!r}" not in str(refusal.value)
    with pytest.raises(UnusableNumber):
        e164(written)


def test_only_the_owner_of_the_process_may_read_them(telephones: Phones, tmp_path: Path) -> None:
    telephones.send(NUMBER, "hello", sender="CBI")
    folder = tmp_path / "data" / "phones"
    (file,) = folder.iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "551234567" not in file.name
    assert "551234567" not in file.read_text()


def test_a_text_cut_short_spoils_no_other(telephones: Phones, tmp_path: Path) -> None:
    telephones.send(NUMBER, "before", sender="CBI")
    (file,) = (tmp_path / "data" / "phones").iterdir()
    with file.open("a") as torn:
        torn.write('\n{"at": "2026-12-0')
    telephones.send(NUMBER, "after", sender="CBI")
    assert [text.body for text in telephones.inbox(NUMBER)] == ["before", "after"]


def _write_many(folder: Path, writer: int) -> None:
    for count in range(200):
        Phones(folder).send(NUMBER, f"{writer}:{count} " + "x" * 150, sender="CBI")


def test_several_processes_write_to_one_telephone_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_write_many, args=(tmp_path, writer)) for writer in range(4)]
    for process in writers:
        process.start()
    for process in writers:
        process.join()
    bodies = [text.body.split()[0] for text in Phones(tmp_path).inbox(NUMBER)]
    assert sorted(bodies) == sorted(
        f"{writer}:{count}" for writer in range(4) for count in range(200)
    )


def test_telephones_can_be_emptied(telephones: Phones) -> None:
    telephones.clear()
    telephones.send(NUMBER, "hello", sender="CBI")
    telephones.clear()
    assert telephones.inbox(NUMBER) == []


def test_a_deployments_telephones_are_in_its_data_folder(tmp_path: Path) -> None:
    phones(Settings(data_dir=tmp_path)).send(NUMBER, "hello", sender="CBI")
    assert len(list((tmp_path / "phones").iterdir())) == 1
