"""Writes down what somebody said to a purpose: yes, no, or no longer; by whom and how, never over what was said before."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from cbi import clock, ids
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit.record import record
from cbi.errors import Conflict, Invalid
from cbi.offices import office_of
from cbi.registry.consent import notices, standing
from cbi.registry.consent.models import Answer, Consent, How, Scope
from cbi.registry.households.models import Guardianship
from cbi.registry.models import Gone, Person
from cbi.registry.personal import UnknownPerson
from cbi.registry.queries import who_stays

STAFF_MAY_SAY = (How.IN_PERSON, How.SIGNED, How.CALL, How.GUARDIAN)
"""Ways that a colleague can vouch for; the others are written down by the engine."""


class UnusableWord(Invalid):
    """What is to be recorded does not fit together."""

    code = "consent.unusable"


class SaidLater(Conflict):
    """Something later is on record already."""

    code = "consent.said_later"


class AlreadySaid(Conflict):
    """That is the person's word already."""

    code = "consent.already_said"


@dataclass(frozen=True, slots=True)
class Word:
    """What somebody said to some purposes. `notice` is `registration` or `registration/2`; a withdrawal needs none."""

    scopes: Collection[Scope]
    answer: Answer
    how: How
    notice: str = ""
    language: str = ""
    on: date | None = None
    """None: today."""
    guardian_id: UUID | None = None


def read(
    scopes: Collection[str], answer: Answer, how: str, *, notice: str = "", language: str = "",
    on: date | None = None, guardian_id: UUID | None = None,
) -> Word:  # fmt: skip
    """A word as somebody typed it. Raises UnusableWord."""
    known = set(Scope)
    if strange := [each[:40] for each in scopes if each not in known]:
        raise UnusableWord(
            f"There is no purpose {', '.join(strange)}.", next_step=f"One of: {', '.join(Scope)}."
        )
    if how not in set(How):
        raise UnusableWord(
            f"Nothing is said {how[:40]!r}.", next_step=f"One of: {', '.join(STAFF_MAY_SAY)}."
        )
    return Word(
        [Scope(each) for each in scopes], answer, How(how), notice, language, on, guardian_id
    )


def say(session: Session, actor: Actor, person_id: UUID, word: Word) -> Sequence[Consent]:
    """Record what a person said to these purposes, all of them or none.

    Whoever takes back what they agreed to is paid what was sent already; docs/consent.md says what each withdrawal stops.
    Raises UnknownPerson, UnusableWord, SaidLater, AlreadySaid, UnknownNotice, CannotAskSo.
    """
    actor.require(Permission.CONSENT_RECORD)
    on = _day(session, word)
    person = _person(session, person_id)
    if word.how not in STAFF_MAY_SAY:
        raise UnusableWord(
            "A colleague records what they heard or saw themself.",
            next_step=f"One of: {', '.join(STAFF_MAY_SAY)}.",
        )
    _check_guardian(session, person, word)
    if word.answer is not Answer.WITHDRAWN and not word.notice:
        raise UnusableWord(
            "Say which notice the person was told.", next_step="See: cbi notice list"
        )
    return _write(session, actor, person_id, word, on)


def agreed(session: Session, actor: Actor, person_id: UUID, on: date, told: str) -> None:
    """Record that somebody agreed to be assisted when they began to collect; `told` is what they were told, in words.

    It waited for a second person, so a no of that day may have come after it. Raises SaidLater.
    """
    standing.hold_word(session)
    standing.beside_no_list(session)
    said = standing.latest(session, [person_id])[person_id].get(Scope.ASSISTANCE)
    if said is not None and said.answer is not Answer.GIVEN and said.said_on >= on:
        raise SaidLater(
            f"On {said.said_on} the person said no to being assisted.",
            next_step="Ask for the change without a day of consent; what they say now is recorded by itself.",
            scope=str(Scope.ASSISTANCE),
            day=str(said.said_on),
        )
    session.execute(
        insert(Consent).values(
            id=ids.fresh(), person_id=person_id, scope=Scope.ASSISTANCE, answer=Answer.GIVEN, how=How.IN_PERSON,
            notice=told, said_on=on, recorded_by=actor.id, recorded_at=clock.now(),
        )
    )  # fmt: skip
    record(
        session, actor, f"consent.{Answer.GIVEN}", "person", person_id, scopes=[str(Scope.ASSISTANCE)],
        how=str(How.IN_PERSON), on=on.isoformat(), notice=None,
    )  # fmt: skip


def say_by_text(session: Session, actor: Actor, person_id: UUID, answer: Answer) -> bool:
    """Record what came by SMS from a person's own number about being written to; False where it is their word already."""
    standing.beside_no_list(session)
    stays = who_stays(session, [person_id]).get(person_id, person_id)
    if stays != person_id and answer is Answer.GIVEN:
        return False
    person_id = stays
    said = standing.latest(session, [person_id])[person_id].get(Scope.TEXTS)
    is_no = said is not None and said.answer is not Answer.GIVEN
    if is_no == (answer is not Answer.GIVEN):
        return False
    today = clock.today(office_of(session).timezone)
    on = max(today, said.said_on) if said else today
    _write(session, actor, person_id, Word([Scope.TEXTS], answer, How.TEXT), on)
    return True


