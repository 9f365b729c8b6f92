"""An approval policy as a file: read with every mistake named by its line, and compared with what the office has."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from cbi.errors import Invalid
from cbi.payments.approval_policy import Policy, Rule, rule_of
from cbi.programmes import document as documents
from cbi.programmes.document import Document, Path, named
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
            found = (_problem(document, place, each) for each in error.errors(include_url=False))
            problems += filter(None, found)
    problems += _against_the_office(document, rules, programmes)
    if problems:
        raise PolicyFileErrors(problems)
    return Policy(rules=tuple(rules.values()))


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
        for name in values.keys() - {"rules"}
    ]
    return rules


def _problem(document: Document, rule: int, error: ErrorDetails) -> Problem | None:
    """The error in the words of the file's writer; None where the document has said it."""
    path: Path = ("rules", rule, *error["loc"])
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
        what, instead = "There is no such field.", "Delete it, or see docs/approval-policy.md."
    elif kind == "tuple_type":
        what, instead = "A list belongs here.", "Write it in brackets, such as [certifier]."
    else:
        what, instead = "Fields belong here, each in a line of its own.", "Compare the example."
    return Problem(*place, named(path), what, instead)


def _against_the_office(
    document: Document, rules: Mapping[int, Rule], programmes: Mapping[str, str]
) -> Iterator[Problem]:
    """Rules for programmes that there are not, or in another currency, and rules that meet another."""
    met: set[tuple[str, str | None]] = set()
    for place, rule in rules.items():
        for at, code in enumerate(rule.programmes):
            path: Path = ("rules", place, "programmes", at)
            known = programmes.get(code)
            if known != rule.currency:
                what = f"It pays in {known}." if known else f"There is no programme {code}."
                yield Problem(*document.value_at(path), named(path), what, "Correct or delete it.")
        for key in [(rule.currency, code) for code in rule.programmes or (None,)]:
            if key in met:
                path = ("rules", place)
                what = "Another rule before says the same: " + " ".join(filter(None, key))
                yield Problem(*document.value_at(path), named(path), what, "Keep one of them.")
            met.add(key)
