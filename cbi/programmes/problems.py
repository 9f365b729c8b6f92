"""What is wrong with a programme file, line by line, in the words of whoever wrote it."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import ClassVar

from cbi.errors import Invalid

_SHOWN = 30


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing to mend: where it stands (from 1), what is wrong, and what to write instead.

    `field` is written as in the documentation, such as `stipend.cap`; empty for the whole file.
    """

    line: int
    column: int
    field: str
    what: str
    instead: str

    def __str__(self) -> str:
        where = f"line {self.line}, column {self.column}" + (
            f", {self.field}" if self.field else ""
        )
        return f"{where}: {self.what} {self.instead}"


class FileErrors(Invalid):
    """A file cannot be used. `problems` holds all that was found, in the order of the lines."""

    code = "programmes.unusable_file"
    what: ClassVar[str]
    described: ClassVar[str]
    """Which kind of file it is, and the document that describes it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(set(problems))
        count = len(self.problems)
        lines = [f"  {problem}" for problem in self.problems[:_SHOWN]]
        if count > _SHOWN:
            lines.append(f"  … and {count - _SHOWN} more.")
        heading = (
            f"There is 1 mistake in the {self.what}, and nothing was changed:"
            if count == 1
            else f"There are {count} mistakes in the {self.what}, and nothing was changed:"
        )
        super().__init__(
            "\n".join([heading, *lines]),
            next_step=f"{self.described} describes every field.",
            problems=[asdict(problem) for problem in self.problems],
        )


class ProgrammeFileErrors(FileErrors):
    """The programme file cannot be used."""

    code = "programmes.file_errors"
    what, described = "programme file", "docs/programme-file.md"
