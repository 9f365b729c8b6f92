"""A recipient asks by text, in four languages, and the telephone answers."""

import re

import pytest
from sqlalchemy import func, select

from cbi import offices
from cbi.helpline.states import Category
from cbi.messaging.models import Message
from cbi.messaging.rendering import date_text, render
from cbi.messaging.states import MessageState, Reason
from cbi.proofs.verify import verify
from cbi.redemption.models import CodeIssue
from cbi.redemption.states import CodeState
from tests.flow.helpline.recipients import (
    AMAL,
    AMOUNT,
    BRUNO,
    CARLA,
    DAVE,
    DISCREET,
    FACTOR,
    HIDDEN,
    LANGUAGES,
    NOBODY,
    NOTHING,
    OPENLY,
    SHARED,
    Story,
    code_on,
    complaints,
    inbox,
    outcomes,
    pay,
    ref_of,
    say,
)
from tests.redemption_factory import LAST_DAY, code_of, hold, minutes, teller

HOTLINE = "3030"
WORDS = {
    "HELP": {"ar": "مساعدة", "fr": "aide", "es": "AYUDA", "en": "help"},
    "STATUS": {"ar": "حالة", "fr": "État", "es": "estado", "en": "Status"},
    "CODE": {"ar": "رمز", "fr": "code", "es": "código", "en": "resend"},
    "WHERE": {"ar": "أين", "fr": "où", "es": "¿Dónde?", "en": "where"},
    "COMPLAIN": {"ar": "شكوى", "fr": "plainte", "es": "queja", "en": "complaint"},
    "LOST": {"ar": "ضاع", "fr": "perdu", "es": "robado", "en": "lost"},
    "PROBLEM": {"ar": "مشكلة", "fr": "problème", "es": "problema", "en": "no"},
    "CALL": {"ar": "اتصلوا", "fr": "rappel", "es": "llámenme", "en": "call me"},
    "STOP": {"ar": "توقف", "fr": "arrêt", "es": "baja", "en": "stop"},
    "WRONG": {"ar": "خطأ", "fr": "erreur", "es": "equivocado", "en": "wrong number"},
}
PEOPLE = [(number, language) for number, language in LANGUAGES.items()]
NAMES = {AMAL: "A", BRUNO: "B", CARLA: "C", DAVE: "D"}


def text_of(template: str, language: str, **values: str) -> str:
    """A text as it should stand on the telephone."""
    return render(template, language, values)


@pytest.mark.parametrize(("number", "language"), PEOPLE)
def test_each_command_is_answered_in_the_persons_language(
    story: Story, number: str, language: str
) -> None:
    payment = story.payments[NAMES[number]]
    ref, day = ref_of(payment), date_text(LAST_DAY)
    asked = {name: words[language] for name, words in WORDS.items()}
    hotline = {"hotline": HOTLINE}
    assert say(number, asked["HELP"]) == [text_of("HELP", language, **hotline)]
    assert say(number, asked["STATUS"], after=2) == [
        text_of("STATUS_READY", language, ref=ref, date=day)
    ]
    assert say(number, asked["WHERE"], after=4) == [
        text_of("WHERE", language, offices="Bab El Oued", **hotline)
    ]
    [new_code] = say(number, asked["CODE"], after=6)
    assert new_code == text_of("REISSUED", language, code=code_of(payment), date=day, **hotline)
    assert say(number, asked["LOST"], after=8) == [text_of("LOST_ACK", language, **hotline)]
    assert say(number, asked["STATUS"], after=70) == [text_of("LOCKED", language, **hotline)]
    [noted] = say(number, asked["COMPLAIN"], after=72)
    assert noted == text_of("COMPLAIN_ACK", language, ticket="2", days="3")
    [urgent] = say(number, asked["PROBLEM"], after=74)
    assert urgent == text_of("PROBLEM_ACK", language, ticket="3", days="1", **hotline)
    [called] = say(number, asked["CALL"], after=76)
    assert called == text_of("CALL_ACK", language, ticket="4", days="3", **hotline)
    assert say(number, asked["STOP"], after=78) == [text_of("STOP_ACK", language, **hotline)]
    assert say(number, asked["WRONG"], after=140) == [text_of("WRONG_ACK", language)]
    with offices.transaction("dz") as session:
        assert all(verdict.kept for verdict in verify(session))


@pytest.mark.parametrize(("number", "language"), PEOPLE)
def test_digits_of_any_script_do_the_same(story: Story, number: str, language: str) -> None:
    assert say(number, "٠") == [text_of("HELP", language, hotline=HOTLINE)]
    [status] = say(number, "۱", after=2)
    assert ref_of(story.payments[NAMES[number]]) in status


