"""Style sheets and pictures of the pages: small, served from memory, and kept by browsers for as long as they like."""

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fastapi import Request
from fastapi.responses import Response

from cbi.errors import NotFound

PATH = "/static/{name:path}"

_FOLDER = Path(__file__).parent / "static"
_TYPES = {".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
_FOR_EVER = "public, max-age=31536000, immutable"


class UnknownAsset(NotFound):
    """There is no such file, or it has changed since the page was made."""

    code = "console.unknown_asset"


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is sent, whole and compressed."""

    address: str
    media_type: str
    plain: bytes
    packed: bytes


@cache
def every() -> dict[str, Asset]:
    """Each file by its name. A part of its digest stands in its address, so that a changed file has another one."""
    found = {}
    for path in sorted(_FOLDER.rglob("*")):
        if path.suffix in _TYPES:
            name, content = path.relative_to(_FOLDER).as_posix(), path.read_bytes()
            version = hashlib.sha256(content).hexdigest()[:16]
            packed = gzip.compress(content, 9, mtime=0)
            found[name] = Asset(f"/static/{version}/{name}", _TYPES[path.suffix], content, packed)
    return found


def address(name: str) -> str:
    """Where a page finds the file `name`."""
    return every()[name].address


def serve(request: Request, name: str) -> Response:
    """A file, compressed for whoever can read that. Raises UnknownAsset."""
    asset = every().get(name.partition("/")[2])
    if asset is None or asset.address != f"/static/{name}":
        raise UnknownAsset("There is no such file.", next_step="Load the page again.")
    headers = {"Cache-Control": _FOR_EVER, "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        return Response(asset.packed, media_type=asset.media_type, headers=headers)
    return Response(asset.plain, media_type=asset.media_type, headers=headers)
