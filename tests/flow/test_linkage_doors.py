"""Pairs over HTTP, at the terminal and on pages; and `cbi verify` names what somebody did to them."""

import io
import json
import re
import shlex
from uuid import UUID

import pytest
from sqlalchemy import URL, select
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from cbi import jobs, offices
from cbi.access import totp
from cbi.access.permissions import Role
from cbi.app import create_app
from cbi.cli import app as terminal
from cbi.proofs.linkage import on_record_once
from cbi.registry import duplicates
from cbi.registry.intake.importing import import_file
from cbi.registry.linkage import deciding, queries, thresholds
from cbi.registry.models import DuplicateFlag, Person
from cbi.registry.view_models import PersonView
from tests.flow.browsing import Browsing
from tests.flow.people import PASSWORD, Caller, actor_of, make_user, token_for
from tests.flow.tampering import Tampering, intruding
from tests.household_factory import change

LIST = """Registration number;Name;Phone;Language;Household size;Area;Sex;Date of birth;Document number;Memorable word
A1;Mohamed Benali;0550000001;ar;4;Oran;M;1990-05-04;;lemon
A2;محمد بن علي;0550000002;ar;4;Oran;M;1990-04-05;;lemon
B1;Khadija Mansouri;0550000003;fr;2;Oran;F;1984-02-20;;lemon
B2;Jadiya Mansuri;0550000004;fr;2;Oran;F;1984-02-21;;lemon
C1;Karim Haddad;0550000005;ar;3;Oran;M;1980-02-03;;lemon
"""


class Story:
    """Two pairs in one office, brought by one officer; two others who look at them."""

    def __init__(self) -> None:
        self.maker, self.amina, self.rania = (
            make_user(name, Role.REGISTRATION_OFFICER) for name in ("maker", "amina", "rania")
        )
        with offices.transaction("dz") as session:
            for each in (self.amina, self.rania):
                totp.enrol(session, each)
            import_file(
                session, actor_of(self.maker), io.BytesIO(LIST.encode()), filename="list.csv"
            )
        assert jobs.linking("dz") == 5
        assert jobs.linking("dz") == 0
        with offices.transaction("dz") as session:
            pairs = session.scalars(queries.open_pairs()).all()
            sides = queries.sides(session, pairs)
            self.pairs = {sides[each.first_id].number[0]: each.id for each in pairs}
            self.person = {side.number: side.person_id for side in sides.values()}
        assert set(self.pairs) == {"A", "B"}


@pytest.fixture
def story(database: URL) -> Story:
    return Story()


def run(command: str, user: str, monkeypatch: pytest.MonkeyPatch) -> tuple[int, str]:
    monkeypatch.setenv("CBI_PASSWORD", PASSWORD)
    done = CliRunner().invoke(terminal, [*shlex.split(command), "--user", user])
    return done.exit_code, done.output if done.exception is None else repr(done.exception)


def test_pairs_over_http_show_no_name_and_are_settled_by_two(story: Story) -> None:
    app = create_app()
    amina, rania = (Caller(app, token_for(each)) for each in (story.amina, story.rania))
    listed = amina.get("/registry/pairs")
    assert len(listed.json()["items"]) == 2
    assert not any(word in listed.text for word in ("Mohamed", "محمد", "Khadija", "055000"))
    one = f"/registry/pairs/{story.pairs['A']}"
    body = {"finding": "same", "reason": "One person, two lists", "kept": str(story.person["A1"])}
    assert amina.post(f"{one}/say", body).json()["state"] == "open"
    again = amina.post(f"{one}/say", body)
    assert (again.status_code, again.json()["code"]) == (409, "registry.pair_said_already")
    assert rania.post(f"{one}/say", body).json()["state"] == "same"
    assert len(amina.get("/registry/pairs").json()["items"]) == 1
    cousins = {"reason": "Cousins after all"}
    assert rania.post(f"{one}/take-back", cousins).json()["state"] == "same"
    assert rania.post(f"{one}/take-back", cousins).status_code == 409
    upheld = amina.post(f"{one}/uphold", {"reason": "One card"}).json()
    assert (upheld["state"], upheld["said"][-1]["finding"]) == ("same", "upheld")
    assert amina.post(f"{one}/uphold", {"reason": "One card"}).status_code == 409
    rania.post(f"{one}/take-back", cousins)
    back = amina.post(f"{one}/take-back", cousins)
    assert (back.status_code, back.json()["state"]) == (200, "open")
    made = amina.post(
        "/registry/thresholds", {"ask": 700, "certain": 990, "reason": "Fewer namesakes"}
    )
    assert made.status_code == 201
    version = made.json()["version"]
    own = amina.post(f"/registry/thresholds/{version}/decide", {"accept": True})
    assert own.json()["code"] == "registry.own_thresholds"
    assert (
        rania.post(f"/registry/thresholds/{version}/decide", {"accept": True}).json()["decision"]
        == "accepted"
    )
    assert amina.get("/registry/thresholds").json()[0]["ask"] == 700
    assert amina.get(f"/registry/pairs/{UUID(int=1)}").status_code == 404


