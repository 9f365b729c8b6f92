"""Each kind of change carried out: what it needs to be told, the rule that it follows, and what else it brings."""

from collections.abc import Callable, Mapping
from uuid import UUID

from sqlalchemy import any_, bindparam, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session
from sqlalchemy.types import Text

from cbi import clock, ids
from cbi.db import soon
from cbi.offices import office_of
from cbi.registry import duplicates
from cbi.registry.households import carrying, guardians, merging, own_facts, recording, rules
from cbi.registry.households.asked import Asked, UnusableChange
from cbi.registry.households.going import Going, needed
from cbi.registry.households.models import ChangedHousehold, ChangeKind, MemberRole
from cbi.registry.households.recording import FOLLOWING, Newcomers
from cbi.registry.households.rules import Home, Picture
from cbi.registry.linkage.finding import anew
from cbi.registry.linkage.staff import refuse_own
from cbi.registry.models import Gone, Household, Person
from cbi.scope import seeing_all

_LIVE_OTHERWISE = frozenset({
    ChangeKind.BORN, ChangeKind.JOINED, ChangeKind.RETURNED, ChangeKind.MOVED, ChangeKind.SPLIT, ChangeKind.MERGED,
    ChangeKind.UNMERGED,
})  # fmt: skip
"""After these people live elsewhere or with others, which is part of what they are compared by."""
_PARTED = frozenset({ChangeKind.SPLIT, ChangeKind.JOINED, ChangeKind.RETURNED})
"""After these people who lived together and show one document may be of two households, which nobody has asked about."""
SPLIT_SOURCE = "split"
"""What a household that came of a split is registered under; its number is the old one's with S1, S2, …"""


def carry_out(going: Going) -> UUID:
    """Do what was asked; returns the change's id. Raises CannotChange and what else stands at each kind."""
    refuse_own(going.session, going.actor, going.asked.household)
    change = _ACTS[going.asked.kind](going)
    _check_concerned(going, change)
    if going.asked.personal.document or going.asked.personal.phone or going.asked.kind in _PARTED:
        _flag_shared(going.session, change)
    _compare_anew(going.session, going.asked, change)
    return change


def _check_concerned(going: Going, change: UUID) -> None:
    """Refuse what was about another household than the one that was named, or about whoever carries it out, too."""
    homes = select(ChangedHousehold.household_id).where(ChangedHousehold.change_id == change)
    with seeing_all(going.session):  # one may have moved to where the actor sees nothing
        changed = going.session.scalars(homes).all()
    if going.asked.household not in changed:
        raise UnusableChange(
            "What is to be undone is not of this household.",
            next_step="Name one of the households that were merged.",
            field="other",
        )
    for home in changed:
        refuse_own(going.session, going.actor, home)


def _flag_shared(session: Session, change: UUID) -> None:
    """Flag what is shared with others by now. From here to its commit it is alone, as an import is."""
    office = office_of(session)
    session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"),
        {"name": f"registry:{office.code}"},
    )
    homes = select(ChangedHousehold.household_id).where(ChangedHousehold.change_id == change)
    with seeing_all(session):
        duplicates.flag_households(session, session.scalars(homes).all())


def _compare_anew(session: Session, asked: Asked, change: UUID) -> None:
    """Whoever is on record otherwise now is compared with everybody anew, before their household is paid again."""
    corrected = bool(asked.personal.named)
    if corrected or asked.kind in _LIVE_OTHERWISE:
        homes = select(ChangedHousehold.household_id).where(ChangedHousehold.change_id == change)
        anew(session, session.scalars(homes).all(), corrected=corrected)


def _arrive(going: Going) -> UUID:
    asked, home = going.asked, going.asked.household
    if asked.person is not None:  # somebody on record, of another household or back again
        person = asked.person
        if (stays := merging.on_record_here(going.session, home, person)) is not None:
            return merging.known_here(
                going.session, going.actor, person, stays, going.story(), version=asked.version
            )
        before = going.session.scalar(select(Person.household_id).where(Person.id == person))
        others = () if before in (None, home) else (before,)
        soon(going.session, FOLLOWING)
        return going.apply(lambda picture: rules.came(picture, home, person), *others)
    if asked.personal.name is None:
        return going.apply(
            lambda picture: rules.unlisted_arrived(
                picture, home, asked.size or picture.homes[home].size + 1
            )
        )
    new = ids.fresh()
    columns = own_facts.arriving(going.session, new, home, asked.personal)
    return going.apply(
        lambda picture: rules.arrived(picture, home, new), new=Newcomers(people={new: columns})
    )


def _go(going: Going) -> UUID:
    asked, home = going.asked, going.asked.household
    how = Gone.DIED if asked.kind is ChangeKind.DIED else Gone.LEFT
    if asked.person is None:
        return going.apply(lambda picture: rules.one_fewer(picture, home))
    person = asked.person
    change = going.apply(lambda picture: rules.went(picture, home, person, how))
    guardians.end_with(going.session, change, person)
    return change


def _return(going: Going) -> UUID:
    if going.asked.person is not None:
        return _arrive(going)
    return going.apply(lambda picture: rules.returned(picture, going.asked.household))


def _move(going: Going) -> UUID:
    needed(going.asked, "area")
    asked = going.asked
    return going.apply(lambda picture: rules.moved(picture, asked.household, asked.area))


