"""A supervisor signs a sheet with a one-time code: somebody who is not on it, and who did not enter it."""

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access import totp
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit.record import record
from cbi.errors import Conflict, Forbidden
from cbi.programmes import work_people, work_queries, work_sheets
from cbi.programmes.work_digest import digest_of
from cbi.programmes.work_models import WorkRow, WorkSheet, WorkSignature, WorkVersion
from cbi.programmes.work_people import Found


class OnlyPeople(Forbidden):
    """Programs do not sign."""

    code = "work.only_people"


class NothingToSign(Conflict):
    """Nothing has come back since the last signature."""

    code = "work.nothing_to_sign"


class NotWhatWasSeen(Conflict):
    """The sheet is another than the one that the signer was shown."""

    code = "work.not_what_was_seen"


class SignerEntered(Forbidden):
    """The signer entered the sheet, or a version of it."""

    code = "work.signer_entered"


class SignerOnSheet(Forbidden):
    """The signer, or somebody of the signer's household, is on the sheet."""

    code = "work.signer_on_sheet"


class SameSigner(Forbidden):
    """A correction is signed by another person than what it corrects."""

    code = "work.same_signer"


def sign(
    session: Session, actor: Actor, number: int, code: str, *, seen: bytes | None = None
) -> WorkSignature:
    """Sign the latest version of a sheet. `code` is the signer's fresh one-time code, `seen` the digest they were shown.

    From then on it is paid with the next cycle, and only a correction changes it. Raises UnknownSheet, NotPermitted,
    NothingToSign, NotWhatWasSeen, SignerEntered, SignerOnSheet, SameSigner, WrongCode.
    """
    sheet = work_queries.sheet(session, actor, number, Permission.WORK_SIGN, lock=True)
    if actor.kind != "user" or actor.id is None:
        raise OnlyPeople("A sheet is signed by a person, not by a program.")
    standing = work_sheets.standing(session, sheet)
    if standing.latest == (standing.signed or 0):
        raise NothingToSign(
            f"Nothing of the sheet {number} waits for a signature.",
            next_step="It is signed once it has come back from the field and was taken in.",
        )
    version = session.get_one(WorkVersion, (sheet.id, standing.latest))
    if sheet.refused == sheet.latest:
        raise NothingToSign(
            f"Version {sheet.latest} of the sheet {number} was refused.",
            next_step="It is signed once it was put right and taken in anew.",
        )
    digest = digest_of(session, sheet.id, version.version)
    if seen is not None and seen != digest:
        raise NotWhatWasSeen(
            f"The sheet {number} has changed since you were shown it. Nothing was signed.",
            next_step="Look at it as it is now, then sign that one.",
        )
    totp.step_up(session, actor, code)  # before anything is written: a wrong code keeps its count
    _check_signer(session, actor, sheet, standing)
    signature = WorkSignature(
        sheet_id=sheet.id, version=version.version, user_id=actor.id, entered_by=version.entered_by,
        signed_before=standing.signed_by, digest=digest, signed_at=clock.now(),
    )  # fmt: skip
    session.add(signature)
    session.flush()
    record(
        session, actor, "work.sheet_signed", "work_sheet", sheet.id, version=version.version,
        digest=digest.hex(),
    )  # fmt: skip
    return signature


def _check_signer(
    session: Session, actor: Actor, sheet: WorkSheet, standing: work_sheets.Standing
) -> None:
    assert actor.id is not None
    if actor.id == standing.signed_by:
        raise SameSigner(
            "You signed what this corrects, so somebody else signs the correction.",
            next_step="Ask another supervisor of the programme.",
        )
    entered = exists().where(WorkVersion.sheet_id == sheet.id, WorkVersion.entered_by == actor.id)
    if session.scalar(select(entered)):
        raise SignerEntered(
            f"You entered the sheet {sheet.id}, so somebody else signs it.",
            next_step="Ask another supervisor of the programme.",
        )
    # Everybody who ever stood on the sheet, not only those whom this version changes.
    people = session.execute(
        select(WorkRow.person_id, WorkRow.household_id)
        .where(WorkRow.sheet_id == sheet.id)
        .distinct()
    )
    if work_people.is_among(session, actor.id, [Found(*row) for row in people]):
        raise SignerOnSheet(
            f"You, somebody of your household, or somebody of your name is on the sheet {sheet.id}.",
            next_step="Ask another supervisor. If it is another person of your name, a colleague can say so:"
            " cbi work tie",
        )
