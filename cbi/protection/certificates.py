"""The certificate of what was destroyed: counts, never names, under the office's seal."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from cbi import clock, wrapping
from cbi.access.actor import Actor
from cbi.access.models import User
from cbi.offices import office_of
from cbi.protection.destroying import Destroyed
from cbi.protection.models import Erasure

BACKUPS = (
    "Backups made before this day hold the destroyed keys, sealed under the wrapping keys named here (the office's own"
    " where none is named). They cannot be opened from such a backup any more once these wrapping keys are destroyed:"
    " cbi keys rotate, a day later cbi keys destroy."
)


def write(session: Session, erasure: Erasure, actor: Actor, done: Destroyed) -> dict[str, Any]:
    """What is certified, as plain JSON; carried out now, by the two."""
    asker = session.get(User, erasure.asked_by)
    office = office_of(session)
    return {
        "office": office.code,
        "number": erasure.number,
        "ground": str(erasure.ground),
        "asked_by": asker.full_name if asker else None,
        "confirmed_by": actor.name,
        "carried_out_at": clock.now().isoformat(),
        **asdict(done),
        "answers_before": erasure.answers_before.isoformat() if erasure.answers_before else None,
        "wrapping_keys": [key.name.hex() for key in wrapping.kept()],
        "backups": BACKUPS,
    }


def seal(session: Session, erasure_id: UUID, certificate: Mapping[str, Any]) -> bytes:
    """A keyed hash (HMAC-SHA256) of a certificate: nobody without the office's key makes or alters one."""
    said = json.dumps([str(erasure_id), certificate], sort_keys=True, separators=(",", ":"))
    return hmac.digest(office_of(session).keys.derive("erasures"), said.encode(), hashlib.sha256)


def is_sealed(session: Session, erasure: Erasure) -> bool:
    """Whether a certificate is what the two certified."""
    if erasure.certificate is None or erasure.seal is None:
        return False
    return hmac.compare_digest(seal(session, erasure.id, erasure.certificate), erasure.seal)
