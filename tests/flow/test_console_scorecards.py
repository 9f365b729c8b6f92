"""The page on which weights and thresholds are tried out: it shows who would move, names nobody and saves nothing."""

import pytest
from sqlalchemy import URL, func, select

from cbi import offices
from cbi.access import totp
from cbi.access.permissions import Role
from cbi.app import create_app
from cbi.programmes import applying
from cbi.registry.scorecards import assessing
from cbi.registry.scorecards.definition import Form
from cbi.registry.scorecards.models import ScorecardVersion
from tests.flow.browsing import Browsing
from tests.flow.people import make_user, token_for
from tests.kinds_factory import kind_file
from tests.programme_factory import OFFICER
from tests.scorecard_factory import NEEDY, in_use, made, officer

STIPEND = (
    '{base: "0", top_ups: [{name: need, amount: "40", for: {bands: [High], scorecard: need}}]}'
)
PATH = "/registry/scorecards/need/what-if"


@pytest.fixture
def visitor(database: URL) -> Browsing:
    """A programme manager, six households in the highest band, and a programme that pays for it."""
    with offices.transaction("dz") as session:
        in_use(session)
        who = officer(session)
        for household in made(session, 6):
            assessing.assess(session, who.actor, household, "need", Form.LONG, NEEDY)
        applying.apply(session, OFFICER, kind_file(STIPEND))
    manager = make_user("manager", Role.PROGRAMME_MANAGER)
    with offices.transaction("dz") as session:
        totp.enrol(session, manager)
    return Browsing(create_app(), token_for(manager))


def test_a_threshold_is_tried_out_on_a_page(visitor: Browsing) -> None:
    listed = visitor.ask("GET", "/registry/scorecards")
    assert PATH in listed.text
    before = visitor.ask("GET", PATH)
    assert before.status_code == 200
    assert 'name="from.high" value="6"' in before.text
    assert "What would change" not in before.text
    shown = visitor.ask("GET", f"{PATH}?from.high=20&weight.rent=1&programme=winter-2026")
    assert "6 households were scored anew." in shown.text
    assert "240.00" in shown.text
    assert 'class="charts-css bar' in shown.text
    assert "S-00" not in shown.text  # no household's number
    wrong = visitor.ask("GET", f"{PATH}?from.high=many")
    assert wrong.status_code == 422
    assert 'data-code="what_if.unusable_number"' in wrong.text
    assert visitor.ask("GET", "/registry/scorecards/none/what-if").status_code == 404
    with offices.transaction("dz") as session:
        assert session.scalar(select(func.count()).select_from(ScorecardVersion)) == 1
