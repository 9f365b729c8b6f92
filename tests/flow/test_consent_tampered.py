"""`cbi verify` names who was paid or written to against their word, and what two people did not accept."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import URL, Connection, select, text
from sqlalchemy.orm import Session

from cbi import clock, offices
from cbi.access.permissions import Role
from cbi.messaging import outbox
from cbi.programmes import applying, cycles, legal_basis
from cbi.proofs import consent
from cbi.registry.consent.models import Answer, Scope
from cbi.registry.models import PaymentAccount, Person
from tests import consenting
from tests.factories import EVERYTHING, START, colleague, households
from tests.flow.tampering import Tampering, intruding
from tests.programme_factory import programme_file

DAY = timedelta(days=1)
PERSON = "(SELECT person_id FROM consents WHERE scope = 'assistance' ORDER BY number LIMIT 1)"
ENTITLED = "(SELECT id FROM entitlements)"
NO = (
    "INSERT INTO consents (id, person_id, scope, answer, said_on, how, recorded_at)"
    f" SELECT gen_random_uuid(), {PERSON}, '{{scope}}', 'withdrawn', said_on, 'call', recorded_at + interval '1 second'"
    " FROM consents ORDER BY number LIMIT 1"
)
TAMPERINGS = (
    Tampering(
        2, "somebody is entitled who had taken back their consent", f"SELECT 'entitlement ' || {ENTITLED}",
        NO.format(scope="assistance"),
    ),
    Tampering(
        2, "a text left for somebody who had said no", "SELECT 'text ' || id FROM messages",
        f"""{NO.format(scope='texts')};
        UPDATE messages SET state = 'sent', waiting = false, handed_over_at = now() + interval '3 days'""",
    ),
    Tampering(
        2, "a yes is written where there was a no", "SELECT 'takes back a no'",
        f"""{NO.format(scope='referral')};
        INSERT INTO consents (id, person_id, scope, answer, said_on, how, recorded_at)
        SELECT gen_random_uuid(), {PERSON}, 'referral', 'given', said_on, 'in_person', recorded_at + interval '1 hour'
        FROM consents ORDER BY number LIMIT 1""",
    ),
    Tampering(
        2, "a word is hung on a notice that did not ask for it", "SELECT 'word ' || min(number) FROM consents",
        "UPDATE consents SET notice_version = 9 WHERE number = (SELECT min(number) FROM consents)",
    ),
    Tampering(
        2, "a cycle was opened under a basis that was accepted later", "SELECT 'cycle ' || id FROM cycles",
        "UPDATE legal_bases SET decided_at = decided_at + interval '2 years'",
    ),
    Tampering(
        8, "the words of a notice are altered", "SELECT 'the notice registration/1'",
        """UPDATE notices SET texts = jsonb_set(texts, '{en,texts}', '"You must agree to everything"')""",
    ),
    Tampering(
        8, "a notice was accepted by nobody", "SELECT 'the notice registration/1'",
        "DELETE FROM audit_entries WHERE act = 'notice.accepted'",
    ),
    Tampering(
        8, "a legal basis is made another", "SELECT 'the legal basis winter/1'",
        "UPDATE legal_bases SET ground = 'contract'",
    ),
    Tampering(
        8, "a legal basis is gone", "SELECT 'the legal basis winter/1'", "DELETE FROM legal_bases",
    ),
)  # fmt: skip


@pytest.fixture(scope="module")
def agreed(own_database: URL) -> URL:
    """A programme that rests on consent, somebody who gave theirs, a cycle, and a text that waits."""
    with clock.frozen(START), offices.transaction("dz") as session:
        consenting.accepted(session, consenting.notice_file())
        households(session, [3])
        person = session.scalars(select(Person.id).where(Person.is_recipient)).one()
        consenting.says(session, person, Answer.GIVEN, *Scope)
    with clock.frozen(START + DAY), offices.transaction("dz") as session:
        basis = 'legal_basis: {ground: consent, because: "Everybody is asked, face to face."}\n'
        month = f"{START + DAY:%Y-%m}"
        year = (f"{START:%Y}-01-01", f"{START.year + 1}-12-31")
        file = programme_file(code="winter", valid=year, schedule=(month, month))
        applying.apply(session, colleague(session, Role.PROGRAMME_MANAGER).actor, basis + file)
        legal_basis.accept(session, colleague(session, Role.LEGAL_OFFICER).actor, "winter", 1)
        cycles.open_cycle(session, EVERYTHING, "winter", month)
        account = session.scalars(select(PaymentAccount.id)).one()
        outbox.queue(session, "START_ACK", account_id=account, language="en", values={}, dedupe="x")
    return own_database


@pytest.fixture
def intruder(agreed: URL) -> Iterator[Connection]:
    with intruding(agreed) as connection:
        yield connection


def _found(connection: Connection, promise: int) -> list[str]:
    with Session(connection) as session:
        checks = consent.against_nobodys_word if promise == 2 else consent.as_accepted
        return [breach for check in checks for breach in check(session)]


def test_all_is_as_people_said(intruder: Connection) -> None:
    assert _found(intruder, 2) + _found(intruder, 8) == []


@pytest.mark.parametrize("tampering", TAMPERINGS, ids=lambda each: each.what)
def test_whatever_is_done_to_what_people_said_is_named(
    intruder: Connection, tampering: Tampering
) -> None:
    victim = intruder.scalar(text(tampering.victim))
    intruder.execute(text(tampering.deeds))
    intruder.execute(text("SET LOCAL ROLE cbi_dz"))
    found = _found(intruder, tampering.promise)
    assert any(str(victim) in breach for breach in found), found