def _correct(going: Going) -> UUID:
    asked, home = going.asked, going.asked.household
    if not (asked.size or asked.language or asked.personal.named):
        raise UnusableChange("Nothing is to be corrected.", next_step="Say what is wrong.")
    sealed: dict[UUID, bytes] = {}
    if asked.personal.named:
        needed(asked, "person")
        assert asked.person is not None
        picture = recording.looked_at(going.session, [home])
        rules.member(picture, asked.person, home)
        sealed[asked.person] = own_facts.correct(going.session, asked.person, asked.personal)
    return going.apply(
        lambda picture: rules.corrected(picture, home, size=asked.size, language=asked.language),
        new=Newcomers(sealed=sealed), touched=tuple(sealed),
    )  # fmt: skip


def _give_role(going: Going) -> UUID:
    asked = going.asked
    person, role = asked.person, MemberRole(asked.kind)
    if person is None and role is MemberRole.ALTERNATE:
        return going.apply(lambda picture: rules.role_laid_down(picture, asked.household, role))
    needed(asked, "person")
    assert person is not None
    if role is MemberRole.ALTERNATE:
        guardians.works_not_here(going.session, person)
    change = going.apply(lambda picture: rules.role_given(picture, asked.household, person, role))
    if role is not MemberRole.HEAD:
        own_facts.collects(going.session, going.actor, person, asked.personal, asked.consent_on)
    return change


def _change_phone(going: Going) -> UUID:
    needed(going.asked, "person")
    asked, person = going.asked, going.asked.person
    assert person is not None
    if asked.personal.phone is None:
        raise UnusableChange("The new telephone is missing.", field="phone")

    def is_member(picture: Picture) -> Picture:
        rules.active(picture, asked.household)
        rules.member(picture, person, asked.household)
        return picture

    change = going.apply(is_member, touched=(person,))
    own_facts.new_phone(going.session, person, asked.personal.phone, vouched=going.face_to_face)
    return change


def _split(going: Going) -> UUID:
    asked, home = going.asked, going.asked.household
    needed(asked, "people", "head", "collector")
    assert asked.head is not None
    assert asked.collector is not None
    head, collector = asked.head, asked.collector
    recording.looked_at(going.session, [home])
    was = going.session.get_one(Household, home, populate_existing=True)
    new = ids.fresh()
    columns = {
        "source": SPLIT_SOURCE, "source_id": _free_number(going.session, was.source_id),
        "fingerprint": office_of(going.session).keys.fingerprint("household", f"split/{new}"),
        "import_id": was.import_id, "line": was.line, "registered_at": clock.now(),
    }  # fmt: skip
    size = asked.size or len(asked.people)

    def rule(picture: Picture) -> Picture:
        old = picture.homes[home]
        founded = Home(
            new, rules.ACTIVE, size, asked.area or old.area, asked.language or old.language
        )
        return rules.split(picture, home, founded, asked.people, head=head, collector=collector)

    change = going.apply(rule, new=Newcomers(homes={new: columns}))
    own_facts.collects(going.session, going.actor, collector, asked.personal, asked.consent_on)
    carrying.on_split(going.session, going.actor, change, home, new, asked.needs)
    return change


def _free_number(session: Session, old: str) -> str:
    stem = old.rpartition("/")[2]
    taken = set(
        session.scalars(
            select(Household.source_id).where(
                Household.source == SPLIT_SOURCE,
                Household.source_id == any_(bindparam(None, [f"{stem}-S{n}" for n in range(1, 1000)], ARRAY(Text))),
            )
        )
    )  # fmt: skip
    return next(number for n in range(1, 1000) if (number := f"{stem}-S{n}") not in taken)


def _merge(going: Going) -> UUID:
    asked = going.asked
    needed(asked, "other")
    assert asked.other is not None
    return merging.merge(
        going.session, going.actor, asked.household, asked.other, reason=asked.reason, same=asked.same,
        size=asked.size, happened_on=asked.happened_on, evidence=asked.evidence, asked_by=going.asked_by,
        request_id=going.request_id, version=asked.version,
    )  # fmt: skip


def _unmerge(going: Going) -> UUID:
    needed(going.asked, "other")
    assert going.asked.other is not None
    return merging.undo_merge(
        going.session, going.actor, going.asked.other, reason=going.asked.reason, asked_by=going.asked_by,
        request_id=going.request_id,
    )  # fmt: skip


_ACTS: Mapping[ChangeKind, Callable[[Going], UUID]] = {
    ChangeKind.BORN: _arrive,
    ChangeKind.JOINED: _arrive,
    ChangeKind.LEFT: _go,
    ChangeKind.DIED: _go,
    ChangeKind.DEPARTED: lambda going: going.apply(
        lambda picture: rules.departed(picture, going.asked.household)
    ),
    ChangeKind.RETURNED: _return,
    ChangeKind.MOVED: _move,
    ChangeKind.SPLIT: _split,
    ChangeKind.MERGED: _merge,
    ChangeKind.UNMERGED: _unmerge,
    ChangeKind.CORRECTED: _correct,
    ChangeKind.HEAD: _give_role,
    ChangeKind.COLLECTOR: _give_role,
    ChangeKind.ALTERNATE: _give_role,
    ChangeKind.GUARDIAN: guardians.appoint,
    ChangeKind.PHONE: _change_phone,
}
