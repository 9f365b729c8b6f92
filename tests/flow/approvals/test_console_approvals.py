"""The pages for approval: each sees what waits for them, signs what they were shown, once, and is refused in plain words."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from uuid import UUID, uuid4

import pytest
from httpx import Response
from sqlalchemy import Engine, func, select, text
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from cbi import cli, clock, offices
from cbi.access import totp
from cbi.access.permissions import Role
from cbi.access.roles import grant_role
from cbi.ledger.models import Fund
from cbi.payments.models import Approval, PaymentRun
from cbi.payments.runs import runs
from cbi.payments.signing import recall
from cbi.payments.states import RunState
from tests import made_up
from tests.approval_factory import look
from tests.factories import EVERYTHING, START, colleague
from tests.flow.approvals.office import Office
from tests.flow.browsing import Browsing
from tests.flow.people import Caller, make_user, token_for


def state_of(run_id: UUID) -> RunState:
    with offices.transaction("dz") as session:
        return session.get_one(PaymentRun, run_id).state


def signed(run_id: UUID) -> int:
    with offices.transaction("dz") as session:
        found = session.scalar(
            select(func.count()).select_from(Approval).where(Approval.run_id == run_id)
        )
    return int(found or 0)


def test_the_inbox_says_what_waits_for_whom_amount_and_count_first(office: Office) -> None:
    amina, karim, marc = (office.at(name) for name in ("amina", "karim", "marc"))
    for each in (amina, karim, marc):
        assert each.get("/approvals").status_code == 200
    mine, others = amina.words.split("Waits for others")
    assert "40,000.00" in mine
    assert "11 payments" in mine
    assert "It has waited 5 minutes to be certified." in mine
    assert "44,000.00" in others
    assert "to be released" in others
    assert "Karim Authorises" in others
    mine, others = karim.words.split("Waits for others")
    assert "44,000.00" in mine
    assert "Amina Certifies" in others
    assert "Nothing waits for you." in marc.words


def test_a_draft_is_its_makers_to_lock(office: Office) -> None:
    with offices.transaction("dz") as session:
        recall.send_back(session, office.people["amina"].actor, office.locked, "check the new ones")
    marc = office.at("marc")
    marc.get("/approvals")
    assert "It came back with the reason: check the new ones" in marc.words
    marc.send(f"{office.path}/lock")
    assert state_of(office.locked) is RunState.LOCKED
    assert "is locked. Now others sign it." in marc.words


def test_a_whole_approval(office: Office) -> None:
    amina = office.at("amina")
    amina.get(office.path)
    amina.send(f"{office.path}/sign/certifier", code=office.code("amina"))
    assert "You certified run 2." in amina.words
    assert "It waits for: Karim Authorises" in amina.words
    assert "You certified this run, so somebody else authorises it." in amina.words
    karim = office.at("karim")
    karim.get(office.path)
    assert "This is exactly the list that Amina Certifies certified." in karim.words
    karim.send(f"{office.path}/sign/authoriser", code=office.code("karim"))
    assert "You authorised run 2." in karim.words
    assert "It can be released in 15 minutes." in karim.words
    assert not any(form.action.endswith("/release") for form in karim.forms)
    with clock.frozen(START + timedelta(minutes=20)):
        karim = office.at("karim")
        karim.get(office.path)
        karim.send(f"{office.path}/release")
        assert "is released: its payments go out now." in karim.words
        karim.get("/approvals")
    assert state_of(office.locked) is RunState.RELEASING
    assert "being handed over" in karim.words.split("Decided lately")[1]


def test_a_page_that_is_out_of_date_signs_nothing(office: Office) -> None:
    amina = office.at("amina")
    amina.get(office.path)
    with offices.transaction("dz") as session:
        recall.send_back(session, office.people["karim"].actor, office.locked, "one is missing")
        runs.lock(session, office.people["marc"].actor, office.locked)
        look(session, office.people["amina"].actor, office.locked)
    amina.send(f"{office.path}/sign/certifier", code=office.code("amina"))
    assert "has changed since you opened its sheet. Nothing was signed." in amina.words
    assert state_of(office.locked) is RunState.LOCKED
    amina.send(f"{office.path}/sign/certifier", code=office.code("amina"))
    assert "You certified run 2." in amina.words


@pytest.mark.parametrize("seen", ["", "00" * 32, "not a digest"])
def test_a_form_without_the_digest_of_the_run_signs_nothing(office: Office, seen: str) -> None:
    amina = office.at("amina")
    amina.get(office.path)
    amina.send(f"{office.path}/sign/certifier", code=office.code("amina"), seen=seen)
    assert "Nothing was signed." in amina.words
    assert signed(office.locked) == 0


def test_a_form_that_is_sent_twice_signs_once(office: Office) -> None:
    amina = office.at("amina")
    amina.get(office.path)
    form = amina.filled(f"{office.path}/sign/certifier", code=office.code("amina"))
    answers = [amina.ask("POST", f"{office.path}/sign/certifier", data=form) for _ in range(2)]
    assert [answer.headers["location"] for answer in answers] == [office.path] * 2
    amina.get(office.path)
    assert "You certified run 2." in amina.words
    assert signed(office.locked) == 1


def test_of_two_who_certify_at_once_one_is_told_that_somebody_was_quicker(office: Office) -> None:
    with offices.transaction("dz") as session:
        second = colleague(session, Role.CERTIFIER)
        look(session, second.actor, office.locked)
    assert second.actor.id
    visitors = [office.at("amina"), Browsing(office.app, token_for(second.actor.id))]
    codes = [office.code("amina"), second.code()]
    for each in visitors:
        each.get(office.path)
    together = Barrier(2)
    at = clock.now()

    def certify(place: int) -> str:
        with clock.frozen(at):
            together.wait()
            visitors[place].send(f"{office.path}/sign/certifier", code=codes[place])
            return visitors[place].words

    with ThreadPoolExecutor(2) as threads:
        told = list(threads.map(certify, range(2)))
    assert sum("You certified run 2." in words for words in told) == 1
    assert sum("Somebody else was quicker" in words for words in told) == 1
    assert signed(office.locked) == 1


@pytest.mark.parametrize("language", ["en", "fr", "ar", "es"])
def test_every_refusal_is_told_in_the_readers_language(office: Office, language: str) -> None:
    amina = office.at("amina", language)
    for act, typed, code in (
        ("sign/certifier", {"code": "000000"}, "access.wrong_code"),
        ("sign/certifier", {"code": "000000", "seen": ""}, "payment_run.not_what_was_seen"),
        ("return", {"reason": "x"}, "audit.unusable_reason"),
    ):
        amina.get(office.path)
        form = amina.filled(f"{office.path}/{act}", **typed)
        amina.ask("POST", f"{office.path}/{act}", data=form)
        page = amina.get(office.path).text
        box = page.partition('role="alert"')[2].partition(">")[0]
        assert f'data-code="{code}"' in box
        assert "lang=" not in box  # it stands in the language of the page
        assert 'role="alert"' not in amina.get(office.path).text  # and is said once
    assert state_of(office.locked) is RunState.LOCKED


def refused(visitor: Browsing, path: str, *, code: str = "", reason: str = "") -> str:
    """The code of the refusal that a form meets."""
    visitor.get("/".join(path.split("/")[:3]))
    answer = visitor.send(path, code=code, reason=reason)
    _, _, rest = answer.text.partition('data-code="')
    return rest.partition('"')[0]


def spend_the_budget(session: Session) -> None:
    session.execute(text("UPDATE accounts SET debits_minor = credits_minor WHERE code = '2100'"))


def end_the_fund(session: Session) -> None:
    fund = session.scalars(select(Fund)).one()
    fund.valid_to = fund.valid_from
    session.flush()


def test_what_is_used_spent_over_or_altered_is_refused_by_name(
    office: Office, owner: Engine
) -> None:
    used = office.code("amina")
    amina, karim = office.at("amina"), office.at("karim")
    assert refused(amina, f"{office.path}/sign/certifier", code=used) == ""
    with clock.frozen(clock.now() + timedelta(seconds=1)):
        assert refused(karim, f"{office.path}/sign/authoriser", code="123") == "access.wrong_code"
    for deed, code in (
        (spend_the_budget, "ledger.not_covered"),
        (end_the_fund, "payment_run.fund_not_valid"),
    ):
        with offices.transaction("dz") as session:
            deed(session)
        assert refused(karim, f"{office.path}/sign/authoriser", code=office.code("karim")) == code
    with owner.begin() as intruder:
        intruder.execute(text("UPDATE payments SET amount_minor = 1 WHERE number = 3"))
        intruder.execute(text("UPDATE funds SET valid_to = valid_to + 1000"))
    assert (
        refused(karim, f"{office.path}/sign/authoriser", code=office.code("karim"))
        == "payment_run.content_altered"
    )
    answer = karim.get(f"{office.path}/check")
    assert 'data-code="payment_run.content_altered"' in answer.text
    assert state_of(office.locked) is RunState.CERTIFIED


def test_whoever_made_a_run_finds_no_form_to_sign_it_and_is_refused_if_one_is_sent(
    office: Office,
) -> None:
    with offices.transaction("dz") as session:
        marc = office.people["marc"].actor
        assert marc.id
        grant_role(session, EVERYTHING, marc.id, Role.CERTIFIER)
    visitor = office.at("marc")
    visitor.get(office.path)
    assert "You made this run, so others sign it." in visitor.words
    assert not any(form.action.endswith("/sign/certifier") for form in visitor.forms)
    with offices.transaction("dz") as session:
        digest = session.get_one(PaymentRun, office.locked).digest
    assert digest
    visitor.get(office.path)
    visitor.forms[0].action = f"{office.path}/sign/certifier"
    answer = visitor.send(
        f"{office.path}/sign/certifier", code=office.code("marc"), seen=digest.hex()
    )
    assert 'data-code="payment_run.two_parts"' in answer.text
    assert signed(office.locked) == 0


def test_a_run_whose_certifiers_all_made_it_says_that_nobody_can_sign(office: Office) -> None:
    with offices.transaction("dz") as session:
        recall.send_back(session, office.people["amina"].actor, office.locked, "once more")
        runs.lock(session, office.people["marc"].actor, office.locked)
        session.execute(
            text(
                "INSERT INTO run_parts SELECT :run, id, 'authoriser', :now FROM users WHERE username = 'amina'"
            ),
            {"run": office.locked, "now": clock.now()},
        )
    marc = office.at("marc")
    marc.get("/approvals")
    assert "Nobody can do this" in marc.words


def test_a_run_is_called_off_with_a_reason_and_its_money_goes_back(office: Office) -> None:
    karim = office.at("karim")
    path = f"/approvals/{office.approved}"
    assert refused(karim, f"{path}/cancel", reason="no") == "audit.unusable_reason"
    karim.get(path)
    karim.send(f"{path}/cancel", reason="the wrong month")
    assert "is called off. Nothing of it is paid." in karim.words
    assert "the wrong month" in karim.words
    karim.get("/approvals")
    assert "the wrong month" in karim.words.split("Decided lately")[1]


def test_a_stranger_to_the_programme_sees_neither_its_runs_nor_their_sheets(
    office: Office,
) -> None:
    user_id = make_user("stranger", Role.AUDITOR, programme="summer")
    with offices.transaction("dz") as session:
        totp.enrol(session, user_id)
    stranger = Browsing(office.app, token_for(user_id))
    stranger.get("/approvals")
    assert "40,000.00" not in stranger.words
    for path in (office.path, f"{office.path}/list.xlsx", f"{office.path}/lists/new"):
        assert stranger.get(path).status_code == 403
    assert office.at("amina").get(f"/approvals/{uuid4()}").status_code == 404


def test_a_list_is_paged_through_and_knows_no_names(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cbi.console.approvals_lists.SHOWN", 2)
    amina = office.at("amina")
    page = amina.get(f"{office.path}/lists/amount")
    assert "W-0008" in page.text
    assert "W-0006" not in page.text
    following = page.text.split('rel="next"')[0].rpartition('href="')[2].partition('"')[0]
    page = amina.get(following)
    assert "W-0006" in page.text
    assert made_up.name("W6") not in page.text
    assert amina.get(f"{office.path}/lists/amount?cursor=made-up").status_code == 422


def test_the_terminal_shows_the_same_sheet_warnings_first(office: Office) -> None:
    told = CliRunner().invoke(cli.app, ["run", "show", "2"]).output
    assert "! shared_account" in told
    assert "Against 2" in told
    assert told.index("! shared_account") < told.index("Payments  ")


def test_a_program_signs_what_it_was_shown_and_nothing_else(office: Office) -> None:
    assert office.people["amina"].actor.id
    caller = Caller(office.app, token_for(office.people["amina"].actor.id))
    path = f"/api/v1/payment-runs/{office.locked}"
    sheet = caller.ask("GET", path).json()
    assert [each["code"] for each in sheet["cautions"]] == [
        "shared_account", "open_duplicate", "inactive", "account"
    ]  # fmt: skip
    assert sheet["changes"]["new"]["payments"] == 2
    assert sheet["changes"]["gone"]["before"]["amount"] == "1000.00"

    def certify(seen: str) -> Response:
        return caller.ask(
            "POST", f"{path}/certify", headers={"Idempotency-Key": str(uuid4())},
            json={"one_time_code": office.code("amina"), "digest_seen": seen},
        )  # fmt: skip

    assert certify("00" * 32).json()["code"] == "payment_run.not_what_was_seen"
    assert certify(sheet["digest"]).json()["state"] == "certified"
