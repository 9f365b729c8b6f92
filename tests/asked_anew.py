"""A question inside a question that lists a table of the outer one again, which is about every row and not about that one.

SQLAlchemy ties a question to the one around it, one level further in than that only where it is told (`correlate`). Else the
table is listed anew, and the answer is about everybody: wrong, and as slow as the table is large.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.selectable import Join


@contextmanager
def refused() -> Iterator[None]:
    """Within the block no such statement is put into words. A table that is meant anew is `aliased`."""
    original: Callable[..., Any] = SQLCompiler._setup_select_stack

    def watching(self: SQLCompiler, select: Any, state: Any, entry: Any, *rest: Any) -> Any:
        outer = set(entry["correlate_froms"])
        froms = original(self, select, state, entry, *rest)
        if len(froms) > 1:
            anew = [each for each in froms if not isinstance(each, Join) and each in outer]
            assert not anew, f"{[str(each) for each in anew]} asked anew in: {select}"[:2000]
        return froms

    with patch.object(SQLCompiler, "_setup_select_stack", watching):
        yield
