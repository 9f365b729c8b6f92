"""Questions about pairs: which are open, whose households are not paid for it, and who has not been compared yet."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    ScalarSelect,
    Select,
    and_,
    any_,
    bindparam,
    exists,
    func,
    literal,
    or_,
    select,
    union,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import QueryableAttribute, Session, aliased
from sqlalchemy.types import BigInteger, Uuid

from cbi.registry.households.models import ChangedPerson, HouseholdChange
from cbi.registry.import_models import Import
from cbi.registry.linkage import rules
from cbi.registry.linkage.blocking import RULES
from cbi.registry.linkage.models import LinkedPerson, Pair, PairState, Thresholds, Verdict
from cbi.registry.linkage.parted import has_parted, parted_from
from cbi.registry.models import Gone, Household, Person

ACTIVE, DEPARTED = "active", "departed"
DUE, CORRECTED, NEVER = 0, -1, -2
"""Instead of the rules somebody was compared by: they are to be compared anew, as they live elsewhere or with others; or
because they are on record otherwise; or something changed of somebody who was never compared.
"""


def comparable() -> tuple[ColumnElement[bool], ...]:
    """Which people there is something to compare of: not erased, and no second record of somebody."""
    once = or_(Person.gone.is_(None), Person.gone != Gone.SAME)
    return Person.data_key.is_not(None), Person.name.is_not(None), once


def waiting() -> Select[UUID]:
    """People who have not been compared by the rules of today. Whoever was erased has nothing to compare."""
    done = exists().where(LinkedPerson.person_id == Person.id, LinkedPerson.rules == RULES)
    return select(Person.id).where(*comparable(), ~done)


def ask_from() -> ScalarSelect[int]:
    """The score from which the office asks now."""
    accepted = (
        select(Thresholds.ask)
        .where(Thresholds.decision == "accepted")
        .order_by(Thresholds.decided_at.desc(), Thresholds.version.desc())
        .limit(1)
        .scalar_subquery()
    )
    return select(func.coalesce(accepted, literal(rules.ASK, BigInteger))).scalar_subquery()


_first, _second = aliased(Person, name="first_person"), aliased(Person, name="second_person")
_one, _other = aliased(Household, name="one_home"), aliased(Household, name="other_home")


def standing(*states: PairState) -> Select[UUID]:
    """Pairs in these states that are anybody's question: they score enough, and one of them could be paid."""
    counts = [_counts(_first, _one, _second), _counts(_second, _other, _first)]
    both = ((_first, _one), (_second, _other))
    paid = [and_(person.gone.is_(None), home.status == ACTIVE) for person, home in both]
    return (
        select(Pair.id)
        .join(_first, _first.id == Pair.first_id)
        .join(_second, _second.id == Pair.second_id)
        .join(_one, _one.id == _first.household_id)
        .join(_other, _other.id == _second.household_id)
        .where(Pair.state.in_(states), Pair.per_mille >= ask_from(), *counts, or_(*paid))
    )


def _counts(
    person: type[Person], home: type[Household], other: type[Person]
) -> ColumnElement[bool]:
    """Whether a record is one that the other is compared with, so that who is on record twice is paid once.

    A second record of a dead person is what has to be looked at. Whoever departs with their household, or leaves it, and is
    registered anew elsewhere would else leave behind what holds the household: a suspension, a ceiling, what is given once.
    Once their data is destroyed nobody can tell any more, but what was decided before holds.
    """
    known = or_(person.data_key.is_not(None), Pair.state == PairState.SAME)
    elsewhere = and_(person.gone == Gone.LEFT, person.household_id != other.household_id)
    departed = and_(person.gone.is_(None), home.status == DEPARTED)
    return or_(
        person.gone == Gone.DIED, and_(person.gone.is_(None), home.status == ACTIVE),
        and_(known, or_(departed, elsewhere)),
    )  # fmt: skip


