"""The engine's own PostgreSQL ends when it is told to, also where whoever started it was killed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from sqlalchemy import create_engine, text

from cbi import embedded

STARTED_AND_KILLED = (
    "import os, signal, sys; from pathlib import Path; from cbi import embedded;"
    "embedded.start(Path(sys.argv[1])); os.kill(os.getpid(), signal.SIGKILL)"
)


def test_a_server_left_by_a_killed_process_is_ended_and_a_new_one_answers(tmp_path: Path) -> None:
    killed = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", STARTED_AND_KILLED, str(tmp_path)], check=False
    )
    assert killed.returncode == -signal.SIGKILL
    running = tmp_path / "postgres" / "postmaster.pid"
    assert running.exists()
    embedded.stop(tmp_path)
    assert not running.exists()
    embedded.start.cache_clear()
    engine = create_engine(embedded.start(tmp_path))
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT 1")) == 1
    engine.dispose()
    embedded.stop(tmp_path)
    assert os.listdir(tmp_path) == ["postgres"]
