"""What people find out about a pair: two people, one person, or nobody can tell yet; and the way back."""

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit import reasons
from cbi.audit.record import record
from cbi.db import soon
from cbi.errors import Conflict, Invalid, NotFound
from cbi.registry.households import merging
from cbi.registry.households.models import ChangeKind
from cbi.registry.households.recording import Story
from cbi.registry.linkage import queries, rules, staff
from cbi.registry.linkage.finding import anew
from cbi.registry.linkage.models import Finding, Pair, PairState, Verdict
from cbi.registry.linkage.queries import Side
from cbi.registry.linkage.rules import Said
from cbi.registry.models import Gone
from cbi.registry.text import clean


class UnknownPair(NotFound):
    """There is no such pair, or not all of it can be seen from here."""

    code = "registry.unknown_pair"


class PairSettled(Conflict):
    """The pair is settled, or is not: what was asked for does not fit."""

    code = "registry.pair_settled"


class SaidAlready(Conflict):
    """The same person has said the same of this pair already."""

    code = "registry.pair_said_already"


class UnusableFinding(Invalid):
    """What was found out is not one of the answers, or it is not said which record stays."""

    code = "registry.unusable_finding"


class OneDied(UnusableFinding):
    """One record is of somebody who was noted to have died, and the other is of a household that is paid."""

    code = "registry.pair_one_died"


def pair_of(session: Session, actor: Actor, pair_id: UUID) -> Pair:
    """One pair. Raises UnknownPair."""
    actor.require(Permission.REGISTRY_READ)
    return _found(session, pair_id)


def say(
    session: Session,
    actor: Actor,
    pair_id: UUID,
    finding: str,
    reason: str,
    *,
    kept: UUID | None = None,
) -> Pair:
    """Say what was found out about an open pair; where enough people have said so, it is done.

    `kept`: for `same`, the person whose record stays; the other household becomes part of that one's, or within one
    household, and where somebody had left the other one alone, the other record is used no more. All can be taken back.
    Where neither is paid, nothing is merged: both would be paid nothing, and are asked about, if they came back. Raises
    UnknownPair, PairSettled, SaidAlready, UnusableFinding, OneDied, UnusableReason, and what a merge raises.
    """
    actor.require(Permission.REGISTRY_DECIDE)
    why = reasons.plain(clean(reason))
    pair = _found(session, pair_id, lock=True)
    if finding not in (Finding.DIFFERENT, Finding.SAME, Finding.ASK_AGAIN):
        raise UnusableFinding(
            "Say whether they are “different”, the “same”, or to “ask_again”.",
            next_step="Somebody who cannot tell yet says: ask_again.",
        )
    if pair.state is not PairState.OPEN:
        raise PairSettled(
            f"This pair was settled: {pair.state}.", next_step="See who said so, or take it back."
        )
    found = Finding(finding)
    sides = queries.sides(session, [pair])
    for side in sides.values():
        staff.refuse_own(session, actor, side.household_id)
    said = _said(session, pair)
    if found is Finding.SAME and kept is None:
        kept = said[-1].kept if said and said[-1].finding is Finding.SAME else None
    _check_kept(pair, found, said, kept)
    if found is Finding.SAME and kept is not None:
        _check_records(sides, kept)
    now = [*said, Said(found, actor.id, kept)]
    if actor.id in {each.who for each in rules.running(said)} and said[-1].finding is found:
        raise SaidAlready(
            "You have said so already.", next_step="Somebody else must look at this pair, too."
        )
    settles = rules.enough(now, queries.registrars(sides.values()))
    change = None
    if settles and found is Finding.SAME and kept is not None and queries.mergeable(sides.values()):
        change = _make_one(session, actor, pair, kept, sides, rules.running(now)[0].who, why)
    _add(session, actor, pair, found, why, kept=kept, settles=settles)
    if settles:
        _settle(session, pair, PairState(found.value), change)
        soon(session, "releases")
    if change is not None:
        anew(session, {side.household_id for side in sides.values()}, corrected=False)
    record(
        session, actor, "registry.pair_said", "pair", pair.id, finding=found.value, settles=settles,
        per_mille=pair.per_mille,
    )  # fmt: skip
    return pair


def take_back(session: Session, actor: Actor, pair_id: UUID, reason: str) -> Pair:
    """Open a settled pair again. What was made one is parted by two people: the first asks for it, and nothing changes.

    Two people again can only stop money, so one person opens that. Raises UnknownPair, PairSettled, SaidAlready,
    OwnRecord, UnusableReason, and what undoing raises.
    """
    actor.require(Permission.REGISTRY_DECIDE)
    why = reasons.plain(clean(reason))
    pair = _settled(session, actor, pair_id)
    asked_by = None
    if pair.state is PairState.SAME:
        asked = undo_asked(session, pair)
        if asked is None:
            _add(session, actor, pair, Finding.UNDO_ASKED, why, kept=None, settles=False)
            record(session, actor, "registry.pair_undo_asked", "pair", pair.id)
            return pair
        if asked.said_by == actor.id or actor.id is None:
            raise SaidAlready(
                "You asked for this yourself.",
                next_step="Somebody else must look at this pair, too.",
            )
        asked_by = asked.said_by
        parted = session.scalar(queries.standing(PairState.SAME).where(Pair.id == pair.id))
        if pair.change_id is not None and parted is None:
            merging.undo_merge(session, actor, pair.change_id, reason=why, asked_by=asked_by)
    _add(session, actor, pair, Finding.TAKEN_BACK, why, kept=None, settles=False)
    _settle(session, pair, PairState.OPEN, None)
    anew(session, _homes(session, pair), corrected=False)
    record(
        session, actor, "registry.pair_taken_back", "pair", pair.id,
        asked_by=str(asked_by) if asked_by else None,
    )  # fmt: skip
    return pair


