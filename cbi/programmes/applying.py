"""A programme file becomes a programme, or the next version of one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit.record import record
from cbi.errors import Conflict
from cbi.ledger.models import Fund
from cbi.money import Money
from cbi.programmes.definition import Definition, read, stored
from cbi.programmes.kept import check_counting, check_kept
from cbi.programmes.models import Cycle, Programme, ProgrammeVersion
from cbi.programmes.terms import FundTerms
from cbi.settings import settings

Row = TypeVar("Row", Fund, Programme)


class FixedForGood(Conflict):
    """The file changes what a programme or a fund keeps from its first application on."""

    code = "programmes.fixed_for_good"


class FundDiffers(Conflict):
    """The file says of a fund something else than is on record."""

    code = "programmes.fund_differs"


class FundTooSmall(Conflict):
    """The fund would no longer cover what has been done with it."""

    code = "programmes.fund_too_small"


@dataclass(frozen=True, slots=True)
class Applied:
    """What came of applying a file. `what_changed` is empty when the file said nothing new."""

    programme: str
    version: int
    changed: bool
    what_changed: tuple[str, ...]


def apply(session: Session, actor: Actor, text: str) -> Applied:
    """Make the programme that the file describes, or its next version; nothing when it says what is on record.

    The fund is made with it, as a promise: its money is booked when it arrives. Raises ProgrammeFileErrors,
    FixedForGood, FundDiffers, FundTooSmall, RestsOnIt, CannotCount.
    """
    definition = read(text, settings().providers)
    code = definition.programme.code
    actor.require(Permission.PROGRAMME_APPLY, code)
    check_counting(session, definition)
    # Whoever comes second at the same moment waits here, and then sees what the first one did.
    fund, fund_is_new = _fund(session, definition)
    programme, is_new = _programme(session, definition, fund)
    if is_new:
        _check_same_fund(definition.fund, fund)
        changes = [f"fund {fund.code} is new"] if fund_is_new else []
        changes.append(f"programme {code} is new")
    else:
        latest = session.get_one(ProgrammeVersion, (programme.id, programme.version))
        if latest.digest == definition.digest():
            return Applied(code, programme.version, changed=False, what_changed=())
        _check_fixed(definition, programme, fund)
        before = stored(latest.definition)
        check_kept(session, programme, before, definition)
        _change_fund(session, fund, before.fund, definition.fund)
        changes = list(_differences(before.canonical(), definition.canonical()))
        programme.version += 1
        programme.name = definition.programme.name
    session.add(
        ProgrammeVersion(
            programme_id=programme.id,
            version=programme.version,
            definition=definition.canonical(),
            digest=definition.digest(),
            applied_by=actor.id,
            applied_at=clock.now(),
        )
    )
    record(
        session,
        actor,
        "programme.applied",
        "programme",
        programme.id,
        code=code,
        version=programme.version,
        digest=definition.digest().hex(),
        changes=changes,
    )
    session.flush()
    return Applied(code, programme.version, changed=True, what_changed=tuple(changes))


def _fund(session: Session, definition: Definition) -> tuple[Fund, bool]:
    terms = definition.fund
    return _made_or_found(
        session,
        Fund,
        terms.code,
        name=terms.name,
        amount_minor=terms.amount.minor,
        currency=definition.currency,
        valid_from=terms.valid_from,
        valid_to=terms.valid_to,
    )


def _programme(session: Session, definition: Definition, fund: Fund) -> tuple[Programme, bool]:
    named = definition.programme
    return _made_or_found(
        session,
        Programme,
        named.code,
        name=named.name,
        kind=named.kind,
        currency=definition.currency,
        fund_id=fund.id,
        version=1,
    )


def _made_or_found(
    session: Session, model: type[Row], code: str, **columns: object
) -> tuple[Row, bool]:
    """The row of that code, locked; made if there was none, and whether it was."""
    made = session.scalar(
        insert(model)
        .values(code=code, created_at=clock.now(), **columns)
        .on_conflict_do_nothing(index_elements=["code"])
        .returning(model.id)
    )
    row = session.scalars(
        select(model)
        .where(model.code == code)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
    return row, made is not None


def _check_fixed(definition: Definition, programme: Programme, fund: Fund) -> None:
    """Refuse another currency, kind or fund: allocations, cycles and payments are all made in them."""
    wanted = definition.programme.kind, definition.currency, fund.id
    for name, is_now, is_wanted in zip(
        ("kind", "currency", "fund"),
        (programme.kind, programme.currency, programme.fund_id),
        wanted,
        strict=True,
    ):
        if is_now != is_wanted:
            raise FixedForGood(
                f"The {name} of the programme {programme.code} cannot be changed.",
                next_step="Give a programme that differs in it a code of its own.",
                field=name,
            )


def _check_same_fund(terms: FundTerms, fund: Fund) -> None:
    """Refuse a new programme that describes the fund it shares in otherwise than is on record."""
    differing = [
        f"{name} is {is_now}"
        for name, is_now, is_wanted in (
            ("amount", Money(fund.amount_minor, fund.currency), terms.amount),
            ("name", fund.name, terms.name),
            ("valid_from", fund.valid_from, terms.valid_from),
            ("valid_to", fund.valid_to, terms.valid_to),
        )
        if is_now != is_wanted
    ]
    if differing:
        raise FundDiffers(
            f"The fund {fund.code} is on record already, and its {', its '.join(differing)}.",
            next_step="Write the same in this file, or change the fund where it was described first.",
        )


def _change_fund(session: Session, fund: Fund, before: FundTerms, after: FundTerms) -> None:
    """Change what this file changed since it was last applied.

    What it did not touch stays as it is: programmes share funds, and another file may have raised the amount.
    """
    if after.valid_from != before.valid_from:
        raise FixedForGood(
            f"The first day of the fund {fund.code} is {fund.valid_from} and cannot be changed.",
            next_step="Give a fund with other terms a code of its own.",
            field="fund.valid_from",
        )
    if after.amount != before.amount:
        if after.amount.minor < fund.received_minor:
            received = Money(fund.received_minor, fund.currency)
            raise FundTooSmall(
                f"The fund {fund.code} has received {received}, more than {after.amount}.",
                next_step="Money that is to go back to the donor is booked by the treasurer first.",
            )
        fund.amount_minor = after.amount.minor
    if after.valid_to != before.valid_to:
        paid_up_to = session.scalar(
            select(func.max(Cycle.ends_on)).join(Programme).where(Programme.fund_id == fund.id)
        )
        if paid_up_to and after.valid_to < paid_up_to:
            raise FundTooSmall(
                f"A cycle that ends on {paid_up_to} has been opened on the fund {fund.code}.",
                next_step="Write that day, or a later one.",
            )
        fund.valid_to = after.valid_to
    fund.name = after.name if after.name != before.name else fund.name


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    was, becomes = dict(_flat(before)), dict(_flat(after))
    for field in sorted(was | becomes):
        if was.get(field) != becomes.get(field):
            yield f"{field}: {was.get(field, 'not set')} → {becomes.get(field, 'not set')}"


def _flat(part: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for name, value in part.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{name}.")
        elif isinstance(value, list) and isinstance(value[0], Mapping):
            for place, item in enumerate(value, 1):
                yield from _flat(item, f"{above}{name}[{place}].")
        else:
            shown = ", ".join(value) if isinstance(value, list) else str(value)
            yield above + name, shown
