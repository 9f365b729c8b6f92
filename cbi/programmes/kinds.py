"""The kinds of programme, and the part of the programme file in which each says what it pays."""

from collections.abc import Mapping
from enum import StrEnum


class Kind(StrEnum):
    """What a programme is for. The words are stored."""

    STIPEND = "stipend"
    GRANT = "grant"
    CASH_FOR_WORK = "cash_for_work"


PARTS: Mapping[str, str] = {
    Kind.STIPEND: "stipend",
    Kind.GRANT: "grant",
    Kind.CASH_FOR_WORK: "work",
}
