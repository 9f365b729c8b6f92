"""Stories of households that part and come together, told a minute apart, in one programme."""

from collections import Counter
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.programmes import resuming
from cbi.programmes.cycles import open_cycle
from cbi.programmes.enrolling import Act, Line, Written
from cbi.programmes.enrolling import change as enrol
from cbi.registry.households.models import ChangedHousehold
from tests.household_factory import CONFIRMER, change
from tests.kinds_factory import number_of, owed
from tests.programme_factory import OFFICER

CODE = "winter-2026"


class Telling:
    """A story whose every step is told a minute after the one before."""

    def __init__(self, session: Session) -> None:
        self.session, self.at = session, clock.now()

    def _next(self) -> datetime:
        self.at += timedelta(minutes=1)
        return self.at

    def change(self, kind: str, home: UUID, **more: object) -> UUID:
        with clock.frozen(self._next()):
            return change(self.session, kind, home, **more)

    def split(self, home: UUID, *people: UUID, **more: object) -> UUID:
        """The household that these people make of their own."""
        made = self.change(
            "split", home, people=people, head=people[0], collector=people[0],
            told={"phone": "0550999113", "word": "orange"}, **more,
        )  # fmt: skip
        return self.session.scalars(
            select(ChangedHousehold.household_id).where(
                ChangedHousehold.change_id == made, ChangedHousehold.version_before == 0
            )
        ).one()

    def enrol(self, act: Act, home: UUID, on: date, *, was_wrong: bool = False) -> Written:
        line = Line("line 1", number_of(self.session, home), on, "as was found")
        with clock.frozen(self._next()):
            done = enrol(self.session, OFFICER, CODE, act, [line], was_wrong=was_wrong)
            assert done.households == 1
            for each in resuming.listed(self.session, CONFIRMER, CODE):
                resuming.confirm(self.session, CONFIRMER, each.suspension.id)
        return done

    def opened(self, period: str) -> UUID:
        with clock.frozen(self._next()):
            return open_cycle(self.session, OFFICER, CODE, period).id

    def amounts(self, period: str) -> dict[UUID, str]:
        found: Counter[UUID] = Counter()
        for (home, _), (amount, _) in owed(self.session, self.opened(period)).items():
            found[home] += int(amount.replace(".", ""))
        return {home: f"{minor // 100}" for home, minor in found.items()}
