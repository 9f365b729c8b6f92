"""The lists that were brought: what came of all of them, what of each still waits, and how they were read."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import JSONB, distinct_on
from sqlalchemy.orm import Session

from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.registry import queries
from cbi.registry.import_models import Import, ImportKind, ImportState, RejectedRow
from cbi.registry.intake import rejected
from cbi.registry.intake.checks import Reason


@dataclass(frozen=True, slots=True)
class Totals:
    """Lists, the households in them by what became of each, and the rejected rows that can still be put right."""

    lists: int
    landed: int
    unchanged: int
    rejected: int
    waiting: int
    under_way: int
    """Lists that the worker has not read to their end."""


def totals(session: Session, actor: Actor) -> Totals:
    """What came of all the lists that the actor sees. Raises NotPermitted."""
    each = queries.imports(actor).subquery()
    under_way = each.c.state.in_((ImportState.ARRIVING, ImportState.WAITING))
    lists, landed, unchanged, refused, open_ = session.execute(
        select(
            func.count(), func.coalesce(func.sum(each.c.rows_landed), 0),
            func.coalesce(func.sum(each.c.rows_unchanged), 0), func.coalesce(func.sum(each.c.rows_rejected), 0),
            func.count().filter(under_way),
        )
    ).one()  # fmt: skip
    return Totals(lists, landed, unchanged, refused, sum(waits(session, actor).values()), open_)


def waits(session: Session, actor: Actor, lists: Collection[UUID] | None = None) -> dict[UUID, int]:
    """The rejected rows of each list, or of these, that can still be put right; a list without any is not in it."""
    rows = rejected.waiting_rows(actor).subquery()
    found = select(rows.c.import_id, func.count()).group_by(rows.c.import_id)
    if lists is not None:
        found = found.where(rows.c.import_id.in_(lists))
    return dict(session.execute(found).all())


def counted(
    session: Session, actor: Actor, import_id: UUID, limit: int
) -> list[tuple[Reason, int]]:
    """The most frequent reasons for which rows of a list were rejected, with how many have each."""
    actor.require(Permission.REGISTRY_READ)
    each = func.jsonb_array_elements(RejectedRow.reasons, type_=JSONB).label("reason")
    said = select(each).where(RejectedRow.import_id == import_id).subquery().c.reason
    found = select(said, func.count()).group_by(said).order_by(func.count().desc(), said)
    return [(Reason.of(reason), count) for reason, count in session.execute(found.limit(limit))]


def mapped(session: Session, actor: Actor) -> Sequence[Import]:
    """The latest list of each source that was read by a mapping file, which can be read by again."""
    actor.require(Permission.REGISTRY_IMPORT)
    found = (
        select(Import)
        .where(Import.mapping.is_not(None), Import.kind != ImportKind.REQUEST)
        .ext(distinct_on(Import.source))
        .order_by(Import.source, Import.imported_at.desc(), Import.id)
    )
    return session.scalars(found).all()
