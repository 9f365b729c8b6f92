"""A programme file as plain values, each with its place, before any meaning is read into them."""

import unicodedata
from dataclasses import dataclass, field

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from cbi.programmes.problems import Problem, ProgrammeFileErrors
from cbi.registry.text import clean

LARGEST_BYTES = 256 * 1024
_DEEPEST = 8
_UNDECODED = "\ufffd"
"""What stands for bytes that were not UTF-8."""

Path = tuple[str | int, ...]
Place = tuple[int, int]
Value = str | dict[str, "Value"] | tuple["Value", ...] | None

_TAG = "tag:yaml.org,2002:"
_NULL, _FLOAT = _TAG + "null", _TAG + "float"
_SCALARS = {_TAG + kind for kind in ("str", "int", "bool", "timestamp", "merge")} | {_NULL, _FLOAT}

# What the YAML reader says, and what a person can do about it; the first that fits is used.
_ADVICE = (
    ("found character '\\t'", "There is a tab.", "Indent with spaces: YAML does not allow tabs."),
    (
        "found character",
        "A value begins with a character that YAML keeps for itself.",
        "Put the value in quotes.",
    ),
    (
        "unknown escape character",
        "A backslash means something of its own between double quotes.",
        "Put the value in single quotes.",
    ),
    (
        "mapping values are not allowed here",
        "There is a colon where none can be, or the line is indented more than its neighbours.",
        "Align the line with its neighbours, and quote a value that holds a colon.",
    ),
    (
        "found unexpected end of stream",
        "A quotation mark is opened and never closed.",
        "Close it on the same line.",
    ),
    (
        "but found another document",
        "A second document begins.",
        "Keep one programme in one file, without lines of ---.",
    ),
    (
        "maximum depth",
        "Brackets or indentation are nested too deeply.",
        "Compare with the example file.",
    ),
    (
        "undefined alias",
        "The asterisk refers to something that is not there.",
        "Write the value out, or put it in quotes.",
    ),
    (
        "expected ',' or",
        "A bracket or brace is opened and never closed.",
        "Close it, and separate what stands inside with commas.",
    ),
    (
        "expected <block end>",
        "The line does not line up with those above it, or a quotation mark stands inside a value.",
        "Indent the fields of one part alike, and put the other kind of quotes around the value.",
    ),
)


@dataclass(slots=True)
class Document:
    """What stands in the file. Every scalar is text: what it means is for its field to say."""

    values: Value = None
    places: dict[Path, Place] = field(default_factory=dict)
    """Where each value stands, by its path; lines and columns from 1."""
    keys: dict[Path, Place] = field(default_factory=dict)
    """Where each field's name stands."""
    problems: list[Problem] = field(default_factory=list)
    unread: set[Path] = field(default_factory=set)
    """The values that stand in `problems`: nothing more need be said of them."""

    def value_at(self, path: Path) -> Place:
        """The place of a value, or of the nearest part around it."""
        while path not in self.places and path:
            path = path[:-1]
        return self.places.get(path, (1, 1))

    def name_at(self, path: Path) -> Place:
        """The place of a field's name, or of the nearest part around it."""
        while path not in self.keys and path:
            path = path[:-1]
        return self.keys.get(path, (1, 1))


def named(path: Path) -> str:
    """The path as a person writes it: `stipend.cap`, `programme.languages[2]`."""
    text = ""
    for step in path:
        text += f"[{step + 1}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def read(text: str) -> Document:
    """Read the file's text. Raises ProgrammeFileErrors when it is empty, too large, not UTF-8 or not YAML."""
    text = text.removeprefix("\ufeff")
    size = len(text.encode(errors="replace"))
    if size > LARGEST_BYTES:
        raise _whole_file(
            f"The file is too large for a programme ({size // 1024} kB).",
            "Check that it is the right file.",
        )
    if _UNDECODED in text:
        raise ProgrammeFileErrors([_undecoded(text)])
    yaml = YAML(typ="safe", pure=True)
    yaml.max_depth = _DEEPEST
    try:
        root = yaml.compose(text)
    except ReaderError as error:
        raise ProgrammeFileErrors([_unprintable(text, error)]) from None
    except MarkedYAMLError as error:
        raise ProgrammeFileErrors([_broken(error)]) from None
    except (YAMLError, ValueError, OverflowError):
        raise _whole_file("This is not YAML.", "Compare with the example file.") from None
    if root is None:
        raise _whole_file("The file is empty.", "Begin with the example file.")
    document = Document()
    document.values = _value(root, (), document, set())
    return document


