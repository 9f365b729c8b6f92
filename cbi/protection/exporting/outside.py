"""How much a list tells somebody outside: no more than the disclosure that lets it go there, all of its lists together."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import all_, and_, bindparam, func, or_, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session
from sqlalchemy.types import Uuid

from cbi import clock
from cbi.errors import Conflict
from cbi.protection.exporting.models import Export, ExportDecision, ExportPerson
from cbi.registry.disclosing.models import Disclosure
from cbi.scope import seeing_all


class BeyondDisclosure(Conflict):
    """The list would tell somebody outside more than the legal officer approved."""

    code = "export.beyond_disclosure"


def refuse_beyond(
    session: Session, made: Export, allowed: Disclosure, people: Sequence[UUID]
) -> None:
    """Raise BeyondDisclosure where a list tells more than was approved: other columns, others, or more people.

    Whom other lists under the same disclosure tell about, or still may, counts too: many short lists are one long one.
    """
    more = sorted(set(made.columns) - set(allowed.columns))
    wrong = [f"it has no {each}" for each in more]
    for name in ("programme", "period", "area"):
        allows, asks = getattr(allowed, name), getattr(made, name)
        if allows is not None and allows != asks:
            wrong.append(f"its {name} is {allows}")
    if made.people > allowed.most_people:
        wrong.append(
            f"it is for {allowed.most_people:,} people at most, and these are {made.people:,}"
        )
    if wrong:
        raise BeyondDisclosure(
            f"Disclosure {allowed.number} does not allow this list: {'; '.join(wrong)}.",
            next_step="Ask for what was approved, or propose another disclosure.",
        )
    _refuse_too_many(session, allowed, people)


def _refuse_too_many(session: Session, allowed: Disclosure, people: Sequence[UUID]) -> None:
    may_leave = and_(
        Export.revoked_at.is_(None), Export.decision.is_distinct_from(ExportDecision.REFUSED),
        Export.expires_at > clock.now(),
    )  # fmt: skip
    others = (
        select(func.count(ExportPerson.person_id.distinct()))
        .join(Export, Export.id == ExportPerson.export_id)
        .where(
            Export.disclosure_id == allowed.id, or_(Export.fetches > 0, may_leave),
            ExportPerson.person_id != all_(bindparam(None, list(people), ARRAY(Uuid))),
        )
    )  # fmt: skip
    with seeing_all(session):
        told = session.scalar(others) or 0
    if told and told + len(people) > allowed.most_people:
        raise BeyondDisclosure(
            f"Disclosure {allowed.number} is for {allowed.most_people:,} people at most. Other lists under it tell about"
            f" {told:,}, and this one about {len(people):,}.",
            next_step="Revoke a list that nobody has fetched, or propose another disclosure.",
        )