def test_pairs_at_the_terminal(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    code, said = run("registry pairs --json", "amina", monkeypatch)
    assert code == 0
    assert {row["id"] for row in json.loads(said)} == {str(each) for each in story.pairs.values()}
    assert "Mohamed" not in said
    code, said = run(
        f"registry say {story.pairs['B']} different --reason 'Two sisters'", "amina", monkeypatch
    )
    assert (code, "different" in said) == (0, True)
    code, said = run(
        f"registry take-back {story.pairs['B']} --reason 'One of them left'", "rania", monkeypatch
    )
    assert (code, "open again" in said) == (0, True)
    code, said = run("registry link --all --json", "amina", monkeypatch)
    assert (code, json.loads(said)["people"]) == (0, 5)
    code, said = run(
        "registry thresholds --ask 800 --reason 'Fewer namesakes' --json", "amina", monkeypatch
    )
    assert (code, json.loads(said)[0]["ask"]) == (0, 800)
    code, said = run("registry thresholds --accept 1", "rania", monkeypatch)
    assert (code, "accepted" in said) == (0, True)


def test_pairs_on_pages_are_masked_until_somebody_opens_them_and_that_is_written_down(
    story: Story,
) -> None:
    app = create_app()
    amina = Browsing(app, token_for(story.amina))
    assert amina.get("/registry/pairs").status_code == 200
    assert "The names sound the same" in amina.words
    page = f"/registry/pairs/{story.pairs['A']}"
    assert amina.get(page).status_code == 200
    assert "Day and month of birth swapped" in amina.words
    assert "Mohamed" not in amina.words
    assert amina.get(f"{page}/open").status_code == 200
    assert "Mohamed Benali" in amina.words
    assert "محمد بن علي" in amina.words
    with offices.transaction("dz") as session:
        views = session.scalars(select(PersonView)).all()
        assert {view.person_id for view in views} == {story.person["A1"], story.person["A2"]}
        assert {(view.actor_id, str(view.purpose)) for view in views} == {
            (story.amina, "same_person")
        }
    amina.get(page)
    amina.send(f"{page}/say", finding="same", kept=str(story.person["A1"]), reason="One person")
    assert "Somebody else must say so" in amina.words
    rania = Browsing(app, token_for(story.rania))
    rania.get(page)
    rania.send(f"{page}/say", finding="same", kept=str(story.person["A1"]), reason="Seen the card")
    assert "settled" in rania.words
    rania.get(page)
    assert "now on record once" in rania.words
    rania.send(f"{page}/take-back", reason="Cousins after all")
    assert "Somebody else must say so" in rania.words
    amina.get(page)
    assert "They stay one" in amina.words
    amina.send(f"{page}/take-back", reason="Cousins indeed")
    assert "open again" in amina.words
    kept = story.person["A1"]
    with offices.transaction("dz") as session:
        homes = [session.get_one(Person, story.person[each]).household_id for each in ("A1", "A2")]
        for home in homes:
            change(session, "departed", home)
        for who in (story.amina, story.rania):
            said = deciding.say(
                session, actor_of(who), story.pairs["A"], "same", "One card", kept=kept
            )
        assert (said.state, said.change_id) == ("same", None)
        change(session, "returned", homes[0])
    amina.get(page)
    assert "are still two records" in amina.words
    with offices.transaction("dz") as session:
        for who in (story.amina, story.rania):
            deciding.take_back(session, actor_of(who), story.pairs["A"], "To be made one")
        for who in (story.amina, story.rania):
            said = deciding.say(
                session, actor_of(who), story.pairs["A"], "same", "One card", kept=kept
            )
        assert said.change_id is not None
    amina.get(page)
    assert "are still two records" not in amina.words


def test_what_takes_a_second_person_waits_on_one_page(story: Story) -> None:
    app = create_app()
    amina, rania = (Browsing(app, token_for(each)) for each in (story.amina, story.rania))
    pair = story.pairs["A"]
    with offices.transaction("dz") as session:
        deciding.say(
            session, actor_of(story.amina), pair, "same", "One card", kept=story.person["A1"]
        )
    assert amina.get("/waiting?kind=pair").status_code == 200
    assert "Two records that may be one person" in amina.words
    assert {"A1", "A2"} <= set(re.findall(r"[AB]\d", amina.words))
    for kind in ("pair", "pair-undo"):
        page = f"/waiting/{kind}/{pair}"
        assert rania.get(page).status_code == 200
        assert "Both records, side by side" in rania.words
        rania.send(f"/waiting/accept/{kind}/{pair}")
        assert "Accepted" in rania.words
        with offices.transaction("dz") as session:
            if kind == "pair":
                deciding.take_back(session, actor_of(story.amina), pair, "They are two after all")
    with offices.transaction("dz") as session:
        assert deciding.pair_of(session, actor_of(story.amina), pair).state == "open"
        people = [session.get_one(Person, story.person[each]) for each in ("B1", "B2")]
        for each in people:
            each.document_index = b"the same document"
        session.flush()
        duplicates.flag_households(session, [each.household_id for each in people])
        (flagged,) = duplicates.list_flags(session, actor_of(story.amina))
        duplicates.decide(session, actor_of(story.amina), flagged.flag.id, "different", "A mistake")
        flag = flagged.flag.id
    for sent in ("refuse", "accept"):
        rania.get(f"/waiting/document-flag/{flag}")
        assert "is said to be different people" in rania.words
        rania.send(f"/waiting/{sent}/document-flag/{flag}", reason="Look at both papers first")
        with offices.transaction("dz") as session:
            if sent == "refuse":
                duplicates.decide(session, actor_of(story.amina), flag, "different", "I have now")
    with offices.transaction("dz") as session:
        assert session.get_one(DuplicateFlag, flag).decided_by == story.rania


def test_verify_names_what_somebody_did_to_pairs(story: Story, database: URL) -> None:
    with offices.transaction("dz") as session:
        maker, amina, rania = (actor_of(each) for each in (story.maker, story.amina, story.rania))
        deciding.say(session, maker, story.pairs["A"], "different", "I know them")
        deciding.say(session, amina, story.pairs["B"], "different", "Two sisters")
        made = thresholds.propose(session, amina, ask=800, certain=900, reason="Fewer namesakes")
        thresholds.decide(session, rania, made.version, accept=True)
        for each in (amina, rania):
            deciding.say(
                session, each, story.pairs["A"], "same", "One card", kept=story.person["A1"]
            )
        for each in (amina, rania):
            deciding.take_back(session, each, story.pairs["A"], "Two cards")
        deciding.say(session, maker, story.pairs["A"], "different", "I know them")
    waits, settled = (f"SELECT '{story.pairs[each]}'" for each in "AB")
    tamperings = (
        Tampering(
            1, "its registrar's word settles it", waits,
            "UPDATE link_pairs SET state = 'different' WHERE id = :victim",
        ),
        Tampering(
            1, "a pair is one person by nobody's word", waits,
            "UPDATE link_pairs SET state = 'same' WHERE id = :victim",
        ),
        Tampering(1, "what was said is deleted", settled, "DELETE FROM link_verdicts WHERE pair_id = :victim"),
        Tampering(
            1, "what was said is put in another's mouth", settled,
            f"UPDATE link_verdicts SET said_by = '{story.maker}' WHERE pair_id = :victim",
        ),
        Tampering(
            1, "somebody is said to have looked", settled,
            f"UPDATE link_verdicts SET said_by = '{story.rania}' WHERE pair_id = :victim",
        ),
        Tampering(
            1, "one person parted what was made one", waits,
            "DELETE FROM link_verdicts WHERE pair_id = :victim AND finding = 'undo_asked'",
        ),
        Tampering(
            1, "the same person asked and did", waits,
            f"UPDATE link_verdicts SET said_by = '{story.rania}' WHERE pair_id = :victim AND finding = 'undo_asked'",
        ),
        Tampering(1, "the scores are altered", "SELECT 'version 1'", "UPDATE link_thresholds SET ask = 999, certain = 999"),
    )  # fmt: skip

    def breaches(session: Session) -> str:
        return "\n".join(breach for check in on_record_once for breach in check(session))

    with intruding(database) as connection:
        assert breaches(Session(connection)) == ""
    for deed in tamperings:
        with intruding(database) as connection:
            victim = connection.exec_driver_sql(deed.victim).scalar()
            connection.exec_driver_sql(deed.deeds.replace(":victim", f"'{victim}'"))
            assert str(victim) in breaches(Session(connection)), deed.what
