"""The API described for programs (OpenAPI): beside what FastAPI finds out, every refusal and the key of every POST."""

from typing import Any

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from cbi.http import problems, replay
from cbi.http.routing import OPEN_WAIVERS

_REFUSALS = {
    "400": "A header is missing or malformed.",
    "401": "No token that is valid now.",
    "403": "The permission is not held.",
    "404": "There is no such thing, or not for the asker.",
    "409": "The present state of things forbids it.",
    "413": "More was sent than this route takes.",
    "422": "Something given cannot be used.",
    "500": "A failure of ours; nothing was changed.",
}
_NOT_FOR_READING = frozenset({"400", "409", "413"})
_KEY = {
    "name": replay.HEADER,
    "in": "header",
    "required": True,
    "description": "A random key (a UUID): new for each thing to be done, the same when trying again. The same request"
    f" is done once; its answer is given again for {replay.KEPT_FOR.days} days, with `Idempotency-Replayed: true`.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200},
}
_WAIVERS = {
    "description": "The numbers of the waivers of controls that are open where the reader works: `GET /api/v1/waivers`."
    " Left out while there are none.",
    "schema": {"type": "string", "examples": ["1, 4"]},
}
_REF = "#/components/schemas/"


class Api(FastAPI):
    """FastAPI with a complete description at `/openapi.json`."""

    def openapi(self) -> dict[str, Any]:
        """The description, made at the first call."""
        if self.openapi_schema is None:
            schema = super().openapi()
            schemas = schema.setdefault("components", {}).setdefault("schemas", {})
            _, ours = models_json_schema(
                [(problems.Problem, "serialization")], ref_template=_REF + "{model}"
            )
            schemas.update(ours["$defs"])
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
            for operations in schema["paths"].values():
                for method, operation in operations.items():
                    _complete(method, operation)
        return super().openapi()


def _complete(method: str, operation: dict[str, Any]) -> None:
    guarded = bool(operation.get("security"))
    if guarded and method == "post":
        operation.setdefault("parameters", []).append(_KEY)
    if guarded and method == "get":
        operation["responses"]["200"].setdefault("headers", {})[OPEN_WAIVERS] = _WAIVERS
    for status, description in _REFUSALS.items():
        if method == "get" and status in _NOT_FOR_READING:
            continue
        operation["responses"][status] = {
            "description": description,
            "content": {problems.MEDIA_TYPE: {"schema": {"$ref": f"{_REF}Problem"}}},
        }
