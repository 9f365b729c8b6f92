"""How well and how fast the same people are found: `python -m benchmarks.linkage --people 100000`.

FEBRL's sets, whose truth is known, are compared in memory by the keys, the model and the score that the engine ships with
(set 4 is two lists; here it is one registry). Then made-up people are registered in an office and compared as the worker
does it, beside the least that any comparison must do: read and open everybody once.
"""

import argparse
import csv
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from itertools import combinations
from pathlib import Path
from uuid import UUID

from sqlalchemy import select

from benchmarks.ground import OFFICE, Ground
from benchmarks.ground import opened as opened_office
from benchmarks.made_up_people import MadeUp, compared, people
from benchmarks.measure import Done, alone, peak_mb, watch
from cbi import db, offices
from cbi.registry.intake import importing
from cbi.registry.linkage import candidates as shared_keys
from cbi.registry.linkage import finding, memory, queries
from cbi.registry.linkage.blocking import plain_keys
from cbi.registry.linkage.likeness import Likeness, likeness
from cbi.registry.linkage.models import Pair
from cbi.registry.linkage.opening import opened
from cbi.registry.linkage.rules import ASK
from cbi.registry.linkage.scoring import Rarity
from cbi.registry.models import Household, Person
from tests.peers.febrl import dataset

SEED = 7
MOST_ROWS = 800_000
"""In one list: an import takes no more than a million rows, and eight million cells."""
TOLD_EVERY = 10_000
"""People, after whom a long run says how far it is."""
ASKED_FROM = (400, 500, 600, 700, 800, 900, 950, 990)
"""Per mille from which an office may ask: what it would find, and how much of that is one person."""
SETS = {"FEBRL 1": ["1"], "FEBRL 2": ["2"], "FEBRL 3": ["3"], "FEBRL 4": ["4a", "4b"]}
COLUMNS = (
    "Registration number",
    "Name",
    "Phone",
    "Language",
    "Household size",
    "Area",
    "Sex",
    "Date of birth",
    "Document number",
)


@dataclass(frozen=True, slots=True)
class Quality:
    """What was found of what there is to find."""

    records: int
    pairs: int
    """Pairs of records that are the same person."""
    compared: int
    found: int
    right: int
    flagged: int
    """Right pairs that are found in any case, because both show the same document (`registry/duplicates`)."""
    flagged_wrongly: int
    seconds: float

    @property
    def recall(self) -> float:
        """The share of the pairs there are that was found."""
        return self.right / self.pairs

    @property
    def precision(self) -> float:
        """The share of the pairs found that are one person."""
        return self.right / self.found if self.found else 1.0

    @property
    def recall_with_documents(self) -> float:
        """The share that is found by likeness or because one document is shown twice."""
        return (self.right + self.flagged) / self.pairs

    @property
    def precision_with_documents(self) -> float:
        """Its precision."""
        right = self.right + self.flagged
        return right / (right + self.found - self.right + self.flagged_wrongly)


def rarity_of(likenesses: Sequence[Likeness]) -> Rarity:
    """How common each part of a name is among these people."""
    parts = Counter(part for one in likenesses for part in {word.sound for word in one.words})
    return Rarity(len(likenesses), parts)


def candidates(likenesses: Sequence[Likeness]) -> set[tuple[int, int]]:
    """Pairs, as places in the list, that share a key; the rule of `finding` for keys that too many share."""
    sharing: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for at, one in enumerate(likenesses):
        for key, finer in dict(plain_keys(one)).items():
            sharing[key].append((at, finer))
    pairs: set[tuple[int, int]] = set()
    for those in sharing.values():
        groups: dict[str, list[int]] = defaultdict(list)
        for at, finer in those:
            groups[finer if len(those) > shared_keys.CROWDED else ""].append(at)
        for group in groups.values():
            if len(group) <= shared_keys.CROWDED:
                pairs.update(combinations(group, 2))
    return pairs