def _whole_file(what: str, instead: str) -> ProgrammeFileErrors:
    return ProgrammeFileErrors([Problem(1, 1, "", what, instead)])


def _undecoded(text: str) -> Problem:
    place = _place_in(text, text.index(_UNDECODED))
    return Problem(*place, "", "This is not UTF-8 text.", "Save the file as plain text in UTF-8.")


def _unprintable(text: str, error: ReaderError) -> Problem:
    what = f"There is a character that cannot be printed (U+{ord(text[error.position]):04X})."
    return Problem(*_place_in(text, error.position), "", what, "Delete it.")


def _place_in(text: str, position: int) -> Place:
    before = text[:position]
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def _broken(error: MarkedYAMLError) -> Problem:
    said = str(error.problem)
    mark = error.problem_mark
    if error.context_mark and ("end of stream" in said or "expected ','" in said):
        mark = error.context_mark  # where the quotation mark or bracket was opened
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    for words, what, instead in _ADVICE:
        if words in said:
            return Problem(line, column, "", what, instead)
    return Problem(line, column, "", "This is not YAML.", "Compare with the example file.")


def _place(node: Node) -> Place:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _value(node: Node, path: Path, document: Document, seen: set[int]) -> Value:
    document.places[path] = _place(node)
    first, wrong = id(node) not in seen, None
    seen.add(id(node))
    if not first:
        # Aliases to aliases are how a small file becomes an endless one.
        wrong = "A value is named with & and used again with *.", "Write it out each time."
    elif isinstance(node, MappingNode):
        return _fields(node, path, document, seen)
    elif isinstance(node, SequenceNode):
        return tuple(_value(item, (*path, n), document, seen) for n, item in enumerate(node.value))
    else:
        wrong = _wrong_scalar(node)
    if wrong:
        document.problems.append(Problem(*_place(node), named(path), *wrong))
        document.unread.add(path)
    return None if wrong or node.tag == _NULL else _cleaned(node)


def _wrong_scalar(node: Node) -> tuple[str, str] | None:
    shown = str(node.value)[:40]
    if node.tag not in _SCALARS:
        return "Tags (words that begin with !) have no meaning here.", "Delete the tag."
    if node.tag == _FLOAT:
        # The text is still exact here, but no other program that reads the file could say so.
        return f"{shown} without quotes is not an exact number.", f'Write "{shown}", in quotes.'
    if any(unicodedata.category(c) in {"Cs", "Co", "Cn"} for c in str(node.value)):
        return "There is something here that is not a character.", "Type the value again."
    return None


def _fields(node: MappingNode, path: Path, document: Document, seen: set[int]) -> Value:
    fields: dict[str, Value] = {}
    for key, value in node.value:
        place = _place(key)
        name = _cleaned(key) if isinstance(key, ScalarNode) else ""
        inside = (*path, name)
        if not name:
            wrong = "The name of a field is a word.", "Compare with the example file."
            document.problems.append(Problem(*place, named(path), *wrong))
        elif name in fields:
            what = f"It is given twice; the first is in line {document.keys[inside][0]}."
            document.problems.append(Problem(*place, named(inside), what, "Keep one of them."))
        else:
            document.keys[inside] = place
            fields[name] = _value(value, inside, document, seen)
            if value.tag == _NULL:  # nothing stands somewhere further down, for YAML
                document.places[inside] = place
    return fields


def _cleaned(node: Node) -> str:
    """The text without direction marks and control characters, on one line."""
    return " ".join(clean(str(node.value)).split())
