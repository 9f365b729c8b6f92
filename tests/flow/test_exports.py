"""Lists of people leave the house encrypted, within limits, by another's word, marked, and written down."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor, NotPermitted
from cbi.access.models import User
from cbi.access.permissions import Role
from cbi.access.totp import WrongCode
from cbi.audit.models import AuditEntry
from cbi.programmes import cycles
from cbi.programmes.queries import UnknownProgramme
from cbi.protection.exporting import asking, envelope, fetching
from cbi.protection.exporting.asking import (
    OwnExport,
    TooManyPeople,
    UnknownExport,
    UnusableExport,
    Wish,
)
from cbi.protection.exporting.choosing import NobodyChosen, Whom
from cbi.protection.exporting.fetching import NotToBeFetched, NotYours, PassphraseShown
from cbi.protection.exporting.models import ExportDecision, ExportFetch
from cbi.registry import viewing
from cbi.registry.models import Gone, Household, Person
from cbi.registry.view_models import PersonView
from cbi.settings import settings
from tests.exporting import NAMED, clear, placed, wish
from tests.factories import (
    EVERYTHING,
    PERIOD,
    Colleague,
    colleague,
    funded_programme,
    households,
    phone_of,
)

Limit = Callable[[str, int], None]


@pytest.fixture
def asker(session: Session) -> Colleague:
    return colleague(session, Role.REGISTRATION_OFFICER)


@pytest.fixture
def second(session: Session) -> Colleague:
    return colleague(session, Role.PROTECTION_OFFICER)


@pytest.fixture
def limit(monkeypatch: pytest.MonkeyPatch) -> Limit:
    def set_to(name: str, most: int) -> None:
        monkeypatch.setenv(f"CBI_{name}", str(most))
        settings.cache_clear()

    return set_to


def test_a_list_within_the_limits_is_fetched_once_and_opened_with_words_that_another_reads_out(
    session: Session, asker: Colleague, second: Colleague
) -> None:
    numbers = placed(session, 3)
    placed(session, 2, "Algiers")
    made = asking.ask(session, asker.actor, wish())
    assert (made.people, made.needs_approval) == (3, False)
    fetched = fetching.fetch(session, asker.actor, made.number)
    words = fetching.passphrase(session, second.actor, made.number)
    name, _ = envelope.opened(fetched.content, words)
    assert (fetched.name, name, fetched.people) == ("export-1.zip", "export-1.xlsx", 3)
    banner, heading, *rows = clear(session, made, fetched.content)
    assert heading == ["Registration number", "Name", "Telephone", "Export", "Mark"]
    assert {(row[0], row[2]) for row in rows} == {(each, phone_of(each)) for each in numbers}
    assert all(
        row[3].startswith("Export 1, ") and "A Colleague, delivery" in row[3] for row in rows
    )
    assert banner[0].endswith("Confidential.")
    assert not any(each in fetched.content for each in (b"H-0", phone_of(numbers[0]).encode()))
    with pytest.raises(NotToBeFetched, match="as often"):
        fetching.fetch(session, asker.actor, made.number)


def test_everybody_in_a_fetched_list_can_see_that_they_left_the_house(
    session: Session, asker: Colleague
) -> None:
    numbers = placed(session, 3)
    made = asking.ask(session, asker.actor, wish(fetches=2))
    assert session.scalars(select(PersonView)).all() == [], "asking shows nobody to anybody"
    for _ in range(2):
        fetching.fetch(session, asker.actor, made.number)
    views = session.scalars(select(PersonView)).all()
    assert len(views) == 6
    assert {view.export_id for view in views} == {made.id}
    (seen, _) = viewing.seen(
        session, colleague(session, Role.AUDITOR).actor, numbers[0], names=True
    )
    assert (seen.who, seen.fields, seen.left_house, seen.told_to) == (
        "A Colleague", ("name", "number", "phone"), True, None,
    )  # fmt: skip
    fetches = session.scalars(select(ExportFetch)).all()
    assert len({fetch.digest for fetch in fetches}) == 2


def test_above_the_limits_somebody_else_approves_with_a_fresh_code(
    session: Session, asker: Colleague, second: Colleague, limit: Limit
) -> None:
    limit("EXPORT_ROWS", 2)
    placed(session, 3)
    made = asking.ask(session, asker.actor, wish())
    assert made.needs_approval
    for early in (fetching.fetch, fetching.passphrase):
        who = asker if early is fetching.fetch else second
        with pytest.raises(NotToBeFetched, match="approve"):
            early(session, who.actor, made.number)
    with pytest.raises(NotPermitted):
        asking.approve(session, asker.actor, made.number, asker.code())
    with pytest.raises(WrongCode):
        asking.approve(session, second.actor, made.number, "000000")
    asking.approve(session, second.actor, made.number, second.code())
    assert fetching.fetch(session, asker.actor, made.number).people == 3


def test_nobody_approves_a_list_that_they_asked_for_or_fetch(
    session: Session, second: Colleague, limit: Limit
) -> None:
    limit("EXPORT_ROWS", 1)
    placed(session, 2)
    own = asking.ask(session, second.actor, wish())
    other = colleague(session, Role.PROTECTION_OFFICER)
    theirs = asking.ask(session, other.actor, wish(recipient=second.actor.id))
    for each in (own, theirs):
        with pytest.raises(OwnExport):
            asking.approve(session, second.actor, each.number, second.code())
        with pytest.raises(NotYours):
            fetching.passphrase(session, second.actor, each.number)
    own.decision, own.decided_by = ExportDecision.APPROVED, second.actor.id
    own.decided_at = clock.now()
    with pytest.raises(IntegrityError, match="two_people"):
        session.flush()


def test_many_small_lists_are_as_one_large_one(
    session: Session, asker: Colleague, limit: Limit
) -> None:
    limit("EXPORT_ROWS_A_DAY", 7)
    limit("EXPORTS_A_DAY", 4)
    placed(session, 3)
    asked = [asking.ask(session, asker.actor, wish()).needs_approval for _ in range(3)]
    assert asked == [False, False, True]
    one = wish(area="Algiers")
    placed(session, 1, "Algiers")
    other = colleague(session, Role.REGISTRATION_OFFICER)
    asked = [asking.ask(session, other.actor, one).needs_approval for _ in range(5)]
    assert asked == [False] * 4 + [True]
    with clock.frozen(clock.now() + timedelta(hours=25)):
        assert not asking.ask(session, other.actor, one).needs_approval


def test_two_people_take_no_more_out_than_one(
    session: Session, asker: Colleague, second: Colleague, limit: Limit
) -> None:
    limit("EXPORT_ROWS_A_DAY", 5)
    placed(session, 3)
    placed(session, 2, "Algiers")
    other, third = (colleague(session, Role.REGISTRATION_OFFICER).actor for _ in "12")
    assert not asking.ask(session, asker.actor, wish()).needs_approval
    again = asking.ask(session, other, wish())
    assert again.needs_approval, "the same place, by a colleague"
    assert not asking.ask(session, third, wish(area="Algiers")).needs_approval
    limit("EXPORT_ROWS_A_DAY_OFFICE", 9)
    assert asking.ask(session, second.actor, wish(area="Algiers")).needs_approval, (
        "the whole office"
    )
    asking.approve(session, second.actor, again.number, second.code())
    with clock.frozen(clock.now() + timedelta(hours=25)):
        assert not asking.ask(session, other, wish()).needs_approval


def test_what_somebody_asked_for_who_has_left_since_goes_to_nobody(
    session: Session, asker: Colleague, second: Colleague
) -> None:
    placed(session, 2)
    fetcher = colleague(session, Role.REGISTRATION_OFFICER)
    made = asking.ask(session, asker.actor, wish(recipient=fetcher.actor.id))
    session.get_one(User, asker.actor.id).disabled_at = clock.now()
    session.flush()
    with pytest.raises(NotToBeFetched, match="do so no more"):
        fetching.fetch(session, fetcher.actor, made.number)
    with pytest.raises(NotToBeFetched, match="do so no more"):
        fetching.passphrase(session, second.actor, made.number)


def test_who_has_moved_away_since_is_not_in_the_list_of_the_place(
    session: Session, asker: Colleague
) -> None:
    numbers = placed(session, 3)
    made = asking.ask(session, asker.actor, wish())
    gone = session.scalars(select(Household).where(Household.source_id == numbers[0])).one()
    gone.area = "Algiers"
    session.flush()
    rows = clear(session, made, fetching.fetch(session, asker.actor, made.number).content)[2:]
    assert {row[0] for row in rows} == set(numbers[1:])


def test_who_is_no_member_any_more_is_not_in_the_list(session: Session, asker: Colleague) -> None:
    numbers = placed(session, 2)
    made = asking.ask(session, asker.actor, wish())
    gone = select(Person).join(Household, Household.id == Person.household_id)
    person = session.scalars(
        gone.where(Household.source_id == numbers[0], Person.is_recipient)
    ).one()
    person.gone, person.is_recipient, person.is_head = Gone.LEFT, False, False
    session.flush()
    assert fetching.fetch(session, asker.actor, made.number).people == 1


def test_what_is_refused_revoked_or_over_is_not_fetched(
    session: Session, asker: Colleague, second: Colleague, limit: Limit
) -> None:
    placed(session, 2)
    revoked, over = (asking.ask(session, asker.actor, wish()) for _ in range(2))
    limit("EXPORT_ROWS", 1)
    refused = asking.ask(session, asker.actor, wish())
    asking.refuse(session, second.actor, refused.number, "Ask for the two who wait.")
    asking.revoke(session, asker.actor, revoked.number, "Not needed any more.")
    for made, why in ((refused, "refused"), (revoked, "revoked")):
        with pytest.raises(NotToBeFetched, match=why):
            fetching.fetch(session, asker.actor, made.number)
    with (
        clock.frozen(clock.now() + timedelta(hours=25)),
        pytest.raises(NotToBeFetched, match="over"),
    ):
        fetching.fetch(session, asker.actor, over.number)
    with pytest.raises(UnknownExport):
        asking.revoke(
            session, colleague(session, Role.REGISTRATION_OFFICER).actor, over.number, "Mine."
        )
    assert session.scalars(select(PersonView)).all() == []


def test_the_passphrase_is_shown_once_to_one_who_does_not_fetch_and_is_kept_nowhere(
    session: Session, asker: Colleague, second: Colleague
) -> None:
    placed(session, 2)
    made = asking.ask(session, asker.actor, wish())
    words = fetching.passphrase(session, second.actor, made.number)
    for again in (second, colleague(session, Role.COUNTRY_DIRECTOR)):
        with pytest.raises(PassphraseShown):
            fetching.passphrase(session, again.actor, made.number)
    with pytest.raises(NotPermitted):
        fetching.passphrase(session, asker.actor, made.number)
    with pytest.raises(NotYours, match="somebody else to fetch"):
        fetching.fetch(session, second.actor, made.number)
    kept = "".join(str(entry.details) for entry in session.scalars(select(AuditEntry)))
    assert not any(group in kept for group in words.split("."))
    assert words not in str(vars(made))


def test_a_name_leaves_only_with_those_who_may_open_it(session: Session) -> None:
    manager = colleague(session, Role.PROGRAMME_MANAGER)
    placed(session, 2)
    with pytest.raises(NotPermitted, match=r"person\.open"):
        asking.ask(session, manager.actor, wish(("number", "name")))
    made = asking.ask(session, manager.actor, wish(("number", "sex", "area", "size")))
    *_, row = clear(session, made, fetching.fetch(session, manager.actor, made.number).content)
    assert row[1:4] == ["Oran", "3", row[3]]
    with pytest.raises(NotPermitted):
        asking.ask(session, colleague(session, Role.AUDITOR).actor, wish())


def test_a_list_is_of_somebody_and_for_something(session: Session, asker: Colleague) -> None:
    placed(session, 1)
    for whom in (Whom(), Whom(period=PERIOD), Whom(area="Nowhere"), Whom("nothing")):
        with pytest.raises((NobodyChosen, UnknownProgramme)):
            asking.ask(session, asker.actor, Wish(whom, NAMED, "delivery", "Call them."))
    for strange in (
        wish(("nationality",)), wish(()), wish(purpose="because"), wish(fetches=4), wish(fetches=0),
    ):  # fmt: skip
        with pytest.raises(UnusableExport):
            asking.ask(session, asker.actor, strange)


def test_people_of_a_period_are_those_who_were_owed_something_in_it(
    session: Session, asker: Colleague
) -> None:
    numbers = households(session, [2, 3])
    code = funded_programme(session)
    cycles.open_cycle(session, EVERYTHING, code, PERIOD)
    placed(session, 2)
    made = asking.ask(
        session, asker.actor, Wish(Whom(code, PERIOD), ("number",), "delivery", "Call them.")
    )
    rows = clear(session, made, fetching.fetch(session, asker.actor, made.number).content)[2:]
    assert {row[0] for row in rows} == set(numbers)


def test_lists_are_shown_to_those_they_are_for_and_to_those_who_answer_for_them(
    session: Session, asker: Colleague, second: Colleague
) -> None:
    placed(session, 1)
    made = asking.ask(session, asker.actor, wish())
    stranger: Actor = colleague(session, Role.PROGRAMME_MANAGER).actor
    assert asking.listed(session, stranger) == []
    with pytest.raises(UnknownExport):
        asking.find(session, stranger, made.number)
    for who in (
        asker,
        second,
        colleague(session, Role.AUDITOR),
        colleague(session, Role.LEGAL_OFFICER),
    ):
        assert [each.number for each in asking.listed(session, who.actor)] == [made.number]


def test_no_list_holds_more_than_any_may(
    session: Session, asker: Colleague, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "MOST_PEOPLE", 2)
    placed(session, 3)
    with pytest.raises(TooManyPeople):
        asking.ask(session, asker.actor, wish())


def test_a_role_for_one_programme_takes_out_its_people_only(session: Session) -> None:
    funded_programme(session)
    households(session, [2])
    cycles.open_cycle(session, EVERYTHING, "winter", PERIOD)
    officer = colleague(session, Role.REGISTRATION_OFFICER).actor
    theirs = Actor(
        "user", officer.id, "one", frozenset((each, "winter") for each, _ in officer.grants)
    )
    placed(session, 2)
    with pytest.raises(NotPermitted):
        asking.ask(session, theirs, wish())
    made = asking.ask(session, theirs, Wish(Whom("winter"), NAMED, "delivery", "Call them."))
    assert fetching.fetch(session, theirs, made.number).people == 1
    assert [each.number for each in asking.listed(session, theirs)] == [made.number]
