"""A mapping file as YAML: its parts with their lines, and a list of what cannot be meant."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from cbi.errors import Invalid

LARGEST_TEXT = 256 * 1024
_DEEPEST = 10
_SHOWN = 10
_NULL = "tag:yaml.org,2002:null"

Parts = Mapping[str, tuple[int, Node]]
"""The settings of one part: the line each stands in, and its value."""


class UnusableMapping(Invalid):
    """The mapping file says something that cannot be meant. `details.problems` has the line and field of each."""

    code = "registry.unusable_mapping"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that cannot be meant, and where it stands."""

    line: int
    where: str
    message: str

    def __str__(self) -> str:
        return (
            f"Line {self.line}, {self.where}: {self.message}"
            if self.where
            else f"Line {self.line}: {self.message}"
        )


def compose(text: str) -> Node:
    """The tree of a file's text. Raises UnusableMapping."""
    if len(text) > LARGEST_TEXT:
        raise _refusal([Problem(1, "", "This is too large for a mapping file.")])
    if "\ufffd" in text:
        line = text[: text.index("\ufffd")].count("\n") + 1
        raise _refusal(
            [Problem(line, "", "This is not UTF-8 text. Save the file as plain text in UTF-8.")]
        )
    yaml = YAML(typ="safe", pure=True)
    yaml.max_depth = _DEEPEST
    try:
        root: Node | None = yaml.compose(text.removeprefix("\ufeff"))
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise _refusal([Problem(line, "", f"This is not YAML: {error.problem}.")]) from None
    except (YAMLError, ValueError) as error:
        raise _refusal([Problem(1, "", "This is not YAML.")]) from error
    if root is None:
        raise _refusal([Problem(1, "", "The file is empty.")])
    return root


def _refusal(problems: list[Problem]) -> UnusableMapping:
    shown = "\n".join(str(problem) for problem in problems[:_SHOWN])
    more = f"\n… and {len(problems) - _SHOWN} more." if len(problems) > _SHOWN else ""
    return UnusableMapping(
        f"The mapping file cannot be used.\n{shown}{more}",
        next_step="docs/registration-files.md describes every setting.",
        problems=[{"line": p.line, "field": p.where, "message": p.message} for p in problems],
    )


class Reader:
    """Walks the tree; what is wrong is collected, so that a person corrects a file once."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def refuse_problems(self) -> None:
        """Raise UnusableMapping if there was any."""
        if self.problems:
            raise _refusal(sorted(self.problems, key=lambda problem: problem.line))

    def choice(self, top: Parts, name: str, allowed: Collection[str], hint: str) -> str | None:
        """One of the allowed words, or None."""
        word = self.text(top, name, "")
        if word is not None and word not in allowed:
            self.wrong(top[name][0], name, f"This must be {hint}.")
            return None
        return word

    def parts(
        self, node: Node, where: str, allowed: Collection[str] | None
    ) -> dict[str, tuple[int, Node]]:
        """The settings of a part with their lines; unknown and repeated ones are noted. `allowed` None: any name."""
        if not isinstance(node, MappingNode):
            self.wrong(
                node.start_mark.line + 1, where, "Here must be names with values, one on each line."
            )
            return {}
        parts: dict[str, tuple[int, Node]] = {}
        for key, value in node.value:
            line, name = key.start_mark.line + 1, str(key.value)
            inside = f"{where}.{name}" if where else name
            if name in parts:
                self.wrong(
                    line, inside, f"This is given twice; the first is in line {parts[name][0]}."
                )
            elif allowed is not None and name not in allowed:
                self.wrong(
                    line,
                    inside,
                    f"There is no such setting here. There is: {', '.join(sorted(allowed))}.",
                )
            else:
                parts[name] = (line, value)
        return parts

    def text(self, parts: Parts, name: str, prefix: str) -> str | None:
        """The text of one setting, or None."""
        return self.scalar(parts[name][1], prefix + name) if name in parts else None

    def texts(self, parts: Parts, name: str, prefix: str) -> list[str]:
        """The texts of a setting that may be one or a list."""
        if name not in parts:
            return []
        node = parts[name][1]
        nodes = node.value if isinstance(node, SequenceNode) else [node]
        return [text for each in nodes if (text := self.scalar(each, prefix + name))]

    def scalar(self, node: Node, where: str) -> str | None:
        """The text of a node, or None when it says nothing."""
        if isinstance(node, ScalarNode):
            return None if node.tag == _NULL else str(node.value).strip()
        self.wrong(node.start_mark.line + 1, where, "Here must be a single word or text.")
        return None

    def flag(self, parts: Parts, name: str, where: str, *, otherwise: bool | None) -> bool | None:
        """True or false; `otherwise` when it is not said."""
        word = self.text(parts, name, where + ".")
        if word is None:
            return otherwise
        if word not in {"true", "false"}:
            self.wrong(parts[name][0], f"{where}.{name}", "This must be true or false.")
        return word == "true"

    def wrong(self, line: int, where: str, message: str) -> None:
        """Note a problem."""
        self.problems.append(Problem(line, where, message))
