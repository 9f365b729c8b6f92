"""How a proposal is said: its sentence with everything in it that is a name, a day, a rate or an amount."""

from collections.abc import Iterator, Mapping
from datetime import date
from fractions import Fraction
from typing import Any

from markupsafe import Markup, escape

from cbi.console import formats
from cbi.console.finance_words import LOST_FLOATS, NOT_YET
from cbi.console.languages import N_
from cbi.console.refusals import Table
from cbi.console.visit import Visit
from cbi.console.waiting_proposals import Kind, Proposal
from cbi.ledger.exchange import Rate
from cbi.money import Money

_OWN = (N_("You proposed this, so somebody else decides about it."), N_("Ask a colleague who may."))
_OVER = (N_("This does not wait for a decision any more."), N_("See what waits now."))
_OUTDATED = (
    N_("What this rests on has changed since it was proposed. Nothing was done."),
    N_("Refuse it, and have it proposed anew."),
)
_BOOKS = (
    N_("The books, or what is open in them, are not what was proposed. Nothing was closed."),
    N_("Look at the month again, and propose it anew."),
)

REFUSALS: Table = {
    **dict.fromkeys(
        (
            "tariff.own", "fx.own_deal", "fx.own_rate", "fund_request.own", "transfer_value.own", "top_up.own",
            "programmes.own_note", "receivable.own_proposal", "month_close.own", "month_close.own_reopening",
            "delegation.own", "household.own_request", "scorecard.own", "assessment.own", "registry.own_thresholds",
            "registry.own_proposal", "programmes.own_days", "programmes.own_resumption", "standstill.own",
        ),
        _OWN,
    ),
    **dict.fromkeys(
        (
            "waiting.nothing", "tariff.unknown", "fx.unknown_deal", "fx.unknown_rate", "fund_request.unknown",
            "transfer_value.unknown", "top_up.unknown", "top_up.already_decided", "programmes.condition_not_noted",
            "programmes.unknown_days", "programmes.unknown_resumption",
            "receivable.unknown", "receivable.ended", "receivable.nothing_proposed", "month_close.nothing_proposed",
            "month_close.nobody_asked", "month_close.not_closed", "withdrawal.unknown",
            "withdrawal.already_confirmed", "withdrawal.nothing_waits", "delegation.unknown", "work.nothing_to_sign",
            "work.unknown_sheet", "household.unknown_request", "household.decided_already", "scorecard.decided",
            "assessment.decided", "registry.thresholds_decided", "registry.already_decided",
            "registry.unknown_flag", "refusal.nothing_waits", "refusal.only_people", "standstill.none",
            "standstill.nobody_asked",
        ),
        _OVER,
    ),
    **dict.fromkeys(("transfer_value.outdated", "top_up.outdated"), _OUTDATED),
    "month_close.books_moved": _BOOKS,
    "standstill.not_yet": NOT_YET,
    "household.typed_otherwise": (
        N_("This is not the telephone, or the document, that your colleague wrote down."),
        N_("Read it from the paper once more. If it is right, refuse the change and have it asked for anew."),
    ),
    "waiting.cannot_be_refused": (
        N_("Nobody refuses this: it changes nothing unless somebody accepts it."), N_("Leave it as it is."),
    ),
    "month_close.later_closed": (
        N_("A later month is closed, too."), N_("Open the later months first, from the last one on."),
    ),
    "fx.rate_jumps": (
        N_("The rate is %(change)s against the last one, %(last)s. Is it written the other way round?"),
        N_("Read it on the paper once more, and type it yourself."),
    ),
    "fx.other_rate": (
        N_("You typed another rate than was entered."), N_("Refuse the one that is wrong, and have it entered anew."),
    ),
    **LOST_FLOATS,
    "receivable.not_yet_lost": (
        N_("Nothing else was paid for it yet: this may turn out to be the payment."),
        N_("Wait until it is known what became of the later attempt."),
    ),
    "top_up.above_the_ceiling": (
        N_("With this, a household would get more than its ceiling allows."), N_("Refuse it, and propose less."),
    ),
    "work.signer_entered": (
        N_("You entered this sheet, so somebody else signs it."), N_("Ask another supervisor of the programme."),
    ),
    "work.signer_on_sheet": (
        N_("You, somebody of your household, or somebody of your name is on this sheet."),
        N_("Ask another supervisor of the programme."),
    ),
    "work.same_signer": (
        N_("You signed what this corrects, so somebody else signs the correction."),
        N_("Ask another supervisor of the programme."),
    ),
    "work.not_what_was_seen": (
        N_("The sheet has changed since you were shown it. Nothing was signed."),
        N_("Look at it as it is now, then sign that one."),
    ),
}  # fmt: skip

NONE = "–"


def sentence(visit: Visit, kind: Kind, proposal: Proposal) -> Markup:
    """What is proposed, in the reader's language."""
    text = kind.sentence
    if not isinstance(text, str):
        text = text[proposal.facts["which"]]
    values = {
        name: shown(visit, _named(visit, kind, name, value))
        for name, value in proposal.facts.items()
    }
    return Markup(escape(visit.gettext(text))) % values  # noqa: S704 - escaped in the same breath


def shown(visit: Visit, value: object) -> Markup:
    """Something as this reader reads it: an amount, a day, a number, a rate, or words that keep their own direction."""
    match value:
        case Money():
            return formats.amount(value, visit.language)
        case date():
            return formats.day(value, visit.language)
        case int():
            return escape(formats.number(value, visit.language))
        case Rate():
            return Markup('<bdi dir="ltr">{}</bdi>').format(value.about)
        case dict():
            return shown(visit, _read(value))
        case list():
            return Markup(", ").join(shown(visit, each) for each in value)
        case Markup():
            return value
    return Markup("<bdi>{}</bdi>").format(value)


def _read(value: Mapping[str, Any]) -> object:
    """A fact that the database gave as a day, an amount or a rate."""
    match value:
        case {"day": day}:
            return date.fromisoformat(day)
        case {"minor": minor, "currency": currency}:
            return Money(minor, currency)
        case {"over": over, "under": under, "base": base, "quote": quote}:
            return Rate(base, quote, Fraction(over, under))
    return str(value)


def _named(visit: Visit, kind: Kind, name: str, value: object) -> object:
    """What a fact that is a name of ours is called."""
    if not isinstance(value, str) or name not in kind.words:
        return value
    called = kind.words[name].get(value)
    return escape(visit.gettext(called)) if called else value


def differences(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> list[tuple[str, object, object]]:
    """Where two sets of rules differ: the place as the file names it, what holds, and what would hold."""
    then, now = dict(_flat(after)), dict(_flat(before))
    return [
        (place, now.get(place, NONE), then.get(place, NONE))
        for place in [*then, *(each for each in now if each not in then)]
        if now.get(place) != then.get(place)
    ]


def _flat(value: object, place: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, each in value.items():
            yield from _flat(each, f"{place}.{name}" if place else str(name))
    elif isinstance(value, list | tuple) and any(
        isinstance(each, Mapping | list | tuple) for each in value
    ):
        for number, each in enumerate(value, 1):
            yield from _flat(each, f"{place} {number}")
    else:
        yield place, ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