def test_a_new_code_is_sent_once_a_day_and_kills_the_old_one(story: Story) -> None:
    old = code_on(AMAL)
    assert len(say(AMAL, "2")) == 1
    new = code_on(AMAL)
    assert new != old
    assert new == code_of(story.payments["A"])
    refusal = text_of("CODE_NOT_NOW", "ar", hotline=HOTLINE)
    assert say(AMAL, "2", after=60) == [refusal]
    assert code_of(story.payments["A"]) == new
    for day in (1, 2):
        assert say(AMAL, "2", after=day * 24 * 60 + 5) != [refusal]
    assert say(AMAL, "2", after=5 * 24 * 60) == [refusal]  # three were sent; now only in person
    with offices.transaction("dz") as session:
        issued = select(func.count()).where(CodeIssue.payment_id == story.payments["A"])
        assert session.scalar(issued) == 4


def test_a_code_that_was_reported_lost_is_not_sent_to_the_telephone_that_may_be_a_thiefs(
    story: Story,
) -> None:
    before = code_on(DAVE)
    say(DAVE, "5")
    assert say(DAVE, "2", after=2) == [text_of("LOCKED", "en", hotline=HOTLINE)]
    assert code_on(DAVE) == before
    [lost] = complaints()
    assert (lost.category, lost.urgent) == (Category.LOST_CODE, True)


def test_a_code_that_was_paid_is_not_replaced(story: Story) -> None:
    pay(story.payments["D"])
    day = date_text(minutes(30).date())
    paid = text_of("STATUS_PAID", "en", ref=ref_of(story.payments["D"]), date=day, hotline=HOTLINE)
    assert say(DAVE, "2", after=30) == [paid]


def test_a_code_that_a_teller_holds_is_not_replaced(story: Story) -> None:
    hold(teller(), code_of(story.payments["D"]), factor=FACTOR)
    assert say(DAVE, "2", after=1) == [text_of("CODE_NOT_NOW", "en", hotline=HOTLINE)]
    assert len(say(DAVE, "2", after=20)) == 1


def test_a_language_chosen_by_text_holds_for_every_later_text(story: Story) -> None:
    assert say(AMAL, "7") == [text_of("LANG_LIST", "ar")]
    assert say(AMAL, "7 français", after=2) == [text_of("LANG_SET", "fr")]
    [paid] = _paid(AMAL, story.payments["A"])
    assert paid.startswith(f"{AMOUNT} payé")
    assert say(AMAL, "0", after=40) == [text_of("HELP", "fr", hotline=HOTLINE)]


def _paid(number: str, payment: object) -> list[str]:
    before = len(inbox(number))
    pay(payment)  # type: ignore[arg-type]
    return inbox(number)[before:]


@pytest.mark.parametrize(
    ("number", "name", "shown"),
    [(DAVE, "D", True), (OPENLY, "G", True), (DISCREET, "H", False)],
)
def test_what_was_paid_is_told_as_the_person_chose(
    story: Story, number: str, name: str, *, shown: bool
) -> None:
    [paid] = _paid(number, story.payments[name])
    assert (AMOUNT in paid) == shown
    assert HOTLINE in paid


def test_whoever_chose_no_texts_gets_none_and_looks_like_nobody(story: Story) -> None:
    assert inbox(HIDDEN) == []
    assert _paid(HIDDEN, story.payments["F"]) == []
    assert say(HIDDEN, "status", after=20) == [text_of("UNKNOWN", "en", hotline=HOTLINE)]
    with offices.transaction("dz") as session:
        reasons = session.scalars(
            select(Message.reason).where(Message.payment_id == story.payments["F"])
        ).all()
    assert reasons == [Reason.NOT_BY_TEXT] * 2


def test_the_amount_comes_with_the_code_only_where_it_was_chosen(story: Story) -> None:
    assert AMOUNT in inbox(OPENLY)[0]
    assert AMOUNT not in inbox(DISCREET)[0] + inbox(DAVE)[0]
    [status] = say(OPENLY, "1")
    assert AMOUNT in status
    [status] = say(DISCREET, "1")
    assert AMOUNT not in status


QUESTIONS = (
    "status", "1 48312", "2", "code", "where", "5", "0", "what is this", "ok", "7", "7 fr", "4 they took it", "6", "8",
    "stop", "start", "2 48312", "wrong",
)  # fmt: skip


def test_a_number_with_nothing_to_tell_hears_exactly_what_a_number_of_nobody_hears(
    story: Story,
) -> None:
    answers = {}
    for number in (NOTHING, NOBODY):
        heard = []
        for at, question in enumerate(QUESTIONS):
            # A day apart, so that neither the limits nor the once a day hide a difference.
            told = say(number, question, after=at * 24 * 61)
            heard.append([re.sub(r"(?<!\d)\d{1,2}(?!\d)", "#", text) for text in told])  # tickets
        answers[number] = heard
    assert answers[NOTHING] == answers[NOBODY]
    assert answers[NOBODY][0] == [text_of("UNKNOWN", "en", hotline=HOTLINE)]


