"""Who may sign a work sheet: with a one-time code, not on it, not who entered it, and another for a correction."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor, NotPermitted
from cbi.access.permissions import Permission
from cbi.access.totp import CodeUsed, WrongCode
from cbi.audit.models import AuditEntry
from cbi.programmes import work_arranging, work_digest, work_people, work_signing
from cbi.programmes.work_models import WorkSheet, WorkSignature
from cbi.programmes.work_people import Named, NotOfOneself
from cbi.programmes.work_signing import (
    NothingToSign,
    NotWhatWasSeen,
    OnlyPeople,
    SameSigner,
    SignerEntered,
    SignerOnSheet,
    sign,
)
from cbi.refusals import refusing
from tests import made_up
from tests.factories import EVERYTHING
from tests.work_factory import (
    NOW,
    Site,
    another_person,
    days,
    handed_in,
    programme,
    sheet_of,
    site,
    supervisor,
)

MANAGER = replace(EVERYTHING, id=UUID(int=7))


@pytest.fixture(autouse=True)
def _february() -> Iterator[None]:
    with clock.frozen(NOW):
        yield


def entered(session: Session) -> tuple[Site, WorkSheet]:
    """A sheet that waits for its signature."""
    programme(session)
    at = site(session)
    sheet = sheet_of(session, at)
    handed_in(session, at, sheet, {at.numbers[0]: days(5)})
    return at, sheet


def test_the_supervisor_signs_exactly_what_came_back(session: Session) -> None:
    at, sheet = entered(session)
    digest = work_digest.digest_of(session, sheet.id, 1)
    made = sign(session, at.supervisor.actor, sheet.id, at.supervisor.code(), seen=digest)
    assert (made.version, made.digest, made.entered_by) == (1, digest, at.clerk.actor.id)
    said = session.scalars(select(AuditEntry).where(AuditEntry.act == "work.sheet_signed")).one()
    assert said.details == {"version": 1, "digest": digest.hex()}
    with pytest.raises(NothingToSign):
        sign(session, at.other.actor, sheet.id, at.other.code())


def test_a_sheet_that_changed_meanwhile_is_not_signed(session: Session) -> None:
    at, sheet = entered(session)
    seen = work_digest.digest_of(session, sheet.id, 1)
    handed_in(session, at, sheet, {at.numbers[0]: {"Day 10": 1}})
    with pytest.raises(NotWhatWasSeen):
        sign(session, at.supervisor.actor, sheet.id, at.supervisor.code(), seen=seen)


def test_what_a_supervisor_refused_is_put_right_and_handed_in_anew(session: Session) -> None:
    at, sheet = entered(session)
    refusing.refuse(
        session, at.supervisor.actor, "work-sheet", str(sheet.id), "Day 3 was a holiday."
    )
    with pytest.raises(NothingToSign):
        sign(session, at.other.actor, sheet.id, at.other.code())
    (told,) = refusing.listed(session, at.clerk.actor)
    assert (told.refusal.key, told.refusal.reason) == (str(sheet.id), "Day 3 was a holiday.")
    handed_in(session, at, sheet, {at.numbers[0]: days(4)})
    assert sign(session, at.supervisor.actor, sheet.id, at.supervisor.code()).version == 2
    with pytest.raises(refusing.NothingWaits):
        refusing.refuse(session, at.other.actor, "work-sheet", str(sheet.id), "Too late.")


def test_nothing_is_signed_before_it_has_come_back(session: Session) -> None:
    programme(session)
    at = site(session)
    sheet = sheet_of(session, at)
    with pytest.raises(NothingToSign):
        sign(session, at.supervisor.actor, sheet.id, at.supervisor.code())


def test_a_code_must_be_right_and_fresh(session: Session) -> None:
    at, sheet = entered(session)
    with pytest.raises(WrongCode):
        sign(session, at.supervisor.actor, sheet.id, "000000")
    code = at.supervisor.code()
    sign(session, at.supervisor.actor, sheet.id, code)
    other = sheet_of(session, at, period="2026-02")
    handed_in(session, at, other, {at.numbers[0]: days(1)})
    with pytest.raises(CodeUsed):
        sign(session, at.supervisor.actor, other.id, code)


def test_who_entered_it_does_not_sign_it(session: Session) -> None:
    at, sheet = entered(session)
    with pytest.raises(SignerEntered):
        sign(session, at.clerk.actor, sheet.id, at.clerk.code())
    # Also not a later version of it, which somebody else entered.
    other = replace(at, clerk=at.other)
    handed_in(session, other, sheet, {at.numbers[0]: {"Day 10": 1}})
    with clock.frozen(NOW + timedelta(minutes=1)), pytest.raises(SignerEntered):
        sign(session, at.clerk.actor, sheet.id, at.clerk.code())


def test_only_people_with_the_permission_sign(session: Session) -> None:
    at, sheet = entered(session)
    with pytest.raises(NotPermitted):
        sign(session, Actor("user", at.other.actor.id, ""), sheet.id, at.other.code())
    grants = frozenset({(Permission.WORK_SIGN, None)})
    with pytest.raises(OnlyPeople):
        sign(session, Actor("client", at.other.actor.id, "", grants), sheet.id, "000000")


def test_somebody_of_the_same_name_does_not_sign_until_a_colleague_has_cleared_it(
    session: Session,
) -> None:
    at, sheet = entered(session)
    turned = " ".join(reversed(made_up.name(at.numbers[0]).upper().split()))
    namesake = supervisor(session, turned, "namesake")
    with pytest.raises(SignerOnSheet):
        sign(session, namesake.actor, sheet.id, namesake.code())
    assert namesake.actor.id is not None
    herself = replace(MANAGER, id=namesake.actor.id)
    with pytest.raises(NotOfOneself):
        work_people.tie(
            session, herself, "namesake", at.named(0), is_same=False, reason="Not me"
        )  # fmt: skip
    work_people.tie(
        session, MANAGER, "namesake", at.named(0), is_same=False, reason="Lives in another town"
    )
    with clock.frozen(NOW + timedelta(minutes=1)):
        sign(session, namesake.actor, sheet.id, namesake.code())


def test_whose_household_is_on_the_sheet_does_not_sign(session: Session) -> None:
    at, sheet = entered(session)
    number = at.numbers[1]
    relative = another_person(session, number, "Sofia Maiden-Name")
    named = Named(number, relative)
    username = "signer-well"
    work_people.tie(session, MANAGER, username, named, is_same=True, reason="Told us so herself")
    with pytest.raises(SignerOnSheet):
        sign(session, at.supervisor.actor, sheet.id, at.supervisor.code())
    # The last word counts.
    work_people.tie(session, MANAGER, username, named, is_same=False, reason="It was a mistake")
    with clock.frozen(NOW + timedelta(minutes=1)):
        sign(session, at.supervisor.actor, sheet.id, at.supervisor.code())


def test_who_stood_on_an_earlier_version_does_not_sign_the_correction(session: Session) -> None:
    at, sheet = entered(session)
    sign(session, at.supervisor.actor, sheet.id, at.supervisor.code())
    work_arranging.leave(session, EVERYTHING, at.group, at.named(2), NOW.date())
    namesake = supervisor(session, made_up.name(at.numbers[2]), "namesake")
    handed_in(session, at, sheet, {at.numbers[0]: {"Day 10": 1}}, reason="A day was left out")
    with pytest.raises(SignerOnSheet):
        sign(session, namesake.actor, sheet.id, namesake.code())


def test_a_correction_is_signed_by_another_person(session: Session) -> None:
    at, sheet = entered(session)
    sign(session, at.supervisor.actor, sheet.id, at.supervisor.code())
    handed_in(session, at, sheet, {at.numbers[0]: {"Day 10": 1}}, reason="A day was left out")
    with clock.frozen(NOW + timedelta(minutes=1)):
        with pytest.raises(SameSigner):
            sign(session, at.supervisor.actor, sheet.id, at.supervisor.code())
        made = sign(session, at.other.actor, sheet.id, at.other.code())
    assert (made.version, made.signed_before) == (2, at.supervisor.actor.id)
    assert session.scalar(select(func.count()).select_from(WorkSignature)) == 2


def test_the_database_refuses_a_signature_of_who_entered_it(session: Session) -> None:
    at, sheet = entered(session)
    own = WorkSignature(
        sheet_id=sheet.id, version=1, user_id=at.clerk.actor.id, entered_by=at.clerk.actor.id,
        signed_before=None, digest=b"", signed_at=NOW,
    )  # fmt: skip
    session.add(own)
    with pytest.raises(IntegrityError, match="other_people"):
        session.flush()


def test_signing_has_a_use_case_and_nothing_else(session: Session) -> None:
    """A signature cannot be taken back or changed by the application."""
    at, sheet = entered(session)
    made = work_signing.sign(session, at.supervisor.actor, sheet.id, at.supervisor.code())
    made.digest = b"another"
    with pytest.raises(Exception, match="permission denied"):
        session.flush()
