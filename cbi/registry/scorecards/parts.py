"""What the parts of a scorecard file have in common: texts, numbers, expressions, bands and rules, each with its line."""

import keyword
import re
from collections.abc import Iterator
from fractions import Fraction

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from cbi.errors import Invalid
from cbi.offices import LANGUAGES
from cbi.registry.intake.mapping_parts import Parts, Problem, Reader, UnusableMapping, compose
from cbi.registry.scorecards import expressions
from cbi.registry.scorecards.definition import (
    Band,
    Form,
    Kind,
    Rule,
    Scorecard,
    ShortForm,
    Texts,
)
from cbi.registry.scorecards.expressions import FUNCTIONS, Expression, Name, Type, Unreadable
from cbi.registry.scorecards.facts import NAMES
from cbi.registry.scorecards.measures import Number
from cbi.registry.text import clean, folded, plain_digits

NAME = re.compile(r"[a-z][a-z0-9_]{1,39}\Z")
CODE = re.compile(r"[a-z0-9][a-z0-9_-]{1,39}\Z")
LONGEST_TEXT = 300
_NUMBER = re.compile(r"-?\d{1,6}(\.\d{1,4}|/[1-9]\d{0,3})?\Z", re.ASCII)
MOST_SHORT = 12
"""Questions that fit into two minutes; a longer short form is warned about."""
_USUAL_ALONE, _USUAL_AGAIN, _MOST_DAYS = 7, 90, 3650
_SHOWN = 30


class ScorecardFileErrors(Invalid):
    """The scorecard file cannot be used. `details.problems` has the line and the field of each mistake."""

    code = "scorecard.file_errors"

    def __init__(self, problems: list[Problem]) -> None:
        ordered = sorted(problems, key=lambda problem: problem.line)
        count = len(ordered)
        more = [f"  … and {count - _SHOWN} more."] if count > _SHOWN else []
        heading = f"There {'is 1 mistake' if count == 1 else f'are {count} mistakes'} in the scorecard file:"
        super().__init__(
            "\n".join([heading, *(f"  {problem}" for problem in ordered[:_SHOWN]), *more]),
            next_step="docs/scorecards.md describes every field.",
            problems=[{"line": p.line, "field": p.where, "message": p.message} for p in ordered],
        )


def parts_of(text: str) -> Node:
    """The tree of a file's text, without values that are named once and used again. Raises ScorecardFileErrors."""
    try:
        root = compose(text)
    except UnusableMapping as refusal:
        found = refusal.details["problems"]
        assert isinstance(found, list)
        raise ScorecardFileErrors(
            [Problem(each["line"], each["field"], each["message"].replace("a mapping file", "a scorecard file"))
             for each in found]
        ) from None  # fmt: skip
    # Aliases to aliases are how a small file becomes an endless one.
    if again := next(_repeated(root), None):
        raise ScorecardFileErrors(
            [
                Problem(
                    again,
                    "",
                    "A value is named with & and used again with *. Write it out each time.",
                )
            ]
        )
    return root


def _repeated(root: Node) -> Iterator[int]:
    seen, waiting = set(), [root]
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            yield node.start_mark.line + 1
            return
        seen.add(id(node))
        if isinstance(node, MappingNode):
            waiting += [each for pair in node.value for each in pair]
        elif isinstance(node, SequenceNode):
            waiting += node.value


