"""What a changed programme file must keep, because cycles that were opened rest on it; and what it may count with."""

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from cbi.errors import Conflict, Invalid
from cbi.programmes import baskets
from cbi.programmes.definition import Definition
from cbi.programmes.models import Cycle, Entitlement, Programme
from cbi.programmes.periods import Every
from cbi.programmes.terms import Schedule
from cbi.programmes.value_models import TransferValue


class RestsOnIt(Conflict):
    """Cycles that were opened rest on what the file changes."""

    code = "programmes.rests_on_it"


class ValueAccepted(Conflict):
    """The file changes amounts that two people accepted."""

    code = "programmes.value_accepted"


class UnknownBasis(Invalid):
    """The amounts cannot rest on that basket."""

    code = "programmes.unknown_basis"


class CannotCount(Invalid):
    """A ceiling cannot count with that programme."""

    code = "programmes.cannot_count"


def check_kept(
    session: Session, programme: Programme, before: Definition, after: Definition
) -> None:
    """Refuse periods of another length, or on other days, once a cycle is open, and tranches that were given and are gone.

    Days would be paid for twice, and a tranche under another code would be given again. Nor does one person change the
    amounts that two accepted. Raises RestsOnIt, ValueAccepted.
    """
    _check_periods(session, programme, before.schedule, after.schedule)
    _check_value(session, programme, before, after)
    if after.grant is None:
        return
    given = session.scalars(
        select(Entitlement.component)
        .where(Entitlement.programme_id == programme.id, Entitlement.once)
        .distinct()
    ).all()
    if gone := sorted(set(given) - {part.code for part in after.grant.parts}):
        raise RestsOnIt(
            f"Households of {programme.code} have been given {', '.join(gone)}, which the file does not have any more.",
            next_step="Keep the code of a tranche that was given: under another one it would be given again.",
        )


def _check_periods(
    session: Session, programme: Programme, before: Schedule, after: Schedule
) -> None:
    """Refuse other periods than those of open cycles: no day may lie in two. Raises RestsOnIt."""
    if (before.length, before.first) == (after.length, after.first):
        return
    opened = session.scalars(
        select(Cycle).where(Cycle.programme_id == programme.id).order_by(Cycle.starts_on)
    ).all()
    if opened and before.length != after.length:
        raise RestsOnIt(
            f"Cycles of {programme.code} have been opened for {before.often}.",
            next_step=f"{_keep(before)}, or make another programme.",
        )
    kept = set(map(str, after.periods))
    for cycle in opened:
        if cycle.period not in kept and any(
            each.starts_on <= cycle.ends_on and cycle.starts_on <= each.ends_on
            for each in after.periods
        ):
            raise RestsOnIt(
                f"The cycle {cycle.period} of {programme.code} has been opened, and its days would be in another period.",
                next_step="Keep its days, move schedule.first by whole periods, or make another programme.",
            )


def _keep(schedule: Schedule) -> str:
    """What to write so that periods keep their length."""
    every, many = schedule.length
    several = f"and `interval: {many}`" if many > 1 else "without interval"
    return f"Keep `every: {every}` {several}"


def _check_value(
    session: Session, programme: Programme, before: Definition, after: Definition
) -> None:
    """Refuse other amounts than a round of prices made, for periods of another length, or no basis any more, once a value
    was accepted.
    """
    was = before.stipend
    accepted = exists().where(
        TransferValue.programme_id == programme.id, TransferValue.made_version.is_not(None)
    )
    if was is None or was.basis is None or not session.scalar(select(accepted)):
        return
    becomes = after.stipend
    if becomes is None or becomes.basis is None or becomes.basis.sets != was.basis.sets:
        raise ValueAccepted(
            f"The amounts of {programme.code} rest on the basket {was.basis.basket}, as two people accepted it.",
            next_step="Keep stipend.basis, and what it sets.",
        )
    if before.schedule.length != after.schedule.length:
        raise ValueAccepted(
            f"Two people accepted the amounts of {programme.code} for what is paid {before.schedule.often}.",
            next_step=f"{_keep(before.schedule)}, or make another programme.",
            field="schedule.every",
        )
    for name in ("base", "per_member"):
        is_set = was.basis.sets in (name, "both")
        if is_set and getattr(was, name) != getattr(becomes, name):
            raise ValueAccepted(
                f"stipend.{name} is {getattr(was, name).decimal}, as two people accepted it;"
                f" the file says {getattr(becomes, name).decimal}.",
                next_step=f'Write "{getattr(was, name).decimal}". Other amounts come from other prices: cbi value propose',
                field=f"stipend.{name}",
            )


def check_basis(session: Session, definition: Definition) -> None:
    """Refuse a basis that is not there, is priced in another currency, has no market in the area, or is for no months.

    Raises UnknownBasis.
    """
    basis = definition.stipend.basis if definition.stipend else None
    if basis is None:
        return
    try:
        basket = baskets.find(session, basis.basket)[1]
    except baskets.UnknownBasket as error:
        raise UnknownBasis(error.message, next_step=error.next_step) from None
    if basket.currency != definition.currency:
        raise UnknownBasis(
            f"The basket {basis.basket} is priced in {basket.currency}, and the programme pays in {definition.currency}.",
            next_step="Use a basket in the programme's currency.",
        )
    if definition.schedule.every == Every.ONCE:
        raise UnknownBasis(
            f"{definition.programme.code} is paid once, and a basket says what a month costs.",
            next_step="Write the amounts and delete stipend.basis, or pay every month, quarter or week.",
        )
    if not basket.markets_of(basis.area):
        areas = sorted({market.area for market in basket.markets})
        raise UnknownBasis(
            f"No market of the basket {basis.basket} stands for the area {basis.area}.",
            next_step=f"Its markets stand for: {', '.join(areas)}.",
        )


def check_counting(session: Session, definition: Definition) -> None:
    """Refuse a ceiling that counts with programmes that are not there, or pay in another currency. Raises CannotCount."""
    others = definition.counting[1:]
    known = dict(
        session.execute(
            select(Programme.code, Programme.currency).where(Programme.code.in_(others))
        ).all()
    )
    if strange := [code for code in others if code not in known]:
        raise CannotCount(
            f"There is no programme {', '.join(strange)}.",
            next_step="Apply its file first, or delete it from ceilings.counting.",
        )
    if other := [code for code in others if known[code] != definition.currency]:
        raise CannotCount(
            f"The programme {', '.join(other)} pays in another currency than {definition.currency}.",
            next_step="A ceiling counts in one currency: give each currency a ceiling of its own.",
        )
