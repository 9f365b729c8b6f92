"""A run's sheet as it stands on the page: the facts in the reader's words, and the sums that show that they add up."""

from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup, escape

from cbi.console import waivers_words
from cbi.console.approvals_words import (
    CAUTIONS,
    CHANGES,
    RETURNED,
    SIGNED_AGAIN,
    STATES,
    STEPS,
)
from cbi.console.formats import amount, day, number
from cbi.console.visit import Visit
from cbi.money import Money
from cbi.payments.runs.cautions import Caution
from cbi.payments.runs.findings import SHARE_PERCENT, TIMES_MEDIAN
from cbi.payments.runs.queries import RunSheet, Step
from cbi.payments.runs.sheet_models import FindingKind
from cbi.payments.runs.summaries import Change, Summary
from cbi.payments.states import RunState

__all__ = ["STATES", "ReadOff", "read_off"]


@dataclass(frozen=True, slots=True)
class Told:
    """One warning in the reader's words. `kind` names the list behind it."""

    what: str
    means: str
    to_do: str
    caution: Caution
    kind: FindingKind | None


@dataclass(frozen=True, slots=True)
class Row:
    """One line of what changed. `difference` is what it adds to the run, or takes from it."""

    name: str
    kind: FindingKind | None
    change: Change

    @property
    def difference(self) -> Money:
        """After, less before."""
        return self.change.after - self.change.before


@dataclass(frozen=True, slots=True)
class ReadOff:
    """The sheet and what the page makes of it."""

    sheet: RunSheet
    state: str
    sign: str
    warnings: tuple[Told, ...]
    rows: tuple[Row, ...]
    moved: Row
    steps: tuple[tuple[str, Step], ...]
    waivers: tuple[waivers_words.Told, ...]
    """Those that were used for it, or could be."""
    because: str
    """Why it takes so many signatures; empty where every run takes these."""

    @property
    def facts(self) -> Summary:
        """What was worked out when the run was locked."""
        return self.sheet.summary


def read_off(visit: Visit, sheet: RunSheet) -> ReadOff:
    """The sheet for this reader."""
    state, sign = STATES[sheet.line.state]
    return ReadOff(
        sheet=sheet,
        state=visit.gettext(state),
        sign=sign,
        warnings=tuple(_told(visit, sheet, caution) for caution in sheet.cautions),
        rows=_rows(visit, sheet.summary),
        moved=_row(visit, sheet.summary, FindingKind.ACCOUNT),
        steps=tuple((visit.gettext(_word(step)), step) for step in sheet.steps),
        waivers=tuple(waivers_words.told(visit, each) for each in sheet.waivers),
        because=_because(visit, sheet),
    )


def _because(visit: Visit, sheet: RunSheet) -> str:
    """The sum that chose the run's signatures, in words."""
    needed = sheet.required
    if needed is None or needed.policy is None or (counted := needed.counted) is None:
        return ""
    shown = amount(counted.amount, visit.language)
    kept = {"amount": "%(amount)s"}  # put in afterwards, because it is markup
    if counted.because == "maker" and (others := len(counted.maker.runs)):
        text = visit.ngettext(
            "This run and %(num)s other of the last seven days by the same maker: %(amount)s.",
            "This run and %(num)s others of the last seven days by the same maker: %(amount)s.",
            others,
            **kept,
        )
    elif counted.because == "programme" and (others := len(counted.programme.runs)):
        text = visit.ngettext(
            "This run and %(num)s other of the last seven days of the same programme: %(amount)s.",
            "This run and %(num)s others of the last seven days of the same programme: %(amount)s.",
            others,
            **kept,
        )
    else:
        text = visit.gettext("This run: %(amount)s.", **kept)
    told = _put(text, {"amount": shown})
    if counted.household:
        values = {"amount": amount(counted.household, visit.language)}
        more = visit.gettext("One household gets up to %(amount)s in seven days.", **kept)
        told = told + " " + _put(more, values)
    for quoted in counted.rates:
        values = {
            "rate": Markup("<bdi>{}</bdi>").format(quoted.rate),
            "day": day(quoted.day, visit.language),
            "source": Markup("<bdi>{}</bdi>").format(quoted.source),
        }
        text = visit.gettext(
            "Exchange rate: %(rate)s, of %(day)s, source: %(source)s.",
            rate="%(rate)s", day="%(day)s", source="%(source)s",
        )  # fmt: skip
        told = told + " " + _put(text, values)
    return told


def _told(visit: Visit, sheet: RunSheet, caution: Caution) -> Told:
    words = {**CAUTIONS, **waivers_words.CAUTIONS}[caution.code]
    language = visit.language
    values = {
        "amount": amount(caution.amount, language) if caution.amount else "",
        "provider": (caution.provider or "").replace("_", " "),
        "day": day(caution.day, language) if caution.day else "",
        "median": amount(sheet.summary.median, language),
        "times": number(TIMES_MEDIAN, language),
        "percent": number(SHARE_PERCENT, language),
        "worst": number(caution.worst, language),
        "at_most": number(caution.at_most, language),
    }
    kind = FindingKind(caution.code) if caution.code in set(FindingKind) else None
    return Told(
        _put(visit.gettext(words.what), values),
        _put(visit.gettext(words.means), values),
        visit.gettext(words.to_do),
        caution,
        kind,
    )


def _put(text: str, values: Mapping[str, str]) -> str:
    """The text with its values, as markup when one of them is."""
    return Markup(escape(text)) % values  # noqa: S704 - escaped in the same breath


def _row(visit: Visit, facts: Summary, kind: FindingKind) -> Row:
    return Row(visit.gettext(CHANGES[kind]), kind, facts.of(kind))


def _rows(visit: Visit, facts: Summary) -> tuple[Row, ...]:
    """What became of every payment of the last cycle, and where each of this run comes from: the sums are the totals."""
    if facts.against is None:
        return ()
    new, gone, other = (
        _row(visit, facts, kind) for kind in (FindingKind.NEW, FindingKind.GONE, FindingKind.AMOUNT)
    )
    same = Change(
        facts.payments - new.change.payments - other.change.payments,
        facts.total - new.change.after - other.change.after,
        facts.total - new.change.after - other.change.after,
    )
    elsewhere = Change(
        facts.against.payments - gone.change.payments - other.change.payments - same.payments,
        facts.against.total - gone.change.before - other.change.before - same.before,
        Money.zero(facts.total.currency),
    )
    rows = [new, gone, other, Row(visit.gettext("The same amount"), None, same)]
    if elsewhere.payments:
        rows.append(Row(visit.gettext("Paid in another run of this cycle"), None, elsewhere))
    return tuple(rows)


def _word(step: Step) -> str:
    if step.after == RunState.DRAFT and step.before is not None:
        return RETURNED
    if step.before == step.after == RunState.CERTIFIED:
        return SIGNED_AGAIN
    return STEPS[RunState(step.after)]
