"""Somebody of a draft run must wait: who makes runs takes one payment out, on a page, through the API or at the terminal."""

import pytest
from sqlalchemy import URL, select
from typer.testing import CliRunner

from cbi import offices
from cbi.access import totp
from cbi.access.permissions import Role
from cbi.app import create_app
from cbi.cli import app as terminal
from cbi.payments.models import Payment
from cbi.payments.runs import runs
from cbi.programmes import cycles
from tests.factories import PERIOD, funded_programme, households, team
from tests.flow.browsing import Browsing
from tests.flow.people import PASSWORD, Caller, make_user, token_for


def test_each_door_takes_a_payment_out_of_a_draft_and_none_out_of_a_locked_run(
    database: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CBI_PASSWORD", PASSWORD)
    with offices.transaction("dz") as session:
        maker = team(session).maker.actor
        households(session, [1, 2, 3, 4])
        cycle = cycles.open_cycle(session, maker, funded_programme(session), PERIOD)
        run = runs.build(session, maker, cycle.id)
        ids = session.scalars(
            select(Payment.id).where(Payment.run_id == run.id).order_by(Payment.number)
        ).all()
    app, manager = create_app(), make_user("leila", Role.PROGRAMME_MANAGER)
    with offices.transaction("dz") as session:
        totp.enrol(session, manager)

    page, caller = Browsing(app, token_for(manager)), Caller(app, token_for(manager))
    sheet, path = f"/approvals/{run.id}", f"/payment-runs/{run.id}/payments/{{}}/exclude"
    page.get(sheet)
    page.send(f"{sheet}/exclude", number="1", reason="moved away")
    assert "Payment 1 is not in the run any more" in page.words
    twice = page.send(f"{sheet}/exclude", number="1", reason="moved away")
    assert 'data-code="payment_run.not_in_it"' in twice.text
    done = caller.post(path.format(ids[1]), {"reason": "counted twice"})
    assert (done.status_code, done.json()["payments"]) == (200, 2)
    again = caller.post(path.format(ids[1]), {"reason": "counted twice"})
    assert again.status_code == 404
    out = ["run", "exclude", str(run.number), "3", "--reason", "wait", "--user", "leila"]
    told = CliRunner().invoke(terminal, out)
    assert "1 payments" in told.output, told.output
    page.get(sheet)
    with offices.transaction("dz") as session:
        runs.lock(session, maker, run.id)
    late = page.send(f"{sheet}/exclude", number="4", reason="too late")
    assert 'data-code="payment_run.not_a_draft"' in late.text
    assert f"{sheet}/exclude" not in {form.action for form in page.forms}
