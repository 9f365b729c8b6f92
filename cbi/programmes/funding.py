"""What each of a programme's funds may pay in a cycle, by the rules in its file and the facts that were kept."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, any_, bindparam, exists, false, select, true
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session
from sqlalchemy.types import BigInteger

from cbi.ledger.models import Fund
from cbi.programmes import queries
from cbi.programmes.definition import Definition
from cbi.programmes.eligibility import Facts
from cbi.programmes.fund_terms import FundTerms, Pays, concerns
from cbi.programmes.models import Cycle, DecidedFacts, EligibilityDecision, Entitlement, Programme


@dataclass(frozen=True, slots=True)
class Grant:
    """One of a programme's funds, as a version of its file describes it."""

    place: int
    """Its place in the order, from 1."""
    fund: Fund
    terms: FundTerms
    fits: ColumnElement[bool]
    """Whether it is for an entitlement of the cycle, in SQL."""


def grants(
    session: Session, programme: Programme, cycle: Cycle, version: int | None = None
) -> list[Grant]:
    """The programme's funds in their order, by that version of its file (the latest without a number).

    Which fund pays is a matter of today: a fund that joined later may pay what an earlier cycle owes. Whom it is for is
    judged by the facts on which the cycle was decided; where those were not taken down, it is for nobody.
    """
    terms = queries.definition(session, programme, version).grants
    decided = queries.definition(session, programme, cycle.version)
    facts: dict[int, Facts] = {}
    if any(each.pays and each.pays.whom for each in terms):
        kept = session.execute(
            select(DecidedFacts.number, DecidedFacts.facts).where(DecidedFacts.cycle_id == cycle.id)
        )
        facts = {number: Facts.of(told) for number, told in kept}
    known = {
        fund.code: fund
        for fund in session.scalars(
            select(Fund).where(Fund.code.in_([each.code for each in terms]))
        )
    }
    return [
        Grant(place, known[each.code], each, _fits(cycle, each.pays, decided, facts))
        for place, each in enumerate(terms, 1)
    ]


def _fits(
    cycle: Cycle, pays: Pays | None, decided: Definition, facts: Mapping[int, Facts]
) -> ColumnElement[bool]:
    if pays is None:
        return true()
    component: ColumnElement[bool] = true()
    if pays.components is not None:
        component = Entitlement.component.in_(pays.components)
    if pays.whom is None:
        return component
    who = pays.whom.who
    if not decided.knows(who):
        return false()
    numbers = [number for number, each in facts.items() if concerns(who, each)]
    if not numbers:
        return false()
    household = exists().where(
        EligibilityDecision.cycle_id == cycle.id,
        EligibilityDecision.household_id == Entitlement.household_id,
        EligibilityDecision.facts_number == any_(bindparam(None, numbers, ARRAY(BigInteger))),
    )
    return and_(component, household)
