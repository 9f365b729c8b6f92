"""What would change, before anybody saves it: other points, thresholds or amounts, for every household and in money.

Nothing is written. Answers are opened by the engine for the sum, and nobody is shown whose they are. What is worked out of
each household stands in tables that vanish, and sums are all that is read from them.
"""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.errors import Invalid
from cbi.programmes import definition as definitions
from cbi.programmes import queries, what_if_amounts, what_if_bands
from cbi.programmes.definition import Definition
from cbi.programmes.models import Programme
from cbi.programmes.value_costs import Cost
from cbi.programmes.what_if_households import alike
from cbi.programmes.what_if_tables import Table, hidden_moves, tables
from cbi.registry.scorecards import versions
from cbi.registry.scorecards.definition import Scorecard
from cbi.scratch import empty
from cbi.settings import settings


class NothingToCompare(Invalid):
    """Neither another scorecard nor other rules of a programme were given."""

    code = "what_if.nothing"


@dataclass(frozen=True, slots=True)
class WhatIf:
    """What would change. `assessed` households were scored anew; `unknown` of the scorecard's could not be, because the
    file asks what they were not asked, or their answers were erased. `cost` only where a programme was named.
    """

    scorecard: str | None
    programme: str | None
    assessed: int
    unknown: int
    moves: tuple[tuple[str, str, int], ...]
    """Band before, band after, households; those that stay, too. 0: the number stays hidden."""
    tables: tuple[Table, ...]
    cost: Cost | None


def what_if(
    session: Session,
    actor: Actor,
    *,
    scorecard: Scorecard | None = None,
    programme: str | None = None,
    rules: str | None = None,
) -> WhatIf:
    """Compare what is with what another scorecard, a programme file (`rules`, its text), or both would make.

    Numbers of one to four households show only to whoever may open assessments. Raises NothingToCompare,
    ProgrammeFileErrors, UnknownScorecard, UnknownProgramme, NotPermitted.
    """
    actor.require(Permission.SCORECARD_PROPOSE)
    if scorecard is None and rules is None:
        raise NothingToCompare(
            "There is nothing to compare.",
            next_step="Give a changed scorecard file, a changed programme file (--rules), or both.",
        )
    tried = definitions.read(rules, settings().providers) if rules else None
    code = programme or (tried.programme.code if tried else None)
    kept = versions.find(session, scorecard.code) if scorecard else None
    terms = _terms(session, actor, code, tried) if code is not None else None
    for table in (what_if_bands.bands, what_if_amounts.amounts):
        empty(session, table)
    if scorecard and kept:
        what_if_bands.rescore(session, kept, scorecard)
    cost = orders = None
    if terms is not None:
        cost = what_if_amounts.work_out(session, *terms, kept.key if kept else "")
    elif scorecard is not None:
        orders = {band.name: order for order, band in enumerate(scorecard.bands)}
    small = actor.may(Permission.ASSESSMENT_OPEN)
    moves = what_if_bands.moves(session)
    return WhatIf(
        kept.code if kept else None, code, *what_if_bands.counted(session),
        moves if small else hidden_moves(moves),
        tables(alike(session, orders), by_band=scorecard is not None, small=small),
        cost,
    )  # fmt: skip


def _terms(
    session: Session, actor: Actor, code: str, tried: Definition | None
) -> tuple[Programme, Definition, Definition]:
    """The programme, its rules, and those tried out, which are the same where no file was given."""
    found = queries.find(session, code)
    actor.require(Permission.PROGRAMME_READ, found.code)
    before = queries.definition(session, found)
    after = tried or before
    if before.currency != after.currency:
        raise NothingToCompare(
            "The two files pay in different currencies.", next_step="Keep the programme's."
        )
    return found, before, after
