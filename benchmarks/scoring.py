"""How fast households are assessed, compared and proved: `python -m benchmarks.scoring --households 100000`.

Made-up households are registered and assessed with the example scorecard, each chunk in a transaction of its own. Then
another threshold is compared for all of them, and every score is worked out again. Beside each stands the least that any
program must do: seal and copy the answers, or read and open them once.
"""

import argparse
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import select

from benchmarks import steps
from benchmarks.floors import copies
from benchmarks.ground import OFFICE, Ground, opened
from benchmarks.measure import Done, Figure, Target, alone, watch
from cbi import clock, offices
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.db import chunks
from cbi.offices import office_of
from cbi.programmes import what_if
from cbi.proofs import assessments
from cbi.registry.intake.checks import Unusable
from cbi.registry.models import Household, Person
from cbi.registry.scorecards import landing, versions
from cbi.registry.scorecards.definition import Form, Indicator, Kind
from cbi.registry.scorecards.landing import Answered
from cbi.registry.scorecards.models import AnswerKey, Assessment
from cbi.registry.scorecards.sealing import AnswerSealer, place

EXAMPLE = Path(__file__).parents[1] / "examples" / "scorecard.yaml"
CHUNK = 1_000
SEED = 5


def _everything(ground: Ground, name: str) -> Actor:
    return Actor(
        "user", ground.staff[name].actor.id, name, frozenset((each, None) for each in Permission)
    )


def assess(ground: Ground) -> Done:
    """Score, seal and put down an assessment for every household."""
    chance = random.Random(SEED)
    with offices.transaction(OFFICE) as session:
        kept = versions.find(session, "vulnerability")
        ids = session.scalars(select(Household.id).order_by(Household.id)).all()
        today = clock.today(office_of(session).timezone)
    actor = _everything(ground, "rania")
    asked = kept.scorecard.asked(Form.LONG)
    # Made up beforehand: what is measured is what becomes of the answers.
    answers = [{one.name: _answer(chance, one) for one in asked} for _ in range(CHUNK)]
    for some in chunks(ids, CHUNK):
        given = [
            Answered(each, said, today, "benchmark")
            for each, said in zip(some, answers, strict=False)
        ]
        with offices.transaction(OFFICE) as session:
            made = landing.land(session, actor, kept, Form.LONG, given)
        assert not any(isinstance(one, Unusable) for one in made)
    return Done(len(ids))


def _answer(chance: random.Random, indicator: Indicator) -> Any:
    codes = [option.code for option in indicator.options]
    if indicator.kind is Kind.NUMBER:
        return chance.randint(indicator.least, min(indicator.largest, 60))
    if indicator.kind is Kind.YES_NO:
        return chance.random() < 0.1
    if indicator.kind is Kind.MANY:
        return sorted(code for code in codes if chance.random() < 0.1)
    return chance.choice(codes)


def compare(ground: Ground) -> Done:
    """Another threshold, for every household, with what it would cost a programme."""
    text = EXAMPLE.read_text(encoding="utf-8").replace(
        "band: severe, from: 16", "band: severe, from: 20"
    )
    with offices.transaction(OFFICE) as session:
        found = what_if.what_if(
            session,
            _everything(ground, "marc"),
            scorecard=versions.parsed(text),
            programme="winter",
        )
    assert found.unknown == 0
    return Done(found.assessed)


def prove(ground: Ground) -> Done:
    """Work every assessment out again."""
    with offices.transaction(OFFICE) as session:
        for check in assessments.as_answered + assessments.by_two:
            assert list(check(session)) == []
    return Done(ground.households)


def _opened(ground: Ground) -> float:
    """Read every assessment and open what was answered, with nothing scored."""
    with watch() as took, offices.transaction(OFFICE) as session:
        sealer = AnswerSealer(office_of(session).keys)
        rows = session.execute(
            select(
                Assessment.household_id, Assessment.scorecard, Assessment.version, Assessment.form,
                Assessment.assessed_on, Assessment.content, Assessment.person_id, Person.data_key,
                AnswerKey.id, AnswerKey.data_key.label("key"),
            )
            .join(Person, Person.id == Assessment.person_id)
            .join(AnswerKey, AnswerKey.assessment_id == Assessment.id)
            .execution_options(yield_per=5_000)
        )  # fmt: skip
        for household, scorecard, version, form, on, content, person, data_key, *own in rows:
            assert data_key is not None
            where = place(household, scorecard, version, form, on)
            sealer.open(person, data_key, where, content, *own)
    return took.seconds


def _sealed(ground: Ground) -> float:
    """Seal as much as an assessment holds for every household, and COPY it and its key into the same tables."""
    with offices.transaction(OFFICE) as session:
        sealer = AnswerSealer(office_of(session).keys)
        people: list[tuple[UUID, UUID, bytes]] = [
            (household, person, data_key)
            for household, person, data_key in session.execute(
                select(Person.household_id, Person.id, Person.data_key).where(Person.is_recipient)
            )
            if data_key is not None
        ]
        version = versions.find(session, "vulnerability").version
        today = clock.today(office_of(session).timezone)
    content = {
        "answers": {f"question_{at}": at for at in range(14)},
        "facts": {f"fact_{at}": at for at in range(20)},
        "reasons": [{"indicator": "food_coping", "points": "8", "value": 27}] * 4,
    }
    keys: list[tuple[UUID, bytes]] = []
    with copies("assessments", "answer_keys") as connection, watch() as took:
        with connection.cursor().copy(
            "COPY floor_assessments (household_id, person_id, scorecard, version, form, assessed_on, source, content,"
            " score_hundredths, band, needs_second, noted_at) FROM STDIN"
        ) as rows:
            for household, person, data_key in people:
                where = place(household, "vulnerability", version, "long", today)
                made = sealer.seal(person, data_key, where, content)
                keys.append((made.key_id, made.key))
                rows.write_row(
                    (household, person, "vulnerability", version, "long", today, "floor", made.content, 2100, "severe",
                     False, clock.now())
                )  # fmt: skip
        with connection.cursor().copy(
            "COPY floor_answer_keys (id, assessment_id, data_key) FROM STDIN"
        ) as rows:
            for number, (key_id, key) in enumerate(keys):
                rows.write_row((key_id, number, key))
        connection.commit()
    return took.seconds


def figures(ground: Ground) -> Iterator[Figure]:
    """Each step beside its floor."""
    steps.import_list(ground)
    with offices.transaction(OFFICE) as session:
        made = versions.propose(
            session, _everything(ground, "marc"), EXAMPLE.read_text(encoding="utf-8")
        )
        versions.accept(session, _everything(ground, "karim"), made.code, made.version)
    for name, step, floor, what in (
        ("assess", assess, _sealed, "seal + COPY"),
        ("what if", compare, _opened, "read and open once"),
        ("prove", prove, _opened, "read and open once"),
    ):
        run = alone(step, ground, OFFICE)
        yield Figure(
            name, "households", run.rows, run.seconds, run.peak_mb, Target(ratio=5), what,
            min(floor(ground) for _ in range(2)),
        )  # fmt: skip


def main() -> None:
    """Print each figure as a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--households", type=int, default=1_000)
    with opened(parser.parse_args().households, 1, 1) as ground:
        for figure in figures(ground):
            print(json.dumps(figure.as_json()), flush=True)


if __name__ == "__main__":
    main()