def paired_households(*states: PairState) -> CompoundSelect[UUID]:
    """Households with a member in such a pair, whatever programme they are in: the registry is one for all of them.

    A household that has split since is one for it still.
    """
    return union(
        _parted(*states),
        *(
            standing(*states)
            .where(person.gone.is_(None))
            .with_only_columns(
                person.household_id.label("household_id"), maintain_column_froms=True
            )
            for person in (_first, _second)
        ),
    )


@cache  # it is a part of what every counter and every chunk of a run asks, and takes ten milliseconds to put together
def _parted(*states: PairState) -> Select[Any]:
    """The other halves of such households, where they split while the question was open."""
    asked = (
        standing(*states)
        .where(person.gone.is_distinct_from(Gone.LEFT))  # of those they left nothing is asked
        .with_only_columns(
            person.id.label("person_id"), Pair.found_at.label("since"), maintain_column_froms=True
        )
        for person in (_first, _second)
    )
    return parted_from(union(*asked))


def in_question(household: ColumnElement[UUID] | QueryableAttribute[UUID]) -> ColumnElement[bool]:
    """Whether a household has a member in such a pair; for one household at a time, as at a counter."""

    def with_member(
        mine: QueryableAttribute[UUID], theirs: QueryableAttribute[UUID]
    ) -> ColumnElement[bool]:
        member, other, home = aliased(Person), aliased(Person), aliased(Household)
        return exists().where(
            member.household_id == household, member.gone.is_(None), mine == member.id, theirs == other.id,
            Pair.state != PairState.DIFFERENT, Pair.per_mille >= ask_from(), home.id == other.household_id,
            _counts(other, home, member),
        )  # fmt: skip

    return or_(
        with_member(Pair.first_id, Pair.second_id), with_member(Pair.second_id, Pair.first_id),
        and_(has_parted(household), household.in_(_parted(PairState.OPEN, PairState.SAME))),
    )  # fmt: skip


def is_uncompared(
    household: ColumnElement[UUID] | QueryableAttribute[UUID],
) -> ColumnElement[bool]:
    """Whether a household has a member who was never compared, or not with what is right of them now."""
    member = aliased(Person)
    compared = exists().where(LinkedPerson.person_id == member.id, LinkedPerson.rules >= DUE)
    return exists().where(
        member.household_id == household, member.gone.is_(None), member.data_key.is_not(None),
        member.name.is_not(None), ~compared,
    )  # fmt: skip


def members_due(households: Select[UUID]) -> Select[UUID]:
    """Members of these households who have not been compared as they are on record now, by whichever rules."""
    done = exists().where(LinkedPerson.person_id == Person.id, LinkedPerson.rules > DUE)
    wanted = select(Person.id).where(*comparable(), Person.gone.is_(None), ~done)
    # The households first: in the order of people's keys, the whole registry is read for each chunk of a run.
    homes = households.cte("homes").prefix_with("MATERIALIZED", dialect="postgresql")
    return wanted.where(Person.household_id.in_(select(*homes.c))).order_by(Person.id)


def uncompared_households() -> Select[UUID]:
    """Households with a member whom nobody has compared with the others yet."""
    waits = waiting().with_only_columns(Person.household_id.label("household_id"))
    return waits.where(Person.gone.is_(None))


def blocked_households() -> CompoundSelect[UUID]:
    """Households that are paid nothing: a member may be somebody else, is known to be, or was not compared yet."""
    return union(paired_households(PairState.OPEN, PairState.SAME), uncompared_households())


def open_pairs() -> Select[Pair]:
    """The pairs that hold payment: nobody has decided yet, or they are one person and were parted again elsewhere."""
    return select(Pair).where(Pair.id.in_(standing(PairState.OPEN, PairState.SAME)))


def asked_about() -> CompoundSelect[UUID]:
    """Open pairs that somebody has to decide about: nobody is paid in the meantime, or nobody's data may be destroyed."""
    on_record = (
        and_(person.data_key.is_not(None), person.gone.is_distinct_from(Gone.SAME))
        for person in (_first, _second)
    )
    whoever_left = (
        select(Pair.id)
        .join(_first, _first.id == Pair.first_id)
        .join(_second, _second.id == Pair.second_id)
        .where(Pair.state == PairState.OPEN, Pair.per_mille >= ask_from(), *on_record)
    )
    return union(standing(PairState.OPEN), whoever_left)