def quality(likenesses: Sequence[Likeness], who: Sequence[object]) -> Quality:
    """Compare everybody with everybody, and look at the truth afterwards."""
    with watch() as took:
        pairs = sorted(candidates(likenesses))
        rare = rarity_of(likenesses)
        found = set()
        for some in db.chunks(pairs, 50_000):
            for each in memory.score(likenesses, some, rare, at_least_per_mille=ASK):
                found.add((each.first, each.second))
    place = {one.person: at for at, one in enumerate(likenesses)}
    liked = {tuple(sorted((place[first], place[second]))) for first, second in found}
    shown = _same_document(likenesses) - liked
    right = sum(who[first] == who[second] for first, second in liked)
    flagged = sum(who[first] == who[second] for first, second in shown)
    there = sum(count * (count - 1) // 2 for count in Counter(who).values())
    return Quality(
        len(likenesses),
        there,
        len(pairs),
        len(liked),
        right,
        flagged,
        len(shown) - flagged,
        took.seconds,
    )


def _same_document(likenesses: Sequence[Likeness]) -> set[tuple[int, int]]:
    showing: dict[str, list[int]] = defaultdict(list)
    for at, one in enumerate(likenesses):
        if one.document:
            showing[one.document].append(at)
    return {pair for those in showing.values() for pair in combinations(those, 2)}


def febrl(names: Sequence[str]) -> tuple[list[Likeness], list[str]]:
    """One of FEBRL's sets as people to compare, and who each of them is."""
    likenesses: list[Likeness] = []
    who: list[str] = []
    for name in names:
        with dataset(f"dataset{name}").open(encoding="utf-8") as file:
            for row in csv.DictReader(file, skipinitialspace=True):
                row = {(key or "").strip(): (value or "").strip() for key, value in row.items()}
                at = len(likenesses) + 1
                born = row["date_of_birth"]
                told = (
                    f"{born[:4]}-{born[4:6]}-{born[6:]}"
                    if len(born) == 8 and born.isdigit()
                    else None
                )
                document = row["soc_sec_id"]
                likenesses.append(
                    likeness(
                        UUID(int=at), UUID(int=at), f"{row['given_name']} {row['surname']}", told, date(2003, 1, 1),
                        place=row["suburb"] or None, document=f"/{document}" if document else None,
                    )
                )  # fmt: skip
                who.append(row["rec_id"].split("-")[1])
    return likenesses, who


def listed(made: Sequence[MadeUp], folder: Path) -> None:
    """The made-up people as registration lists no longer than may be imported, each person a household."""
    for some in db.chunks(enumerate(made), MOST_ROWS):
        _listed(some, folder / f"people-{some[0][0]:07d}.csv")


def _listed(some: Sequence[tuple[int, MadeUp]], place: Path) -> None:
    with place.open("w", newline="", encoding="utf-8") as file:
        sheet = csv.writer(file)
        sheet.writerow(COLUMNS)
        for at, one in some:
            told = one.told if one.told[:1].isdigit() else ""
            sheet.writerow(
                (
                    f"L-{at:07d}",
                    one.name,
                    one.phone,
                    "ar",
                    one.size,
                    one.place,
                    one.sex,
                    told,
                    one.document,
                )
            )


def register(made: Ground) -> Done:
    """Take the lists in."""
    landed = 0
    for place in sorted(made.folder.glob("people-*.csv")):
        with offices.transaction(OFFICE) as session:
            landed += importing.import_file(
                session, made.staff["rania"].actor, place, filename=place.name
            ).landed
        Say()(f"{landed:>9,} people imported")
    return Done(landed)


def open_everybody(made: Ground) -> Done:
    """The floor: read and open everybody once."""
    count = 0
    with offices.transaction(OFFICE) as session:
        people = session.scalars(select(Person.id).order_by(Person.id)).all()
        for some in db.chunks(people, finding.CHUNK):
            count += len(opened(session, some))
    return Done(count)


def compare_everybody(made: Ground) -> Done:
    """Compare everybody who waits, as the worker does, a transaction for each step."""
    done, say, told = finding.NOTHING, Say(), 0
    began = time.perf_counter()
    for step in finding.compare_waiting(partial(offices.transact, OFFICE)):
        done += step
        if done.people >= told + TOLD_EVERY:
            told = done.people
            say(
                f"{told:>9,} people compared  {time.perf_counter() - began:7.1f} s"
                f"  ({time.process_time():.1f} s of this process's processor time)"
                f"  {done.pairs:,} pairs  {done.found:,} kept  peak {peak_mb():,.0f} MB"
            )
    return Done(done.people)


def in_an_office(count: int, say: "Say") -> None:
    """Register so many people in a database of their own, compare them, and say how long it took beside its floor."""
    made = people(count, SEED)
    with opened_office(count, 1, 1) as office:
        listed(made, office.folder)
        taken = alone(register, office, OFFICE)
        floor = alone(open_everybody, office, OFFICE)
        run = alone(compare_everybody, office, OFFICE)
        with offices.transaction(OFFICE) as session:
            pairs = session.scalars(
                select(Pair).where(Pair.id.in_(queries.open_pairs().with_only_columns(Pair.id)))
            ).all()
            landed = session.scalars(select(Household.source_id)).all()
            number = {
                each.person_id: int(each.number[2:])
                for each in queries.sides(session, pairs).values()
            }
    same = {
        pair: made[number[pair.first_id]].who == made[number[pair.second_id]].who for pair in pairs
    }
    there = _to_find([made[int(each[2:])] for each in landed])
    say(
        f"{run.rows:>9,} people  import {taken.seconds:7.1f} s  compare {run.seconds:7.1f} s"
        f" = {run.seconds / floor.seconds:5.1f} × opening everybody ({floor.seconds:.1f} s)  peak {run.peak_mb:,.0f} MB"
        f"  ({there:,} pairs to find)"
    )
    for score in ASKED_FROM:
        asked = [right for pair, right in same.items() if pair.per_mille >= score]
        say(
            f"  asked from {score:>3}  {len(asked):>8,} pairs"
            f"  recall {sum(asked) / there:.3f}  precision {sum(asked) / max(len(asked), 1):.3f}"
        )


def _to_find(those: Sequence[MadeUp]) -> int:
    """Pairs of these that are one person. Who shows the same document twice is flagged for it, and is no such pair."""
    registered: dict[int, list[MadeUp]] = defaultdict(list)
    for one in those:
        registered[one.who].append(one)
    return sum(
        one.document is None or one.document != other.document
        for each in registered.values()
        for one, other in combinations(each, 2)
    )


class Say:
    """Prints a line at once."""

    def __call__(self, line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def main() -> None:
    """Measure, and print a line for each."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--people", type=int, default=0, help="So many in an office of their own.")
    options.add_argument("--no-febrl", action="store_true")
    chosen = options.parse_args()
    say = Say()
    if not chosen.no_febrl:
        for name, files in SETS.items():
            likenesses, who = febrl(files)
            told(name, quality(likenesses, who), say)
    made = people(5_000, SEED)
    told("made up", quality(list(compared(made)), [one.who for one in made]), say)
    say(f"peak {peak_mb():,.0f} MB")
    if chosen.people:
        in_an_office(chosen.people, say)


def told(name: str, found: Quality, say: Say) -> None:
    """One line about one set."""
    say(
        f"{name:8} {found.records:>6,} records {found.pairs:>6,} pairs  compared {found.compared:>8,}"
        f"  recall {found.recall:.4f}  precision {found.precision:.4f}"
        f"  with documents {found.recall_with_documents:.4f}  {found.precision_with_documents:.4f}  {found.seconds:.1f} s"
    )


if __name__ == "__main__":
    main()
