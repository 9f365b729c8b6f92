"""What the values of a sheet do not tell: cells without a result, and numbers that are shown with leading zeros."""

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from xml.parsers import expat

from cbi.registry.intake.tables import (
    MAX_CELLS,
    MAX_COLUMNS,
    MAX_ROWS,
    CellFault,
    DamagedFile,
    too_many_rows,
)

_PADDING = re.compile(r"0{2,20}\Z")
_REFERENCE = re.compile(r"([A-Z]{1,3})([0-9]{1,7})\Z")


@dataclass(slots=True)
class SheetMarks:
    """Faults and padding widths of one sheet, by row number (from 1) and column (from 0)."""

    is_filled: bool = False
    faults: dict[int, dict[int, CellFault]] = field(default_factory=dict)
    widths: dict[int, dict[int, int]] = field(default_factory=dict)


class SheetScan:
    """Reads the positions in one XML part, fed in blocks. Raises FileTooLarge, DamagedFile, ExpatError, ValueError.

    `widths` gives, by cell style, to how many digits its format pads a number.
    """

    def __init__(self, widths: Mapping[str, int]) -> None:
        self._marks = SheetMarks()
        self._widths = widths
        self._parser = _parser()
        self._parser.StartElementHandler = self._start
        self._row = self._column = 0
        self._top = self._left = 1 << 30
        self._bottom = self._right = -1
        self._is_text = False
        self._formula = False
        self._has_result = False

    def feed(self, block: bytes) -> None:
        """Take the next block of the part."""
        self._parser.Parse(block)

    def finish(self) -> SheetMarks:
        """The marks, once everything was fed."""
        self._parser.Parse(b"", True)  # noqa: FBT003 - takes no keywords
        self._settle_formula()
        return self._marks

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        name = _local(tag)
        if name == "c":
            self._cell(attributes)
        elif name == "v":
            self._fill()
            if self._formula and not self._has_result:
                self._has_result = self._is_text
                self._parser.CharacterDataHandler = self._result
        elif name == "is":
            self._fill()
        elif name == "row":
            self._settle_formula()
            self._row = int(attributes.get("r") or self._row + 1)
            self._column = -1
        elif name == "f":
            self._fill()
            self._formula, self._has_result = True, False

    def _cell(self, attributes: dict[str, str]) -> None:
        self._settle_formula()
        match = _REFERENCE.match(attributes.get("r", ""))
        if match:
            self._column, self._row = _column_index(match[1]), int(match[2])
        else:
            self._column += 1
        kind = attributes.get("t", "n")
        self._is_text = kind == "str"
        if kind == "e":
            self._marks.faults.setdefault(self._row, {})[self._column] = CellFault.ERROR
        width = self._widths.get(attributes.get("s", ""))
        if width and kind == "n":
            self._marks.widths.setdefault(self._row, {})[self._column] = width

    def _result(self, text: str) -> None:
        if text.strip():
            self._has_result = True
            self._parser.CharacterDataHandler = None

    def _settle_formula(self) -> None:
        if self._formula:
            self._parser.CharacterDataHandler = None
            self._formula = False
            if not self._has_result:
                self._marks.faults.setdefault(self._row, {})[self._column] = CellFault.FORMULA

    def _fill(self) -> None:
        # A reader lays the sheet out from its first to its last filled cell, so one stray cell can cost gigabytes.
        self._marks.is_filled = True
        self._top, self._bottom = min(self._top, self._row), max(self._bottom, self._row)
        self._left, self._right = min(self._left, self._column), max(self._right, self._column)
        cells = (self._bottom - self._top + 1) * (self._right - self._left + 1)
        if self._bottom > MAX_ROWS + 1 or self._right >= MAX_COLUMNS or cells > MAX_CELLS:
            raise too_many_rows()


@cache
def _column_index(letters: str) -> int:
    index = 0
    for letter in letters:
        index = index * 26 + ord(letter) - 64
    return index - 1


def _local(tag: str) -> str:
    return tag.rpartition(" ")[2]


def _parser() -> expat.XMLParserType:
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartDoctypeDeclHandler = _refuse_document_type
    return parser


def _refuse_document_type(*_: object) -> None:
    raise DamagedFile(
        "The workbook declares an XML document type, which no spreadsheet program does.",
        next_step="Save it again as XLSX in a spreadsheet program.",
    )


def _elements(xml: bytes) -> list[tuple[str, str, dict[str, str]]]:
    """Every element of a small part: its parent's name, its own, and its attributes."""
    found: list[tuple[str, str, dict[str, str]]] = []
    ancestors = [""]

    def start(tag: str, attributes: dict[str, str]) -> None:
        name = _local(tag)
        found.append(
            (ancestors[-1], name, {_local(key): value for key, value in attributes.items()})
        )
        ancestors.append(name)

    def end(_: str) -> None:
        ancestors.pop()

    parser = _parser()
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.Parse(xml, True)  # noqa: FBT003 - takes no keywords
    return found


def padding_widths(styles: bytes) -> dict[str, int]:
    """For each cell style whose number format is nothing but zeros (`00000`), how many digits it shows."""
    if not styles:
        return {}
    elements = _elements(styles)
    zeros = {
        attributes.get("numFmtId", ""): len(attributes["formatCode"])
        for _, name, attributes in elements
        if name == "numFmt" and _PADDING.match(attributes.get("formatCode", ""))
    }
    cell_styles = [a for parent, name, a in elements if (parent, name) == ("cellXfs", "xf")]
    formats = {
        str(style): attributes.get("numFmtId", "") for style, attributes in enumerate(cell_styles)
    }
    return {style: zeros[number] for style, number in formats.items() if number in zeros}


def sheet_paths(workbook: bytes, relations: bytes) -> dict[str, str]:
    """Where in the file each sheet is kept, by its name."""
    if not relations:
        raise DamagedFile(
            "The workbook does not say where its sheets are.", next_step="Save it again as XLSX."
        )
    targets = {
        attributes.get("Id", ""): attributes.get("Target", "")
        for _, name, attributes in _elements(relations)
        if name == "Relationship"
    }
    paths = {}
    for _, name, attributes in _elements(workbook):
        if name == "sheet" and attributes.get("id") in targets:
            path = posixpath.normpath(posixpath.join("/xl", targets[attributes["id"]]))
            paths[attributes.get("name", "")] = path.lstrip("/")
    return paths
