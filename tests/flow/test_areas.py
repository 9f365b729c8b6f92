"""Places as a tree: taken in, kept, found at registration, matched afterwards, and understood by programme files."""

import io
from datetime import timedelta

import pytest
from fastapi import Request
from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from cbi import clock, offices
from cbi.access.actor import Actor, NotPermitted
from cbi.access.permissions import Permission
from cbi.console.visit import Visit
from cbi.offices import office_of
from cbi.programmes import applying, cycles, replaying
from cbi.programmes.named_areas import UnclearArea
from cbi.proofs import places as proofs
from cbi.registry.areas import matching, queries
from cbi.registry.areas.models import Area, AreaMatch, AreaName
from cbi.registry.areas.reading import UnusableAreas
from cbi.registry.areas.standing import resolve
from cbi.registry.areas.tree import AmbiguousArea
from cbi.registry.intake import importing
from cbi.registry.intake.results import ImportResult
from cbi.registry.models import Household
from tests.factories import EVERYTHING
from tests.kinds_factory import kind_file, owed
from tests.places import LEVELS, listed, take_in
from tests.programme_factory import OFFICER, household

SIMPLE = "code,name,name_fr,parent\nDZ3103,Mers El Kébir,Mers El Kébir,DZ31\nDZ3101,,Wahran,DZ31\n"


def register(session: Session, *rows: tuple[str, str], first: int = 0) -> ImportResult:
    """Take in a registration list of numbers and areas."""
    return importing.import_file(
        session, EVERYTHING, listed(rows, first=first), filename="made.csv"
    )


def areas(session: Session) -> dict[str, str | None]:
    """The area of each household by its number."""
    return dict(iter(session.execute(select(Household.source_id, Household.area))))


def test_a_list_is_taken_in_once_and_a_later_one_adds_and_renames(session: Session) -> None:
    trial = take_in(session, dry_run=True)
    assert (trial.listed, trial.added, trial.named) == (9, 9, 20)
    assert not queries.tree(session)
    taken = take_in(session)
    assert (taken.added, taken.named) == (9, 20)
    assert not take_in(session).changed
    more = take_in(session, SIMPLE)
    assert (more.listed, more.added, more.named) == (2, 1, 3)
    found = queries.areas(session, EVERYTHING, below="DZ31")
    assert [each.code for each in found] == ["DZ31", "DZ3101", "DZ3102", "DZ3103"]
    assert found[1].names["fr"] == "Wahran"
    named = queries.called(session, EVERYTHING, "DZ3101")
    assert [each.name for each in named if each.language == "fr"] == ["Wahran", "Oran"]
    assert session.get_one(Area, "DZ3103").above == ["DZ3103", "DZ31", "DZ"]


def test_a_wrong_row_keeps_the_whole_list_out(session: Session) -> None:
    with pytest.raises(UnusableAreas, match="row 3: DZ9901 lies in DZ99"):
        take_in(session, "code,parent\nDZ,\nDZ9901,DZ99\n")
    assert not queries.tree(session)
    take_in(session)
    with pytest.raises(UnusableAreas, match="DZ3101 lies in DZ31 on record"):
        take_in(session, "code,parent\nDZ3101,DZ16\n")


def test_only_whoever_may_change_places_takes_them_in(session: Session) -> None:
    reader = Actor("user", None, "a reader", frozenset({(Permission.PROGRAMME_READ, None)}))
    with pytest.raises(NotPermitted):
        matching.match(session, reader)
    take_in(session)
    assert len(queries.areas(session, reader)) == 9


def test_a_registered_household_stands_in_the_area_that_is_meant(session: Session) -> None:
    assert register(session, ("A", "Harbour")).landed == 1  # no tree yet: as it was written
    take_in(session)
    result = register(
        session, ("B", "es senia"), ("C", "DZ16"), ("D", "Oran / Oran"), ("E", "السانية"), ("F", "Sidi Ali"),
        ("G", "Atlantis"), ("H", ""), first=10,
    )  # fmt: skip
    assert (result.landed, result.rejected) == (5, 2)
    assert areas(session) == {
        "A": "Harbour", "B": "DZ3102", "C": "DZ16", "D": "DZ3101", "E": "DZ3102", "H": None
    }  # fmt: skip
    told = {row.line: row.reasons[0] for row in result.rows if row.reasons}
    assert {line: reason.code for line, reason in told.items()} == {
        6: "area_ambiguous",
        7: "area_unknown",
    }
    assert "DZ1602 Sidi Ali (in DZ16 Algiers), DZ2701 Sidi Ali" in told[6].message
    assert "Atlantis" not in str(told[7])  # a shifted column may hold a name
    again = register(session, ("B", "es senia"), ("C", "DZ16"), first=10)
    assert (again.unchanged, again.rejected) == (2, 0)


def test_households_from_before_the_tree_are_matched_after_a_look(session: Session) -> None:
    rows = [
        ("A", "Es Senia"),
        ("B", "ES SENIA"),
        ("C", "Es Senia"),
        ("D", "Oran"),
        ("E", "Harbour"),
        ("F", ""),
    ]
    register(session, *rows)
    with pytest.raises(matching.NoTree):
        matching.match(session, EVERYTHING)
    take_in(session)
    looked = matching.match(session, EVERYTHING)
    assert [(each.written, each.households, each.area) for each in looked.found] == [
        ("Es Senia", 2, "DZ3102"), ("ES SENIA", 1, "DZ3102"),
    ]  # fmt: skip
    assert {each.written for each in looked.missing} == {"Oran", "Harbour"}
    assert "DZ31 Oran (in DZ Algeria)" in next(e.why for e in looked.missing if e.written == "Oran")
    assert (looked.standing, looked.without, looked.households_missing) == (0, 1, 2)
    assert areas(session)["A"] == "Es Senia"
    done = matching.match(session, EVERYTHING, write=True)
    assert done.households_found == 3
    assert areas(session) == {
        "A": "DZ3102", "B": "DZ3102", "C": "DZ3102", "D": "Oran", "E": "Harbour", "F": None
    }  # fmt: skip
    kept = session.execute(select(AreaMatch.written, AreaMatch.households).order_by(AreaMatch.id))
    assert kept.all() == [("Es Senia", 2), ("ES SENIA", 1)]
    again = matching.match(session, EVERYTHING, write=True)
    assert (again.standing, again.households_found) == (3, 0)
    assert register(session, *rows).unchanged == 6  # the list again is still the same list


