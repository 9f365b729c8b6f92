"""What the registry asks nobody for, and how a statement that sorted people by it would be known."""

import re
from functools import lru_cache

NOT_ASKED = re.compile(
    r"nationalit|citizenship|(?<![a-z])(legal|migration|immigration|residence|visa|refugee|asylum)[ _]status"
    r"|ethnic(ity| group)|(?<![a-z])religion|country[ _]of[ _](origin|birth)|residence[ _]permit|place[ _]of[ _]birth",
    re.IGNORECASE,
)
"""Nationality, legal status, faith and origin, however they are called. A household's `status` is active or closed."""


@lru_cache(5000)
def sorts_by(statement: str) -> bool:
    """Whether a SQL statement groups, sorts, filters or shows people by any of it."""
    return NOT_ASKED.search(statement) is not None