class ScorecardReader(Reader):
    """What the parts of a scorecard have in common; what is wrong is collected, so that it is put right at once."""

    def __init__(self) -> None:
        super().__init__()
        self.languages: tuple[str, ...] = ()
        self.names: dict[str, Name] = dict(NAMES)

    def refuse_problems(self) -> None:
        """Raise ScorecardFileErrors if there was any."""
        if self.problems:
            raise ScorecardFileErrors(self.problems)

    def texts_of(self, own: Parts, name: str, where: str, line: int) -> Texts:
        """A text in every language of the scorecard."""
        inside = f"{where}.{name}" if where else name
        if name not in own:
            self.wrong(line, inside, "It is missing: write the text in each language.")
            return {}
        at, node = own[name]
        if isinstance(node, ScalarNode):
            found = {"en": (at, clean(self.scalar(node, inside) or ""))}
        else:
            parts = self.parts(node, inside, LANGUAGES)
            found = {
                key: (row, clean(self.scalar(value, inside) or ""))
                for key, (row, value) in parts.items()
            }
        for language, (row, text) in found.items():
            if not text or len(text) > LONGEST_TEXT or "\n" in text:
                self.wrong(
                    row,
                    f"{inside}.{language}",
                    f"A text has 1 to {LONGEST_TEXT} characters, on one line.",
                )
        if missing := [each for each in self.languages if each not in found]:
            self.wrong(
                at, inside, f"It is not there in {', '.join(missing)}, as the scorecard's name is."
            )
        return {language: text for language, (_, text) in found.items()}

    def number(self, own: Parts, name: str, where: str, otherwise: Number) -> Number:
        """A number of points, a weight or a threshold, exactly as it is written."""
        if name not in own:
            return otherwise
        return self.exact(own[name][1], f"{where}.{name}", own[name][0])

    def exact(self, node: Node, where: str, line: int) -> Number:
        """The number of a node; 0 when there is none, which is noted."""
        found = exact_number(self.scalar(node, where) or "")
        if found is None:
            self.wrong(line, where, "Write a number such as 3, 2.5 or 1/2.")
            return 0
        return found

    def whole(self, own: Parts, name: str, where: str, otherwise: int, most: int) -> int:
        """A whole number from 0."""
        value = self.number(own, name, where, otherwise)
        if value.denominator != 1 or not 0 <= value <= most:
            self.wrong(own[name][0], f"{where}.{name}", f"Write a whole number from 0 to {most}.")
            return otherwise
        return int(value)

    def expression(
        self, own: Parts, name: str, where: str, line: int, wanted: Type | None, **beside: Name
    ) -> Expression | None:
        """A sum or condition over the names that are known so far."""
        inside = f"{where}.{name}"
        text = self.text(own, name, where + ".")
        if not text:
            self.wrong(
                own[name][0] if name in own else line, inside, "Write an expression, in quotes."
            )
            return None
        try:
            found = expressions.read(text, {**self.names, **beside})
        except Unreadable as problem:
            self.wrong(own[name][0], inside, str(problem))
            return None
        if wanted is not None and found.type is not wanted:
            self.wrong(own[name][0], inside, f"This gives {found.type}, and {wanted} belongs here.")
            return None
        return found

    def listed(self, own: Parts, name: str, line: int, most: int) -> list[Node]:
        """The items of a list."""
        at, node = own.get(name, (line, None))
        if not isinstance(node, SequenceNode) or not 0 < len(node.value) <= most:
            self.wrong(at, name, f"A list of 1 to {most} belongs here.")
            return []
        return list(node.value)

    def good_name(self, name: str, line: int, where: str) -> bool:
        """Whether an expression can use the name, and it is not taken."""
        if not NAME.match(name) or keyword.iskeyword(name):
            self.wrong(
                line,
                where,
                "A name has 2 to 40 small letters, digits and _, and begins with a letter.",
            )
        elif name in NAMES or name in FUNCTIONS or name == "score":
            self.wrong(
                line, where, "This name means something of its own in expressions: use another."
            )
        else:
            return True
        return False


def exact_number(text: str) -> Number | None:
    """The number that is written: whole, decimal or a fraction, in the digits of any script; None where it is none."""
    plain = plain_digits(text).strip()
    if not _NUMBER.match(plain):
        return None
    value = Fraction(plain)
    return value.numerator if value.denominator == 1 else value


def bands_of(reader: ScorecardReader, top: Parts) -> tuple[Band, ...]:
    """The bands, from the least need to the greatest; the first is for every score that no other is for."""
    found: list[Band] = []
    for place, node in enumerate(reader.listed(top, "bands", 1, 9)):
        where, line = f"bands[{place + 1}]", node.start_mark.line + 1
        own = reader.parts(node, where, {"band", "from", "say"})
        name = clean(reader.text(own, "band", where + ".") or "")
        if not folded(name) or len(name) > 40:
            reader.wrong(line, f"{where}.band", "A band is a word or a few, at most 40 characters.")
        elif folded(name) in {folded(band.name) for band in found}:
            reader.wrong(line, f"{where}.band", "There is a band of this name already.")
        start = reader.number(own, "from", where, 0)
        if found and start <= found[-1].start:
            reader.wrong(
                line,
                f"{where}.from",
                "Each band begins above the one before: write from which score.",
            )
        if not found and "from" in own and start > 0:
            reader.wrong(
                line,
                f"{where}.from",
                "The first band is for every score below the second: leave this out.",
            )
        found.append(Band(name, start, reader.texts_of(own, "say", where, line)))
    if len(found) == 1:
        reader.wrong(top["bands"][0], "bands", "There must be two bands at least.")
    return tuple(found)


