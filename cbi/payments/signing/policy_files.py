"""An approval policy as a file: read with every mistake named by its line, and compared with what the office has."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict

from pydantic import ValidationError

from cbi.errors import Invalid
from cbi.payments.signing import control_files
from cbi.payments.signing.approval_policy import Policy, Rule, rule_of
from cbi.programmes import document as documents
from cbi.programmes.document import Document, Path, named
from cbi.programmes.file_problems import told
from cbi.programmes.problems import Problem, ProgrammeFileErrors

_EXAMPLES = {
    "currency": "currency: DZD",
    "bands": "bands:",
    "steps": "steps: [certifier, authoriser]",
    "name": "name: second_authoriser",
    "role": "role: authoriser",
}
"""What to add where a field is missing, as in `examples/approval-policy.yaml`."""


class PolicyFileErrors(Invalid):
    """The file cannot be used. `problems` holds all that was found, in the order of the lines."""

    code = "approval_policy.file_errors"

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(set(problems))
        lines = "\n".join(f"  {problem}" for problem in self.problems)
        super().__init__(
            f"The policy file has mistakes, and nothing was changed:\n{lines}",
            next_step="docs/approval-policy.md describes every field.",
            problems=[asdict(problem) for problem in self.problems],
        )


def read(text: str, programmes: Mapping[str, str]) -> Policy:
    """Read a policy file. `programmes`: the currency of each programme of the office, by code.

    Raises PolicyFileErrors with everything that is wrong, by line.
    """
    try:
        document = documents.read(text)
    except ProgrammeFileErrors as error:
        raise PolicyFileErrors(error.problems) from None
    problems = list(document.problems)
    rules: dict[int, Rule] = {}
    for place, values in enumerate(_rules(document, problems)):
        try:
            rules[place] = rule_of(values)
        except ValidationError as error:
            found = (
                told(
                    document, each, Rule, _EXAMPLES, below=("rules", place), list_example="[certifier]"
                )
                for each in error.errors(include_url=False)
            )  # fmt: skip
            problems += filter(None, found)
    controls = control_files.read(document, problems, programmes)
    problems += _against_the_office(document, rules, programmes)
    if problems:
        raise PolicyFileErrors(problems)
    return Policy(rules=tuple(rules.values()), controls=controls)


def _rules(document: Document, problems: list[Problem]) -> tuple[object, ...]:
    values = document.values
    if not isinstance(values, dict) or not isinstance(rules := values.get("rules"), tuple):
        problems.append(Problem(1, 1, "rules", "There is no list of rules.", "Begin with rules:"))
        return ()
    if not rules:
        problems.append(
            Problem(*document.value_at(("rules",)), "rules", "There is no rule.", "Add one.")
        )
    problems += [
        Problem(*document.name_at((name,)), name, "There is no such field.", "Delete it.")
        for name in values.keys() - {"rules", control_files.CONTROLS}
    ]
    return rules


def _against_the_office(
    document: Document, rules: Mapping[int, Rule], programmes: Mapping[str, str]
) -> Iterator[Problem]:
    """Rules for programmes that there are not, or in another currency, and rules that meet another."""
    met: set[tuple[str, str | None]] = set()
    for place, rule in rules.items():
        for at, code in enumerate(rule.programmes):
            path: Path = ("rules", place, "programmes", at)
            known = programmes.get(code)
            if known not in rule.currencies:
                what = f"It pays in {known}." if known else f"There is no programme {code}."
                yield Problem(*document.value_at(path), named(path), what, "Correct or delete it.")
        for key in [
            (currency, code) for currency in rule.currencies for code in rule.programmes or (None,)
        ]:
            if key in met:
                path = ("rules", place)
                what = "Another rule before says the same: " + " ".join(filter(None, key))
                yield Problem(*document.value_at(path), named(path), what, "Keep one of them.")
            met.add(key)
