"""Submissions of a Kobo form since the last time, page by page in the order of their numbers."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from adapters.kobo.client import Client, instant
from adapters.kobo.settings import KoboSettings, read
from cbi.sources.source import Page, SourceUnavailable

OVERLAP = timedelta(hours=1)
"""How far back it is read again: a submission that was stored slowly may get its time before one that was there."""


@dataclass(frozen=True, slots=True)
class _Mark:
    """The latest `_submission_time` that was read, and the `_id` of those that the next look back will meet again."""

    time: str = ""
    seen: tuple[int, ...] = ()

    @classmethod
    def of(cls, text: str) -> "_Mark":
        """From its own text. Raises SourceUnavailable."""
        if not text:
            return cls()
        try:
            told = json.loads(text)
            return cls(str(told["time"]), tuple(map(int, told["seen"])))
        except (ValueError, TypeError, KeyError) as error:
            raise SourceUnavailable(
                "It cannot be told how far this form was read.",
                next_step="Read it from its beginning: --again.",
            ) from error

    def __str__(self) -> str:
        return json.dumps({"time": self.time, "seen": self.seen}, separators=(",", ":"))


class KoboSource:
    """One form on a Kobo server."""

    def __init__(self, settings: KoboSettings, client: Client | None = None) -> None:
        self._settings = settings
        self._client = client or Client(settings)

    def pages(self, mark: str) -> Iterator[Page]:
        """Every submission since the mark. Attachments stay where they are."""
        known = _Mark.of(mark)
        since = instant(known.time)
        recent: dict[int, datetime] = {}
        """Those that a look back from the latest would meet."""
        latest = since
        last = 0
        while True:
            answer = self._client.data(_query(since, last), self._settings.page_size)
            results = [each for each in answer["results"] if isinstance(each, dict)]
            if not results:
                return
            numbers = [_number(each) for each in results]
            if numbers != sorted(numbers) or numbers[0] <= last:
                raise SourceUnavailable(
                    "The Kobo server does not give its submissions in the order of their numbers.",
                    next_step="Nothing of this page was kept. Ask whoever runs the server.",
                )
            last = numbers[-1]
            for number, each in zip(numbers, results, strict=True):
                at = instant(each.get("_submission_time"))
                if at is not None:
                    recent[number] = at
                    latest = at if latest is None else max(latest, at)
            if latest is not None:
                recent = {number: at for number, at in recent.items() if at >= latest - OVERLAP}
            fresh = tuple(
                _without_attachments(each)
                for number, each in zip(numbers, results, strict=True)
                if number not in known.seen
            )
            if fresh:
                yield Page(
                    fresh, str(_Mark(latest.isoformat() if latest else "", tuple(sorted(recent))))
                )
            if not answer.get("next"):
                return


def _query(since: datetime | None, last: int) -> dict[str, object]:
    """In the words of MongoDB, as the API takes them. By number rather than by place: places move as others send."""
    wanted: dict[str, object] = {"_id": {"$gt": last}}
    if since is not None:
        wanted["_submission_time"] = {"$gte": f"{since - OVERLAP:%Y-%m-%dT%H:%M:%S}"}
    return wanted


def _number(submission: Mapping[str, Any]) -> int:
    try:
        return int(submission["_id"])
    except (KeyError, TypeError, ValueError) as error:
        raise SourceUnavailable(
            "A submission of the Kobo server has no number.",
            next_step="Ask whoever runs the server.",
        ) from error


def _without_attachments(submission: Mapping[str, Any]) -> Mapping[str, Any]:
    return {key: each for key, each in submission.items() if key != "_attachments"}


def build(name: str, given: Mapping[str, str]) -> KoboSource:
    """The source, from its settings. Raises UnusableSetting."""
    return KoboSource(read(name, given))
