"""Which text answers what, given how payments stand and how much each recipient wants told. Pure: it looks nothing up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cbi.helpline.standing import Case, Kind, Known
from cbi.messaging.choices import Level
from cbi.messaging.rendering import amount_text, date_text, render
from cbi.messaging.segments import WIDEST
from cbi.registry.consent.models import Answer, Consent, Scope

LISTED = 3
"""How many payments, or offices, one text names."""

_LISTED_AS: Mapping[Kind, str] = {
    Kind.READY: "LIST_READY",
    Kind.BLOCKED: "LIST_BLOCKED",
    Kind.PENDING: "LIST_PENDING",
    Kind.PAID: "LIST_PAID",
    Kind.PART: "LIST_PART",
    Kind.CHECKED: "LIST_PAID",
    Kind.EXPIRED: "LIST_EXPIRED",
}
_WITH_AMOUNT: Mapping[str, str] = {
    "STATUS_READY": "STATUS_READY_AMT",
    "STATUS_PAID": "STATUS_PAID_AMT",
    "STATUS_PART_CAME": "STATUS_PART_CAME_AMT",
}


@dataclass(frozen=True, slots=True)
class Told:
    """An answer: its template and values. `language` is one that the answer itself brings."""

    template: str
    values: Mapping[str, str] = field(default_factory=dict)
    language: str | None = None


UNKNOWN = Told("UNKNOWN")
"""The answer to every number that we have nothing to tell, whatever is asked and whatever is on record."""


def status(known: Known, language: str, ref: str | None = None) -> Told:
    """How the payments stand that this number may hear of: of several only which, never whose or how much."""
    cases = known.tellable
    if not cases:
        return UNKNOWN
    if known.is_shared or len(cases) > 1:
        chosen = next((case for case in cases if case.ref == ref), None)
        if chosen is None or known.is_shared:
            return listed([chosen] if chosen else cases, language)
        return of_one(chosen)
    return of_one(cases[0])


def of_one(case: Case) -> Told:
    """How one payment stands."""
    day = date_text(case.day)
    match case.kind:
        case Kind.READY:
            values = {"ref": case.ref, "date": day}
            if case.paid is not None and case.payee.level is Level.NORMAL:
                amounts = {"amount": amount_text(case.paid), "bal": amount_text(case.amount)}
                return Told("STATUS_PART_AMT", values | amounts)
            return _suited(case, "STATUS_READY", values)
        case Kind.PAID:
            return _suited(case, "STATUS_PAID", {"ref": case.ref, "date": day})
        case Kind.PART:
            return _suited(case, "STATUS_PART_CAME", {"ref": case.ref, "date": day})
        case Kind.CHECKED:  # nobody knows how much came, so no amount is told
            return Told("STATUS_CHECKED", {"ref": case.ref, "date": day})
        case Kind.PENDING:
            return Told("STATUS_PENDING", {"ref": case.ref})
        case Kind.BLOCKED:
            return Told("LOCKED")
        case Kind.EXPIRED:
            return Told("EXPIRED")


def _suited(case: Case, template: str, values: dict[str, str]) -> Told:
    if case.payee.level is Level.NORMAL:
        return Told(_WITH_AMOUNT[template], values | {"amount": amount_text(case.amount)})
    return Told(template, values)


def listed(cases: Sequence[Case], language: str) -> Told:
    """The references of several payments, each with a word for how it stands."""
    words = [render(_LISTED_AS[case.kind], language, {"ref": case.ref}) for case in cases[:LISTED]]
    between = "؛ " if language == "ar" else "; "
    return Told("STATUS_MANY", {"refs": between.join(words)}, language)


def offices(names: Sequence[str]) -> Told:
    """The offices near somebody, as many as one text holds."""
    room, named = WIDEST["offices"], ""
    for name in names[:LISTED]:
        longer = f"{named}; {name}" if named else name
        if len(longer) > room:
            break
        named = longer
    if not named and names:
        named = names[0][:room]
    return Told("WHERE", {"offices": named}) if named else Told("WHERE_ANY")


def agreed(said: Mapping[Scope, Consent], language: str) -> Told:
    """What a person said yes and no to, each purpose in a word."""
    if not said:
        return Told("AGREED_NONE")
    parts = []
    for template, is_yes in (("SAID_YES", True), ("SAID_NO", False)):
        words = [
            render(f"SCOPE_{scope.value.upper()}", language, {})
            for scope in Scope
            if scope in said and (said[scope].answer is Answer.GIVEN) is is_yes
        ]
        if words:
            comma = "، " if language == "ar" else ", "
            parts.append(render(template, language, {"list": comma.join(words)}))
    return Told("AGREED", {"said": ("؛ " if language == "ar" else "; ").join(parts)}, language)
