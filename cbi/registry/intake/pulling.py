"""Fetches submissions from a source, page by page: each is kept, sealed, with the mark of how far it was read."""

import hashlib
from collections.abc import Callable
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.offices import office_of, transact
from cbi.registry.import_models import Import, ImportKind, ImportState
from cbi.registry.intake import heading, waiting
from cbi.registry.intake.mapping import ColumnMapping
from cbi.registry.intake.models import Pull
from cbi.registry.intake.sources import Source, UnusableSource
from cbi.registry.intake.submissions import part_of
from cbi.sources.source import Page

Progress = Callable[[int], None]


def pull(
    office: str,
    actor: Actor,
    source: Source,
    *,
    again: bool = False,
    progress: Progress | None = None,
) -> UUID | None:
    """Fetch what is new since the last time (`again`: everything), and leave it to the worker.

    Returns the import's id, None when there was nothing new. Every page is kept in a transaction of its own, and the
    source is asked while none is open; if it stops answering, what came so far is taken in and the rest comes next
    time. Raises SourceUnavailable, UnusableSource, NotPermitted.
    """
    actor.require(Permission.REGISTRY_IMPORT)
    if source.office != office:
        raise UnusableSource(
            f"The source {source.name!r} belongs to another office.",
            next_step="Work in that office.",
        )
    _Pulling.end_what_was_left(office, actor, source)
    language, mark = transact(office, lambda session: _start(session, source, again=again))
    pulling = _Pulling(office, actor, source, source.mapped(language))
    try:
        for page in source.opened().pages(mark):
            pulling.keep(page)
            if progress:
                progress(len(page.submissions))
    finally:
        pulling.end()
    return pulling.import_id


def _start(session: Session, source: Source, *, again: bool) -> tuple[str, str]:
    mark = None if again else session.scalar(
        select(Pull.mark).where(Pull.source == source.name).order_by(Pull.id.desc()).limit(1)
    )  # fmt: skip
    return office_of(session).languages[0], mark or ""


class _Pulling:
    def __init__(self, office: str, actor: Actor, source: Source, mapping: ColumnMapping) -> None:
        self._office, self._actor, self._source, self._mapping = office, actor, source, mapping
        self.import_id: UUID | None = None
        self._count = 0

    @staticmethod
    def end_what_was_left(office: str, actor: Actor, source: Source) -> None:
        """A process that died while it fetched left a list that is still arriving: what came of it is taken in."""

        def end(session: Session) -> None:
            left = session.scalars(
                select(Pull.import_id)
                .join(Import, Import.id == Pull.import_id)
                .where(Pull.source == source.name, Import.state == ImportState.ARRIVING)
                .distinct()
            )
            for import_id in left.all():
                if import_id:
                    waiting.arrived(session, actor, import_id)

        transact(office, end)

    def keep(self, page: Page) -> None:
        """Keep a page and its mark together, or neither."""
        try:
            self.import_id = transact(
                self._office, lambda session: self._kept(session, page, self.import_id)
            )
        except waiting.NotArriving:  # somebody else who began to fetch has ended our list
            self._count = 0
            self.import_id = transact(self._office, lambda session: self._kept(session, page, None))
        self._count += len(page.submissions)

    def _kept(self, session: Session, page: Page, import_id: UUID | None) -> UUID:
        if import_id is None:
            digest = hashlib.sha256(
                f"{self._source.name}\n{page.mark}\n{clock.now()}".encode()
            ).digest()
            import_id = heading.begin(
                session, self._actor.id, self._mapping, filename=f"from {self._source.name}", digest=digest,
                kind=ImportKind.SUBMISSIONS, state=ImportState.ARRIVING,
            )  # fmt: skip
        if part := part_of(page.submissions, self._mapping, self._count):
            waiting.add_part(session, import_id, part)
        session.execute(
            insert(Pull).values(
                source=self._source.name,
                mark=page.mark,
                import_id=import_id,
                submissions=len(page.submissions),
                pulled_by=self._actor.id,
                pulled_at=clock.now(),
            )
        )
        return import_id

    def end(self) -> None:
        """Nothing more comes of it."""
        if (import_id := self.import_id) is not None:
            transact(self._office, lambda session: waiting.arrived(session, self._actor, import_id))
