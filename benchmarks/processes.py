"""Processes of their own for whatever is measured, so that nothing else shares their time or their memory."""

import multiprocessing
import os
from collections.abc import Callable
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from typing import Any


def from_one_that_has_read_the_code() -> None:
    """From now on each process is forked from one that imported everything, which takes no seconds and counts less.

    For trying the benchmarks out. Such a process is not charged with the pages of libraries that it never touches,
    and copies those that it changes, so neither its memory nor its time is what the engine's own process has.
    """
    multiprocessing.set_start_method("forkserver")
    multiprocessing.set_forkserver_preload(["benchmarks.run"])


def context() -> BaseContext:
    """How processes begin: as new ones that import for themselves, unless forking was asked for."""
    return multiprocessing.get_context(multiprocessing.get_start_method(allow_none=True) or "spawn")


def apart(work: Callable[..., object], *given: Any) -> BaseProcess:
    """A process, not yet started, that does this work under the settings of now."""
    # One that is forked would have the settings that stood when the first was asked for.
    return context().Process(target=_do, args=(dict(os.environ), work, given))  # type: ignore[attr-defined,no-any-return]


def _do(settings: dict[str, str], work: Callable[..., object], given: tuple[Any, ...]) -> None:
    os.environ.clear()
    os.environ.update(settings)
    work(*given)
