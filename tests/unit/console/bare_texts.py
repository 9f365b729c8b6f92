"""Finds words in a template that a reader would see in English whatever their language."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser

from jinja2 import Environment, nodes

_TRANSLATING = {"_", "gettext", "ngettext", "pgettext"}
_SEEN_ATTRIBUTES = {
    "alt",
    "title",
    "placeholder",
    "aria-label",
    "aria-description",
    "label",
    "value",
    "content",
}
_UNSEEN_ELEMENTS = {"style", "script", "code"}
_NO_WORDS = {"CBI"}
_WORD = re.compile(r"[^\W\d_]{2,}")
_FILLED = "\x00"


def bare_texts(source: str) -> list[str]:
    """The words of a template that stand in no call of gettext."""
    environment = Environment(extensions=["jinja2.ext.i18n"])  # noqa: S701 - nothing is rendered
    return [*_in_markup(environment, source), *_in_expressions(environment.parse(source))]


def _in_markup(environment: Environment, source: str) -> list[str]:
    """Words between tags and in attributes that people see; what Jinja puts in counts as a blank."""
    shown: list[str] = []
    within, inside_trans, first = "", False, ""
    for _line, kind, value in environment.lex(source):
        if kind in {"block_begin", "variable_begin", "comment_begin", "raw_begin"}:
            within, first = kind, ""
            shown.append(_FILLED if kind == "variable_begin" else " ")
        elif kind in {"block_end", "variable_end", "comment_end", "raw_end"}:
            within = ""
        elif within:
            if within == "block_begin" and not first and kind == "name":
                first = value
                inside_trans = {"trans": True, "endtrans": False}.get(first, inside_trans)
        elif kind == "data" and not inside_trans:
            shown.append(value)
    reader = _Reader()
    reader.feed("".join(shown))
    reader.close()
    return reader.found


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._unseen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _UNSEEN_ELEMENTS:
            self._unseen.append(tag)
        kind = next((value for name, value in attrs if name == "type"), None)
        for name, value in attrs:
            hidden = (
                name == "value" and kind not in {"submit", "button", "reset"} and tag != "button"
            )
            if name in _SEEN_ATTRIBUTES and not hidden and tag != "meta":
                self._look(value or "")

    def handle_endtag(self, tag: str) -> None:
        if self._unseen and self._unseen[-1] == tag:
            self._unseen.pop()

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self._look(data)

    def _look(self, text: str) -> None:
        words = [word for word in _WORD.findall(text) if word not in _NO_WORDS]
        if words:
            self.found.append(text.replace(_FILLED, "…").strip())


def _in_expressions(tree: nodes.Node) -> Iterator[str]:
    """Constants that are printed, and capitalised or sentence-like ones that are handed to a macro."""
    for output in tree.find_all(nodes.Output):
        for each in output.nodes:
            yield from _printed(each)
    for call in tree.find_all(nodes.Call):
        if not _is_translating(call):
            for argument in [*call.args, *(keyword.value for keyword in call.kwargs)]:
                yield from _handed_over(argument)


def _printed(node: nodes.Node) -> Iterator[str]:
    if isinstance(node, nodes.Const) and isinstance(node.value, str) and _WORD.search(node.value):
        yield node.value
    elif isinstance(node, nodes.CondExpr):
        yield from _printed(node.expr1)
        if node.expr2:
            yield from _printed(node.expr2)
    elif isinstance(node, (nodes.Or, nodes.And)):
        yield from _printed(node.left)
        yield from _printed(node.right)
    elif isinstance(node, nodes.Concat):
        for part in node.nodes:
            yield from _printed(part)


def _handed_over(node: nodes.Node) -> Iterator[str]:
    if isinstance(node, nodes.Call):
        return  # looked at by itself, or translated
    if isinstance(node, nodes.Const) and isinstance(node.value, str):
        text = node.value
        if _WORD.search(text) and (text[:1].isupper() or text.rstrip().endswith((".", "?", "!"))):
            yield text
    for child in node.iter_child_nodes():
        yield from _handed_over(child)


def _is_translating(call: nodes.Call) -> bool:
    return isinstance(call.node, nodes.Name) and call.node.name in _TRANSLATING
