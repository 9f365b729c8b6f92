"""Questions to the registry: which households there are, what came of an import, who shares what with whom."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    and_,
    any_,
    bindparam,
    exists,
    func,
    or_,
    select,
    union,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import QueryableAttribute, Session, aliased
from sqlalchemy.types import Uuid

from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.errors import NotFound
from cbi.registry import personal
from cbi.registry.import_models import Import, RejectedRow
from cbi.registry.linkage import queries as linkage
from cbi.registry.linkage.models import PairState
from cbi.registry.linkage.parted import has_parted, parted_from
from cbi.registry.models import DuplicateFlag, Gone, Household, PaymentAccount, Person

ACTIVE = "active"


def is_asked_about(person: type[Person], home: type[Household]) -> ColumnElement[bool]:
    """Whether somebody is asked about whose document another household shows, too.

    Whoever has departed, or left alone, may be registered anew in it, and would else leave behind what holds the household.
    Of who died, somebody else has the document then.
    """
    there = or_(person.gone.is_(None), person.gone == Gone.DIED)
    return or_(and_(there, home.status.in_((ACTIVE, "departed"))), person.gone == Gone.LEFT)


class UnknownImport(NotFound):
    """There was no such import."""

    code = "registry.unknown_import"


def import_of(session: Session, actor: Actor, import_id: UUID) -> Import:
    """One import. Raises UnknownImport."""
    actor.require(Permission.REGISTRY_READ)
    found = session.get(Import, import_id)
    if found is None:
        raise UnknownImport(
            "There was no such import.", next_step="A file that was refused as a whole leaves none."
        )
    return found


def imports(actor: Actor) -> Select[Import]:
    """All imports."""
    actor.require(Permission.REGISTRY_READ)
    return select(Import)


def rejected_rows(import_id: UUID) -> Select[RejectedRow]:
    """The rows of an import that could not land."""
    return select(RejectedRow).where(RejectedRow.import_id == import_id)


def households(actor: Actor, *, status: str | None = None) -> Select[Household]:
    """All households, or those of one status."""
    actor.require(Permission.REGISTRY_READ)
    statement = select(Household)
    return statement.where(Household.status == status) if status else statement


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who receives for a household, masked: initials, and a telephone of which the last two digits show."""

    initials: str | None
    phone: str | None
    people: int


def recipients(session: Session, household_ids: Sequence[UUID]) -> Mapping[UUID, Recipient]:
    """The masked recipient and the number of people listed, by household, in a few queries however many there are."""
    wanted = any_(bindparam(None, list(household_ids), ARRAY(Uuid)))
    counted = session.execute(
        select(Person.household_id, func.count())
        .where(Person.household_id == wanted, Person.gone.is_(None))
        .group_by(Person.household_id)
    )
    people = dict(iter(counted))
    found = session.execute(
        select(Person.household_id, Person.id, PaymentAccount.id)
        .outerjoin(
            PaymentAccount,
            (PaymentAccount.person_id == Person.id)
            & (PaymentAccount.kind == personal.PHONE)
            & PaymentAccount.replaced_at.is_(None),
        )
        .where(Person.household_id == wanted, Person.is_recipient)
    ).all()
    names = personal.names(session, [person_id for _, person_id, _ in found])
    phones = personal.numbers(session, [account_id for _, _, account_id in found if account_id])
    shown = {household_id: Recipient(None, None, count) for household_id, count in people.items()}
    for household_id, person_id, account_id in found:
        name, phone = names.get(person_id), phones.get(account_id)
        shown[household_id] = Recipient(
            _initials(name) if name else None,
            _masked(phone) if phone else None,
            people[household_id],
        )
    return shown


def who_stays(session: Session, person_ids: Sequence[UUID]) -> Mapping[UUID, UUID]:
    """Under which record each of these counts: whoever was found to be on record twice, under the one that stays."""
    of, stays = aliased(Person), aliased(Person)
    known = select(of.id.label("of_id"), of.id, of.same_as).where(
        of.id == any_(bindparam(None, list(person_ids), ARRAY(Uuid)))
    )
    steps = known.cte(recursive=True)
    further = select(steps.c.of_id, stays.id, stays.same_as).join(
        stays, stays.id == steps.c.same_as
    )
    every = steps.union(further)
    return dict(
        session.execute(select(every.c.of_id, every.c.id).where(every.c.same_as.is_(None))).all()
    )


def _initials(name: str) -> str:
    return " ".join(f"{word[0]}." for word in name.split())


def _masked(phone: str) -> str:
    return f"{'•' * (len(phone) - 3)}{phone[-2:]}"


def is_current(flag: type[DuplicateFlag]) -> ColumnElement[bool]:
    """Whether no larger group of households shares the same by now."""
    larger = aliased(DuplicateFlag)
    return ~(
        select(larger.id)
        .where(larger.kind == flag.kind, larger.value_index == flag.value_index)
        .where(larger.household_count > flag.household_count)
        .exists()
    )


def current_flags(*, open_only: bool = False) -> Select[DuplicateFlag]:
    """The flags that count now."""
    statement = select(DuplicateFlag).where(is_current(DuplicateFlag))
    return statement.where(DuplicateFlag.decision.is_(None)) if open_only else statement


