"""Reads a scorecard whole: its indicators one by one, then everything that rests on them, and tries it out."""

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from cbi.registry import not_asked
from cbi.registry.intake.mapping_parts import Parts, Problem
from cbi.registry.scorecards import scoring
from cbi.registry.scorecards.definition import (
    Form,
    Indicator,
    Kind,
    Option,
    Scorecard,
    Step,
)
from cbi.registry.scorecards.expressions import Name, Type
from cbi.registry.scorecards.facts import SAMPLE
from cbi.registry.scorecards.measures import Number
from cbi.registry.scorecards.parts import (
    CODE,
    TOP,
    ScorecardFileErrors,
    ScorecardReader,
    bands_of,
    corrections_of,
    kind_of,
    parts_of,
    rules_of,
    short_of,
    warnings_of,
)
from cbi.registry.text import folded

MOST_INDICATORS, MOST_ANSWERS = 120, 40
_LARGEST_ANSWER = 1_000_000
_SETTINGS = {"ask", "kind", "answers", "between", "points", "weight", "most", "optional", "is"}
_ALLOWED = {
    Kind.CHOICE: {"answers", "optional"},
    Kind.MANY: {"answers", "optional", "most"},
    Kind.NUMBER: {"between", "points", "optional"},
    Kind.YES_NO: {"points", "optional"},
    Kind.COMPUTED: {"is", "points"},
}


def read(text: str) -> Scorecard:
    """The scorecard that a file's text describes. Raises ScorecardFileErrors with everything that is wrong, by line."""
    root = parts_of(text)
    reader = ScorecardReader()
    scorecard = _Indicators(reader).scorecard(root)
    reader.refuse_problems()
    _try_out(reader, scorecard)
    reader.refuse_problems()
    return scorecard


def refuse_sorting(text: str) -> None:
    """Raise ScorecardFileErrors where a name or a text of the file sorts people by what nobody is asked."""
    problems, waiting = [], [parts_of(text)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ScalarNode) and not_asked.sorts_people(str(node.value)):
            problems.append(
                Problem(
                    node.start_mark.line + 1, str(node.value)[:40],
                    f"Nobody is assessed by {not_asked.THESE}. {not_asked.ASK_INSTEAD}",
                )
            )  # fmt: skip
        elif isinstance(node, MappingNode):
            waiting += [each for pair in node.value for each in pair]
        elif isinstance(node, SequenceNode):
            waiting += node.value
    if problems:
        raise ScorecardFileErrors(problems)


