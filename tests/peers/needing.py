"""What a test does when the program it talks to is not on this machine: it skips, and in CI it fails."""

import os

import pytest


def needed(found: bool, what: str, how: str) -> None:  # noqa: FBT001
    """Skip the test unless `what` was found, saying how to install it; fail where CBI_PEERS=required says it must be."""
    if found:
        return
    said = f"{what} is not on this machine. Install it with: {how}"
    if os.environ.get("CBI_PEERS") == "required":
        pytest.fail(said)
    pytest.skip(said)
