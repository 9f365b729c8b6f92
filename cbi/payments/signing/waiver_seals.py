"""The keyed seals over a waiver and over what was decided about it: nobody without the office's key makes or alters one."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from uuid import UUID

from sqlalchemy.orm import Session

from cbi.errors import Conflict
from cbi.offices import office_of
from cbi.payments.signing.waiver_models import Waiver, WaiverDecision


class WaiverAltered(Conflict):
    """What is kept of a waiver is not what was asked or granted."""

    code = "waiver.altered"


def facts(waiver: Waiver) -> dict[str, object]:
    """What it says, in plain values: what the audit log keeps, and `cbi verify` compares."""
    return {
        "number": waiver.number,
        "control": waiver.control,
        "programme": str(waiver.programme_id),
        "run": waiver.run_id and str(waiver.run_id),
        "period": waiver.period,
        "concerns": [each.hex() for each in waiver.concerns],
        "at_most": waiver.at_most,
        "reason": waiver.reason,
        "evidence": waiver.evidence,
        "risk_owner": str(waiver.risk_owner_id),
        "first_day": waiver.first_day.isoformat(),
        "last_day": waiver.last_day.isoformat(),
    }


def is_sealed(session: Session, waiver: Waiver, *decisions: WaiverDecision) -> bool:
    """Whether nobody without the office's key wrote or altered it, or what was decided about it."""
    pairs = [(waiver.seal, of_waiver(session, waiver))]
    pairs += [(each.seal, of_decision(session, waiver, each)) for each in decisions]
    return all(hmac.compare_digest(*pair) for pair in pairs)


def concern(session: Session, household_id: UUID) -> bytes:
    """The keyed hash that stands for a household in a waiver, so that no report names it."""
    key = office_of(session).keys.derive("waivers: households")
    return hmac.digest(key, household_id.bytes, hashlib.sha256)


def altered(waiver: Waiver) -> WaiverAltered:
    """The refusal for a waiver whose seal does not fit."""
    return WaiverAltered(
        f"What is kept of waiver {waiver.number} is not what was asked or decided.",
        next_step="Sign nothing that it is for. Tell the auditor.",
        number=waiver.number,
    )


def of_waiver(session: Session, waiver: Waiver) -> bytes:
    """The seal of what was asked."""
    said = {name: value for name, value in facts(waiver).items() if name != "number"}
    said |= {"asked_by": str(waiver.asked_by), "asked_at": waiver.asked_at.isoformat()}
    return _seal(session, said)


def of_decision(session: Session, waiver: Waiver, decision: WaiverDecision) -> bytes:
    """The seal of what was decided about it."""
    said = {
        "waiver": waiver.seal.hex(),
        "what": decision.what,
        "by": str(decision.by_id),
        "reason": decision.reason,
        "at": decision.at.isoformat(),
    }
    return _seal(session, said)


def _seal(session: Session, said: Mapping[str, object]) -> bytes:
    text = json.dumps(said, sort_keys=True, separators=(",", ":"))
    return hmac.digest(office_of(session).keys.derive("waivers"), text.encode(), hashlib.sha256)
