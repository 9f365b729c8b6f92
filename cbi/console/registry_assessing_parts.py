"""The questions of a scorecard as pages ask them, and what was typed into them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from cbi.access.actor import Actor
from cbi.console.visit import Visit
from cbi.registry.scorecards import assessing, telling, versions
from cbi.registry.scorecards.definition import Form, Indicator, Kind, Scorecard, told


@dataclass(frozen=True, slots=True)
class Question:
    """One question as it is asked: `options` of a choice, and what was typed."""

    name: str
    kind: str
    says: str
    options: list[tuple[str, str]]
    optional: bool
    typed: str
    chosen: frozenset[str]


@dataclass(frozen=True, slots=True)
class Typed:
    """What came of the fields of a form: names and answers side by side, and `question:option` where several apply."""

    question: Sequence[str] = ()
    answer: Sequence[str] = ()
    many: Sequence[str] = ()

    @property
    def said(self) -> dict[str, str]:
        """The answers by question."""
        pairs = zip(self.question, self.answer, strict=False)
        return {name: text for name, text in pairs if text.strip()}

    @property
    def several(self) -> dict[str, list[str]]:
        """The options that were chosen, by question."""
        found: dict[str, list[str]] = {}
        for each in self.many:
            name, _, option = each.partition(":")
            found.setdefault(name, []).append(option)
        return found

    def answers(self, card: Scorecard, form: Form) -> dict[str, Any]:
        """What was typed, as the scorecard means it; where several could apply and none was ticked, none does."""
        several = self.several
        chosen = {
            each.name: ",".join(several.get(each.name, ()))
            for each in card.asked(form)
            if each.kind is Kind.MANY
        }
        return assessing.typed(card, form, self.said | chosen)


def questions(visit: Visit, card: Scorecard, form: Form, typed: Typed) -> list[Question]:
    """The questions of a form in the visitor's language, with what was typed before."""
    said, several = typed.said, typed.several
    return [
        Question(
            each.name, each.kind.value, told(each.ask, visit.language), _options(visit, each), each.optional,
            said.get(each.name, ""), frozenset(several.get(each.name, ())),
        )
        for each in card.asked(form)
    ]  # fmt: skip


def _options(visit: Visit, asked: Indicator) -> list[tuple[str, str]]:
    if asked.kind is Kind.YES_NO:
        return [(name, telling.word(name, visit.language)) for name in ("yes", "no")]
    return [(each.code, told(each.say, visit.language)) for each in asked.options]


def choices(visit: Visit, session: Session, actor: Actor) -> list[tuple[str, str]]:
    """The forms of the scorecards in use, to choose from: `vulnerability.short`."""
    rows = versions.listed(session, actor)
    codes = sorted({row.code for row in rows if row.decision == versions.ACCEPTED})
    kept = [versions.find(session, code) for code in codes]
    return [
        (f"{each.code}.{form.value}", called(visit, each.scorecard, form))
        for each in kept
        for form in Form
        if form is Form.LONG or each.scorecard.short is not None
    ]


def which(session: Session, by: str) -> tuple[Scorecard, Form]:
    """The scorecard and the form that were chosen. Raises UnknownScorecard, UnusableAssessment."""
    code, _, form = by.rpartition(".")
    kept = versions.find(session, code)
    chosen = Form.SHORT if form == Form.SHORT else Form.LONG
    assessing.refuse_missing_form(kept.scorecard, chosen)
    return kept.scorecard, chosen


def called(visit: Visit, card: Scorecard, form: Form) -> str:
    """What a form of a scorecard is called."""
    name = told(card.name, visit.language)
    if form is Form.SHORT:
        return visit.gettext("%(scorecard)s, short form", scorecard=name)
    return visit.gettext("%(scorecard)s, long form", scorecard=name)
