"""Answering the texts that came in: each once, with whatever it sets off and its answer in one transaction."""

import logging
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi import clock, offices
from cbi.helpline import acting, commands, limits
from cbi.helpline.acting import SENT_BY_ITSELF, Talk
from cbi.helpline.commands import Asked, Command
from cbi.helpline.complaints import open_or_add
from cbi.helpline.limits import Allowance, Earlier
from cbi.helpline.standing import Known, known
from cbi.helpline.states import Category
from cbi.helpline.telling import Told
from cbi.messaging import choices, inbound
from cbi.messaging.inbound import Heard
from cbi.messaging.models import InboundText, NumberChoice
from cbi.messaging.outbox import queue_reply
from cbi.offices import office_of

log = logging.getLogger(__name__)


def answer(office: str) -> int:
    """Deal with every text that waits; returns how many. Any number of workers may do this at once.

    A text that something goes wrong with is not tried again: it opens a complaint, so that a person reads it.
    """
    done = 0
    while True:
        taken: list[Heard] = []
        try:
            if not offices.transact(office, lambda session, taken=taken: _next(session, taken)):  # type: ignore[misc]
                return done
        except Exception as error:
            if not taken:
                raise
            # Not the error itself: it may quote the text.
            log.error("The text %s cannot be answered: %s", taken[-1].id, type(error).__name__)  # noqa: TRY400
            kind, heard = type(error).__name__, taken[-1]
            offices.transact(office, lambda session: _give_to_a_person(session, heard, kind))  # noqa: B023 - called now
        done += 1


def _next(session: Session, taken: list[Heard]) -> bool:
    """Deal with the oldest text that nobody is dealing with; False when there is none."""
    waiting = inbound.waiting(session, 1)
    taken[:] = waiting
    for heard in waiting:
        outcome = _dealt_with(session, heard)
        session.flush()
        inbound.handled(session, heard.id, outcome)
    return bool(waiting)


def _dealt_with(session: Session, heard: Heard) -> dict[str, Any]:
    """What came of one text, in words that say nothing of whom it was from or what it said."""
    if not heard.can_be_answered:  # a machine that answered our answers would go on for ever
        return {"ignored": "not a telephone number"}
    choice = choices.lock(session, heard.sender_index)
    if _is_repeated(session, heard):
        return {"ignored": "sent twice"}
    asked = commands.read(heard.words)
    earlier = _earlier(session, heard.sender_index)
    allowance = limits.allowance(earlier, asked.command, clock.now())
    people = known(session, heard.sender_index) if choice.wrong_at is None else Known()
    talk = Talk(
        session, heard, asked, people, choice, _language(session, choice, asked, people),
        may_answer=allowance is Allowance.USUAL,
    )  # fmt: skip
    told = acting.act(talk)
    if told and allowance is Allowance.LAST:
        told = Told(limits.LAST)
    silent = allowance is Allowance.SILENT or told is None
    if told is None or silent or limits.repeats(earlier, asked.command, told.template, clock.now()):
        return _outcome(talk, None)
    if told is not SENT_BY_ITSELF:
        queue_reply(
            session, told.template, number=heard.sender, language=told.language or talk.language,
            values=told.values, dedupe=f"reply:{heard.id}",
        )  # fmt: skip
    return _outcome(talk, told.template)


def _outcome(talk: Talk, reply: str | None) -> dict[str, Any]:
    return {
        "command": talk.asked.command.value if talk.asked.command else None,
        "reply": reply,
        "complaint": talk.complaint,
        "payment": str(talk.payment_id) if talk.payment_id else None,
        **talk.notes,
    }


def _language(session: Session, choice: NumberChoice, asked: Asked, people: Known) -> str:
    """The number's own choice; else what the household speaks, where there is anything to tell; else what was written in.

    A number with nothing to be told is answered as one that nobody has, also in this.
    """
    if choice.language:
        return choice.language
    spoken = {payee.language for payee in people.payees} if people.tellable else set()
    if len(spoken) == 1:
        return spoken.pop()
    return asked.language or office_of(session).languages[0]


def _earlier(session: Session, number_index: bytes) -> list[Earlier]:
    rows = session.execute(
        select(InboundText.handled_at, InboundText.outcome).where(
            InboundText.sender_index == number_index,
            InboundText.handled_at > clock.now() - limits.DAY,
        )
    )
    return [
        Earlier(
            at,
            Command(outcome["command"]) if outcome.get("command") else None,
            outcome.get("reply"),
        )
        for at, outcome in rows
        if at and outcome
    ]


def _is_repeated(session: Session, heard: Heard) -> bool:
    """Whether the number's text before this one was a moment ago and said the same: telephones send twice."""
    before = session.scalars(
        select(InboundText)
        .where(
            InboundText.sender_index == heard.sender_index, InboundText.id != heard.id,
            InboundText.handled_at.is_not(None), InboundText.received_at <= heard.received_at,
            InboundText.received_at > heard.received_at - limits.SAME_TEXT,
        )
        .order_by(InboundText.received_at.desc(), InboundText.id.desc())
        .limit(1)
    )  # fmt: skip
    texts = inbound.opened(office_of(session).keys, before)
    return any(text.words.strip() == heard.words.strip() for text in texts)


def _give_to_a_person(session: Session, heard: Heard, kind: str) -> None:
    choices.lock(session, heard.sender_index)
    opened = open_or_add(
        session, Category.FEEDBACK, heard.id, number_index=heard.sender_index,
        language=office_of(session).languages[0],
    )  # fmt: skip
    inbound.handled(session, heard.id, {"failed": kind, "complaint": opened.number})