def rules_of(reader: ScorecardReader, top: Parts, bands: tuple[Band, ...]) -> tuple[Rule, ...]:
    """The rules beside points."""
    found: list[Rule] = []
    for place, node in enumerate(reader.listed(top, "rules", 1, 40) if "rules" in top else []):
        where, line = f"rules[{place + 1}]", node.start_mark.line + 1
        own = reader.parts(node, where, {"rule", "when", "at_least", "why"})
        name = reader.text(own, "rule", where + ".") or ""
        if not NAME.match(name) or name in {rule.name for rule in found}:
            reader.wrong(
                line, f"{where}.rule", "Give the rule a name of its own, such as health_need."
            )
        when = reader.expression(own, "when", where, line, Type.TRUTH)
        band = _band_named(reader, own, "at_least", where, line, bands)
        why = reader.texts_of(own, "why", where, line)
        if when is not None:
            found.append(Rule(name, when, band, why))
    return tuple(found)


def short_of(reader: ScorecardReader, top: Parts, scorecard: Scorecard) -> ShortForm | None:
    """The short form, if there is one: some of the indicators, and when it flags for the long form."""
    if "short" not in top:
        return None
    line, node = top["short"]
    own = reader.parts(node, "short", {"indicators", "long_if", "otherwise"})
    known = {each.name: each for each in scorecard.indicators}
    names = reader.texts(own, "indicators", "short.")
    if not names:
        reader.wrong(line, "short.indicators", "List the indicators that the short form goes by.")
    for name in names:
        at = own["indicators"][0]
        if name not in known or names.count(name) > 1:
            reader.wrong(
                at, "short.indicators", f"{name!r} is no indicator above, or stands here twice."
            )
        elif (needed := known[name].is_) is not None:
            for missing in sorted(needed.names - set(names) - set(NAMES)):
                reader.wrong(
                    at, "short.indicators", f"{name} needs {missing}, which is not listed."
                )
    every = reader.names
    reader.names = {name: kind for name, kind in every.items() if name in NAMES or name in names}
    long_if = reader.expression(own, "long_if", "short", line, Type.TRUTH, score=Name(Type.NUMBER))
    reader.names = every
    otherwise = _band_named(reader, own, "otherwise", "short", line, scorecard.bands)
    return ShortForm(tuple(names), long_if, otherwise) if long_if is not None else None


def _band_named(
    reader: ScorecardReader, own: Parts, name: str, where: str, line: int, bands: tuple[Band, ...]
) -> str:
    text = clean(reader.text(own, name, where + ".") or "")
    for band in bands:
        if folded(band.name) == folded(text):
            return band.name
    reader.wrong(
        own[name][0] if name in own else line, f"{where}.{name}",
        f"Name one of the bands: {', '.join(band.name for band in bands)}.",
    )  # fmt: skip
    return bands[0].name if bands else ""


def warnings_of(scorecard: Scorecard) -> tuple[str, ...]:
    """What does not stop a scorecard, and should be looked at."""
    if scorecard.short is None:
        return ("There is no short form: everybody is asked everything.",)
    asked = len(scorecard.asked(Form.SHORT))
    if asked > MOST_SHORT:
        return (
            f"The short form asks {asked} questions; more than {MOST_SHORT} take longer than two minutes.",
        )
    return ()


TOP = {"scorecard", "name", "corrections", "indicators", "rules", "bands", "short"}


def corrections_of(reader: ScorecardReader, top: Parts) -> tuple[int, int]:
    """For how many days whoever assessed may put it right alone, and after how many a visit is a new assessment."""
    if "corrections" not in top:
        return _USUAL_ALONE, _USUAL_AGAIN
    own = reader.parts(top["corrections"][1], "corrections", {"alone_for_days", "again_after_days"})
    alone = reader.whole(own, "alone_for_days", "corrections", _USUAL_ALONE, _MOST_DAYS)
    again = reader.whole(own, "again_after_days", "corrections", _USUAL_AGAIN, _MOST_DAYS)
    if again < alone:
        reader.wrong(
            top["corrections"][0],
            "corrections",
            "`again_after_days` cannot be less than `alone_for_days`.",
        )
    return alone, again


def kind_of(reader: ScorecardReader, own: Parts, where: str, line: int) -> Kind:
    """How an indicator is answered."""
    if "is" in own and "kind" not in own:
        return Kind.COMPUTED
    word = reader.text(own, "kind", where + ".")
    if word in set(Kind):
        return Kind(word)
    reader.wrong(line, f"{where}.kind", f"Write one of: {', '.join(Kind)}.")
    return Kind.YES_NO
