"""An office in which something of nearly every kind is proposed, and nobody has decided about any of it."""

import os
from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlalchemy import URL
from sqlalchemy.orm import Session

from cbi import clock, db, offices
from cbi.access.permissions import Role
from cbi.ledger import deals, reference_rates
from cbi.money import Money
from cbi.payments.fees import tariffs
from cbi.payments.signing import delegations, policies, waivers
from cbi.programmes import applying, baskets, conditions, cycles, fund_requests, top_ups
from cbi.programmes.top_up_lists import Line
from tests import value_factory, work_factory
from tests.databases import copied
from tests.factories import (
    EVERYTHING,
    PERIOD,
    START,
    Colleague,
    colleague,
    funded_programme,
    households,
)
from tests.flow.charging import TARIFF
from tests.flow.dealing import Dealers, grant, rate, ticket
from tests.flow.sending import PointAt
from tests.flow.signing import POLICY, later
from tests.kinds_factory import kind_file

TRANCHES = """
  tranches:
    - {code: pre-departure, amount: "500"}
    - {code: transit, amount: "300", requires: [ticket]}
"""


@dataclass
class Office:
    """Who proposed, and two who may decide about nearly everything."""

    manager: Colleague
    treasurer: Colleague
    finance: Colleague
    authoriser: Colleague
    supervisor: Colleague
    """Of the works; did not enter the sheet."""
    numbers: tuple[str, ...] = ()
    """Households of the programme winter."""


STORIES: dict[str, Office] = {}
"""Who is in the office, by the name of the database in which the story was told."""


def told(server: URL, empty: str, point_at: PointAt) -> str:
    """The name of the database in which the story was told: at the first call in this process."""
    name = f"proposing_{os.getpid()}"
    if name not in STORIES:
        copied(server, empty, name)
        with pytest.MonkeyPatch.context() as patch:
            point_at(patch, server.set(database=name))
            with offices.transaction("dz") as session:
                STORIES[name] = proposed(session)
            db.disconnect()
    return name


def proposed(session: Session) -> Office:
    """People who propose a fund request, a rate, a deal, a tariff, a value, a top-up, a sheet of work, a policy, a
    delegation and a waiver.
    """
    with clock.frozen(work_factory.NOW):
        applying.apply(
            session,
            EVERYTHING,
            work_factory.FILE.format(code=work_factory.CODE, work=work_factory.WORK),
        )
        site = work_factory.site(session)
        sheet = work_factory.sheet_of(session, site)
        work_factory.handed_in(
            session, site, sheet, {each: work_factory.days(2) for each in site.numbers}
        )
    with clock.frozen(value_factory.NOW):
        baskets.apply(session, EVERYTHING, value_factory.BASKET)
        applying.apply(session, EVERYTHING, value_factory.programme_text())
        made = value_factory.entered(session)
        people = value_factory.people(session)
        value_factory.proposed(session, people, made.round_id)
    office = Office(
        people.manager, colleague(session, Role.TREASURER), colleague(session, Role.HEAD_OF_FINANCE),
        people.authoriser, site.supervisor,
    )  # fmt: skip
    _money(session, office)
    office.numbers = _owed(session, office)
    _rules(session, office)
    return office


def _money(session: Session, office: Office) -> None:
    treasurer = office.treasurer
    grant(session)
    rate(session, Dealers(treasurer, office.finance))
    with later():
        actor = treasurer.actor
        reference_rates.propose(
            session,
            actor,
            "EUR",
            "DZD",
            "150",
            "Bank of Algeria",
            clock.now().date() - timedelta(days=1),
        )
        deals.propose(session, actor, "eu-26", ticket())
        tariffs.propose(
            session,
            actor,
            TARIFF.format(
                provider="sandbox", first=START.date(), fixed="10.00", settlement="gross", days=31
            ),
            treasurer.code(),
        )
    funded_programme(session, budgeted="500000.00")
    with later():
        fund_requests.ask_return(
            session, treasurer.actor, "winter", "1000.00", "LETTER-7", "Not needed this winter."
        )


def _owed(session: Session, office: Office) -> tuple[str, ...]:
    numbers = households(session, [1] * 5)[
        3:
    ]  # the documents of the first three are those of the workers
    with later():
        cycle = cycles.open_cycle(session, office.manager.actor, "winter", PERIOD)
        line = Line("row 2", numbers[0], Money.parse("200.00", "DZD"), "Fuel")
        top_ups.propose(
            session,
            office.manager.actor,
            cycle.id,
            [line],
            reason="Fuel prices",
            reference="MEMO-14",
        )
    applying.apply(session, EVERYTHING, kind_file(TRANCHES, kind="grant"))
    conditions.note(
        session, office.manager.actor, "winter-2026", numbers[1], "ticket", "ticket of 3 March"
    )
    return tuple(numbers)


def _rules(session: Session, office: Office) -> None:
    with later():
        policies.propose(session, office.treasurer.actor, POLICY, office.treasurer.code())
    with later():
        today = START.date()
        assert office.treasurer.actor.id is not None
        terms = delegations.Terms(
            office.treasurer.actor.id, Role.HEAD_OF_FINANCE, today, today + timedelta(days=5)
        )
        delegations.make(session, office.finance.actor, terms, office.finance.code())
    with later():
        assert office.finance.actor.id is not None
        asked = waivers.Terms(
            "inactive",
            "winter",
            "They left last week.",
            "visit report 7",
            office.finance.actor.id,
            today,
            today + timedelta(days=3),
        )
        waivers.ask(session, office.treasurer.actor, asked, office.treasurer.code())
