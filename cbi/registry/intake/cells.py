"""One row's cells by our field names: found, cleaned, translated and checked, with what is wrong collected."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from cbi.registry.intake.checks import Reason, Unusable, cell_text
from cbi.registry.intake.facts import Row
from cbi.registry.intake.mapping import Bound
from cbi.registry.intake.tables import CellFault
from cbi.registry.text import folded

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Cells:
    """The fields of one row. Reading one that is missing or wrong notes the reason and gives None."""

    bound: Mapping[str, Bound]
    row: Row

    def has(self, name: str) -> bool:
        """Whether the mapping speaks of this field."""
        return name in self.bound

    def take(self, name: str, check: Callable[[str], Value]) -> Value | None:
        """The field's value as `check` reads it."""
        field = self.bound.get(name)
        if field is None:
            return None
        try:
            text = self._text(field)
            if text:
                return check(text)
            if field.rule.required:
                raise Unusable("missing", "The cell is empty, and this is needed.", "Fill it in.")
        except Unusable as problem:
            self.note(problem, name, is_warning=field.rule.required is False)
        return None

    def note(self, problem: Unusable, name: str, *, is_warning: bool = False) -> None:
        """Add a reason (or a warning) that concerns this field."""
        label = self.bound[name].label if name in self.bound else ""
        reason = Reason(problem.code, label, problem.message, problem.next_step)
        (self.row.warnings if is_warning else self.row.reasons).append(reason)

    def text(self, name: str) -> str:
        """The cell as it was typed, cleaned; empty when it cannot be read."""
        try:
            return self._text(self.bound[name])
        except Unusable:
            return ""

    def _text(self, field: Bound) -> str:
        places = (field.index, *field.after)
        text = " ".join(filter(None, (cell(self.row, place) for place in places)))
        words = text.split() if field.rule.several else [text]
        if field.rule.values:
            words = [field.rule.values.get(folded(word) or word, word) for word in words]
        text = "; ".join(words)
        return text or field.rule.default or field.rule.constant or ""


def cell(row: Row, index: int | None) -> str:
    """A cell's text, cleaned. Raises Unusable."""
    if index is None:
        return ""
    fault = row.line.faults.get(index)
    if fault == CellFault.FORMULA:
        raise Unusable(
            "formula_without_value", "The cell holds a formula whose result was never worked out.",
            "Open the workbook in a spreadsheet program, save it, and send that file; or paste the values.",
        )  # fmt: skip
    if fault == CellFault.ERROR:
        raise Unusable(
            "formula_error", "The cell holds a formula that ended in an error (such as #REF! or #N/A).",
            "Correct the formula, or type the value itself.",
        )  # fmt: skip
    return cell_text(row.line.cells[index]) if index < len(row.line.cells) else ""
