"""A programme file becomes a programme, or the next version of one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TypeVar
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit.record import record
from cbi.errors import Conflict
from cbi.ledger.models import Fund
from cbi.money import Money
from cbi.programmes import legal_basis
from cbi.programmes.definition import Definition, read, stored
from cbi.programmes.fund_terms import FundTerms, uncovered
from cbi.programmes.history import check_seen, differences
from cbi.programmes.kept import check_basis, check_counting, check_kept
from cbi.programmes.models import Cycle, Programme, ProgrammeFund, ProgrammeVersion
from cbi.programmes.named_areas import check_areas
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


def apply(session: Session, actor: Actor, text: str, *, seen: int | None = None) -> Applied:
    """Make the programme that the file describes, or its next version; nothing when it says what is on record.

    The fund is made with it, as a promise: its money is booked when it arrives. `seen`: the version that `check` said it
    would be; where somebody else was quicker it is another, and what was shown is not what would change. Raises
    ProgrammeFileErrors, FixedForGood, FundDiffers, FundTooSmall, RestsOnIt, CannotCount, UnclearArea, BasisLeftOut,
    ChangedMeanwhile.
    """
    applied = _apply(session, actor, text)
    check_seen(applied.programme, applied.version, seen)
    return applied


def _apply(session: Session, actor: Actor, text: str) -> Applied:
    definition = read(text, settings().providers)
    code = definition.programme.code
    actor.require(Permission.PROGRAMME_APPLY, code)
    check_counting(session, definition)
    check_basis(session, definition)
    check_areas(session, definition)
    # Whoever comes second at the same moment waits here, and then sees what the first one did.
    funds, new_funds = _funds(session, definition)
    programme, is_new = _programme(session, definition, funds[definition.grants[0].code])
    proposed = legal_basis.propose(session, actor, programme, definition)
    changes = [f"fund {code} is new" for code in new_funds]
    if is_new:
        for terms in definition.grants:
            _check_same_fund(terms, funds[terms.code])
        changes.append(f"programme {code} is new")
    else:
        latest = session.get_one(ProgrammeVersion, (programme.id, programme.version))
        if latest.digest == definition.digest():
            return Applied(code, programme.version, changed=bool(proposed), what_changed=proposed)
        _check_fixed(session, definition, programme)
        before = stored(latest.definition)
        check_kept(session, programme, before, definition)
        _change_funds(session, funds, before, definition)
        changes += differences(before.canonical(), definition.canonical())
        programme.version += 1
        programme.name = definition.programme.name
    changes += proposed
    _join(session, programme, funds.values())
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


def check(session: Session, actor: Actor, text: str) -> Applied:
    """What `apply` would come to now; nothing of it is kept. Raises as it does."""
    with session.begin_nested() as trial:
        applied = _apply(session, actor, text)
        trial.rollback()
    return applied


def _funds(session: Session, definition: Definition) -> tuple[dict[str, Fund], list[str]]:
    """The funds by their codes, and the codes of those that were made; locked in one order, whatever the file's is."""
    funds, made = {}, []
    for terms in sorted(definition.grants, key=lambda terms: terms.code):
        funds[terms.code], is_new = _fund(session, definition, terms)
        made += [terms.code] if is_new else []
    return funds, made


def _fund(session: Session, definition: Definition, terms: FundTerms) -> tuple[Fund, bool]:
    return _made_or_found(
        session,
        Fund,
        terms.code,
        name=terms.name,
        amount_minor=terms.amount.minor,
        currency=terms.amount.currency,
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


def _check_fixed(session: Session, definition: Definition, programme: Programme) -> None:
    """Refuse another currency or kind, or a fund less: allocations, cycles and payments are all made in them."""
    for name, is_now, is_wanted in (
        ("kind", programme.kind, definition.programme.kind),
        ("currency", programme.currency, definition.currency),
    ):
        if is_now != is_wanted:
            raise FixedForGood(
                f"The {name} of the programme {programme.code} cannot be changed.",
                next_step="Give a programme that differs in it a code of its own.",
                field=name,
            )
    drawn_on = session.scalars(
        select(Fund.code)
        .join(ProgrammeFund, ProgrammeFund.fund_id == Fund.id)
        .where(ProgrammeFund.programme_id == programme.id)
        .order_by(Fund.code)
    ).all()
    if gone := [code for code in drawn_on if code not in {fund.code for fund in definition.grants}]:
        raise FixedForGood(
            f"The programme {programme.code} draws on {', '.join(gone)}, which the file does not have any more.",
            next_step="Keep it, and list others beside it under `funds:`; one that has ended pays nothing more.",
            field="fund",
        )


def _join(session: Session, programme: Programme, funds: Iterable[Fund]) -> None:
    """Note which funds the programme draws on from now on."""
    session.execute(
        insert(ProgrammeFund).on_conflict_do_nothing(),
        [
            {"programme_id": programme.id, "fund_id": fund.id, "since": clock.now()}
            for fund in funds
        ],
    )


def _check_same_fund(terms: FundTerms, fund: Fund) -> None:
    """Refuse a programme that describes a fund which it comes to share in otherwise than is on record."""
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


def _change_funds(
    session: Session, funds: Mapping[str, Fund], before: Definition, after: Definition
) -> None:
    known = {terms.code: terms for terms in before.grants}
    for terms in after.grants:
        if terms.code in known:
            _change_fund(session, funds[terms.code], known[terms.code], terms)
        else:
            _check_same_fund(terms, funds[terms.code])


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
    if after.amount.currency != fund.currency:
        raise FixedForGood(
            f"The fund {fund.code} is kept in {fund.currency}, and cannot be kept in {after.amount.currency}.",
            next_step="Give a fund with other terms a code of its own.",
            field="fund.currency",
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
        fund.valid_to = after.valid_to
        session.flush()
        _check_cycles_are_funded(session, fund)
    fund.name = after.name if after.name != before.name else fund.name


def _check_cycles_are_funded(session: Session, fund: Fund) -> None:
    """Refuse an end that leaves a cycle without a fund on one of its days."""
    draws = select(ProgrammeFund.programme_id).where(ProgrammeFund.fund_id == fund.id)
    opened = session.scalars(
        select(Cycle)
        .where(Cycle.programme_id.in_(draws), Cycle.ends_on > fund.valid_to)
        .order_by(Cycle.ends_on.desc())
    ).all()
    valid = {each.programme_id: valid_days(session, each.programme_id) for each in opened}
    for cycle in opened:
        if uncovered(valid[cycle.programme_id], cycle.starts_on, cycle.ends_on):
            raise FundTooSmall(
                f"A cycle that ends on {cycle.ends_on} has been opened on the fund {fund.code}.",
                next_step="Write that day, or a later one.",
            )


def valid_days(session: Session, programme_id: UUID) -> list[tuple[date, date]]:
    """The first and last day of each fund that a programme draws on."""
    rows = session.execute(
        select(Fund.valid_from, Fund.valid_to)
        .join(ProgrammeFund, ProgrammeFund.fund_id == Fund.id)
        .where(ProgrammeFund.programme_id == programme_id)
    )
    return [(first, last) for first, last in rows]
