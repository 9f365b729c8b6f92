"""Registering an authenticator: a secret is proposed, and taken into use when a code shows that the telephone has it."""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import pyotp
from sqlalchemy.orm import Session

from cbi import clock, keys, offices
from cbi.access import totp
from cbi.errors import Conflict, Invalid

GOOD_FOR = timedelta(minutes=30)


class NotYetRight(Invalid):
    """The code does not come from the proposed secret."""

    code = "access.not_yet_right"


class ProposalOver(Conflict):
    """The secret was proposed too long ago, or to somebody else."""

    code = "access.proposal_over"


@dataclass(frozen=True, slots=True)
class Proposal:
    """A secret (base32) that is not yet in use. It is kept nowhere: `sealed` travels with the form and back."""

    user_id: UUID
    secret: str = field(repr=False)
    sealed: str = field(repr=False)


def propose(session: Session, user_id: UUID) -> Proposal:
    """A fresh secret for the user to put on their telephone."""
    secret = pyotp.random_base32()
    text = json.dumps([secret, clock.now().isoformat()])
    return Proposal(user_id, secret, keys.seal(_key(session), text, _place(user_id)).hex())


def proposed(session: Session, user_id: UUID, sealed: str) -> Proposal:
    """What was proposed to this user before. Raises ProposalOver."""
    try:
        text = keys.unseal(_key(session), bytes.fromhex(sealed), _place(user_id))
        secret, at = json.loads(text)
    except (ValueError, keys.Unreadable):
        raise _over() from None
    if datetime.fromisoformat(at) < clock.now() - GOOD_FOR:
        raise _over()
    return Proposal(user_id, secret, sealed)


def accept(session: Session, proposal: Proposal, code: str) -> None:
    """Take the secret into use, and use the code up. Raises NotYetRight, AlreadyEnrolled."""
    now = int(clock.now().timestamp()) // totp.STEP_SECONDS
    step = totp.matching_step(proposal.secret, code, now)
    if step is None:
        raise NotYetRight(
            "This is not the code that belongs to this secret.",
            next_step="Type the six digits that the app shows now, and check the telephone's clock.",
        )
    totp.take_into_use(session, proposal.user_id, proposal.secret, step)


def address(proposal: Proposal, name: str, office: str) -> str:
    """The `otpauth:` address that an authenticator app reads from a picture."""
    return pyotp.TOTP(proposal.secret).provisioning_uri(name=name, issuer_name=f"CBI {office}")


def _over() -> ProposalOver:
    return ProposalOver(
        "This secret is no longer good.", next_step="Load the page again and scan the new picture."
    )


def _key(session: Session) -> bytes:
    return offices.office_of(session).keys.derive("totp-proposal")


def _place(user_id: UUID) -> str:
    return f"proposal/{user_id}"
