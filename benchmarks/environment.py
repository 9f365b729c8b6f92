"""Settings for a part of a measurement."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from cbi.payments.sending import providers
from cbi.settings import settings


@contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """These settings for this process and its children, within the block."""
    before = {name: os.environ.get(name) for name in values}
    os.environ |= values
    _forget()
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        _forget()


def _forget() -> None:
    settings.cache_clear()
    providers.adapter.cache_clear()
