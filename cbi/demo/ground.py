"""The demonstration's own ground: a folder and a database of its own, clean at every start."""

import fcntl
import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cbi import db, embedded, keys
from cbi.errors import Conflict
from cbi.payments.sending import providers
from cbi.settings import settings

COMMAND = "cbi"
"""A file in the folder: the command for this office alone, for another terminal while the demonstration is served."""

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
    """Settings for this process, and a command that gives another terminal the same."""
    environment = {
        f"CBI_{name}": ""
        for name in (
            "DATABASE_URL",
            "OWNER_DATABASE_URL",
            "MASTER_KEY",
            "MASTER_KEY_FILE",
            "OFFICE",
        )
    } | {
        "CBI_DATA_DIR": str(folder),
        "CBI_WITNESS_DIR": str(
            folder / "witness"
        ),  # gone with it: the next demonstration is no restored one
        "CBI_DEMO": "true",
        "CBI_PROVIDERS": "post_office,sandbox",
        "CBI_FSP_SANDBOX_FLOAT_UNITS": "1000000",  # what the office has placed with it
        "CBI_RECALL_MINUTES": "0",
        "CBI_SMS_TRANSPORT": "simulator",
    }
    os.environ |= environment
    settings.cache_clear()
    keys.forget()
    db.disconnect()
    providers.adapter.cache_clear()
    command = folder / COMMAND
    exports = "".join(f"export {name}={shlex.quote(text)}\n" for name, text in environment.items())
    here = shlex.quote(str(Path(sys.argv[0]).absolute()))
    command.write_text(
        f'#!/bin/sh\n# cbi in the demonstration\'s office\n{exports}exec {here} "$@"\n'
    )
    command.chmod(0o755)