def uphold(session: Session, actor: Actor, pair_id: UUID, reason: str) -> Pair:
    """Let two records stay one although somebody asked for them back; who asked may so withdraw it.

    Raises UnknownPair, PairSettled, OwnRecord, UnusableReason.
    """
    actor.require(Permission.REGISTRY_DECIDE)
    why = reasons.plain(clean(reason))
    pair = _settled(session, actor, pair_id)
    if undo_asked(session, pair) is None:
        raise PairSettled("Nobody asked for these records back.", next_step="See who said what.")
    _add(session, actor, pair, Finding.UPHELD, why, kept=None, settles=False)
    record(session, actor, "registry.pair_upheld", "pair", pair.id)
    return pair


def undo_asked(session: Session, pair: Pair) -> Verdict | None:
    """Who asked for two records back that were made one, while that waits for somebody else."""
    said = queries.verdicts(session, [pair]).get(pair.id, [])
    return said[-1] if said and said[-1].finding is Finding.UNDO_ASKED else None


def _settled(session: Session, actor: Actor, pair_id: UUID) -> Pair:
    """The pair, locked, for somebody who may speak of it. Raises UnknownPair, PairSettled, OwnRecord."""
    pair = _found(session, pair_id, lock=True)
    if pair.state is PairState.OPEN:
        raise PairSettled("This pair is not settled.", next_step="Say what you found out.")
    for home in _homes(session, pair):
        staff.refuse_own(session, actor, home)
    return pair


def _homes(session: Session, pair: Pair) -> set[UUID]:
    return {side.household_id for side in queries.sides(session, [pair]).values()}


def _found(session: Session, pair_id: UUID, *, lock: bool = False) -> Pair:
    wanted = select(Pair).where(Pair.id == pair_id).execution_options(populate_existing=True)
    pair = session.scalar(wanted.with_for_update() if lock else wanted)
    if pair is None or len(queries.sides(session, [pair])) < 2:
        raise UnknownPair("There is no such pair.", next_step="See: cbi registry pairs")
    return pair


def _said(session: Session, pair: Pair) -> list[Said]:
    """What counts: everything since the pair was last taken back."""
    said = [
        Said(each.finding, each.said_by, each.kept_id)
        for each in queries.verdicts(session, [pair]).get(pair.id, [])
    ]
    back = [at for at, each in enumerate(said, 1) if each.finding is Finding.TAKEN_BACK]
    return said[back[-1] :] if back else said


def _check_kept(pair: Pair, found: Finding, said: list[Said], kept: UUID | None) -> None:
    if found is not Finding.SAME:
        if kept is not None:
            raise UnusableFinding("Which record stays is said only where both are the same person.")
        return
    if kept not in (pair.first_id, pair.second_id):
        raise UnusableFinding(
            "Say which of the two records stays.", next_step="Name one of the two people."
        )
    if said and said[-1].finding is Finding.SAME and said[-1].kept != kept:
        raise UnusableFinding(
            "Whoever said so before you wants the other record to stay.",
            next_step="Agree on one, or say ask_again and begin anew.",
        )


def _check_records(sides: Mapping[UUID, Side], kept: UUID) -> None:
    """Whether two records may be made one as they are. Raises UnusableFinding, OneDied."""
    if queries.would_stay_away(sides, kept):
        raise UnusableFinding(
            "Whoever has the record that would stay has departed, or left their household.",
            next_step="Keep the other record; or note first that they are back (cbi household returned).",
        )
    one_died = any(side.gone is Gone.DIED for side in sides.values())
    if one_died and queries.mergeable(sides.values()):
        raise OneDied(
            "One of the two was noted to have died, and the household of the other is paid.",
            next_step="If they live, note first that they are back (cbi household returned); if they died, that the other"
            " record died, too (cbi household died). If it is somebody else, say: different.",
        )


def _make_one(
    session: Session,
    actor: Actor,
    pair: Pair,
    kept: UUID,
    sides: Mapping[UUID, Side],
    asked_by: UUID | None,
    why: str,
) -> UUID:
    other = pair.second_id if kept == pair.first_id else pair.first_id
    stays, goes = sides[kept], sides[other]
    if stays.household_id == goes.household_id:
        return merging.retire(session, actor, other, kept, reason=why, asked_by=asked_by)
    if goes.gone is Gone.LEFT:
        story = Story(ChangeKind.JOINED, why, recorded_by=asked_by)
        return merging.known_here(session, actor, other, kept, story)
    return merging.merge(
        session, actor, stays.household_id, goes.household_id, reason=why, same={other: kept}, asked_by=asked_by,
    )  # fmt: skip


def _add(
    session: Session,
    actor: Actor,
    pair: Pair,
    finding: Finding,
    why: str,
    *,
    kept: UUID | None,
    settles: bool,
) -> None:
    session.execute(
        insert(Verdict).values(
            pair_id=pair.id, finding=finding, kept_id=kept, reason=why, said_by=actor.id, said_at=clock.now(),
            settles=settles,
        )
    )  # fmt: skip


def _settle(session: Session, pair: Pair, state: PairState, change: UUID | None) -> None:
    session.execute(
        update(Pair)
        .where(Pair.id == pair.id)
        .values(
            state=state,
            settled_at=None if state is PairState.OPEN else clock.now(),
            change_id=change,
        ),
        execution_options={"synchronize_session": False},
    )
    session.refresh(pair)
