"""The demonstration's own ground: a folder and a database of its own, clean at every start."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cbi import db, embedded, keys
from cbi.errors import Conflict
from cbi.settings import settings

MARK = "This folder belongs to `cbi demo`, which empties it at every start.\n"


class DemoRunning(Conflict):
    """Another demonstration is using the folder."""

    code = "demo.running"


class FolderInUse(Conflict):
    """The folder holds something that the demonstration did not make."""

    code = "demo.folder_in_use"


@contextmanager
def clean() -> Iterator[Path]:
    """An empty folder, and settings that point this process at a new embedded database in it.

    Whatever database the environment names is left alone. Raises DemoRunning, FolderInUse.
    """
    folder = (settings().data_dir / "demo").absolute()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise DemoRunning(
                f"A demonstration is running in {folder}.", next_step="Stop it with Ctrl-C first."
            ) from None
        _empty(folder)
        (folder / "DEMO").write_text(MARK)
        _point_at(folder)
        yield folder


def _empty(folder: Path) -> None:
    left = [path for path in folder.iterdir() if path.name != "lock"]
    mark = folder / "DEMO"
    if left and not (mark.exists() and mark.read_text() == MARK):
        raise FolderInUse(
            f"{folder} holds files that the demonstration did not make.",
            next_step="Move them away.",
        )
    with suppress(Exception):  # a database too broken to stop is deleted with the rest
        embedded.stop(folder)
    for path in left:
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def _point_at(folder: Path) -> None:
    for name in ("DATABASE_URL", "OWNER_DATABASE_URL", "MASTER_KEY", "MASTER_KEY_FILE", "OFFICE"):
        os.environ[f"CBI_{name}"] = ""
    os.environ |= {
        "CBI_DATA_DIR": str(folder),
        "CBI_DEMO": "true",
        "CBI_PROVIDERS": "post_office,sandbox",
        "CBI_RECALL_MINUTES": "0",
        "CBI_SMS_TRANSPORT": "simulator",
    }
    settings.cache_clear()
    keys.forget()
    db.disconnect()


def serve(office: str) -> None:
    """Serve the demonstration's office until stopped, with worker and scheduler in this process."""
    from cbi.terminal.deployment import serve as serve_door  # noqa: PLC0415 - the web door takes a second

    os.environ["CBI_OFFICE"] = office
    serve_door()
