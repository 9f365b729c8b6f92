"""What recipients complain of reaches those who may help, and never those who paid them."""

import json
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from cbi import clock, offices
from cbi.access.actor import NotPermitted
from cbi.access.permissions import ROLE_PERMISSIONS, Permission, Role
from cbi.app import create_app
from cbi.audit import reasons
from cbi.audit.models import AuditEntry
from cbi.cli import app as command
from cbi.errors import CbiError
from cbi.helpline import handling, queries
from cbi.helpline.models import ComplaintEvent
from cbi.helpline.states import Category, ComplaintState, Outcome
from cbi.messaging.rendering import render
from cbi.redemption import reissuing
from tests.factories import EVERYTHING
from tests.flow.helpline.recipients import (
    AMAL,
    AMOUNT,
    DAVE,
    DISCREET,
    HANDLER,
    HIDDEN,
    PROTECTION,
    SHARED,
    Story,
    complaints,
    inbox,
    pay,
    ref_of,
    say,
)
from tests.flow.people import PASSWORD, Caller, make_user, refused, token_for
from tests.redemption_factory import OPEN, minutes


def test_no_reply_to_what_was_paid_opens_an_urgent_complaint_about_that_payment(
    story: Story,
) -> None:
    pay(story.payments["D"])
    assert AMOUNT in inbox(DAVE)[-1]
    [answer] = say(DAVE, "6 he gave me 3000 only", after=10)
    assert answer == render("PROBLEM_ACK", "en", {"ticket": "1", "days": "1", "hotline": "3030"})
    [found] = complaints()
    assert found.category is Category.PAYMENT_PROBLEM
    assert found.urgent
    assert found.payment_id == story.payments["D"]
    assert found.due_at == minutes(10) + timedelta(days=1)
    with offices.transaction("dz") as session:
        sheet = queries.sheet(session, HANDLER, found.id)
    assert [wrote.words for wrote in sheet.wrote] == ["6 he gave me 3000 only"]
    assert sheet.paid_by is not None
    assert sheet.paid_by.office == "Bab El Oued"
    assert sheet.number_ends_in == DAVE[-3:]


def test_a_reference_says_which_payment_of_a_shared_telephone(story: Story) -> None:
    pay(story.payments["E1"], after=5)
    pay(story.payments["E2"], after=8)
    say(SHARED, f"6 {ref_of(story.payments['E1'])}", after=10)
    say(SHARED, "6", after=12)
    assert [each.payment_id for each in complaints()] == [
        story.payments["E1"],
        story.payments["E2"],
    ]


def test_further_texts_join_the_open_complaint(story: Story) -> None:
    say(DAVE, "4 they were rude")
    say(DAVE, "4 and slow", after=5)
    [found] = complaints()
    with offices.transaction("dz") as session:
        sheet = queries.sheet(session, HANDLER, found.id)
    assert [wrote.words for wrote in sheet.wrote] == ["4 they were rude", "4 and slow"]


def test_somebody_whose_complaint_was_answered_can_write_again(story: Story) -> None:
    say(DAVE, "4 they were rude")
    [found] = complaints()
    with clock.frozen(minutes(30)), offices.transaction("dz") as session:
        handling.answer(session, HANDLER, found.id, "settled")
    assert complaints()[0].state is ComplaintState.ANSWERED
    say(DAVE, "4 no it is not settled", after=60)
    assert complaints()[0].state is ComplaintState.OPEN
    assert render("ANSWER_SETTLED", "en", {"ticket": "1", "hotline": "3030"}) in inbox(DAVE)[-2:]


def test_a_complaint_is_closed_with_an_outcome_after_an_answer(story: Story) -> None:
    say(AMAL, "6")
    [found] = complaints()

    def close(session: Session) -> None:
        handling.close(session, HANDLER, found.id, Outcome.PUT_RIGHT, "The teller repaid 500")

    assert refused(close) is handling.NotAnswered
    with offices.transaction("dz") as session:
        handling.spoken(session, HANDLER, found.id, "She was told on the telephone")
    with offices.transaction("dz") as session:
        close(session)
    [found] = complaints()
    assert (found.state, found.outcome) == (ComplaintState.CLOSED, Outcome.PUT_RIGHT)
    assert found.owner_id == HANDLER.id
    assert refused(close) is handling.ComplaintClosed
    with offices.transaction("dz") as session:
        sheet = queries.sheet(session, HANDLER, found.id)
        sealed = session.scalars(select(ComplaintEvent.note)).all()
    assert [done.note for done in sheet.done] == [
        None, "She was told on the telephone", "The teller repaid 500"
    ]  # fmt: skip
    assert not [note for note in sealed if note and b"teller" in note]
    say(AMAL, "6", after=200)
    assert [each.state for each in complaints()] == [ComplaintState.CLOSED, ComplaintState.OPEN]


