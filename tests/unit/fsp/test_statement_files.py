"""A statement of any length is read from its file anew on each pass, and no pass disturbs another."""

from io import BytesIO
from tempfile import SpooledTemporaryFile

import pytest

from cbi.fsp.statement_files import Lines, from_the_start, rows
from tests.adapters.benches import PostOfficeBench


def test_passes_through_one_file_keep_their_own_places() -> None:
    with SpooledTemporaryFile(max_size=10) as file:
        file.write(b"a\n" * 100_000)
        passes = [from_the_start(file) for _ in range(3)]  # type: ignore[arg-type]
        assert sum(1 for _ in zip(*passes, strict=True)) == 100_000
        for one in passes:
            one.close()
        assert file.read() == b"", "it is still open"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", []),
        (b"a", [(1, b"a", True)]),
        (b"a\n\nb", [(1, b"a\n", False), (2, b"\n", False), (3, b"b", True)]),
    ],
)
def test_rows_are_told_with_their_numbers_and_the_last(
    content: bytes, expected: list[tuple[int, bytes, bool]]
) -> None:
    assert list(rows(BytesIO(content))) == expected


def test_lines_from_a_file_can_be_used_as_if_they_were_held() -> None:
    bench = PostOfficeBench()
    lines = bench.adapter.read_statement(BytesIO(bench.statement())).lines  # type: ignore[attr-defined]
    held = tuple(lines)
    assert isinstance(lines, Lines)
    assert (len(lines), lines[1], lines[-1], lines[1:3]) == (
        len(held),
        held[1],
        held[-1],
        held[1:3],
    )
    assert lines == held
    assert lines != held[:-1]
    with pytest.raises(IndexError):
        lines[len(held)]
