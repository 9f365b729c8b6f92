"""A look into an XLSX file before it is opened: does it unpack to a sane size, and which cells need a note."""

import zipfile
import zlib
from collections.abc import Iterator, Mapping
from typing import BinaryIO
from xml.parsers import expat

from cbi.registry.intake.cellmarks import SheetMarks, SheetScan, padding_widths, sheet_paths
from cbi.registry.intake.tables import DamagedFile, FileTooLarge, UnusableFile

MAX_UNPACKED = 500 * 1024 * 1024
MAX_ENTRIES = 5_000
MAX_RATIO = 200
_RATIO_FROM = 10 * 1024 * 1024
_BLOCK = 1 << 18
_OLE2 = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_WORKBOOK = "xl/workbook.xml"
_STYLES = "xl/styles.xml"
_RELATIONS = "xl/_rels/workbook.xml.rels"


class PasswordProtected(UnusableFile):
    """The workbook asks for a password."""

    code = "registry.password_protected"


class UnknownFileType(UnusableFile):
    """Neither a CSV file nor an XLSX workbook without macros."""

    code = "registry.unknown_file_type"


def refuse_old_workbook(stream: BinaryIO) -> None:
    """Raise PasswordProtected or UnknownFileType for the container that locked and old (.xls) workbooks come in."""
    stream.seek(0)
    start = stream.read(len(_OLE2))
    if start != _OLE2:
        return
    stream.seek(0)
    if any(_ENCRYPTED in block for block in iter(lambda: stream.read(_BLOCK), b"")):
        raise PasswordProtected(
            "The workbook is protected by a password.",
            next_step="Save it without a password, and send it over a protected channel instead.",
        )
    raise UnknownFileType(
        "This is a workbook of the old .xls kind, or another Office document.",
        next_step="Open it in a spreadsheet program and save it as XLSX or “CSV UTF-8”.",
    )


def inspect(stream: BinaryIO) -> dict[str, SheetMarks]:
    """Unpack everything once without keeping it; returns the marks of each sheet.

    Raises FileTooLarge, DamagedFile, UnknownFileType, PasswordProtected.

    The sizes that a ZIP file declares are checked first, then what really comes out: either may be a lie.
    """
    stream.seek(0)
    try:
        with zipfile.ZipFile(stream) as archive:
            entries = archive.infolist()
            _check_declared(entries)
            widths = padding_widths(_read_whole(archive, _STYLES, entries))
            marks = _unpack_all(archive, entries, widths)
            paths = sheet_paths(
                _read_whole(archive, _WORKBOOK, entries), _read_whole(archive, _RELATIONS, entries)
            )
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        OSError,
        ValueError,
        expat.ExpatError,
    ) as error:
        raise DamagedFile(
            "The workbook is damaged: it cannot be unpacked.",
            next_step="Save it again as XLSX and compare the sizes: it may have been cut off on its way.",
        ) from error
    return {name: marks[path] for name, path in paths.items() if path in marks}


def _check_declared(entries: list[zipfile.ZipInfo]) -> None:
    names = {entry.filename for entry in entries}
    if any(name.lower().endswith("vbaproject.bin") for name in names):
        raise UnknownFileType(
            "The workbook holds macros.", next_step="Save it as XLSX without macros."
        )
    if _WORKBOOK not in names:
        raise UnknownFileType(
            "This ZIP file is not an XLSX workbook.",
            next_step="Send an XLSX workbook or a CSV file, not packed in a ZIP.",
        )
    if any(entry.flag_bits & 1 for entry in entries):
        raise PasswordProtected(
            "The file is protected by a password.", next_step="Save it without a password."
        )
    for entry in entries:
        _check_ratio(entry.file_size, entry.compress_size)
    if len(entries) > MAX_ENTRIES or sum(entry.file_size for entry in entries) > MAX_UNPACKED:
        raise _bomb()


def _check_ratio(unpacked: int, packed: int) -> None:
    if unpacked > _RATIO_FROM and unpacked > MAX_RATIO * max(packed, 1):
        raise _bomb()


def _bomb() -> FileTooLarge:
    return FileTooLarge(
        f"The workbook unpacks to more than {MAX_UNPACKED // 2**20} MB, or to far more than a list of people would.",
        next_step="Copy the rows and columns with data into a new workbook, or export the list as “CSV UTF-8”.",
    )


def _blocks(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    # Python stops reading at the declared size, other readers do not: declare more, then count what comes.
    declared, entry.file_size = entry.file_size, MAX_UNPACKED
    unpacked = 0
    try:
        with archive.open(entry) as file:
            while block := file.read(_BLOCK):
                unpacked += len(block)
                if unpacked > declared:
                    raise _bomb()
                yield block
    except NotImplementedError as error:
        raise zipfile.BadZipFile from error
    finally:
        entry.file_size = declared


def _read_whole(archive: zipfile.ZipFile, path: str, entries: list[zipfile.ZipInfo]) -> bytes:
    return b"".join(
        b"".join(_blocks(archive, entry)) for entry in entries if entry.filename == path
    )


def _unpack_all(
    archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo], widths: Mapping[str, int]
) -> dict[str, SheetMarks]:
    found = {}
    for entry in entries:
        blocks = _blocks(archive, entry)
        first = next(blocks, b"")
        if first.lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n")[:1] != b"<" or entry.filename.endswith(
            ".vml"
        ):
            for _ in blocks:
                pass
            continue
        scan = SheetScan(widths)
        scan.feed(first)
        for block in blocks:
            scan.feed(block)
        found[entry.filename] = scan.finish()
    return found
