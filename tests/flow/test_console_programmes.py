"""A programme from its file to a draft run, all of it from pages: looked at first, funded, opened, built."""

from functools import partial
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import Response
from sqlalchemy import URL, func, select

from cbi import clock, offices
from cbi.access.permissions import Role
from cbi.app import create_app
from cbi.console.programmes_files import LARGEST
from cbi.ledger.models import FundMovement
from cbi.ledger.queries import fund_positions
from cbi.payments.models import PaymentRun
from cbi.programmes.models import Cycle, Programme, ProgrammeVersion
from tests.factories import PERIOD, PROGRAMME, START, Colleague, colleague, households
from tests.flow.browsing import Browsing, Form
from tests.flow.people import token_for

FILE = PROGRAMME.format(
    code="winter", provider="post_office", mechanism="cash_over_counter", fund="5000000.00",
    first=START.year, last=START.year + 1,
)  # fmt: skip
OPENED = f"/programmes/winter/cycles/{PERIOD}"


@pytest.fixture
def office(database: URL) -> tuple[Colleague, Colleague]:
    """A programme manager and a treasurer, and three households."""
    with clock.frozen(START), offices.transaction("dz") as session:
        households(session, [1, 2, 3])
        return colleague(session, Role.PROGRAMME_MANAGER), colleague(session, Role.TREASURER)


def at_door(app: FastAPI, who: Colleague) -> Browsing:
    assert who.actor.id is not None
    return Browsing(app, token_for(who.actor.id))


def hand_in(who: Browsing, text: str) -> Response:
    """Look at a programme file, as a browser sends it."""
    who.get("/programme-files")
    form = who.filled("/programme-files", definition="")
    form.pop("file")
    files = {"file": ("winter.yaml", text.encode(), "application/yaml")}
    return who._read(who.ask("POST", "/programme-files", data=form, files=files), follow=False)


def count(model: type) -> int:
    with offices.transaction("dz") as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def test_a_programme_is_made_funded_opened_and_its_run_built_from_pages(
    office: tuple[Colleague, Colleague],
) -> None:
    visit = partial(at_door, create_app())
    with clock.frozen(START):
        manager, treasurer = map(visit, office)

        # A file is looked at first: every mistake at its line, then all that it would change; nothing is changed by it.
        wrong = hand_in(manager, FILE.replace('"1000.00"', '"1,000"').replace("month", "moon"))
        assert wrong.status_code == 422
        assert "There are 2 mistakes in the file" in manager.words
        assert "stipend.per_member" in manager.words
        assert "schedule.every" in manager.words
        hand_in(manager, FILE)
        assert "programme winter is new" in manager.words
        assert count(Programme) == 0
        manager.send("/programme-files/apply", definition=FILE)
        assert "Version 1 holds from now on." in manager.words
        hand_in(manager, FILE.replace('"1000.00"', '"1200.00"'))
        assert "stipend.per_member: 1000.00 → 1200.00" in manager.words
        assert count(ProgrammeVersion) == 1
        manager.send(
            "/programme-files/apply", definition=FILE.replace('"1000.00"', '"1200.00"').replace("\n", "\r\n")
        )  # fmt: skip
        assert "stipend.per_member: 1000.00 → 1200.00" in manager.words  # among the versions
        hand_in(manager, FILE.replace('"1000.00"', '"1200.00"'))
        assert "nothing would change" in manager.words

        # What is owed is fixed.
        manager.get("/programmes")
        assert "none is open yet" in manager.words
        manager.get("/programmes/winter")
        manager.send("/programmes/winter/cycles", period=PERIOD)
        assert "The cycle is open: 3 households are in, 0 are not." in manager.words
        assert "7,200.00" in manager.words
        assert "A run that is built now pays it. 3 7,200.00" in " ".join(manager.words.split())

        # The treasurer books what came, and the same paper again changes nothing.
        treasurer.get("/finance")
        received: dict[str, Any] = {
            "into": "echo-26",
            "received": "10000.00",
            "bank_paper": "BNA-7",
        }
        treasurer.send("/finance/receipts", **received)
        assert "It is booked." in treasurer.words
        treasurer.send("/finance/receipts", **received)
        assert "booked already: nothing changed" in treasurer.words
        treasurer.send("/finance/receipts", **received | {"received": "10,000"})
        assert "10,000" in treasurer.words
        treasurer.send(
            "/finance/allocations", given_to="winter", out_of="", given="8000.00", memo="MEMO-1"
        )
        treasurer.send(
            "/finance/prefundings", placed_with="post_office", placed="7500.00", currency="dzd", transfer="VIR-1"
        )  # fmt: skip
        assert "placed with a provider: post office" in " ".join(treasurer.words.split())
        assert count(FundMovement) == 3

        # Then its run is built once, and read where it is signed.
        manager.get(OPENED)
        manager.send(f"{OPENED}/runs")
        assert "draft is made" in manager.words
        manager.get(OPENED)
        assert "Everything that can be paid is in a run." in manager.words
        manager.get("/programmes/winter")
        manager.send(
            "/programmes/winter/cycles", period=PERIOD
        )  # the page of a colleague who was slower
        assert "was open already: nothing changed" in manager.words
    assert (count(Cycle), count(PaymentRun)) == (1, 1)
    with offices.transaction("dz") as session:
        (fund,) = fund_positions(session)
        assert (fund.received.minor, fund.unallocated.minor, fund.available.minor) == (
            1_000_000, 200_000, 800_000,
        )  # fmt: skip