def test_what_may_speak_of_abuse_is_seen_by_protection_officers_only(story: Story) -> None:
    [answer] = say(DAVE, "4 the teller touched me")
    assert "touched" not in answer
    [found] = complaints()
    assert (found.sensitive, found.urgent) == (True, True)

    def look(session: Session) -> None:
        queries.sheet(session, HANDLER, found.id)

    assert refused(look) is handling.UnknownComplaint
    with offices.transaction("dz") as session:
        assert session.scalars(queries.complaints(HANDLER)).all() == []
        assert queries.hidden(session, HANDLER) == 1
        assert len(session.scalars(queries.complaints(PROTECTION)).all()) == 1
        assert queries.sheet(session, PROTECTION, found.id).wrote[0].words.endswith("touched me")


def test_only_those_who_hear_complaints_hold_the_permission() -> None:
    hear = {role for role, held in ROLE_PERMISSIONS.items() if Permission.COMPLAINT_HANDLE in held}
    assert hear == {Role.COMPLAINT_HANDLER, Role.PROTECTION_OFFICER}
    for role in (Role.TELLER, Role.TELLER_SUPERVISOR, Role.TREASURER, Role.INTEGRATOR):
        assert Permission.COMPLAINT_HANDLE not in ROLE_PERMISSIONS[role]


@pytest.mark.parametrize(
    "role", [Role.TELLER_SUPERVISOR, Role.TREASURER, Role.PROGRAMME_MANAGER, Role.AUDITOR]
)
def test_nobody_else_finds_a_complaint_anywhere(story: Story, role: Role) -> None:
    pay(story.payments["D"])
    say(DAVE, "6 the teller kept half", after=10)
    [found] = complaints()
    who = Caller(create_app(), token_for(make_user(f"user.{role}", role)))
    for path in ("/complaints", f"/complaints/{found.id}", "/complaints/hidden"):
        answer = who.get(path)
        assert (answer.status_code, answer.json()["code"]) == (403, "access.not_permitted")
    for path in ("/discrepancies", f"/payments/{story.payments['D']}/events", "/messages/summary"):
        assert "omplain" not in who.get(path).text


def test_a_handler_of_one_programme_sees_its_complaints_only(story: Story) -> None:
    pay(story.payments["D"])
    say(DAVE, "6", after=10)
    say(AMAL, "4", after=12)
    seen = {}
    for programme in ("winter", "summer"):
        user = make_user(f"handler.{programme}", Role.COMPLAINT_HANDLER, programme=programme)
        who = Caller(create_app(), token_for(user))
        seen[programme] = [each["number"] for each in who.get("/complaints").json()["items"]]
    assert seen == {"winter": [1], "summer": []}


def test_complaints_over_http_from_the_list_to_the_end(story: Story) -> None:
    say(AMAL, "6")
    salma = make_user("salma", Role.COMPLAINT_HANDLER)
    who = Caller(create_app(), token_for(salma))
    [listed] = who.get("/complaints", params={"urgent": True, "state": "open"}).json()["items"]
    path = f"/complaints/{listed['id']}"
    sheet = who.get(path).json()
    assert (sheet["wrote"][0]["words"], sheet["number_ends_in"]) == ("6", AMAL[-3:])
    assert AMAL not in json.dumps(sheet)
    assert who.post(f"{path}/answer", {"answer": "free words"}).status_code == 422
    assert who.post(f"{path}/assign", {"owner_id": str(uuid4())}).status_code == 422
    assert who.post(f"{path}/assign", {"owner_id": str(salma)}).json()["owner_id"] == str(salma)
    assert who.post(f"{path}/answer", {"answer": "call_us"}).json()["state"] == "answered"
    body = {"outcome": "put_right", "note": "Paid in full, she had miscounted"}
    assert who.post(f"{path}/close", body).json()["outcome"] == "put_right"
    assert who.post(f"{path}/close", body).status_code == 409
    assert who.ask("DELETE", f"/api/v1{path}").status_code == 405
    with offices.transaction("dz") as session:
        acts = session.scalars(
            select(AuditEntry.act)
            .where(AuditEntry.act.startswith("complaint."))
            .order_by(AuditEntry.id)
        ).all()
    assert acts == [
        "complaint.read",
        "complaint.assigned",
        "complaint.answered",
        "complaint.closed",
    ]


