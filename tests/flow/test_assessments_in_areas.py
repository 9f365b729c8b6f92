"""An officer who is held to an area assesses its households, and knows of no others."""

import io

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi import offices
from cbi.access import roles
from cbi.access.permissions import Role
from cbi.registry import naming
from cbi.registry.intake import importing
from cbi.registry.scorecards import assessing, forms
from cbi.registry.scorecards.definition import Form
from cbi.registry.scorecards.models import Assessment
from tests.factories import EVERYTHING
from tests.flow.people import ADMINISTRATOR, actor_of, make_user
from tests.places import listed, take_in
from tests.scorecard_factory import NEEDY, in_use


def test_an_officer_of_an_area_assesses_its_households_only(database: object) -> None:
    officer = make_user("officer.oran")
    with offices.transaction("dz") as session:
        take_in(session)
        in_use(session)
        importing.import_file(
            session, EVERYTHING, listed([("A", "DZ3101"), ("C", "DZ1601")]), filename="made.csv"
        )
        assert roles.grant_role(
            session, ADMINISTRATOR, officer, Role.REGISTRATION_OFFICER, area="DZ31"
        )
    actor = actor_of(officer)

    def assess(session: Session) -> int:
        assert [
            row.registration
            for row in forms.write(session, actor, "need", Form.SHORT, io.BytesIO()).rows
        ] == ["A"]
        with pytest.raises(naming.UnknownHousehold):
            naming.named(session, "C")
        own = naming.named(session, "A")
        number = assessing.assess(session, actor, own, "need", Form.LONG, NEEDY).id
        opened = assessing.open_(session, actor, number)
        assert opened.content is not None
        return number

    number = offices.transact("dz", assess, seen_by=actor)
    with offices.transaction("dz") as session:
        due = forms.write(session, EVERYTHING, "need", Form.SHORT, io.BytesIO(), area="DZ16")
        assert [row.registration for row in due.rows] == ["C"]
        assert session.scalars(select(Assessment.id)).all() == [number]
