"""What the rules of a programme make of a household's facts: in or not and why, what it is owed and how that comes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from cbi.money import LARGEST_MINOR, Money
from cbi.programmes.definition import Definition
from cbi.programmes.eligibility import Facts, Missed, Reason, decide
from cbi.programmes.grant_terms import Grant
from cbi.programmes.stipend_terms import ARREARS, Stipend
from cbi.programmes.transfer_value import Rounding, compute, payable, share, shown


@dataclass(frozen=True, slots=True)
class Owed:
    """One thing that a household is owed, and how it comes to that."""

    component: str
    amount: Money
    trace: str
    once: bool = False
    covers: tuple[str, ...] = ()
    """The earlier periods that it makes up for."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """Every reason why a household is not in; with none of them, what it is owed."""

    reasons: tuple[Reason, ...]
    owed: tuple[Owed, ...]


def judge(
    facts: Facts, days: int, definition: Definition, versions: Mapping[int, Definition]
) -> Judgement:
    """Decide a household by its facts, for a period of so many days.

    `versions`: the programme's rules at the time of the cycles that the household may have missed. What people worked
    for is not for these rules to say.
    """
    reasons = list(decide(facts, definition.criteria))
    owed: list[Owed] = []
    if definition.grant is not None:
        tranche, refused = _tranche(facts, definition.grant)
        reasons += refused
        owed += tranche
    if definition.stipend is not None:
        owed += _stipend(facts, days, definition.stipend)
        owed += _arrears(facts, definition, versions)
    if definition.work is not None or reasons:
        return Judgement(tuple(reasons), ())
    limited = tuple(_below_the_ceiling(owed, facts, definition))
    if limited:
        return Judgement((), limited)
    return Judgement((Reason.CEILING_REACHED if owed else Reason.NOTHING_OWED,), ())


def _stipend(facts: Facts, days: int, stipend: Stipend) -> Iterable[Owed]:
    value, trace = _value(facts, stipend)
    if facts.days != days and stipend.by_day:
        value = share(value, facts.days, days)
        trace += f", {facts.days} of {days} days = {shown(value)}"
    amount = payable(value, stipend.round_to, stipend.rounds)
    trace += _rounded(value, amount)
    if amount.minor:
        yield Owed(stipend.component, amount, trace)


def _value(facts: Facts, stipend: Stipend) -> tuple[Money, str]:
    return compute(
        facts.size, stipend.rate_card, area=facts.area, needs=dict(facts.needs), bands=facts.bands
    )


def _arrears(
    facts: Facts, definition: Definition, versions: Mapping[int, Definition]
) -> Iterable[Owed]:
    """One amount for all that was missed, each period by the rates of its time and the household as it is now."""
    total, told, covers = Money.zero(definition.currency), [], []
    for missed in facts.missed:
        then = versions[missed.version].stipend
        if then is None:
            continue
        amount, trace = _missing(facts, missed, then)
        if amount.minor:
            total += amount
            told.append(f"{missed.period}: {trace}")
            covers.append(missed.period)
    if covers:
        together = f"; together {shown(total)}" if len(covers) > 1 else ""
        yield Owed(ARREARS, total, "; ".join(told) + together, covers=tuple(covers))


def _missing(facts: Facts, missed: Missed, then: Stipend) -> tuple[Money, str]:
    value, trace = _value(facts, then)

    def of(days: int) -> Money:
        return payable(share(value, days, missed.of), then.round_to, then.rounds)

    due, given = of(missed.due), of(missed.given)
    if missed.due != missed.of:
        trace += (
            f", {missed.due} of {missed.of} days = {shown(share(value, missed.due, missed.of))}"
        )
    trace += _rounded(share(value, missed.due, missed.of), due)
    if missed.given:
        trace += f", less {missed.given} days given before = {shown(due - given)}"
    return due - given, trace


def _rounded(before: Money, after: Money) -> str:
    if before == after:
        return ""
    return f", rounded {'up' if before < after else 'down'} to {shown(after)}"


def _tranche(facts: Facts, grant: Grant) -> tuple[list[Owed], list[Reason]]:
    """The first part that has not been given, if the household has met its conditions."""
    part = next((part for part in grant.parts if part.code not in facts.given), None)
    if part is None:
        return [], [Reason.ALL_GIVEN]
    if not set(part.requires or ()) <= set(facts.met):
        return [], [Reason.CONDITION_NOT_MET]
    name, amount = part.code, part.amount
    needs = dict(facts.needs)
    who = part.enhanced and part.enhanced.who
    if part.enhanced and who and who.concerned(facts.size, facts.area, needs, facts.bands):
        name, amount = f"{part.code}, enhanced", part.enhanced.amount
    trace = f"{name}: {shown(amount)}"
    if part.requires:
        trace += f", after {', '.join(part.requires)}"
    return [Owed(part.code, amount, trace, once=True)], []


def _below_the_ceiling(
    owed: Iterable[Owed], facts: Facts, definition: Definition
) -> Iterable[Owed]:
    """Cut what goes beyond a lifetime's ceiling, the earlier first; what is left is payable in the notes there are."""
    if definition.ceilings is None:
        yield from owed
        return
    to = definition.stipend.round_to if definition.stipend else None
    ceiling = shown(definition.ceilings.lifetime)
    room = Money(min(facts.room, LARGEST_MINOR), definition.currency)
    brought = ""
    if facts.brought:
        had = shown(Money(facts.brought, definition.currency))
        brought = f", for its people were owed {had} in other households"
    for each in owed:
        amount = each.amount
        if room < amount:
            amount = payable(room, to, Rounding.DOWN)
            each = replace(
                each,
                amount=amount,
                trace=f"{each.trace}, cut to {shown(amount)}: the ceiling of {ceiling} leaves no more{brought}",
            )
        room -= amount
        if amount.minor:
            yield each
