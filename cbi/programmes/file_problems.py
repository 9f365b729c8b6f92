"""Tells the writer of a file what is wrong in it, for every kind of file that is read into parts with fields."""

from collections.abc import Mapping

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from cbi.programmes.document import Document, Path, named
from cbi.programmes.fields import nearest
from cbi.programmes.problems import Problem


def told(
    document: Document,
    error: ErrorDetails,
    model: type[BaseModel],
    examples: Mapping[str, str],
    *,
    below: Path = (),
    list_example: str = "[ar, fr]",
) -> Problem | None:
    """The error in the words of the file's writer; None where the document has said it.

    `model` was read at the path `below`; `examples` say what to add where a field is missing, by its whole name or by
    its last part.
    """
    own, kind = tuple(error["loc"]), error["type"]
    path: Path = (*below, *own)
    if any(path[: n + 1] in document.unread for n in range(len(path))):
        return None
    place = document.value_at(path)
    if kind == "programme_file":
        context = error["ctx"]
        path = (*path, *context["at"])
        place = document.value_at(path)
        what, instead = context["what"], context["instead"]
    elif kind == "missing":
        above = path[:-1]
        place = document.name_at(above) if above in document.keys else document.value_at(above)
        last = str(path[-1])
        what = "It is missing."
        instead = f"Add: {examples.get(named(path)) or examples.get(last, last)}"
    elif kind == "extra_forbidden":
        place = document.name_at(path)
        what, instead = _unknown_field(model, own, error["input"])
    elif error["input"] is None:
        what, instead = "There is nothing here.", "Fill it in, or delete the line."
    elif kind == "tuple_type":
        what, instead = "A list belongs here.", f"Write it in brackets, such as {list_example}."
    else:
        what, instead = (
            "Fields belong here, each in a line of its own.",
            "Compare with the example.",
        )
    return Problem(*place, named(path), what, instead)


def _unknown_field(
    model: type[BaseModel], path: tuple[str | int, ...], value: object
) -> tuple[str, str]:
    name = str(path[-1])
    if name.isdecimal() and value is None:
        # {per_member: 1,000} is how YAML writes two fields, the second of them named 000.
        return "A comma between braces ends a value.", "Write the amount without a comma."
    part: type[BaseModel] | None = model
    for step in path[:-1]:
        if isinstance(step, str):  # a place in a list has the fields of what is listed
            field = _fields(part).get(step) if part else None
            part = _part(field.annotation if field else None)
    return "There is no such field.", nearest(name, list(_fields(part)) if part else [])


def _fields(part: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields as the file names them."""
    return {field.alias or name: field for name, field in part.model_fields.items()}


def _part(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    parts = map(_part, getattr(annotation, "__args__", ()))
    return next(filter(None, parts), None)
