"""What a text sets off: a new code, a blocked one, silence, a language, a complaint; and the answer to it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.errors import CbiError
from cbi.helpline import telling
from cbi.helpline.commands import Asked, Command, sounds_alarming
from cbi.helpline.complaints import open_or_add, ticket
from cbi.helpline.standing import Case, Kind, Known
from cbi.helpline.states import URGENT, URGENT_WITHIN_DAYS, WITHIN_DAYS, Category
from cbi.helpline.telling import UNKNOWN, Told
from cbi.messaging.choices import Level
from cbi.messaging.inbound import Heard
from cbi.messaging.models import NumberChoice
from cbi.redemption.models import CounterOffice
from cbi.redemption.reissuing import lock_code, reissue
from cbi.registry.areas.queries import spelled
from cbi.registry.consent.models import NO, Answer, Scope
from cbi.registry.consent.recording import say_by_text
from cbi.registry.consent.standing import latest

HELPLINE = Actor("system", None, "the helpline", frozenset({(Permission.CODE_REISSUE, None)}))
"""Whoever answers texts: it may do to a code what its recipient asks for, and nothing else."""

CONTACT_LASTS = timedelta(days=90)
"""Numbers that fall silent are given to other people: after so long without contact no code goes out for the asking."""

RECEIPT_LASTS = timedelta(days=30)
"""How long after a payment a bare yes is taken to be about it."""

SENT_BY_ITSELF = Told("REISSUED")
"""The text with the new code, which is asked for together with the code."""


@dataclass(slots=True)
class Talk:
    """One text being dealt with: who sent it, what it asks for, whose number it is, and what came of it."""

    session: Session
    heard: Heard
    asked: Asked
    known: Known
    choice: NumberChoice
    language: str
    may_answer: bool
    complaint: int | None = None
    payment_id: UUID | None = None
    notes: dict[str, bool] = field(default_factory=dict)

    def complain(self, category: Category, payment_id: UUID | None = None) -> str:
        """Open a complaint, or add to the open one; returns its ticket."""
        people = {payee.stays for payee in self.known.payees}
        about = next((case for case in self.known.cases if case.payment_id == payment_id), None)
        person = about.payee.stays if about else people.pop() if len(people) == 1 else None
        opened = open_or_add(
            self.session, category, self.heard.id, number_index=self.heard.sender_index, language=self.language,
            person_id=person, payment_id=payment_id, sensitive=sounds_alarming(self.heard.words),
        )  # fmt: skip
        self.complaint, self.payment_id = opened.number, payment_id
        return ticket(opened.number)


def act(talk: Talk) -> Told | None:
    """Do what the text asks for, and say with which text it is answered; None where no answer is due."""
    if talk.asked.command is None:
        return _not_understood(talk)
    return _ACTS[talk.asked.command](talk)


def _not_understood(talk: Talk) -> Told | None:
    """Nobody is told that they wrote something wrong: a person reads it, and the menu says what else there is."""
    if talk.known.payees:
        talk.complain(Category.FEEDBACK)
    return _help(talk)


def _help(talk: Talk) -> Told:
    return Told("HELP") if talk.known.tellable else UNKNOWN


def _status(talk: Talk) -> Told:
    return telling.status(talk.known, talk.language, talk.asked.ref)


def _code(talk: Talk) -> Told:
    known, ref = talk.known, talk.asked.ref
    ready = [case for case in known.tellable if case.kind is Kind.READY]
    case = next((case for case in ready if ref in (None, case.ref)), None)
    if case is None:
        return _status(talk)
    if talk.choice.stopped_at is not None:
        return Told("STOPPED")
    if ref is None and (known.is_shared or len(ready) > 1):
        return telling.listed(ready, talk.language)
    private = not known.is_shared or case.payee.level is Level.NORMAL
    stale = known.last_contact(case.payee) < clock.now() - CONTACT_LASTS
    if not private or stale or not _reissued(talk, case):
        return Told("CODE_NOT_NOW")
    talk.payment_id = case.payment_id
    return SENT_BY_ITSELF


def _reissued(talk: Talk, case: Case) -> bool:
    if not talk.may_answer:
        return False
    try:
        with talk.session.begin_nested():
            reissue(talk.session, HELPLINE, case.payment_id, "asked for by text")
    except CbiError:
        return False
    return True


def _lost(talk: Talk) -> Told:
    """Every code that was ever on this telephone is blocked, unless the text says which one."""
    ready = [case for case in talk.known.tellable if case.kind is Kind.READY]
    named = [case for case in ready if case.ref == talk.asked.ref]
    for case in named or ready:
        _block(talk, case, "reported lost by text")
    if not talk.known.payees:
        return UNKNOWN
    talk.complain(Category.LOST_CODE)
    return Told("LOST_ACK") if ready else _status(talk)


def _block(talk: Talk, case: Case, why: str) -> None:
    try:
        with talk.session.begin_nested():
            lock_code(talk.session, HELPLINE, case.payment_id, why, tell=False)
    except CbiError:
        return  # paid or over at this very moment: there is nothing left to block


def _where(talk: Talk) -> Told:
    at_counter = next((case for case in talk.known.tellable if case.with_code), None)
    if at_counter is None:
        return _status(talk)
    near = talk.session.scalars(
        select(CounterOffice.name)
        .where(
            CounterOffice.provider == at_counter.provider, CounterOffice.closed_at.is_(None),
            func.lower(CounterOffice.area).in_(spelled(talk.session, at_counter.payee.area)),
        )
        .order_by(CounterOffice.name)
        .limit(telling.LISTED)
    ).all()  # fmt: skip
    return telling.offices(near)


def _problem(talk: Talk) -> Told:
    """About the payment that is named, or else the last one that was made."""
    about = talk.known.named(talk.asked.ref) or talk.known.last_paid
    if about is None and len(talk.known.cases) == 1:
        about = talk.known.cases[0]
    number = talk.complain(Category.PAYMENT_PROBLEM, about.payment_id if about else None)
    return Told("PROBLEM_ACK", {"ticket": number, "days": str(URGENT_WITHIN_DAYS)})


def _filed(category: Category, template: str) -> Callable[[Talk], Told]:
    def file(talk: Talk) -> Told:
        days = URGENT_WITHIN_DAYS if category in URGENT else WITHIN_DAYS
        return Told(template, {"ticket": talk.complain(category), "days": str(days)})

    return file


def _language(talk: Talk) -> Told:
    if talk.asked.target is None:
        return Told("LANG_LIST")
    talk.choice.language = talk.asked.target
    return Told("LANG_SET", language=talk.asked.target)


def _consent(talk: Talk) -> Told:
    """What is on record of the one person whose number it is; of several people nothing is told by text."""
    heard_of = [payee for payee in talk.known.payees if payee.level is not Level.NO_SMS]
    if not heard_of:
        return UNKNOWN
    if talk.known.is_shared:
        return Told("AGREED_CALL")
    person = heard_of[0].stays
    return telling.agreed(latest(talk.session, [person])[person], talk.language)


def _say_by_text(talk: Talk, answer: Answer) -> None:
    """A number that is one person's alone speaks for that person; of a shared one nobody knows who wrote.

    From a number that only a record has which is used no more, a no is the person's, and a yes takes nothing back.
    """
    payees = talk.known.payees
    if not payees or talk.known.is_shared:
        return
    if answer in NO or any(payee.person_id == payee.stays for payee in payees):
        say_by_text(talk.session, HELPLINE, payees[0].stays, answer)


def _stop(talk: Talk) -> Told:
    _say_by_text(talk, Answer.WITHDRAWN)
    if talk.choice.stopped_at is None:
        talk.choice.stopped_at = clock.now()
        if talk.known.payees:
            talk.complain(Category.NO_TEXTS)  # their codes must reach them in another way
    return Told("STOP_ACK")


def _start(talk: Talk) -> Told:
    if talk.choice.wrong_at is not None:
        return UNKNOWN
    talk.choice.stopped_at = None
    _say_by_text(talk, Answer.GIVEN)
    known = latest(talk.session, {payee.stays for payee in talk.known.payees})
    silent = any(
        word.answer in NO for said in known.values() if (word := said.get(Scope.TEXTS)) is not None
    )
    return Told("START_SOME" if silent else "START_ACK")


def _wrong(talk: Talk) -> Told:
    """The codes of whoever was to get them here are blocked: somebody else has read them."""
    if talk.choice.wrong_at is None:
        talk.choice.wrong_at = clock.now()
        for case in talk.known.cases:
            if case.kind is Kind.READY:
                _block(talk, case, "the number is another's")
        if talk.known.payees:
            talk.complain(Category.WRONG_NUMBER)
    return Told("WRONG_ACK")


def _yes(talk: Talk) -> Told | None:
    """Somebody confirms what they were paid. A yes to anything else needs no answer."""
    paid = talk.known.last_paid
    if paid is None or paid.at < clock.now() - RECEIPT_LASTS or not talk.known.tellable:
        return None
    talk.payment_id, talk.notes["confirmed"] = paid.payment_id, True
    return Told("YES_ACK")


_ACTS: Mapping[Command, Callable[[Talk], Told | None]] = {
    Command.HELP: _help,
    Command.STATUS: _status,
    Command.CODE: _code,
    Command.WHERE: _where,
    Command.COMPLAIN: _filed(Category.COMPLAINT, "COMPLAIN_ACK"),
    Command.LOST: _lost,
    Command.PROBLEM: _problem,
    Command.LANG: _language,
    Command.CALL: _filed(Category.CALL_BACK, "CALL_ACK"),
    Command.STOP: _stop,
    Command.START: _start,
    Command.WRONG: _wrong,
    Command.YES: _yes,
    Command.CONSENT: _consent,
}