def test_one_function_says_where_a_household_may_stand(session: Session) -> None:
    assert resolve(session, EVERYTHING, "Harbour") == "Harbour"
    take_in(session)
    assert resolve(session, EVERYTHING, "Es Senia") == "DZ3102"
    with pytest.raises(AmbiguousArea):
        resolve(session, EVERYTHING, "Oran")


STIPEND = """{base: "100", top_ups: [
  {name: west, amount: "40", for: {areas: [DZ31, Harbour]}},
  {name: town, amount: "7", for: {areas: [dz3101]}}]}"""


def test_an_area_in_a_programme_file_means_everything_in_it(session: Session) -> None:
    take_in(session, "code,name\nharbour,Harbour\n")
    take_in(session)
    file = kind_file(STIPEND) + 'eligibility: {areas: [DZ31, "Bab El Oued", harbour]}\n'
    applying.apply(session, OFFICER, file)
    lived_in = (
        "DZ3101",
        "DZ3102",
        "DZ31",
        "Es Senia",
        "harbour",
        "DZ1601",
        "DZ16",
        "DZ2701",
        "Mars",
        None,
    )
    who = {household(session, 1, area=area): area for area in lived_in}
    opened = cycles.open_cycle(session, OFFICER, "winter-2026", "2026-01")
    found = {who[this]: trace for (this, _), (_, trace) in owed(session, opened.id).items()}
    west = "100.00 + top-up west 40.00 = 140.00 DZD"
    assert found == {
        "DZ3101": "100.00 + top-up west 40.00 + top-up town 7.00 = 147.00 DZD",
        "DZ3102": west, "DZ31": west, "Es Senia": west, "harbour": west, "DZ1601": "100.00 DZD",
    }  # fmt: skip
    take_in(session, "code,name\nDZ3102,Another name\n")
    assert replaying.replay(session, OFFICER, "winter-2026", "2026-01").differing == 0


def test_a_programme_file_that_names_no_area_or_several_is_refused(session: Session) -> None:
    take_in(session)
    for named, why in (("Oran", "several are called so: DZ31"), ("Atlantis", "has none of this")):
        with pytest.raises(UnclearArea, match=why):
            applying.apply(session, OFFICER, kind_file(STIPEND.replace("Harbour", named)))


def test_verify_shows_a_household_that_stands_nowhere_and_a_tree_that_was_bent(
    owner: Engine,
) -> None:
    with offices.transaction("dz") as session, clock.frozen(clock.now() - timedelta(hours=1)):
        household(
            session, 1, area="Harbour"
        )  # from before the tree: shown by matching, not a breach
    with offices.transaction("dz") as session, clock.frozen(clock.now() - timedelta(minutes=30)):
        take_in(session)
    with offices.transaction("dz") as session:
        register(session, ("A", "DZ3102"))
        assert list(broken(session)) == []
    with owner.begin() as connection:
        connection.execute(text("UPDATE households SET area = 'Mars' WHERE source_id = 'A'"))
        connection.execute(
            text("UPDATE areas SET above = '{DZ3101,DZ31,DZ16}', level = 2 WHERE code = 'DZ3101'")
        )
    with offices.transaction("dz") as session:
        assert sorted(broken(session)) == [
            "area DZ3101 lies elsewhere than what it lies in",
            "household A stands in 'Mars', which is no area",
        ]


def broken(session: Session) -> list[str]:
    """What the checks of the tree find."""
    return [breach for check in proofs.standing for breach in check(session)]


def test_names_and_places_of_two_lists_at_once_are_one_tree(database: object) -> None:
    for text_ in (LEVELS, SIMPLE, LEVELS):
        with offices.transaction("dz") as session:
            take_in(session, text_)
    with offices.transaction("dz") as session:
        assert len(queries.tree(session).places) == 10
        # The name of before came with the first list again, and is the latest once more.
        assert queries.tree(session).places["DZ3101"].names["fr"] == "Oran"
        assert session.scalar(select(AreaName.name).order_by(AreaName.id.desc()).limit(1)) == "Oran"


def test_a_list_in_a_workbook_of_another_kind_is_refused(session: Session) -> None:
    with pytest.raises(UnusableAreas, match="No sheet has columns of codes"):
        take_in(session, io.StringIO("who,what\na,b\n").read())


@pytest.mark.parametrize(
    ("language", "name"), [("ar", "السانية (DZ3102)"), ("fr", "Es Sénia (DZ3102)"), ("es", "السانية (DZ3102)")]
)  # fmt: skip
def test_pages_call_an_area_as_their_reader_does(
    session: Session, language: str, name: str
) -> None:
    take_in(session)
    headers = [(b"accept-language", language.encode())]
    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": headers}
    request = Request(scope)
    visit = Visit(request, None, office_of(session))
    assert visit.place("DZ3102") == "DZ3102", "no tree without an office's session"
    request.state.session = session
    assert visit.place("DZ3102") == name
    assert (visit.place("Harbour"), visit.place(None)) == ("Harbour", "–")
