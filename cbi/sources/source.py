"""A source of submissions: it gives them page by page, and says with each page how far it has been read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from cbi.errors import Conflict


class SourceUnavailable(Conflict):
    """The source does not answer, or refuses us. Nothing of the page that was asked for is kept."""

    code = "source.unavailable"


@dataclass(frozen=True, slots=True)
class Page:
    """Some submissions as JSON objects, and the mark from which to read on once they are kept.

    A mark is the source's own text: no personal data may stand in it, for it is kept in clear.
    """

    submissions: tuple[Mapping[str, Any], ...] = field(repr=False)
    mark: str


class SubmissionSource(Protocol):
    """What an adapter offers. It fetches answers only, never attachments."""

    def pages(self, mark: str) -> Iterator[Page]:
        """Every submission since the mark (empty: all there are), oldest first. Raises SourceUnavailable.

        A submission may come twice, never not at all: whoever reads knows it by its own name.
        """
