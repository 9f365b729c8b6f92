"""Promises about transfer values: what two people accepted is what the kept prices make, and what is paid."""

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.exc import NoResultFound
from sqlalchemy.orm import Session

from cbi.audit.models import AuditEntry
from cbi.errors import CbiError
from cbi.programmes import queries, value_workings
from cbi.programmes.models import Programme
from cbi.programmes.revaluing import ACCEPTED, SAID
from cbi.programmes.value_models import TransferValue
from cbi.proofs.promise import Breaches, none_of


def come_from_their_prices(session: Session) -> Breaches:
    """Work every accepted value out anew from its basket and prices, and compare it with what was accepted and made."""
    said = {
        number: (actor_id, details.get("digest"), details.get("version"))
        for number, actor_id, details in session.execute(
            select(AuditEntry.subject_id, AuditEntry.actor_id, AuditEntry.details).where(
                AuditEntry.subject_kind == "transfer_value", AuditEntry.act == SAID
            )
        )
    }
    rows = session.execute(
        select(TransferValue, Programme)
        .join(Programme, Programme.id == TransferValue.programme_id)
        .where(TransferValue.decision == ACCEPTED)
        .order_by(TransferValue.id)
    ).all()
    for value, programme in rows:
        name = f"transfer value {value.id} of {programme.code}"
        if said.pop(str(value.id), None) != (
            value.decided_by, value.digest.hex(), value.made_version
        ):  # fmt: skip
            yield f"{name} is not what the audit log says was accepted"
        yield from _worked_out(session, name, value, programme)
    for number in said:
        yield f"transfer value {number} was accepted, as the audit log says, and is not there"


def _worked_out(
    session: Session, name: str, value: TransferValue, programme: Programme
) -> Breaches:
    try:
        after, worked, digest = value_workings.work_out_again(session, value, programme)
        made = queries.definition(session, programme, value.made_version)
    except (CbiError, NoResultFound) as problem:
        yield f"{name} cannot be worked out again: {problem}"
        return
    assert after.stipend is not None
    amounts = after.stipend.base.minor, after.stipend.per_member.minor
    if (
        digest != value.digest
        or amounts != (value.base_minor, value.per_member_minor)
        or list(worked.trace) != value.workings["trace"]
    ):
        yield f"{name} is not what its prices make"
    if made.digest() != after.digest():
        yield f"version {value.made_version} of {programme.code} is not what {name} made"


def are_paid(session: Session) -> Breaches:
    """What a programme that rests on a basket pays now is what was accepted last."""
    newest = (
        select(TransferValue)
        .where(TransferValue.decision == ACCEPTED)
        .ext(distinct_on(TransferValue.programme_id))
        .order_by(TransferValue.programme_id, TransferValue.made_version.desc())
    )
    for value in session.scalars(newest).all():
        programme = session.get_one(Programme, value.programme_id)
        stipend = queries.definition(session, programme).stipend
        basis = stipend.basis if stipend else None
        if stipend is None or basis is None:
            yield f"{programme.code} does not rest on a basket any more, as transfer value {value.id} does"
            continue
        pays = {"base": stipend.base.minor, "per_member": stipend.per_member.minor}
        accepted = {"base": value.base_minor, "per_member": value.per_member_minor}
        for name, minor in pays.items():
            if basis.sets in (name, "both") and minor != accepted[name]:
                yield f"{programme.code} pays another {name} than transfer value {value.id}"


accepted = (
    come_from_their_prices,
    are_paid,
    none_of(
        "transfer value {id} was accepted by whoever proposed it",
        "SELECT id FROM transfer_values WHERE decision = 'accepted' AND decided_by = proposed_by",
    ),
)
