"""Random lives of work sheets: whatever is signed, corrected and opened in whatever order, the sums come out."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from random import Random

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.programmes import cycles, queries, work_queries, work_sheets, work_signing
from cbi.programmes.models import Entitlement
from cbi.programmes.work_entering import NothingDiffers
from cbi.programmes.work_models import WorkRow, WorkSheet
from cbi.programmes.work_signing import NothingToSign
from tests.factories import EVERYTHING
from tests.work_factory import CODE, NOW, Site, handed_in, programme, sheet_of, site

SHEETS = ("2026-01", "2026-02", "2026-03")
CYCLES = ("2026-01", "2026-02", "2026-03", "2026-04", "2026-05", "2026-06")
BEGIN = datetime(2026, 4, 2, 9, tzinfo=NOW.tzinfo)


class Life:
    """One programme with one group, to which things happen by chance."""

    def __init__(self, session: Session, seed: int) -> None:
        self.session, self.chance, self.now = session, Random(seed), BEGIN
        with clock.frozen(self.now):
            programme(session)
            self.at: Site = site(session, workers=2)

    @contextmanager
    def moment(self) -> Iterator[None]:
        """A minute later: every one-time code is fresh."""
        self.now += timedelta(minutes=1)
        with clock.frozen(self.now):
            yield

    def enter(self) -> None:
        """Somebody hands in a sheet, or a correction of one."""
        with self.moment():
            sheet = sheet_of(self.session, self.at, period=self.chance.choice(SHEETS))
            marks = [None, 0.5, 1, 1]
            cells = {
                number: {f"Day {day}": self.chance.choice(marks) for day in range(5, 12)}
                for number in self.at.numbers
                if self.chance.random() < 0.8
            }
            standing = work_sheets.standing(self.session, sheet)
            said = "Counted again" if standing.signed else None
            try:
                handed_in(self.session, self.at, sheet, cells, reason=said)
            except NothingDiffers:
                assert standing.signed

    def sign(self) -> None:
        """Whoever did not sign last signs a sheet."""
        sheet = self.session.scalars(select(WorkSheet).order_by(func.random())).first()
        if sheet is None:
            return
        before = work_sheets.standing(self.session, sheet).signed_by
        who = self.at.other if before == self.at.supervisor.actor.id else self.at.supervisor
        with self.moment():
            try:
                work_signing.sign(self.session, who.actor, sheet.id, who.code())
            except NothingToSign:
                assert sheet.latest == (work_sheets.standing(self.session, sheet).signed or 0)

    def open(self) -> None:
        """The next cycle, or one that is open already."""
        with self.moment():
            cycles.open_cycle(self.session, EVERYTHING, CODE, self.chance.choice(CYCLES))

    def check(self) -> None:
        """What was owed and what waits is what is signed; nothing was ever owed below zero, or out of nothing."""
        owed = self.session.scalar(select(func.coalesce(func.sum(Entitlement.amount_minor), 0)))
        lines = work_queries.sheets(self.session, queries.find(self.session, CODE))
        in_force = [
            row.earned_minor
            for line in lines
            for row in work_sheets.signed_rows(self.session, line.number).values()
        ]
        assert owed is not None
        assert int(owed) + sum(line.unpaid.minor for line in lines) == sum(in_force)


@pytest.mark.parametrize("seed", range(2))
def test_what_is_owed_and_what_waits_is_always_what_is_signed(session: Session, seed: int) -> None:
    life = Life(session, seed)
    for _ in range(20):
        life.chance.choice([life.enter, life.sign, life.sign, life.open])()
        life.check()
    assert session.scalar(select(func.count()).select_from(WorkRow))
