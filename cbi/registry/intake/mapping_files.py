"""Reads a mapping file (YAML) and names the line and the field of everything in it that cannot be meant."""

import codecs
import re
from collections.abc import Collection, Mapping
from dataclasses import replace

import phonenumbers
from ruamel.yaml.nodes import Node, ScalarNode

from cbi.offices import LANGUAGES
from cbi.registry.intake import vocabulary
from cbi.registry.intake.checks import DateOrder
from cbi.registry.intake.delimited import DELIMITERS
from cbi.registry.intake.mapping import (
    ALWAYS_NEEDED,
    HOUSEHOLD_FIELDS,
    IDENTIFYING,
    PERSON_FIELDS,
    RECIPIENT_FIELDS,
    ColumnMapping,
    FieldRule,
    PeopleRule,
    Pick,
    SheetRule,
)
from cbi.registry.intake.mapping_parts import Parts, Reader, compose
from cbi.registry.models import FactorKind
from cbi.registry.text import folded

_SOURCE = re.compile(r"[a-z0-9][a-z0-9_-]{1,39}\Z")


def load_mapping(text: str) -> ColumnMapping:
    """The mapping that a file's text describes. Raises UnusableMapping with every problem there is."""
    root = compose(text)
    reader = _MappingReader()
    mapping = reader.mapping(root)
    reader.refuse_problems()
    return replace(mapping, text=text)


