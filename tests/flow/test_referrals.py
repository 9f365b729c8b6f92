"""Whoever registers themself, is referred or asks: into the queue, decided once, and the answer found by its word."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from cbi import offices
from cbi.access.permissions import Role
from cbi.errors import CbiError
from cbi.registry.models import Household, Person
from cbi.registry.personal import names
from cbi.registry.referrals import deciding, receiving
from cbi.registry.referrals.deciding import AlreadyDecided, CannotRegister, UnusablePartner
from cbi.registry.referrals.models import Referral
from cbi.registry.referrals.receiving import Asked, UnknownPartner, UnusableReferral
from cbi.registry.referrals.states import ReferralState, Refusal
from tests.factories import Colleague, households
from tests.flow.signing import colleague

AMINA = Asked(name="Amina Haddad", phone="0550 12 34 56", size="4", area="Oran", words="No roof.")


@pytest.fixture
def officer(session: Session) -> Colleague:
    return colleague(session, Role.REGISTRATION_OFFICER)


@pytest.fixture
def manager(session: Session) -> Colleague:
    return colleague(session, Role.PROGRAMME_MANAGER)


def sent(session: Session, asked: Asked = AMINA) -> receiving.Received:
    return receiving.register(session, asked, language="ar", agreed=True)


def state(session: Session, follow: str) -> ReferralState | None:
    found = receiving.followed(session, follow)
    return found.state if found else None


def test_somebody_registers_themself_and_an_officer_makes_a_household_of_it(
    session: Session, officer: Colleague
) -> None:
    mine = sent(session)
    (line,) = deciding.queue(session, officer.actor)
    assert (line.number, line.kind, line.same_phone) == (mine.number, "self", 0)
    assert state(session, mine.follow) is ReferralState.WAITING
    household = deciding.accept(session, officer.actor, mine.number)
    assert (household.source, household.source_id) == ("self-registration", str(mine.number))
    assert (household.size, household.language) == (4, "ar")
    (person,) = session.scalars(select(Person.id).where(Person.household_id == household.id))
    assert names(session, [person]) == {person: "Amina Haddad"}
    assert state(session, mine.follow) is ReferralState.ACCEPTED
    assert deciding.queue(session, officer.actor) == []


def test_the_word_is_found_however_it_is_typed_and_no_other_word_finds_anything(
    session: Session,
) -> None:
    mine = sent(session)
    arabic = mine.follow.translate(str.maketrans("0123456789-", "٠١٢٣٤٥٦٧٨٩ "))
    assert state(session, arabic) is ReferralState.WAITING
    wrong = f"{(int(mine.follow.replace('-', '')) + 1) % 10**12:012d}"
    assert [state(session, typed) for typed in (wrong, "", "12", "'; --")] == [None] * 4


def test_nothing_that_identifies_anybody_stands_in_clear(session: Session) -> None:
    mine = sent(session)
    row = session.execute(text("SELECT r::text FROM referrals r")).scalar_one()
    assert not [
        word
        for word in ("Amina", "Haddad", "550123456", mine.follow.replace("-", ""))
        if word in row
    ]


def test_a_partner_refers_with_its_key_until_it_is_stopped(
    session: Session, officer: Colleague, manager: Colleague
) -> None:
    key = deciding.add_partner(session, manager.actor, "red-crescent", "Red Crescent")
    mine = receiving.refer(session, key, AMINA, language="fr", agreed=True)
    assert deciding.opened(session, officer.actor, mine.number).line.partner == "Red Crescent"
    assert deciding.accept(session, officer.actor, mine.number).source == "partner-red-crescent"
    deciding.stop_partner(session, manager.actor, "red-crescent")
    for wrong in (key, "", "guessed"):
        with pytest.raises(UnknownPartner):
            receiving.refer(session, wrong, AMINA, language="fr", agreed=True)


@pytest.mark.parametrize("code", ["", "Red Crescent", "x'", "red-crescent"])
def test_a_partner_has_a_short_name_of_its_own(
    session: Session, manager: Colleague, code: str
) -> None:
    deciding.add_partner(session, manager.actor, "red-crescent", "Red Crescent")
    with pytest.raises(UnusablePartner):
        deciding.add_partner(session, manager.actor, code, "Another")


@pytest.mark.parametrize(
    ("asked", "agreed", "field"),
    [
        (Asked(name="12", size="1"), True, "name"),
        (Asked(name="Amina", size=""), True, "size"),
        (Asked(name="Amina", size="61"), True, "size"),
        (Asked(name="Amina", size="2", phone="12"), True, "phone"),
        (Asked(name="Amina", size="2"), False, "agreed"),
        (Asked(name="Amina", size="2", words="x" * 501), True, "words"),
    ],
)
def test_what_is_missing_is_said_and_by_which_field(
    session: Session, asked: Asked, *, agreed: bool, field: str
) -> None:
    with pytest.raises(UnusableReferral) as refusal:
        receiving.register(session, asked, language="en", agreed=agreed)
    assert refusal.value.details["field"] == field


def test_a_question_needs_no_name_and_is_answered_not_registered(
    session: Session, officer: Colleague
) -> None:
    mine = receiving.question(session, Asked(words="Where is the office?"), language="es")
    for work in (
        lambda: deciding.accept(session, officer.actor, mine.number),
        lambda: deciding.reject(session, officer.actor, mine.number, Refusal.INCOMPLETE),
    ):
        with pytest.raises(CannotRegister):
            work()
    deciding.answer(session, officer.actor, mine.number, "It is on the answering machine.")
    assert state(session, mine.follow) is ReferralState.ANSWERED


def test_what_cannot_be_registered_says_why_and_waits_until_it_is_corrected(
    session: Session, officer: Colleague
) -> None:
    mine = sent(session, Asked(name="Amina", size="3"))
    wrong = Asked(name="Amina", size="3", phone="7")
    with pytest.raises(CannotRegister, match="digits"):
        deciding.accept(session, officer.actor, mine.number, corrected=wrong)
    assert state(session, mine.follow) is ReferralState.WAITING
    right = Asked(name="Amina Haddad", size="5", phone="0550123456")
    assert deciding.accept(session, officer.actor, mine.number, corrected=right).size == 5


def test_whoever_has_the_telephone_already_is_shown_and_can_be_named(
    session: Session, officer: Colleague
) -> None:
    first = sent(session)
    household = deciding.accept(session, officer.actor, first.number)
    second = sent(session)
    found = deciding.opened(session, officer.actor, second.number)
    known = f"self-registration/{first.number}"
    assert (found.known_as, found.line.same_phone) == ((known,), 2)
    assert deciding.merge(session, officer.actor, second.number, known).id == household.id
    assert state(session, second.follow) is ReferralState.MERGED


def test_a_no_has_a_reason_of_the_list(session: Session, officer: Colleague) -> None:
    mine = sent(session)
    with pytest.raises(CannotRegister, match="Say why"):
        deciding.reject(session, officer.actor, mine.number, "because")
    deciding.reject(session, officer.actor, mine.number, "outside_area", "Lives in Tunis.")
    found = receiving.followed(session, mine.follow)
    assert found is not None
    assert (found.state, found.refusal) == (ReferralState.REJECTED, Refusal.OUTSIDE_AREA)


@pytest.mark.usefixtures("database")
def test_two_officers_at_once_make_one_household() -> None:
    with offices.transaction("dz") as session:
        households(session, [1])
        mine = sent(session)
        people = [colleague(session, Role.REGISTRATION_OFFICER).actor for _ in range(8)]

    def decide(at: int) -> str:
        try:
            with offices.transaction("dz") as session:
                if at % 2:
                    deciding.accept(session, people[at], mine.number)
                else:
                    deciding.reject(session, people[at], mine.number, Refusal.INCOMPLETE)
        except AlreadyDecided:
            return "late"
        except CbiError as refusal:  # pragma: no cover - none is expected
            return refusal.code
        return "decided"

    with ThreadPoolExecutor(8) as pool:
        came = list(pool.map(decide, range(8)))
    assert sorted(came) == ["decided"] + ["late"] * 7
    with offices.transaction("dz") as session:
        made = session.scalar(
            select(func.count())
            .select_from(Household)
            .where(Household.source == "self-registration")
        )
        (row,) = session.scalars(select(Referral))
        assert made == (row.state is ReferralState.ACCEPTED)
