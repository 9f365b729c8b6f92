"""Shows whether somebody's scores stand just above a threshold more often than the scores of the others do.

The flag is an exact one-sided binomial test: if each score within two points of a threshold fell above it as often as
those of all other officers do, how likely are so many above? It is raised below one in twenty, divided by the number of
comparisons made (Bonferroni). It proves nothing of anybody: it says where to look.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import comb
from uuid import UUID

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from cbi.access.actor import Actor
from cbi.access.models import User
from cbi.access.permissions import Permission
from cbi.registry.scorecards import landing, versions
from cbi.registry.scorecards.definition import Form
from cbi.registry.scorecards.models import Assessment
from cbi.registry.scorecards.scoring import HUNDREDTHS

POINTS = 2
"""How far from a threshold scores are looked at, in points."""
BINS = 2 * POINTS
_FEWEST = 10
"""Scores of one officer near a threshold that can be judged, and ten times as many of the others."""
_LEVEL = Fraction(1, 20)


@dataclass(frozen=True, slots=True)
class Cluster:
    """One officer's scores around one band's threshold: how many in each whole point from two below to two above.

    `likelihood`: of so many above, or more; None where there are too few to say.
    """

    officer: str
    band: str
    threshold: str
    bins: tuple[int, ...]
    likelihood: Fraction | None
    flagged: bool

    @property
    def below(self) -> int:
        """Scores just below the threshold."""
        return sum(self.bins[:POINTS])

    @property
    def above(self) -> int:
        """Scores on the threshold or just above it."""
        return sum(self.bins[POINTS:])


def clusters(session: Session, actor: Actor, scorecard: str) -> list[Cluster]:
    """Every officer with scores near a threshold of the scorecard in use, the flagged first. Raises UnknownScorecard."""
    actor.require(Permission.PROOF_READ)
    kept = versions.find(session, scorecard)
    found: list[Cluster] = []
    counted = {
        band.name: (_near(session, kept.code, int(band.start * HUNDREDTHS)), band.start)
        for band in kept.scorecard.bands[1:]
    }
    comparisons = sum(len(by_officer) for by_officer, _ in counted.values())
    names = dict(iter(session.execute(select(User.id, User.full_name))))
    for band, (by_officer, start) in counted.items():
        for officer, bins in by_officer.items():
            others = [
                sum(each)
                for each in zip(*(b for o, b in by_officer.items() if o != officer), strict=True)
            ]
            likelihood = likelihood_of(bins, others or [0] * BINS)
            found.append(
                Cluster(
                    names.get(officer, "a program") if officer else "a program", band, str(start), bins,
                    likelihood, likelihood is not None and likelihood * comparisons < _LEVEL,
                )
            )  # fmt: skip
    return sorted(found, key=lambda each: (not each.flagged, each.band, each.officer))


def likelihood_of(bins: Sequence[int], others: Sequence[int]) -> Fraction | None:
    """How likely so many scores above are, if they fell as those of the others; None where there are too few."""
    below, above = sum(bins[:POINTS]), sum(bins[POINTS:])
    many = below + above
    if many < _FEWEST:
        return None
    their_below, their_above = sum(others[:POINTS]), sum(others[POINTS:])
    theirs = their_below + their_above
    # With few to compare with, either side is taken to be as likely; never less than one in a hundred, nor more than
    # ninety-nine, so that nothing is certain.
    share = 50
    if theirs >= _FEWEST * 10:
        share = min(max(100 * their_above // theirs, 1), 99)
    term = comb(many, above) * share**above * (100 - share) ** below
    total = 0
    for k in range(above, many + 1):
        total += term
        term = term * (many - k) * share // ((k + 1) * (100 - share))
    return Fraction(total, 100**many)


def _near(session: Session, code: str, threshold: int) -> Mapping[UUID | None, tuple[int, ...]]:
    """How many scores of each officer lie in each whole point around a threshold, in hundredths."""
    distance = Assessment.score_hundredths - threshold
    edges = [(point * HUNDREDTHS, (point + 1) * HUNDREDTHS) for point in range(-POINTS, POINTS)]
    bins = [func.count(case(((distance >= least) & (distance < most), 1))) for least, most in edges]
    rows = session.execute(
        select(Assessment.noted_by, *bins)
        .where(
            Assessment.scorecard == code,
            Assessment.form == Form.LONG,
            distance >= edges[0][0],
            distance < edges[-1][1],
            landing.counts(),
        )
        .group_by(Assessment.noted_by)
    )
    return {officer: tuple(int(count) for count in counts) for officer, *counts in rows}