def sharing(session: Session, flags: Sequence[DuplicateFlag]) -> Mapping[UUID, list[Household]]:
    """The households that each flag is about."""
    ids = any_(bindparam(None, [flag.id for flag in flags], ARRAY(Uuid)))
    by_phone = (
        select(DuplicateFlag.id, Household)
        .join(PaymentAccount, PaymentAccount.value_index == DuplicateFlag.value_index)
        .join(Person, Person.id == PaymentAccount.person_id)
        .join(Household, Household.id == Person.household_id)
        .where(
            DuplicateFlag.id == ids,
            DuplicateFlag.kind == "shared_phone",
            PaymentAccount.replaced_at.is_(None),
        )
    )
    by_document = (
        select(DuplicateFlag.id, Household)
        .join(Person, Person.document_index == DuplicateFlag.value_index)
        .join(Household, Household.id == Person.household_id)
        .where(DuplicateFlag.id == ids, DuplicateFlag.kind == "same_document")
    )
    found: dict[UUID, list[Household]] = {}
    for statement in (by_phone, by_document):
        for flag_id, household in session.execute(
            statement.order_by(Household.registered_at, Household.id)
        ):
            if household not in found.setdefault(flag_id, []):
                found[flag_id].append(household)
    return found


def blocked_households() -> CompoundSelect[UUID]:
    """Households that may be the same people twice: no payment until a person has decided that they are different.

    It is those whose current `same_document` flag is open or decided "same", while one of them is active and another is,
    too, or has departed, or the person has left it; and those that have split since.
    """
    sharing_it = _sharing_a_document()
    return union(select(Person.household_id.label("household_id")).where(sharing_it), _parted())


@cache
def _sharing_a_document() -> ColumnElement[bool]:
    """Whether a person has a document that another household has, too; one is active, nobody found them to be several."""
    flagged = (
        current_flags()
        .where(DuplicateFlag.kind == "same_document")
        .where(or_(DuplicateFlag.decision.is_(None), DuplicateFlag.decision == "same"))
        .with_only_columns(DuplicateFlag.value_index)
    )
    return and_(Person.document_index.in_(_still_shared(flagged)), _is_there(Person))


def _still_shared(flagged: Select[bytes]) -> Select[bytes | None]:
    """Those of these documents that people of several households have, one of whom is there and active."""
    return (
        select(Person.document_index)
        .join(Household, Household.id == Person.household_id)
        .where(Person.document_index.in_(flagged), is_asked_about(Person, Household))
        .group_by(Person.document_index)
        .having(
            func.count(Person.household_id.distinct()) > 1,
            func.bool_or(and_(Household.status == ACTIVE, _is_there(Person))),
        )
    )


def unmerged_flags() -> Select[DuplicateFlag]:
    """The flags of documents that were found to be one person's, whose households nobody has merged: none is paid."""
    found = current_flags().where(
        DuplicateFlag.kind == "same_document", DuplicateFlag.decision == "same"
    )
    shared = _still_shared(found.with_only_columns(DuplicateFlag.value_index))
    return found.where(DuplicateFlag.value_index.in_(shared))


def _is_there(person: type[Person]) -> ColumnElement[bool]:
    """Whether what is asked about somebody is asked about the household they stand in: not where they have left it."""
    return person.gone.is_distinct_from(Gone.LEFT)


@cache  # it is a part of what every counter and every chunk of a run asks, and takes ten milliseconds to put together
def _parted() -> Select[Any]:
    """The households of these people, and those that have parted from them since it was asked about."""
    sharing_it = _sharing_a_document()
    asked = (
        select(Person.id.label("person_id"), func.min(DuplicateFlag.flagged_at).label("since"))
        .join(DuplicateFlag, DuplicateFlag.value_index == Person.document_index)
        .where(sharing_it, DuplicateFlag.kind == "same_document")
        .group_by(Person.id)
    )
    return parted_from(asked)


def shares_a_document(
    household: ColumnElement[UUID] | QueryableAttribute[UUID],
) -> ColumnElement[bool]:
    """Whether somebody of another household has a member's document; for one household at a time, as at a counter.

    A household that has split while that was asked about is one for it still.
    """
    member, other, home = aliased(Person), aliased(Person), aliased(Household)
    flag = aliased(DuplicateFlag)
    here_and_there = exists().where(
        member.household_id == household, or_(member.gone.is_(None), member.gone == Gone.DIED),
        other.document_index == member.document_index, other.household_id != member.household_id,
        home.id == other.household_id, is_asked_about(other, home),
        flag.kind == "same_document", flag.value_index == member.document_index, is_current(flag),
        flag.decision.is_distinct_from("different"),
    )  # fmt: skip
    return or_(here_and_there, and_(has_parted(household), household.in_(_parted())))


def flagged_households() -> CompoundSelect[UUID]:
    """Households with an open flag or pair: nobody has decided yet whether they are other people."""
    flags = current_flags(open_only=True).subquery()
    by_phone = (
        select(Person.household_id.label("household_id"))
        .join(PaymentAccount, PaymentAccount.person_id == Person.id)
        .join(flags, flags.c.value_index == PaymentAccount.value_index)
        .where(flags.c.kind == "shared_phone", PaymentAccount.replaced_at.is_(None))
    )
    by_document = (
        select(Person.household_id.label("household_id"))
        .join(flags, flags.c.value_index == Person.document_index)
        .where(flags.c.kind == "same_document")
    )
    return union(by_phone, by_document, linkage.paired_households(PairState.OPEN, PairState.SAME))