def _write(
    session: Session, actor: Actor, person_id: UUID, word: Word, on: date
) -> Sequence[Consent]:
    if Scope.ASSISTANCE in word.scopes:
        standing.hold_word(session)
    standing.beside_no_list(session)
    person_id = _who_stays(session, person_id, word.answer)
    said = standing.latest(session, [person_id])[person_id]
    rows = []
    for scope in sorted(set(word.scopes), key=list(Scope).index):
        _check_new(said.get(scope), scope, word, on)
        notice = (
            notices.to_ask(session, word.notice, scope, on, word.language) if word.notice else None
        )
        rows.append(
            {
                "id": ids.fresh(), "person_id": person_id, "scope": scope, "answer": word.answer, "said_on": on,
                "notice_code": notice.code if notice else None, "notice_version": notice.version if notice else None,
                "language": word.language or None, "how": word.how, "guardian_id": word.guardian_id,
                "recorded_by": actor.id, "recorded_at": clock.now(),
            }
        )  # fmt: skip
    if not rows:
        raise UnusableWord("Say to which purpose.", next_step=f"One of: {', '.join(Scope)}.")
    session.execute(insert(Consent), rows)
    told = rows[0]
    record(
        session, actor, f"consent.{word.answer}", "person", person_id,
        scopes=[str(each["scope"]) for each in rows], how=str(word.how), on=on.isoformat(),
        notice=f"{told['notice_code']}/{told['notice_version']}" if told["notice_code"] else None,
    )  # fmt: skip
    session.flush()
    return session.scalars(
        select(Consent).where(Consent.id.in_([row["id"] for row in rows])).order_by(Consent.number)
    ).all()


def _check_new(said: Consent | None, scope: Scope, word: Word, on: date) -> None:
    if said is not None and said.said_on > on:
        raise SaidLater(
            f"On {said.said_on} the person said something later about this purpose ({scope}).",
            next_step="What was said last counts. Record it with the day on which it was said.",
            scope=str(scope),
            day=str(said.said_on),
        )
    if said is not None and said.answer is word.answer and word.answer is not Answer.GIVEN:
        raise AlreadySaid(
            f"That is on record since {said.said_on} ({scope}).",
            next_step="There is nothing to record.",
            scope=str(scope),
            day=str(said.said_on),
        )


def _day(session: Session, word: Word) -> date:
    today = clock.today(office_of(session).timezone)
    on = word.on or today
    if on > today:
        raise UnusableWord(f"{on} has not come yet.", next_step="Write the day on which it was said.")  # fmt: skip
    return on


def _person(session: Session, person_id: UUID) -> Person:
    person = session.get(Person, person_id)
    if person is None or person.data_key is None:
        raise UnknownPerson(
            "There is no such person, or their data was erased.",
            next_step="Check the household's record.",
        )
    if person.gone is Gone.SAME:
        raise _used_no_more()
    return person


def _who_stays(session: Session, person_id: UUID, answer: Answer) -> UUID:
    """The record that a word is kept with: another, where both were found to be one person while it was being said.

    Raises UnusableWord where it is a yes, or whoever records it does not see that record.
    """
    stays = who_stays(session, [person_id]).get(person_id)
    if stays is None or (stays != person_id and answer is Answer.GIVEN):
        raise _used_no_more()
    return stays


def _used_no_more() -> UnusableWord:
    return UnusableWord(
        "This record is used no more: it was found to be one person with another.",
        next_step="Record it for the record that stays; there it counts.",
    )


def _check_guardian(session: Session, person: Person, word: Word) -> None:
    """Who answers for somebody is the guardian whom a decision appointed, or else a member of the same household."""
    if (word.how is How.GUARDIAN) != (word.guardian_id is not None):
        raise UnusableWord(
            "Say who answered for the person, and that it was said by a guardian; or neither.",
            next_step="Name the guardian, or choose another way.",
        )
    of_child = Guardianship.child_id == person.id, Guardianship.ended_on.is_(None)
    appointed = session.scalar(select(Guardianship.guardian_id).where(*of_child))
    if word.guardian_id is None:
        if appointed is not None and word.answer is Answer.GIVEN:
            raise UnusableWord(
                "A guardian was appointed for this child, so the guardian says yes for it.",
                next_step="Record it as said by the guardian. Anybody may say no.",
            )
        return
    guardian = session.get(Person, word.guardian_id)
    stands = (
        guardian is not None and guardian.gone is None and guardian.id != person.id
        and (guardian.household_id == person.household_id if appointed is None else guardian.id == appointed)
    )  # fmt: skip
    if not stands:
        raise UnusableWord(
            "Whoever answered is not the person's guardian.",
            next_step="The guardian whom a decision appointed; where there is none, a member of the household.",
        )
