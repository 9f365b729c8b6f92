"""How far this machine has seen each office's audit log: a file apart from the database, by which a restore is noticed.

A database that was read back from a backup cannot know what it has forgotten. This file does.
"""

import logging
from pathlib import Path

from cbi import wrapping
from cbi.audit import chain
from cbi.audit.chain import Head
from cbi.errors import CbiError
from cbi.settings import settings

_log = logging.getLogger(__name__)


def folder() -> Path:
    """Where the files stand: CBI_WITNESS_DIR, else beside the data folder, so that copying that back leaves them alone."""
    data = settings().data_dir
    return settings().witness_dir or data.with_name(f"{data.name}-witness")


def seen(office: str) -> Head | None:
    """The furthest end of the office's log that was seen here; None where none was, or the file cannot be read."""
    file = folder() / f"{office}.head"
    try:
        return chain.as_told(file.read_text())
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, CbiError) as error:
        _log.warning("%s: the witness %s cannot be read: %s", office, file, type(error).__name__)
        return None


def keep(office: str, head: Head) -> None:
    """Remember this end of the office's log, on disk before it counts. Raises OSError."""
    folder().mkdir(parents=True, exist_ok=True)
    wrapping.replace(folder() / f"{office}.head", head.told + "\n", mode=0o600)
