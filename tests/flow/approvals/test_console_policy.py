"""The page about who signs what: everybody in finance reads it, two people change it, and three arrange a stand-in."""

from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cbi import cli, clock, offices
from cbi.access.permissions import Role
from cbi.payments.runs import runs
from cbi.payments.signing import policies, recall
from tests.factories import START
from tests.flow.approvals.office import Office
from tests.flow.people import Caller, make_user, token_for

EXAMPLE = Path(__file__).parents[3] / "examples" / "approval-policy.yaml"


def caller(office: Office, name: str) -> Caller:
    actor_id = office.people[name].actor.id
    assert actor_id
    return Caller(office.app, token_for(actor_id))


def propose(office: Office) -> None:
    """The example file, by the treasurer, over the API."""
    body = {"file": EXAMPLE.read_text(), "one_time_code": office.code("tala")}
    answer = caller(office, "tala").post("/approval-policies", body)
    assert answer.status_code == 201, answer.text
    assert answer.json()["accepted_at"] is None


@pytest.mark.parametrize("language", ["en", "fr", "ar", "es"])
def test_without_a_policy_the_page_says_what_every_run_takes(office: Office, language: str) -> None:
    visitor = office.at("amina", language)
    assert visitor.get("/approval-policy").status_code == 200
    assert not any(form.action.endswith("/accept") for form in visitor.forms)


def test_a_proposed_policy_is_read_by_all_and_accepted_by_another(office: Office) -> None:
    propose(office)
    for name in ("amina", "marc", "tala"):
        visitor = office.at(name)
        visitor.get("/approval-policy")
        assert "Proposed: version 1" in visitor.words
        assert "certifier → authoriser → head of finance" in visitor.words
        assert not any(form.action.endswith("/accept") for form in visitor.forms)
    karim = office.at("karim")
    karim.get("/approval-policy")
    karim.send("/approval-policy/1/accept", code=office.code("karim"))
    assert "The policy holds from now on." in karim.words
    assert "Version 1: proposed by" in karim.words
    with offices.transaction("dz") as session:
        found = policies.in_force(session)
    assert found is not None
    assert found[0] == 1


def test_a_policy_is_proposed_from_its_file_and_what_it_changes_is_said_in_words(
    office: Office,
) -> None:
    text = EXAMPLE.read_text().replace("10000000.00", "20000000.00")
    tala, karim = office.at("tala"), office.at("karim")

    def upload(content: str) -> None:
        tala.get("/approval-policy")
        form = tala.filled("/approval-policy", code=office.code("tala"))
        form.pop("file")
        files = {"file": ("policy.yaml", content, "text/yaml")}
        tala.get(tala.ask("POST", "/approval-policy", data=form, files=files).headers["location"])

    upload(EXAMPLE.read_text())
    assert "Version 1 is proposed" in tala.words
    assert "2 signatures: certifier → authoriser" in tala.words.replace(" ,", ",")
    karim.get("/approval-policy")
    karim.send("/approval-policy/1/refuse", reason="The first band is too high.")
    assert "refused" in karim.words
    tala.get("/waiting/refused")
    assert "The first band is too high." in tala.words
    with clock.frozen(clock.now() + timedelta(minutes=1)):
        upload(text)
    assert "Version 2 is proposed" in tala.words, tala.words
    karim.get("/waiting/approval-policy/2")
    assert "nobody: such a run cannot be signed" not in karim.words
    assert "3 signatures" in karim.words
    karim.get("/approval-policy")
    karim.send("/approval-policy/2/accept", code=office.code("karim"))
    assert "The policy holds from now on." in karim.words
    assert "in force" in karim.words


def test_three_people_arrange_that_one_stands_in(office: Office) -> None:
    karim = office.at("karim")
    karim.get("/approval-policy")
    first, last = f"{START:%Y-%m-%d}", f"{START + timedelta(days=3):%Y-%m-%d}"
    lina = make_user("lina.f", Role.HEAD_OF_FINANCE)
    karim.send(
        "/delegations", to=str(lina), role="authoriser", limit="84000.00", code=office.code("karim"), first=first, last=last
    )  # fmt: skip
    assert "It is noted, and holds once a third person has accepted it." in karim.words
    assert "84,000.00" in karim.words
    tala = office.at("tala")
    tala.get("/approval-policy")
    action = next(form.action for form in tala.forms if form.action.endswith("/accept"))
    tala.send(action, code=office.code("tala"))
    assert "in force" in tala.words
    amina = office.at("amina")
    amina.get(office.path)
    amina.send(f"{office.path}/sign/certifier", code=office.code("amina"))
    # The run has 40,000 dinars, and with that of the last cycle 84,000 count.
    assert "It waits for: Karim Authorises , A B" in amina.words
    karim.get("/approval-policy")
    action = next(form.action for form in karim.forms if form.action.endswith("/withdraw"))
    karim.send(action, reason="He is back from leave.")
    assert "Nobody stands in for anybody." in karim.words


def test_a_form_that_cannot_be_read_is_refused_in_words(office: Office) -> None:
    karim = office.at("karim")
    karim.get("/approval-policy")
    karim.send("/delegations", to="nobody", role="authoriser", code=office.code("karim"))
    assert "Something in the form is missing, or cannot be read." in karim.words


def test_the_run_sheet_says_why_it_takes_so_many(office: Office) -> None:
    propose(office)
    with offices.transaction("dz") as session:
        policies.accept(session, office.people["karim"].actor, 1, office.code("karim"))
        recall.send_back(session, office.people["amina"].actor, office.locked, "once more")
        runs.lock(session, office.people["marc"].actor, office.locked)
    amina = office.at("amina", "fr")
    amina.get(office.path)
    assert "Ce lot et 1 autre des sept derniers jours, du même auteur" in amina.words
    assert "Qui le signe" in amina.words


def test_the_terminal_shows_policies(office: Office) -> None:
    def run(*words: str) -> str:
        return CliRunner().invoke(cli.app, [*words], catch_exceptions=True).output

    assert "No policy holds" in run("approval-policy", "show")
    assert "Delegations" in run("delegation", "list")
    propose(office)
    assert "Version 1 is proposed" in run("approval-policy", "show")
    assert '"proposed"' in run("approval-policy", "show", "--json")