class _MappingReader(Reader):
    def mapping(self, root: Node) -> ColumnMapping:
        top = self.parts(root, "", _SINGLE | _DOUBLE | _SUBMISSIONS)
        source = self.text(top, "source", "") or ""
        if not _SOURCE.match(source):
            self.wrong(
                top["source"][0] if "source" in top else 1, "source",
                "Name where the list comes from, in small letters, digits, - and _, such as partner-oran-2026.",
            )  # fmt: skip
        repeat = None
        if double := "individuals" in top or "households" in top:
            households, people = self._double(top)
        elif "repeat" in top:
            households = self._sheet(top, "", HOUSEHOLD_FIELDS + RECIPIENT_FIELDS, may_count=True)
            people, repeat = self._repeat(top)
        else:
            households, people = self._sheet(top, "", HOUSEHOLD_FIELDS + PERSON_FIELDS), None
        given = {*households.fields, *(people.fields if people else ())}
        if missing := [name for name in ALWAYS_NEEDED if name not in given]:
            where = (
                "households.columns and individuals.columns" if double
                else "columns and repeat.columns" if "repeat" in top else "columns"
            )  # fmt: skip
            for name in missing:
                self.wrong(1, where, f"`{name}` is missing.{_HINT.get(name, '')}")
        return ColumnMapping(
            source=source,
            households=households,
            people=people,
            region=self.choice(
                top,
                "region",
                phonenumbers.SUPPORTED_REGIONS,
                "a two-letter country code, such as KE",
            ),
            dates=self._dates(top),
            encoding=self._encoding(top),
            delimiter=self._delimiter(top),
            consent_notice=self.text(top, "consent_notice", ""),
            factors=self._factors(top) or tuple(FactorKind),
            repeat=repeat,
            labels=self.choice(top, "labels", LANGUAGES, f"one of {', '.join(LANGUAGES)}"),
        )

    def _double(self, top: Parts) -> tuple[SheetRule, PeopleRule | None]:
        for name in ("households", "individuals"):
            if name not in top:
                self.wrong(
                    1, name, "A list of two sheets needs both `households:` and `individuals:`."
                )
        for name in sorted(_SINGLE & top.keys()):
            self.wrong(
                top[name][0], name, "In a list of two sheets this stands under `households:`."
            )
        if "repeat" in top:
            self.wrong(top["repeat"][0], "repeat", "A list of two sheets has no repeat.")
        allowed = {"sheet", "header_row", "columns"}
        line, node = top.get("households", (1, None))
        own = self.parts(node, "households", allowed) if node else {}
        households = self._sheet(
            own, "households.", HOUSEHOLD_FIELDS + RECIPIENT_FIELDS, may_count=True
        )
        line, node = top.get("individuals", (1, None))
        own = (
            self.parts(node, "individuals", allowed | {"household", "head", "collector"})
            if node
            else {}
        )
        people = self._sheet(own, "individuals.", PERSON_FIELDS)
        link = self.text(own, "household", "individuals.")
        if not link:
            self.wrong(
                line,
                "individuals.household",
                "Name the column that says whose household a person belongs to.",
            )
        for part, rule in (("households", households), ("individuals", people)):
            if not rule.sheet:
                self.wrong(top[part][0] if part in top else 1, f"{part}.sheet", "Name the sheet.")
        head, collector = (self._pick(own, name, "individuals") for name in _PICKS)
        return households, PeopleRule(
            people.fields, people.sheet, people.header_row, link or "", head, collector
        )

    def _repeat(self, top: Parts) -> tuple[PeopleRule, str]:
        own = self.parts(top["repeat"][1], "repeat", {"path", "columns", *_PICKS})
        path = (self.text(own, "path", "repeat.") or "").strip("/")
        if not path:
            self.wrong(
                top["repeat"][0],
                "repeat.path",
                "Name the path of the questions asked for each person.",
            )
        people = self._sheet(own, "repeat.", PERSON_FIELDS)
        head, collector = (self._pick(own, name, "repeat") for name in _PICKS)
        return PeopleRule(people.fields, path, head=head, collector=collector), path

    def _pick(self, own: Parts, name: str, part: str) -> Pick | None:
        if name not in own:
            return None
        where = f"{part}.{name}"
        parts = self.parts(own[name][1], where, {"column", "is", "is_filled"})
        column = self.text(parts, "column", where + ".")
        if not column or ("is" in parts) == ("is_filled" in parts):
            self.wrong(
                own[name][0],
                where,
                "Give `column:`, and either `is:` with the word or `is_filled: true`.",
            )
            return None
        if "is_filled" in parts:
            return Pick(column, None)
        return Pick(column, frozenset(map(folded, self.texts(parts, "is", where + "."))))

    def _sheet(
        self, own: Parts, prefix: str, allowed: Collection[str], *, may_count: bool = False
    ) -> SheetRule:
        columns = (
            self.parts(own["columns"][1], prefix + "columns", allowed) if "columns" in own else {}
        )
        if "columns" not in own:
            self.wrong(
                1, prefix + "columns", "This part is missing: it says which column is which field."
            )
        fields = {
            name: self._field(name, line, node, f"{prefix}columns.{name}", may_count=may_count)
            for name, (line, node) in columns.items()
        }
        personal = {
            folded(column)
            for name in IDENTIFYING & fields.keys()
            for column in (*fields[name].names, *fields[name].after)
        }
        number = fields.get("source_id")
        if number and not number.keyed and personal & set(map(folded, number.names)):
            self.wrong(
                columns["source_id"][0], f"{prefix}columns.source_id",
                "This column identifies a person and would be kept in clear: write"
                " `source_id: {column: …, keyed: true}`, and only a keyed hash of it is kept.",
            )  # fmt: skip
        row = self.text(own, "header_row", prefix)
        if row is not None and not (row.isdecimal() and 1 <= int(row) <= 1000):
            self.wrong(
                own["header_row"][0], prefix + "header_row", "Give the number of the row, from 1."
            )
            row = None
        return SheetRule(fields, self.text(own, "sheet", prefix), int(row) if row else None)

    def _field(self, name: str, line: int, node: Node, where: str, *, may_count: bool) -> FieldRule:
        needed = True if name in ALWAYS_NEEDED else None
        if isinstance(node, ScalarNode):
            column = self.scalar(node, where)
            if not column:
                self.wrong(line, where, "Give the name of the column.")
            return FieldRule(names=(column or "",), required=needed)
        parts = self.parts(node, where, _FIELD_SETTINGS)
        named = self.texts(parts, "column", where + ".")
        column, after = (named[0] if named else None), named[1:]
        constant = self.text(parts, "constant", where + ".")
        if after and name != "name":
            self.wrong(line, where, "Only a name is written in several columns.")
        required = self.flag(parts, "required", where, otherwise=needed)
        counted = bool(self.flag(parts, "counted", where, otherwise=False))
        keyed = bool(self.flag(parts, "keyed", where, otherwise=False))
        several = bool(self.flag(parts, "several", where, otherwise=False))
        label = bool(self.flag(parts, "label", where, otherwise=False))
        if sum((column is not None, constant is not None, counted)) != 1 and not (
            required is False and column is constant is None and not counted
        ):
            self.wrong(
                line, where, "Give one of `column:`, `constant:` or, for the size, `counted: true`."
            )
        if counted and not (name == "size" and may_count):
            self.wrong(
                line, where, "Only the size of a household in a list of two sheets can be counted."
            )
        if keyed and name != "source_id":
            self.wrong(
                line,
                where,
                "Only `source_id` can be keyed; what identifies a person is always sealed.",
            )
        if required is False and name in {"source_id", "name"}:
            self.wrong(line, where, f"`{name}` cannot be left out.")
        values = self._values(name, parts, where)
        default = self.text(parts, "default", where + ".")
        for setting, word in (("constant", constant), ("default", default)):
            self._known_word(name, word, parts.get(setting, (line, node))[0], f"{where}.{setting}")
        return FieldRule(
            (column,) if column else (), constant, default, values, required, keyed, counted,
            several=several, label=label, after=tuple(after),
        )  # fmt: skip

    def _values(self, name: str, parts: Parts, where: str) -> dict[str, str]:
        if "values" not in parts:
            return {}
        words = {}
        for theirs, (line, node) in self.parts(parts["values"][1], where + ".values", None).items():
            ours = self.scalar(node, f"{where}.values.{theirs}") or ""
            self._known_word(name, ours, line, f"{where}.values.{theirs}")
            words[folded(theirs) or theirs] = ours
        return words

    def _known_word(self, name: str, word: str | None, line: int, where: str) -> None:
        known: Mapping[str, str] | None = {
            "sex": vocabulary.SEX,
            "language": vocabulary.LANGUAGES,
            "prefers": vocabulary.WAYS,
        }.get(name)
        if word and known is not None and folded(word) not in known:
            self.wrong(
                line, where, f"This must be one of {', '.join(sorted(set(known.values())))}."
            )

    def _factors(self, top: Parts) -> tuple[FactorKind, ...]:
        factors = []
        for word in self.texts(top, "second_factor", ""):
            if word not in set(FactorKind) or FactorKind(word) in factors:
                self.wrong(
                    top["second_factor"][0],
                    "second_factor",
                    f"List some of {', '.join(FactorKind)}, each once.",
                )
            else:
                factors.append(FactorKind(word))
        return tuple(factors)

    def _dates(self, top: Parts) -> DateOrder | None:
        word = self.choice(top, "dates", set(DateOrder), " or ".join(DateOrder))
        return DateOrder(word) if word else None

    def _encoding(self, top: Parts) -> str | None:
        name = self.text(top, "encoding", "")
        try:
            return codecs.lookup(name).name if name else None
        except LookupError:
            self.wrong(
                top["encoding"][0], "encoding", "There is no encoding of this name; cp1256 is one."
            )
            return None

    def _delimiter(self, top: Parts) -> str | None:
        word = self.choice(top, "delimiter", {*DELIMITERS, "tab"}, "one of ; , | or tab")
        return "\t" if word == "tab" else word


_GENERAL = {"source", "region", "dates", "encoding", "delimiter", "second_factor", "consent_notice"}
_SINGLE = {"sheet", "header_row", "columns"}
_DOUBLE = _GENERAL | {"households", "individuals"}
_SUBMISSIONS = {"repeat", "labels"}
_PICKS = ("head", "collector")
_FIELD_SETTINGS = {
    "column", "constant", "default", "values", "required", "keyed", "counted", "several", "label",
}  # fmt: skip
_HINT = {
    "phone": " If the list has none, write `phone: {required: false}`: households then land without a number.",
    "source_id": " It is the number that the household keeps in every list of this source.",
    "size": " In a list of two sheets it can be `size: {counted: true}`.",
}
