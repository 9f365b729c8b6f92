"""Why a programme may use people's data: named in its file, accepted by somebody else, and apart from consent."""

import textwrap
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi.access.permissions import Role
from cbi.programmes import applying, cycles, legal_basis, queries
from cbi.programmes.legal_models import Ground
from cbi.programmes.models import Entitlement
from cbi.programmes.problems import ProgrammeFileErrors
from cbi.registry.consent.models import Answer
from tests import consenting
from tests.factories import EVERYTHING, START, Colleague, colleague
from tests.programme_factory import household, programme_file

PERIODS = tuple(f"{START.year}-{month:02d}" for month in (1, 2))


@pytest.fixture
def manager(session: Session) -> Colleague:
    """Whoever applies the files."""
    return colleague(session, Role.PROGRAMME_MANAGER)


@pytest.fixture
def officer(session: Session) -> Colleague:
    """Whoever accepts what they name."""
    return colleague(session, Role.PROTECTION_OFFICER)


def _file(ground: str, because: str = "Told to everybody, face to face, in their language.") -> str:
    basis = f'legal_basis: {{ground: {ground}, because: "{because}"}}\n'
    return basis + programme_file(code="winter")


def _entitled(session: Session, period: str) -> set[UUID]:
    programme = queries.find(session, "winter")
    wanted = select(Entitlement.household_id).where(
        Entitlement.programme_id == programme.id, Entitlement.period == period
    )
    return set(session.scalars(wanted))


def test_no_cycle_is_opened_before_a_second_person_accepts_the_basis(
    session: Session, manager: Colleague, officer: Colleague
) -> None:
    applied = applying.apply(session, manager.actor, _file("public_interest"))
    assert "legal basis" in applied.what_changed[-1]
    with pytest.raises(legal_basis.BasisWaits):
        cycles.open_cycle(session, EVERYTHING, "winter", "2026-01")
    with pytest.raises(legal_basis.OwnBasis):
        legal_basis.accept(session, manager.actor, "winter", 1)
    legal_basis.accept(session, officer.actor, "winter", 1)
    cycles.open_cycle(session, EVERYTHING, "winter", "2026-01")
    with pytest.raises(legal_basis.UnknownBasis):
        legal_basis.accept(session, officer.actor, "winter", 1)


def test_who_has_not_agreed_is_out_only_where_consent_is_the_basis(
    session: Session, manager: Colleague, officer: Colleague
) -> None:
    agreed, silent = household(session, consent=True), household(session)
    applying.apply(session, manager.actor, _file("consent"))
    legal_basis.accept(session, officer.actor, "winter", 1)
    cycles.open_cycle(session, EVERYTHING, "winter", "2026-01")
    assert _entitled(session, "2026-01") == {agreed}
    applying.apply(session, manager.actor, _file("vital_interest"))
    with pytest.raises(legal_basis.BasisWaits):
        cycles.open_cycle(session, EVERYTHING, "winter", "2026-02")
    legal_basis.accept(session, officer.actor, "winter", 2)
    cycles.open_cycle(session, EVERYTHING, "winter", "2026-02")
    assert _entitled(session, "2026-02") == {agreed, silent}


def test_who_takes_back_their_consent_is_owed_nothing_from_the_next_cycle_on(
    session: Session, manager: Colleague, officer: Colleague
) -> None:
    home = household(session, consent=True)
    consenting.accepted(session, consenting.notice_file())
    collector = consenting.alive(session, consenting.collector_of(session, home))
    applying.apply(session, manager.actor, _file("consent"))
    legal_basis.accept(session, officer.actor, "winter", 1)
    cycles.open_cycle(session, EVERYTHING, "winter", "2026-01")
    consenting.says(session, collector, Answer.WITHDRAWN)
    cycles.open_cycle(session, EVERYTHING, "winter", "2026-02")
    assert _entitled(session, "2026-01") == {home}
    assert _entitled(session, "2026-02") == set()
    consenting.says(session, collector, Answer.GIVEN)
    cycles.open_cycle(session, EVERYTHING, "winter", "2026-03")
    assert _entitled(session, "2026-03") == {home}


def test_one_person_alone_neither_changes_nor_drops_a_basis(
    session: Session, manager: Colleague, officer: Colleague
) -> None:
    applying.apply(session, manager.actor, _file("consent"))
    legal_basis.accept(session, officer.actor, "winter", 1)
    with pytest.raises(legal_basis.BasisLeftOut):
        applying.apply(session, manager.actor, programme_file(code="winter"))
    applying.apply(session, manager.actor, _file("contract"))
    applying.apply(session, manager.actor, _file("legitimate_interest"))
    assert [(each.ground, each.decision) for each in legal_basis.versions(session, EVERYTHING, "winter")] == [
        (Ground.LEGITIMATE_INTEREST, None), (Ground.CONTRACT, "refused"), (Ground.CONSENT, "accepted"),
    ]  # fmt: skip
    # Back to what two people accepted: nothing waits any more.
    applying.apply(session, manager.actor, _file("consent"))
    cycles.open_cycle(session, EVERYTHING, "winter", "2026-01")


def test_a_refused_basis_is_proposed_anew_by_applying_the_file_again(
    session: Session, manager: Colleague, officer: Colleague
) -> None:
    applying.apply(session, manager.actor, _file("contract"))
    legal_basis.refuse(session, officer.actor, "winter", 1, "nobody signed a contract")
    again = applying.apply(session, manager.actor, _file("contract"))
    assert (again.version, again.changed) == (1, True)
    assert not applying.apply(session, manager.actor, _file("contract")).changed
    assert legal_basis.versions(session, EVERYTHING, "winter")[0].version == 2


def test_files_that_name_no_basis_stand_as_they_were(session: Session, manager: Colleague) -> None:
    silent = household(session)
    applied = applying.apply(session, manager.actor, programme_file(code="winter"))
    assert not any("legal basis" in change for change in applied.what_changed)
    cycles.open_cycle(session, EVERYTHING, "winter", "2026-01")
    assert _entitled(session, "2026-01") == {silent}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("legal_basis: {ground: wish, because: Everybody would like to be helped.}", "ground"),
        ("legal_basis: {ground: consent}", "because"),
        ("legal_basis: {ground: consent, because: yes}", "20 to 1000"),
        (
            "legal_basis: {ground: contract, because: They signed a paper about it.}",
            "eligibility.consent",
        ),
    ],
)
def test_a_basis_that_makes_no_sense_is_refused(session: Session, text: str, says: str) -> None:
    file = textwrap.dedent(f"{text}\n") + programme_file(
        code="winter", eligibility="{consent: required}"
    )
    with pytest.raises(ProgrammeFileErrors, match=says):
        applying.apply(session, EVERYTHING, file)
