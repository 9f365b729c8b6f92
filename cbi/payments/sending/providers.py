"""The financial service providers that this deployment uses, each built once in a process."""

import os
from functools import cache

from cbi.errors import Conflict
from cbi.fsp import discovery
from cbi.fsp.adapter import FspAdapter
from cbi.fsp.settings import settings_of
from cbi.settings import settings


class CannotSend(Conflict):
    """The provider has no ability by which a run could go out."""

    code = "provider.cannot_send"


@cache
def adapter(name: str) -> FspAdapter:
    """The adapter of an allowed provider, built from its `CBI_FSP_<NAME>_…` variables. Raises AdapterUnavailable."""
    allowed = settings().providers
    return discovery.load(name, settings_of(name, os.environ, allowed), allowed)
