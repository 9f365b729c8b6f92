"""Opens what was sent, whatever it is: a workbook, a CSV file, or submissions of a form."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from cbi.registry.import_models import ImportKind
from cbi.registry.intake.files import File, opened, seekable
from cbi.registry.intake.mapping import ColumnMapping
from cbi.registry.intake.mapping_parts import UnusableMapping
from cbi.registry.intake.parts import Part, parts_of
from cbi.registry.intake.submissions import Submissions
from cbi.registry.intake.tables import Line

_START = 4096


class Opened(Protocol):
    """What can be taken in, and given back as a copy."""

    @property
    def kind(self) -> ImportKind:
        """What it is."""

    @property
    def all_sheets(self) -> list[str | None]:
        """Every sheet of a copy."""

    def digest(self) -> bytes:
        """SHA-256 of the file as it came."""

    def parts(self) -> Iterator[Part]:
        """The households, some thousand at a time. Raises UnusableFile in its kinds."""

    def headers(self) -> dict[str | None, tuple[int, int]]:
        """For each sheet that is read, in which row its header stands and how many columns it has."""

    def lines(self, sheet: str | None) -> Iterator[Line]:
        """Every row of a sheet, header included."""


@dataclass(frozen=True, slots=True)
class _List:
    """A workbook or a CSV file, with the mapping it is read by."""

    _file: File
    _mapping: ColumnMapping
    kind: ImportKind = ImportKind.LIST

    @property
    def all_sheets(self) -> list[str | None]:
        return self._file.all_sheets

    def digest(self) -> bytes:
        return self._file.digest()

    def parts(self) -> Iterator[Part]:
        return parts_of(self._file, self._mapping)

    def headers(self) -> dict[str | None, tuple[int, int]]:
        found = {}
        for rule in (self._mapping.households, self._mapping.people):
            if rule:
                table = self._file.table(rule.sheet, rule.header_row)
                found[table.sheet] = (table.header_line, len(table.columns))
        return found

    def lines(self, sheet: str | None) -> Iterator[Line]:
        return self._file.lines(sheet)


@contextmanager
def opened_list(content: Path | BinaryIO, mapping: ColumnMapping) -> Iterator[Opened]:
    """Open what was sent. Raises UnusableFile in its kinds, UnusableMapping, FileNotFoundError."""
    _refuse_unlabelled(mapping)
    with seekable(content) as stream:
        if is_json(stream):
            yield Submissions(stream, mapping)
        else:
            with opened(stream, encoding=mapping.encoding, delimiter=mapping.delimiter) as file:
                yield _List(file, mapping)


def is_json(stream: BinaryIO) -> bool:
    """Whether a file begins as JSON does; the stream is left at its beginning."""
    stream.seek(0)
    start = stream.read(_START).removeprefix(b"\xef\xbb\xbf").lstrip()
    stream.seek(0)
    inside = start[1:].lstrip()
    return start[:1] == b"{" or (start[:1] == b"[" and inside[:1] in {b"{", b"]"})


def _refuse_unlabelled(mapping: ColumnMapping) -> None:
    rules = [("", mapping.households), ("people.", mapping.people)]
    wanted = [
        f"{where}{name}"
        for where, rule in rules
        if rule
        for name, field in rule.fields.items()
        if field.label and f"{where}{name}" not in mapping.answers
    ]
    if wanted:
        raise UnusableMapping(
            f"The mapping file asks for the labels of choices ({', '.join(wanted)}), which only the form has.",
            next_step="Give the form (XLSX) as well: --form.",
        )
