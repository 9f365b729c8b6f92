"""Somebody is on record three times: what was asked of the record that is used no more is asked of the one that stays."""

from uuid import UUID

from sqlalchemy import Uuid, bindparam, insert, select, update
from sqlalchemy.orm import Session

from cbi import clock, ids
from cbi.access.actor import Actor
from cbi.proofs.own_records import no_hand_on_their_own
from cbi.registry import queries as registry
from cbi.registry.households import merging
from cbi.registry.linkage import deciding, finding, inherited, queries, scoring, staff
from cbi.registry.linkage.models import Pair, PairState, StaffMatch
from cbi.registry.linkage.staff import Colleague
from cbi.registry.models import DuplicateFlag, Household
from tests.factories import EVERYTHING
from tests.household_factory import ASKER, CONFIRMER, change, family, person

PAPER = {"document_kind": "passport", "document": "AB1234567"}
THIRD = Actor("user", UUID(int=77), "third", EVERYTHING.grants)


def asked(session: Session, one: UUID, other: UUID, per_mille: int = 900) -> UUID:
    """A pair of these people that a comparison found."""
    pair = ids.fresh()
    session.execute(
        insert(Pair).values(
            id=pair, first_id=min(one, other), second_id=max(one, other), per_mille=per_mille, levels={"name": "name_close"},
            model=scoring.model_version(), found_at=clock.now(), state=PairState.OPEN,
        )
    )  # fmt: skip
    return pair


def held(session: Session) -> set[UUID]:
    """The households that are there, and paid nothing because of an open pair."""
    session.expire_all()
    paired = queries.paired_households(PairState.OPEN, PairState.SAME).subquery()
    there = select(Household.id).join(paired, paired.c.household_id == Household.id)
    return set(session.scalars(there.where(Household.status == registry.ACTIVE)))


def one(session: Session, kept: UUID, other: UUID, same: dict[UUID, UUID]) -> UUID:
    return merging.merge(
        session, CONFIRMER, kept, other, reason="one woman, seen with both papers", same=same, asked_by=ASKER.id
    )  # fmt: skip


def test_the_third_record_is_not_paid_once_the_one_it_resembled_is_used_no_more(
    session: Session,
) -> None:
    (home, kept), (other, gone), (third, resembles) = (family(session) for _ in range(3))
    alike = asked(session, gone["head"], resembles["head"])
    two = asked(session, kept["head"], gone["head"])
    assert held(session) == {home, other, third}
    for who in (ASKER, CONFIRMER):
        deciding.say(session, who, two, "same", "Met her with both cards", kept=kept["head"])
    finding.catch_up(session)
    assert held(session) == {home, third}, "nobody has looked at the third record"
    (left,) = session.scalars(queries.open_pairs())
    assert {left.first_id, left.second_id} == {kept["head"], resembles["head"]}
    assert left.per_mille == 900
    assert inherited.because_of(session, left) == [alike], "whose records the page leads to"
    back = session.begin_nested()
    for who in (ASKER, CONFIRMER):
        deciding.take_back(session, who, two, "They are sisters")
    assert held(session) == {home, other, third}
    back.rollback()
    deciding.say(session, CONFIRMER, left.id, "different", "Met both of them")
    assert held(session) == set()


def test_what_was_settled_of_the_record_that_stays_is_not_asked_again(session: Session) -> None:
    (home, kept), (other, gone), (_, resembles) = (family(session) for _ in range(3))
    asked(session, gone["head"], resembles["head"])
    settled = asked(session, kept["head"], resembles["head"], 500)
    deciding.say(session, CONFIRMER, settled, "different", "Met both of them")
    one(session, home, other, {gone["head"]: kept["head"]})
    assert held(session) == set()


def test_what_was_asked_of_two_who_are_used_no_more_at_once_is_asked_of_both_who_stay(
    session: Session,
) -> None:
    (home, kept), (other, gone) = family(session, "Omar"), family(session, "Omar")
    asked(session, gone["head"], gone["Omar"])
    one(session, home, other, {gone["head"]: kept["head"], gone["Omar"]: kept["Omar"]})
    (left,) = session.scalars(queries.open_pairs())
    assert {left.first_id, left.second_id} == {kept["head"], kept["Omar"]}


def test_a_document_that_only_the_record_used_no_more_shows_is_still_another_s_too(
    session: Session,
) -> None:
    (home, kept), (other, gone), (third, shows) = (family(session) for _ in range(3))
    change(session, "corrected", other, person=gone["head"], told=PAPER)
    change(session, "corrected", third, person=shows["head"], told=PAPER)
    assert set(session.scalars(registry.blocked_households())) == {other, third}
    one(session, home, other, {gone["head"]: kept["head"]})
    assert held(session) == {home, third}


def several(session: Session) -> None:
    """Two people have found that the one document there is belongs to several."""
    session.execute(
        update(DuplicateFlag)
        .where(DuplicateFlag.kind == "same_document")
        .values(
            decision="different", decided_at=clock.now(), reason="a booklet of the whole family"
        )
    )


def test_whoever_shares_a_document_as_two_people_found_is_not_made_one_by_a_merge(
    session: Session,
) -> None:
    (home, kept), (other, wife) = family(session), family(session)
    for where, who in ((home, kept), (other, wife)):
        change(session, "corrected", where, person=who["head"], told=PAPER)
    undo = session.begin_nested()
    one(session, home, other, {})
    assert person(session, wife["head"]).same_as == kept["head"], "nobody has said otherwise"
    undo.rollback()
    session.expire_all()
    several(session)
    one(session, home, other, {})
    assert person(session, wife["head"]).household_id == home
    assert person(session, wife["head"]).gone is None


def test_people_who_showed_one_document_under_one_roof_are_asked_about_once_they_part(
    session: Session,
) -> None:
    home, people = family(session, "Omar", "Nadia")
    for who in ("Omar", "Nadia"):
        change(session, "corrected", home, person=people[who], told=PAPER)
    assert not session.scalars(registry.current_flags()).all()
    split = change(
        session, "split", home, people=(people["Nadia"],), head=people["Nadia"], collector=people["Nadia"],
    )  # fmt: skip
    assert split
    new = person(session, people["Nadia"]).household_id
    assert set(session.scalars(registry.blocked_households())) == {home, new}


def test_a_colleague_has_no_hand_on_the_record_that_stays(session: Session) -> None:
    (home, kept), (other, gone), (elsewhere, stranger) = (family(session) for _ in range(3))
    teller, signer = Colleague("teller", UUID(int=5), ""), Colleague("user", THIRD.id or home, "")
    staff.keep(
        session,
        [(teller, gone["head"]), (signer, gone["head"]), (teller, stranger["head"])],
    )
    for match in session.scalars(select(StaffMatch).where(StaffMatch.person_id == gone["head"])):
        staff.decide(session, CONFIRMER, match.id, "same", "She says so herself")

    def own(colleague: Colleague, household: UUID) -> bool:
        who, where = (bindparam(None, each, Uuid) for each in (colleague.id, household))
        return bool(session.scalar(select(staff.is_own(colleague.kind, who, where))))

    assert (own(teller, home), own(teller, other)) == (False, True)
    merge = one(session, home, other, {gone["head"]: kept["head"]})
    assert own(teller, home)
    assert own(signer, home)
    assert not own(signer, elsewhere)
    assert home in staff.own_households(session, THIRD), "they sign no run that pays it"
    again, last = family(session)
    one(session, again, home, {kept["head"]: last["head"]})
    assert own(teller, again)
    assert again in staff.own_households(session, THIRD)
    assert merge
    assert [breach for check in no_hand_on_their_own for breach in check(session)] == []