def test_nobody_applies_or_opens_by_other_rules_than_the_page_showed_and_no_text_is_lost(
    office: tuple[Colleague, Colleague],
) -> None:
    app = create_app()
    dearer, cheaper = (FILE.replace("1000.00", amount) for amount in ("1200.00", "900.00"))
    with clock.frozen(START):
        manager, late, opener = (at_door(app, office[0]) for _ in range(3))
        hand_in(manager, FILE)
        manager.send("/programme-files/apply", definition=FILE)

        # All looked at version 1; whoever is second would take back what the first one did without having seen it.
        hand_in(manager, dearer)
        hand_in(late, cheaper)
        opener.get("/programmes/winter")
        manager.send("/programme-files/apply", definition=dearer)
        typed = late.filled("/programme-files/apply", definition=cheaper)
        answer = late.ask("POST", "/programme-files/apply", data=typed)
        assert answer.status_code == 409
        assert "changed after you looked at them" in answer.text
        assert "900.00" in answer.text, "the text stands there still"
        opener.send("/programmes/winter/cycles", period=PERIOD)
        assert "changed after you looked at them" in opener.words
        assert (count(ProgrammeVersion), count(Cycle)) == (2, 0)

        # What the rules refuse is said with the text; what is too large is never cut short and read.
        refused = hand_in(
            manager, FILE.replace("code: winter", "code: other").replace("DZD", "KES")
        )
        assert (refused.status_code, "code: other" in refused.text) == (409, True)
        assert count(Programme) == 1
        answer = hand_in(manager, FILE.replace("1000.00", "1500.00") + "#" * LARGEST)
        manager.get(answer.headers["location"])
        assert "larger than 200,000 bytes" in manager.words


def test_only_periods_that_have_begun_and_the_next_are_offered_and_who_may_not_open_sees_no_form(
    office: tuple[Colleague, Colleague],
) -> None:
    visit = partial(at_door, create_app())
    with clock.frozen(START):
        manager, treasurer = map(visit, office)
        hand_in(manager, FILE)
        manager.send("/programme-files/apply", definition=FILE)
        page = manager.get("/programmes/winter").text
        offered = [each.partition('"')[0] for each in page.split('<option value="')[1:]]
        assert offered[0] == f"{START.year}-01"
        assert len(offered) == START.month + 1
        assert f'value="{PERIOD}" selected' in page
        assert not any("/cycles" in form.action for form in _forms(treasurer, "/programmes/winter"))
        longer = FILE.replace("month", "month, interval: 2")
        hand_in(manager, longer)
        manager.send("/programme-files/apply", definition=longer)
        page = manager.get("/programmes/winter").text
        assert f'<option value="{START.year}-01--{START.year}-02"' in page
        said = f"every 2 months: {START.year}-01 – {START.year + 1}-12"
        assert said in " ".join(manager.words.split())


def test_a_day_is_said_to_be_off_and_worked_all_the_same_from_a_page(
    office: tuple[Colleague, Colleague],
) -> None:
    visit = partial(at_door, create_app())
    with clock.frozen(START):
        manager, treasurer = map(visit, office)
        manager.get(f"/days-off?year={START.year}")
        assert "Independence Day" in manager.words  # of Algeria, by the library
        day = f"{START.year}-12-28"
        manager.send("/days-off", of=day, what="off", reason="Stocktaking at the post office")
        assert "It is noted." in manager.words
        assert "Stocktaking at the post office" in manager.words
        manager.send("/days-off", of=f"{START.year}-12-29", what="works", reason="Only a slip")
        assert "is no day off, so it cannot be taken back" in manager.words
        treasurer.get("/days-off")
        assert not any(form.action == "/days-off" for form in treasurer.forms)


def _forms(who: Browsing, path: str) -> list[Form]:
    assert who.get(path).status_code == 200
    return list(who.forms)
