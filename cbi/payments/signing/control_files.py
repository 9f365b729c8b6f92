"""Reads what an approval policy's file says of controls, with every mistake named by its line."""

from collections.abc import Callable, Iterator, Mapping

from pydantic import ValidationError

from cbi.payments.signing.control_settings import (
    Bounds,
    Controls,
    PayeeLimit,
    RateLimit,
    Setting,
    bounds_of,
    payee_limit_of,
)
from cbi.programmes.document import Document, Path, named
from cbi.programmes.file_problems import told
from cbi.programmes.problems import Problem

CONTROLS = "controls"
_Listed = Setting | Bounds | PayeeLimit | RateLimit
_LISTS: dict[str, tuple[type[_Listed], Callable[[object], _Listed]]] = {
    "blocking": (Setting, Setting.model_validate),
    "amounts": (Bounds, bounds_of),
    "payees": (PayeeLimit, payee_limit_of),
    "rates": (RateLimit, RateLimit.model_validate),
}
"""The lists below `controls:`, each with what reads one of their parts."""
_EXAMPLES = {
    "control": "control: shared_account",
    "currency": "currency: DZD",
    "at_most": "at_most: 2",
}


def read(document: Document, problems: list[Problem], programmes: Mapping[str, str]) -> Controls:
    """What the file says of controls; nothing where it says nothing. Mistakes are added to `problems`.

    `programmes`: the currency of each programme of the office, by code.
    """
    values = document.values.get(CONTROLS, {}) if isinstance(document.values, dict) else {}
    lists = values if isinstance(values, dict) else {"": values}
    found: dict[str, list[_Listed]] = {name: [] for name in _LISTS}
    for name, parts in lists.items():
        path: Path = (CONTROLS, name) if name else (CONTROLS,)
        if name not in _LISTS or not isinstance(parts, tuple):
            what = "There is no such field, or no list in it."
            instead = f"Use {' and '.join(f'{each}:' for each in _LISTS)}, each with a list."
            problems.append(Problem(*document.value_at(path), named(path), what, instead))
            continue
        model, reads = _LISTS[name]
        for place, part in enumerate(parts):
            try:
                found[name].append(reads(part))
            except ValidationError as error:
                problems += _told(document, error, model, (*path, place))
                continue
            problems += _strange(document, found[name][-1], programmes, (*path, place))
    try:
        return Controls.model_validate(found)
    except ValidationError as error:
        problems += _told(document, error, Controls, (CONTROLS,))
        return Controls()


def _told(
    document: Document,
    error: ValidationError,
    model: type[_Listed | Controls],
    below: Path,
) -> Iterator[Problem]:
    for each in error.errors(include_url=False):
        problem = told(document, each, model, _EXAMPLES, below=below, list_example="[winter-2026]")
        if problem:
            yield problem


def _strange(
    document: Document, part: _Listed, programmes: Mapping[str, str], below: Path
) -> Iterator[Problem]:
    """Bounds for programmes that there are not, or in another currency: they would bind nothing."""
    for at, code in enumerate(part.programmes if isinstance(part, Bounds) else ()):
        known = programmes.get(code)
        if isinstance(part, Bounds) and known != part.currency:
            path: Path = (*below, "programmes", at)
            what = f"It pays in {known}." if known else f"There is no programme {code}."
            yield Problem(*document.value_at(path), named(path), what, "Correct or delete it.")
