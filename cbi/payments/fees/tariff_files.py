"""A provider's tariff as a file: read with every mistake named by its line."""

from collections.abc import Collection, Iterable
from dataclasses import asdict

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from cbi.errors import Invalid
from cbi.payments.fees.tariff import Tariff
from cbi.programmes import document as documents
from cbi.programmes.document import Document, Path, named
from cbi.programmes.fields import Reading
from cbi.programmes.problems import Problem, ProgrammeFileErrors

_EXAMPLES = {
    "provider": "provider: post_office",
    "currency": "currency: DZD",
    "valid_from": "valid_from: 2026-12-01",
    "source": "source: Contract 2026/14, annex B",
    "rounding": "rounding: nearest",
    "bands": "bands:",
    "amount": 'amount: "2000.00"',
    "programme": "programme: winter-2026",
}
"""What to add where a field is missing, as in `examples/tariff.yaml`."""


class TariffFileErrors(Invalid):
    """The file cannot be used. `problems` holds all that was found, in the order of the lines."""

    code = "tariff.file_errors"

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(set(problems))
        lines = "\n".join(f"  {problem}" for problem in self.problems)
        super().__init__(
            f"The tariff file has mistakes, and nothing was changed:\n{lines}",
            next_step="docs/fees.md describes every field.",
            problems=[asdict(problem) for problem in self.problems],
        )


def read(text: str, providers: Collection[str]) -> Tariff:
    """Read a tariff file. `providers`: those of this deployment. Raises TariffFileErrors with everything that is wrong."""
    try:
        document = documents.read(text)
    except ProgrammeFileErrors as error:
        raise TariffFileErrors(error.problems) from None
    values = document.values
    currency = values.get("currency") if isinstance(values, dict) else None
    problems = list(document.problems)
    try:
        tariff = Tariff.model_validate(values, context=Reading.of(currency, providers))
    except ValidationError as error:
        found = (_problem(document, each) for each in error.errors(include_url=False))
        problems += [each for each in found if each is not None]
    if problems:
        raise TariffFileErrors(problems)
    return tariff


def _problem(document: Document, error: ErrorDetails) -> Problem | None:
    """The error in the words of the file's writer; None where the document has said it."""
    path: Path = tuple(error["loc"])
    kind = error["type"]
    if any(path[: n + 1] in document.unread for n in range(len(path))):
        return None
    place = document.value_at(path)
    if kind == "programme_file":
        path = (*path, *error["ctx"]["at"])
        place = document.value_at(path)
        what, instead = error["ctx"]["what"], error["ctx"]["instead"]
    elif kind == "missing":
        place = document.value_at(path[:-1])
        what, instead = "It is missing.", f"Add: {_EXAMPLES.get(str(path[-1]), path[-1])}"
    elif kind == "extra_forbidden":
        place = document.name_at(path)
        what, instead = "There is no such field.", "Delete it, or see docs/fees.md."
    elif kind == "tuple_type":
        what, instead = "A list belongs here.", "Begin each band with a dash."
    else:
        what, instead = "Fields belong here, each in a line of its own.", "Compare the example."
    return Problem(*place, named(path), what, instead)
