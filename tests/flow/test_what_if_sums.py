"""The sums of a comparison are those that counting the households one by one gives."""

import io
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from cbi.access.permissions import Role
from cbi.programmes import applying, what_if
from cbi.programmes.what_if_bands import LONG_FORM
from cbi.programmes.what_if_tables import Head, Household, hidden_moves, tables
from cbi.registry import models
from cbi.registry.intake import importing
from cbi.registry.linkage import finding
from cbi.registry.scorecards import facts, landing, scoring, versions
from cbi.registry.scorecards.definition import Form, Scorecard
from cbi.registry.scorecards.landing import Answered, Landed
from cbi.registry.scorecards.models import AnswerKey
from tests import made_up
from tests.factories import EVERYTHING, colleague, office_day
from tests.kinds_factory import kind_file
from tests.programme_factory import OFFICER
from tests.scorecard_factory import CARD, in_use, officer

AGES = (17, 29, 44, 59, 71, None)
AREAS = ("Oran", "Arzew", "")
COUNT = 40
HEADING = "Registration number,Name,Sex,Date of birth,Phone,Language,Household size,Area,Document type,Document number"
LINE = "{number},{name},{sex},{born},+2135533{at:05d},ar,{size},{area},passport,{document}"
SPOILT = 7
"""The household whose answers were destroyed; the last four are not assessed."""


@dataclass(frozen=True)
class Known:
    """What is known of a household, and how it was assessed, if it was."""

    id: UUID
    size: int
    area: str
    head: Head
    form: Form
    answers: dict[str, Any]
    band: str | None = None


@dataclass(frozen=True)
class Terms:
    """What the rules say: everybody gets `base`, the band high `more`, and nobody in households of more than `largest`."""

    base: int
    more: int
    largest: int

    @property
    def file(self) -> str:
        """The programme file that says so."""
        top_up = f'{{name: need, amount: "{self.more}", for: {{bands: [High], scorecard: need}}}}'
        return kind_file(
            f'{{base: "{self.base}", top_ups: [{top_up}]}}',
            extra=f"eligibility: {{household_size: {{max: {self.largest}}}}}\n",
        )

    def owe(self, household: Known, band: str | None) -> int:
        """Minor units in a cycle."""
        if household.size > self.largest:
            return 0
        return 100 * (self.base + (self.more if band == "high" else 0))


NOW = Terms(base=0, more=40, largest=6)


@pytest.fixture
def people(session: Session) -> list[Known]:
    """Households of every kind, in two areas and nowhere, and a programme."""
    kept, year = in_use(session), office_day().year
    lines, heads = [], []
    for at in range(COUNT):
        sex, age, number = ("f", "m", "")[at % 3], AGES[at % 6], f"W-{at:04d}"
        heads.append(Head.of({"f": "female", "m": "male"}.get(sex, "unknown"), age))
        lines.append(
            LINE.format(
                number=number, name=made_up.name(number), sex=sex, born=f"{year - age}-01-01" if age else "",
                at=at, size=1 + at % 8, area=AREAS[at % 5 % 3], document=made_up.document(number, f"{at:04d}"),
            )
        )  # fmt: skip
    listed = io.BytesIO("\n".join([HEADING, *lines]).encode())
    assert importing.import_file(session, EVERYTHING, listed, filename="made.csv").landed == COUNT
    finding.catch_up(session)
    rows = session.scalars(select(models.Household).order_by(models.Household.source_id)).all()
    found = [
        Known(
            row.id, row.size, row.area or "", heads[at], Form.SHORT if at % 4 == 3 else Form.LONG,
            {"hunger": at * 5 % 8, "alone": at % 11 == 0}
            | ({} if at % 4 == 3 else {"rent": "late" if at % 3 else "paid", "health": ["chronic"] * (at % 2)}),
        )
        for at, row in enumerate(rows)
    ]  # fmt: skip
    bands: dict[UUID, str] = {}
    for form in Form:
        given = [
            Answered(each.id, each.answers, office_day(), "visit")
            for each in found[:-4]
            if each.form is form
        ]
        for made in landing.land(session, officer(session).actor, kept, form, given):
            assert isinstance(made, Landed), made
            bands[made.household_id] = made.band or LONG_FORM
            if made.household_id == found[SPOILT].id:
                gone = update(AnswerKey).where(AnswerKey.assessment_id == made.id)
                session.execute(gone.values(data_key=None))
    applying.apply(session, OFFICER, NOW.file)
    return [replace(each, band=bands.get(each.id)) for each in found]


def anew(card: Scorecard, household: Known) -> str:
    """The band that the scorecard gives for what the household answered."""
    form = household.form if card.short else Form.LONG
    known = {**facts.SAMPLE, "size": household.size}
    return scoring.score(card, form, household.answers, known).band or LONG_FORM


def changed(points: int, start: int) -> str:
    """The scorecard with other points for five days of hunger and another threshold."""
    text = CARD.replace("from: 5, points: 9", f"from: 5, points: {points}")
    return text.replace("from: 6, say", f"from: {start}, say")


cards = st.builds(changed, st.integers(1, 12), st.integers(1, 14))
terms_tried = st.builds(
    Terms,
    base=st.sampled_from([0, 100]),
    more=st.sampled_from([40, 55]),
    largest=st.integers(3, 8),
)


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    text=st.none() | cards, terms=st.none() | terms_tried, weighed=st.booleans(), small=st.booleans()
)  # fmt: skip
def test_sums_are_those_of_counting_one_by_one(
    session: Session,
    people: list[Known],
    text: str | None,
    terms: Terms | None,
    *,
    weighed: bool,
    small: bool,
) -> None:
    card = versions.parsed(text) if text else None
    if card is None:
        terms = terms or NOW
    priced = weighed or terms is not None
    who = colleague(session, Role.PROTECTION_OFFICER if small else Role.PROGRAMME_MANAGER)
    found = what_if.what_if(
        session, who.actor, scorecard=card, programme="winter-2026" if priced else None,
        rules=terms.file if terms else None,
    )  # fmt: skip

    moves: Counter[tuple[str, str]] = Counter()
    counted: list[Household] = []
    orders = {band.name: order for order, band in enumerate(card.bands)} if card else {}
    for at, each in enumerate(people):
        became = None
        if card and each.band and at != SPOILT:
            became = anew(card, each)
            moves[each.band, became] += 1
        now = then = 0
        band = (became or each.band or "") if card else ""
        if priced:
            now, then = NOW.owe(each, each.band), (terms or NOW).owe(each, became or each.band)
            moved = int(now == 0 < then) - int(then == 0 < now)
        elif each.band:
            moved = orders.get(band, -1) - orders.get(each.band, -1)
        else:
            continue
        counted.append(Household(each.area, each.head, band, moved, now, then))
    assert found.assessed == sum(moves.values())
    assert found.unknown == (1 if card else 0)
    one_by_one = tuple((*pair, count) for pair, count in sorted(moves.items()))
    assert found.moves == (one_by_one if small else hidden_moves(one_by_one))
    assert found.tables == tables(counted, by_band=card is not None, small=small)
    assert (found.cost is not None) == priced
    if found.cost:
        assert found.cost.now.minor == sum(each.before for each in counted)
        assert found.cost.then.minor == sum(each.after for each in counted)
        assert found.cost.households == sum(each.after > 0 for each in counted)