def to_decide() -> Select[Pair]:
    """The pairs that hold payment, and those of people who left, which keep their data from being destroyed."""
    return select(Pair).where(
        or_(Pair.id.in_(standing(PairState.SAME)), Pair.id.in_(asked_about()))
    )


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two records: where it stands, and who brought it: the list, or the person alone. No name."""

    person_id: UUID
    household_id: UUID
    number: str
    area: str | None
    size: int
    registered_at: datetime
    brought_by: frozenset[UUID]
    gone: Gone | None
    status: str

    def counts(self, other: "Side") -> bool:
        """Whether the other is compared with the record, as `standing` has it."""
        if self.gone is None:
            return self.status in (ACTIVE, DEPARTED)
        left = self.gone is Gone.LEFT and self.household_id != other.household_id
        return left or self.gone is Gone.DIED

    @property
    def is_away(self) -> bool:
        """Whether the record is of somebody who departed or left, and who may be back under another one."""
        return self.gone is Gone.LEFT or (self.gone is None and self.status == DEPARTED)

    @property
    def is_paid(self) -> bool:
        """Whether the record is one of a household that could be paid."""
        return self.gone is None and self.status == ACTIVE


def sides(session: Session, pairs: Sequence[Pair]) -> Mapping[UUID, Side]:
    """The records that pairs are about, by person; one query however many there are."""
    wanted = {each for pair in pairs for each in (pair.first_id, pair.second_id)}
    came_in, came, change = aliased(Household), aliased(ChangedPerson), aliased(HouseholdChange)
    rows = session.execute(
        select(
            Person.id, Household.id, Household.source_id, Household.area, Household.size, Person.registered_at,
            Person.gone, Household.status, Import.imported_by, change.id, change.recorded_by, change.confirmed_by,
        )
        .join(Household, Household.id == Person.household_id)
        .outerjoin(came_in, came_in.id == func.coalesce(Person.registered_in, Person.household_id))
        .outerjoin(Import, Import.id == came_in.import_id)
        .outerjoin(came, and_(came.person_id == Person.id, came.household_before.is_(None)))
        .outerjoin(change, change.id == came.change_id)
        .where(Person.id == any_(bindparam(None, list(wanted), ARRAY(Uuid))))
    )  # fmt: skip
    found = {}
    for row in rows:
        gone, status, imported_by, added, by, confirmed_by = row[6:]
        # Whoever joined a household later was not in the list that it came in.
        brought = {by, confirmed_by} if added else {imported_by}
        who = frozenset(each for each in brought if each is not None)
        found[row[0]] = Side(*row[:6], brought_by=who, gone=gone, status=status)
    return found


def mergeable(sides: Collection[Side]) -> bool:
    """Whether one of them has to go, so that they are paid once; where both have left, nobody is paid anyway."""
    one, other = sides
    return one.counts(other) and other.counts(one) and (one.is_paid or other.is_paid)


def would_stay_away(sides: Mapping[UUID, Side], kept: UUID) -> bool:
    """Whether the record that would stay is of somebody who departed or left, and the other of a household that is paid."""
    others = (side for person, side in sides.items() if person != kept)
    return sides[kept].is_away and any(other.is_paid for other in others)


def registrars(sides: Iterable[Side]) -> frozenset[UUID]:
    """Everybody who brought one of these records in."""
    return frozenset(who for side in sides for who in side.brought_by)


def verdicts(session: Session, pairs: Sequence[Pair]) -> Mapping[UUID, list[Verdict]]:
    """What was said of pairs, in order; one query however many there are."""
    these = any_(bindparam(None, [pair.id for pair in pairs], ARRAY(Uuid)))
    found: dict[UUID, list[Verdict]] = {}
    for each in session.scalars(
        select(Verdict).where(Verdict.pair_id == these).order_by(Verdict.id)
    ):
        found.setdefault(each.pair_id, []).append(each)
    return found
