"""Submissions are fetched from a Kobo server over HTTP: new ones only, kept page by page, taken in by the worker."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import URL, func, select

from cbi import jobs, offices
from cbi.access.actor import SYSTEM, Actor, NotPermitted
from cbi.registry.import_models import Import
from cbi.registry.intake import pulling, sources
from cbi.registry.intake.models import ImportPart, Pull
from cbi.registry.intake.sources import UnknownSource, UnusableSource
from cbi.registry.models import Household
from cbi.settings import settings
from cbi.sources.source import SourceUnavailable
from tests.flow.test_registry_import import OFFICER

MAPPING = """
source: kobo-oran
columns: {source_id: _uuid, name: name, phone: phone, size: size}
"""


class Kobo(BaseHTTPRequestHandler):
    """Answers as the data endpoint of KoboToolbox does."""

    stored: ClassVar[list[dict[str, Any]]] = []
    breaks_after: ClassVar[int | None] = None

    def do_GET(self) -> None:
        asked = {key: values[0] for key, values in parse_qs(urlsplit(self.path).query).items()}
        query, limit = json.loads(asked["query"]), int(asked["limit"])
        last, since = query["_id"]["$gt"], query.get("_submission_time", {}).get("$gte", "")
        if self.breaks_after is not None and last >= self.breaks_after:
            self.send_response(403)
            self.end_headers()
            return
        found = [
            each for each in self.stored if each["_id"] > last and each["_submission_time"] >= since
        ]
        more = "https://elsewhere.example.org/" if len(found) > limit else None
        body = json.dumps({"count": len(found), "next": more, "results": found[:limit]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def submission(number: int, **more: Any) -> dict[str, Any]:
    return {
        "_id": number, "_uuid": f"u{number}", "_xform_id_string": "f", "name": "Amina Test",
        "phone": f"0550{number:06d}", "size": "3", "_submission_time": f"2026-03-01T08:{number:02d}:00",
    } | more  # fmt: skip


@pytest.fixture
def kobo(database: URL, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[type[Kobo]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Kobo)
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    (tmp_path / "oran.yaml").write_text(MAPPING)
    for key, text in {
        "CBI_SOURCES": "oran",
        "CBI_SOURCE_ORAN_ADAPTER": "kobo",
        "CBI_SOURCE_ORAN_OFFICE": "dz",
        "CBI_SOURCE_ORAN_MAPPING": str(tmp_path / "oran.yaml"),
        "CBI_SOURCE_ORAN_HOURLY": "yes",
        "CBI_SOURCE_ORAN_SERVER": f"http://127.0.0.1:{server.server_port}",
        "CBI_SOURCE_ORAN_ASSET": "aBcD1234efGh5678ijKl90",
        "CBI_SOURCE_ORAN_TOKEN": "0123456789abcdef0123456789abcdef01234567",
        "CBI_SOURCE_ORAN_PAGE_SIZE": "4",
    }.items():
        monkeypatch.setenv(key, text)
    settings.cache_clear()
    Kobo.stored = [submission(number) for number in range(1, 11)]
    Kobo.breaks_after = None
    yield Kobo
    server.shutdown()
    server.server_close()


def households() -> int:
    with offices.transaction("dz") as session:
        return session.scalar(select(func.count()).select_from(Household)) or 0


def imports() -> list[tuple[str, int, int, int]]:
    with offices.transaction("dz") as session:
        rows = session.scalars(select(Import).order_by(Import.imported_at)).all()
        return [(row.state, row.rows_landed, row.rows_unchanged, row.rows_rejected) for row in rows]


def test_the_clock_fetches_what_is_new_and_the_worker_takes_it_in(kobo: type[Kobo]) -> None:
    assert jobs.pull("dz") == 1
    assert imports() == [("waiting", 0, 0, 0)]
    assert jobs.imports("dz") == 10
    assert imports() == [("done", 10, 0, 0)]
    assert jobs.pull("dz") == 0
    kobo.stored.append(submission(11))
    assert jobs.pull("dz") == 1
    assert jobs.imports("dz") == 1
    assert households() == 11
    with offices.transaction("dz") as session:
        pulls = session.scalars(select(Pull)).all()
        assert [row.submissions for row in pulls] == [4, 4, 2, 1]
        assert "Amina" not in " ".join(row.mark for row in pulls)
        assert session.scalar(select(func.count()).select_from(ImportPart)) == 0


def test_what_came_before_the_source_broke_off_is_kept_and_the_rest_comes_later(
    kobo: type[Kobo],
) -> None:
    kobo.breaks_after = 8
    with pytest.raises(SourceUnavailable):
        pulling.pull("dz", OFFICER, sources.source("oran"))
    jobs.imports("dz")
    assert households() == 8
    kobo.breaks_after = None
    pulling.pull("dz", OFFICER, sources.source("oran"))
    jobs.imports("dz")
    assert (households(), imports()) == (10, [("done", 8, 0, 0), ("done", 2, 0, 0)])


def test_a_process_that_died_while_it_fetched_loses_nothing(
    kobo: type[Kobo],
) -> None:
    dying = (
        "import os; from cbi.access.actor import SYSTEM; from cbi.registry.intake import pulling, sources;"
        " pulling.pull('dz', SYSTEM, sources.source('oran'), progress=lambda count: count < 4 and os._exit(9))"
    )
    done = subprocess.run([sys.executable, "-c", dying], cwd=Path(__file__).parents[2], check=False)
    assert done.returncode == 9, "gone after the last page was kept"
    assert jobs.imports("dz") == 0
    assert pulling.pull("dz", OFFICER, sources.source("oran")) is None
    assert jobs.imports("dz") == 10
    assert households() == 10


def test_reading_again_from_the_beginning_shows_edits_and_changes_nothing(kobo: type[Kobo]) -> None:
    pulling.pull("dz", OFFICER, sources.source("oran"))
    jobs.imports("dz")
    kobo.stored[2] = submission(3, _uuid="v3", size="5", **{"meta/deprecatedID": "uuid:u3"})
    pulling.pull("dz", OFFICER, sources.source("oran"), again=True)
    jobs.imports("dz")
    assert (households(), imports()[1]) == (10, ("done", 0, 9, 1))


def test_only_known_sources_of_this_office_by_whom_may_import(kobo: type[Kobo]) -> None:
    with pytest.raises(UnknownSource):
        sources.source("elsewhere")
    with pytest.raises(UnusableSource):
        pulling.pull("ke", SYSTEM, sources.source("oran"))
    with pytest.raises(NotPermitted):
        pulling.pull("dz", Actor("user", None, "x"), sources.source("oran"))
