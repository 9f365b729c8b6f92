"""A command loads what it needs: who signs in or asks for the proofs waits for no server and for no workbook."""

import subprocess
import sys

import pytest

SERVED = {"fastapi", "starlette", "uvicorn", "jinja2", "openpyxl", "numpy", "holidays"}


@pytest.mark.parametrize(
    "used", ["cbi.access.users, cbi.payments.signing.waiver_register", "cbi.proofs.verify"]
)
def test_what_every_command_begins_with_loads_nothing_that_only_others_need(used: str) -> None:
    look = f"import sys, {used}\nprint(*({SERVED!r} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