class _Indicators:
    def __init__(self, reader: ScorecardReader) -> None:
        self._reader = reader
        self._headings: set[str] = set()

    def scorecard(self, root: Node) -> Scorecard:
        reader = self._reader
        top = reader.parts(root, "", TOP)
        code = reader.text(top, "scorecard", "") or ""
        if not CODE.match(code):
            reader.wrong(
                top["scorecard"][0] if "scorecard" in top else 1, "scorecard",
                "Give it a short name: 2 to 40 small letters, digits, - and _, such as vulnerability.",
            )  # fmt: skip
        name = reader.texts_of(top, "name", "", 1)
        reader.languages = tuple(name)
        indicators = self._all(top)
        bands = bands_of(reader, top)
        rules = rules_of(reader, top, bands)
        alone, again = corrections_of(reader, top)
        whole = Scorecard(code, name, indicators, rules, bands, None, alone, again)
        short = short_of(reader, top, whole)
        whole = Scorecard(code, name, indicators, rules, bands, short, alone, again)
        return Scorecard(
            code, name, indicators, rules, bands, short, alone, again, warnings_of(whole)
        )

    def _all(self, top: Parts) -> tuple[Indicator, ...]:
        reader = self._reader
        line, node = top.get("indicators", (1, None))
        if not isinstance(node, MappingNode) or not 0 < len(node.value) <= MOST_INDICATORS:
            reader.wrong(
                line,
                "indicators",
                f"1 to {MOST_INDICATORS} indicators belong here, each by its name.",
            )
            return ()
        found = []
        for name, (at, value) in reader.parts(node, "indicators", None).items():
            where = f"indicators.{name}"
            is_good = reader.good_name(name, at, where)
            indicator = self._one(name, at, value, where)
            if is_good:
                found.append(indicator)
                reader.names[name] = _name_of(indicator)
        if found and not any(each.is_asked for each in found):
            reader.wrong(line, "indicators", "Nothing is asked.")
        return tuple(found)

    def _one(self, name: str, line: int, node: Node, where: str) -> Indicator:
        reader = self._reader
        own = reader.parts(node, where, _SETTINGS)
        kind = kind_of(reader, own, where, line)
        for setting in sorted(own.keys() - _ALLOWED[kind] - {"ask", "kind", "weight"}):
            reader.wrong(
                own[setting][0], f"{where}.{setting}", f"A {kind} indicator has no such setting."
            )
        ask = reader.texts_of(own, "ask", where, line)
        weight = reader.number(own, "weight", where, 1)
        optional = bool(reader.flag(own, "optional", where, otherwise=False))
        options = self._options(own, where, line) if kind in {Kind.CHOICE, Kind.MANY} else ()
        least, largest = self._between(own, where, line) if kind is Kind.NUMBER else (0, 0)
        is_ = reader.expression(own, "is", where, line, None) if kind is Kind.COMPUTED else None
        if is_ is not None and is_.type is Type.SET:
            reader.wrong(own["is"][0], f"{where}.is", "Several answers are no value: count them.")
        indicator = Indicator(
            name, kind, ask, options, least, largest, weight=weight, optional=optional, is_=is_,
            most=reader.number(own, "most", where, 0) if "most" in own else None,
        )  # fmt: skip
        if indicator.is_asked:
            self._check_headings(indicator, line, where)
        return self._with_points(indicator, own, where)

    def _options(self, own: Parts, where: str, line: int) -> tuple[Option, ...]:
        reader = self._reader
        at, node = own.get("answers", (line, None))
        if not isinstance(node, MappingNode) or not 1 <= len(node.value) <= MOST_ANSWERS:
            reader.wrong(
                at,
                f"{where}.answers",
                f"1 to {MOST_ANSWERS} answers belong here, each by its name.",
            )
            return ()
        found: list[Option] = []
        for code, (row, value) in reader.parts(node, f"{where}.answers", None).items():
            inside = f"{where}.answers.{code}"
            if not code.isascii() or not code.replace("_", "").isalnum() or len(code) > 40:
                reader.wrong(row, inside, "An answer's name has small letters, digits and _.")
            parts = reader.parts(value, inside, {"say", "points"})
            points = reader.number(parts, "points", inside, 0)
            option = Option(code, reader.texts_of(parts, "say", inside, row), points)
            for language, said in option.say.items():
                if any(folded(other.say.get(language, "")) == folded(said) for other in found):
                    reader.wrong(row, f"{inside}.say.{language}", "Another answer says the same.")
            found.append(option)
        return tuple(found)

    def _between(self, own: Parts, where: str, line: int) -> tuple[int, int]:
        at, node = own.get("between", (line, None))
        if isinstance(node, SequenceNode) and len(node.value) == 2:
            least, largest = (
                self._reader.exact(each, f"{where}.between", at) for each in node.value
            )
            whole = least.denominator == largest.denominator == 1
            if whole and 0 <= least < largest <= _LARGEST_ANSWER:
                return int(least), int(largest)
        self._reader.wrong(
            at, f"{where}.between", "Write the least and the largest answer, such as [0, 7]."
        )
        return 0, 1

    def _with_points(self, indicator: Indicator, own: Parts, where: str) -> Indicator:
        if "points" not in own:
            return indicator
        reader, (line, node) = self._reader, own["points"]
        points: Number = 0
        steps: list[Step] = []
        words: dict[str, Number] = {}
        gives = _name_of(indicator)
        if gives.type is Type.TRUTH:
            points = reader.exact(node, f"{where}.points", line)
        elif gives.type is Type.TEXT:
            for word, (row, value) in reader.parts(node, f"{where}.points", gives.words).items():
                words[word] = reader.exact(value, f"{where}.points.{word}", row)
        elif isinstance(node, SequenceNode):
            for item in node.value:
                row = item.start_mark.line + 1
                parts = reader.parts(item, f"{where}.points", {"from", "points"})
                start = reader.number(parts, "from", f"{where}.points", 0)
                if "from" not in parts or (steps and start <= steps[-1].start):
                    reader.wrong(
                        row,
                        f"{where}.points",
                        "Each step says `from:`, and begins above the one before.",
                    )
                steps.append(Step(start, reader.number(parts, "points", f"{where}.points", 0)))
        elif isinstance(node, ScalarNode):
            reader.wrong(line, f"{where}.points", "Write steps: a list of {from: 4, points: 3}.")
        return Indicator(
            indicator.name, indicator.kind, indicator.ask, indicator.options, indicator.least,
            indicator.largest, points, tuple(steps), words, indicator.weight, indicator.most,
            indicator.optional, indicator.is_,
        )  # fmt: skip

    def _check_headings(self, indicator: Indicator, line: int, where: str) -> None:
        """Refuse two columns of one heading: nobody could tell the answers apart when the form comes back."""
        for language, ask in indicator.ask.items():
            own = (
                {folded(f"{ask}{option.say.get(language, '')}") for option in indicator.options}
                if indicator.kind is Kind.MANY
                else {folded(ask)}
            )
            if {f"{language}/{each}" for each in own} & self._headings:
                self._reader.wrong(
                    line, f"{where}.ask.{language}", "Another question says the same."
                )
            self._headings |= {f"{language}/{each}" for each in own}


def _name_of(indicator: Indicator) -> Name:
    words = frozenset(option.code for option in indicator.options)
    if indicator.kind is Kind.CHOICE:
        return Name(Type.TEXT, words | {""} if indicator.optional else words)
    if indicator.kind is Kind.MANY:
        return Name(Type.SET, words)
    if indicator.is_ is not None:
        return Name(indicator.is_.type, indicator.is_.words)
    return Name(Type.TRUTH if indicator.kind is Kind.YES_NO else Type.NUMBER)


def _try_out(reader: ScorecardReader, scorecard: Scorecard) -> None:
    """Score two made-up households, the least and the most that can be answered: what fails then is named now."""
    for most in (False, True):
        for form in Form if scorecard.short else (Form.LONG,):
            answers = {each.name: _sample(each, most=most) for each in scorecard.asked(form)}
            try:
                scoring.score(scorecard, form, answers, SAMPLE)
            except scoring.CannotScore as problem:
                reader.wrong(1, problem.where, problem.message)


def _sample(indicator: Indicator, *, most: bool) -> object:
    if indicator.kind is Kind.YES_NO:
        return most
    if indicator.kind is Kind.NUMBER:
        return indicator.largest if most else indicator.least
    codes = [option.code for option in indicator.options]
    if indicator.kind is Kind.CHOICE:
        return codes[-1 if most else 0]
    return sorted(codes) if most else []