def test_complaints_at_the_terminal(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    pay(story.payments["D"])
    say(DAVE, "6 only half", after=10)
    make_user("salma", Role.COMPLAINT_HANDLER)
    monkeypatch.setenv("CBI_PASSWORD", PASSWORD)
    run = CliRunner()

    def cbi(*arguments: str) -> str:
        answer = run.invoke(command, ["complaints", *arguments, "--user", "salma"])
        assert answer.exit_code == 0, answer.output
        return answer.output

    listed = json.loads(cbi("list", "--json"))
    assert [each["category"] for each in listed["complaints"]] == ["payment_problem"]
    assert json.loads(cbi("show", "1", "--json"))["wrote"][0]["words"] == "6 only half"
    assert "Bab El Oued" in cbi("show", "1")
    cbi("answer", "1", "--with", "visit")
    cbi("answer", "1", "--with", "spoken", "--note", "We met at the office")
    cbi("close", "1", "--outcome", "referred", "--note", "With the post office")
    assert json.loads(cbi("list", "--json"))["complaints"] == []
    assert (
        json.loads(cbi("list", "--state", "all", "--json"))["complaints"][0]["outcome"]
        == "referred"
    )


def test_nobody_is_answered_by_text_who_wants_none(story: Story) -> None:
    say(DAVE, "4 hello")
    say(DAVE, "stop", after=2)
    say(HIDDEN, "4 hello", after=4)
    for found in complaints():
        if found.category is Category.COMPLAINT:
            with pytest.raises(handling.NoTextWanted), offices.transaction("dz") as session:
                handling.answer(session, HANDLER, found.id, "settled")


def test_no_new_code_is_made_that_no_text_could_bring(story: Story) -> None:
    say(DAVE, "stop")
    for name in ("D", "F"):
        payment: UUID = story.payments[name]
        with (
            pytest.raises(reissuing.NotByText),
            clock.frozen(minutes(5)),
            offices.transaction("dz") as session,
        ):
            reissuing.reissue(session, HANDLER, payment, "asked on the telephone")


def test_a_number_called_wrong_by_mistake_is_allowed_again_by_a_person(story: Story) -> None:
    say(DAVE, "wrong")
    [found] = complaints()
    with clock.frozen(minutes(10)), offices.transaction("dz") as session:
        handling.allow_number(session, HANDLER, found.id, "Met her: the number is hers")
        reissuing.reissue(session, HANDLER, story.payments["D"], "met the person")
    assert len(say(DAVE, "1", after=20)) == 2  # the new code, and the answer


def test_a_note_with_somebodys_number_is_refused(story: Story) -> None:
    say(DAVE, "4 hello")
    [found] = complaints()
    for note in (f"called {DAVE}", "", "x" * 2000):
        with pytest.raises(reasons.UnusableReason), offices.transaction("dz") as session:
            handling.spoken(session, HANDLER, found.id, note)


def test_everything_asks_for_the_permission_before_it_says_what_exists(story: Story) -> None:
    nobody = EVERYTHING.__class__("user", uuid4(), "nobody")
    for work in (
        lambda s: handling.answer(s, nobody, uuid4(), "settled"),
        lambda s: handling.spoken(s, nobody, uuid4(), "a note"),
        lambda s: handling.close(s, nobody, uuid4(), Outcome.REFERRED, "a note"),
        lambda s: handling.assign(s, nobody, uuid4(), uuid4()),
        lambda s: handling.allow_number(s, nobody, uuid4(), "a note"),
        lambda s: queries.sheet(s, nobody, uuid4()),
        lambda s: queries.complaints(nobody),
    ):
        kind: type[CbiError] | None = refused(work)
        assert kind is NotPermitted


def test_a_discreet_recipient_complains_as_anybody(story: Story) -> None:
    pay(story.payments["H"])
    assert AMOUNT not in inbox(DISCREET)[-1]
    say(DISCREET, "non", after=10)
    assert complaints()[0].payment_id == story.payments["H"]
    assert complaints()[0].opened_at == OPEN + timedelta(minutes=10)