def test_a_number_of_nobody_is_told_nothing_once_a_day(story: Story) -> None:
    mine = ref_of(story.payments["A"])
    first = say(NOBODY, f"2 {mine}")
    assert first == [text_of("UNKNOWN", "ar", hotline=HOTLINE)]
    for after, words in ((2, "2 99999"), (4, "status"), (60, "hello"), (23 * 60, "5")):
        assert say(NOBODY, words, after=after) == []
    assert say(NOBODY, "2 99999", after=24 * 60 + 1) == first
    assert code_on(AMAL) == code_of(story.payments["A"])


def test_a_shared_telephone_hears_references_and_gets_a_code_only_by_reference(
    story: Story,
) -> None:
    first, second = (ref_of(story.payments[name]) for name in ("E1", "E2"))
    [status] = say(SHARED, "statut")
    assert f"{first} dispo" in status
    assert f"{second} dispo" in status
    assert AMOUNT not in status
    [which] = say(SHARED, "2", after=2)
    assert first in which
    assert say(SHARED, f"2 {second}", after=4) == [
        text_of("CODE_NOT_NOW", "fr", hotline=HOTLINE)  # never asked how much texts may tell
    ]
    [sent] = say(SHARED, f"2 {first}", after=6)
    assert code_of(story.payments["E1"]) in sent


def test_a_lost_shared_telephone_blocks_every_code_on_it(story: Story) -> None:
    assert say(SHARED, "vole") == [text_of("LOST_ACK", "fr", hotline=HOTLINE)]
    with offices.transaction("dz") as session:
        states = session.scalars(
            select(CodeIssue.state).where(
                CodeIssue.payment_id.in_([story.payments["E1"], story.payments["E2"]])
            )
        ).all()
    assert states == [CodeState.LOCKED] * 2


def test_stop_stops_every_text_until_start(story: Story) -> None:
    before = code_on(DAVE)
    assert say(DAVE, "STOP") == [text_of("STOP_ACK", "en", hotline=HOTLINE)]
    assert say(DAVE, "2", after=2) == [text_of("STOPPED", "en", hotline=HOTLINE)]
    assert code_on(DAVE) == before == code_of(story.payments["D"])
    assert _paid(DAVE, story.payments["D"]) == []
    assert len(say(DAVE, "1", after=20)) == 1  # whoever asks is answered
    with offices.transaction("dz") as session:
        paid = session.scalars(select(Message).where(Message.template == "PAID")).one()
    assert (paid.state, paid.reason) == (MessageState.WITHDRAWN, Reason.STOPPED)
    [task] = complaints()
    assert task.category is Category.NO_TEXTS
    assert say(DAVE, "start", after=30) == [text_of("START_ACK", "en")]
    say(DAVE, "stop", after=120)
    assert len(complaints()) == 1


def test_a_wrong_number_is_never_written_to_again(story: Story) -> None:
    wrong = code_on(DAVE)
    assert say(DAVE, "wrong number") == [text_of("WRONG_ACK", "en")]
    [task] = complaints()
    assert (task.category, task.urgent) == (Category.WRONG_NUMBER, True)
    with offices.transaction("dz") as session:
        issue = session.scalars(
            select(CodeIssue).where(CodeIssue.payment_id == story.payments["D"])
        ).one()
    assert issue.state is CodeState.LOCKED
    unknown = [text_of("UNKNOWN", "en", hotline=HOTLINE)]
    assert say(DAVE, "status", after=2) == unknown
    assert say(DAVE, "start", after=24 * 60 + 5) == unknown
    assert say(DAVE, "code", after=50 * 60) != []
    assert code_on(DAVE) == wrong


def test_what_is_not_understood_is_read_by_a_person_and_answered_with_the_menu_once_a_day(
    story: Story,
) -> None:
    menu = [text_of("HELP", "en", hotline=HOTLINE)]
    assert say(DAVE, "my cousin says I must come on Friday?") == menu
    assert say(DAVE, "is it true", after=5) == []
    assert say(DAVE, "0", after=6) == menu
    [feedback] = complaints()
    assert (feedback.category, feedback.urgent) == (Category.FEEDBACK, False)


def test_a_yes_to_what_was_paid_is_noted(story: Story) -> None:
    assert say(DAVE, "ok") == []
    pay(story.payments["D"])
    assert say(DAVE, "YES", after=20) == [text_of("YES_ACK", "en")]
    assert outcomes()[-1]["confirmed"] is True
