"""Which parts of a run's sheet somebody has opened, and when: nobody signs what is unusual without having looked at it."""

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.payments.models import PaymentRun
from cbi.payments.runs import summaries
from cbi.payments.runs.sheet_models import CHANGES, FindingKind
from cbi.payments.signing.waiver_models import ListOpening

SHEET = "sheet"
"""What the sheet itself is called among the lists behind it."""


def note(session: Session, actor: Actor, run: PaymentRun, what: str = SHEET) -> None:
    """Somebody is shown a part of the sheet: kept once for each of its revisions, with the seal of what was shown."""
    summary = summaries.kept(session, run)
    if summary is None or actor.kind != "user" or actor.id is None:
        return
    session.execute(
        insert(ListOpening)
        .values(
            run_id=run.id, user_id=actor.id, list=what, shown=summary.seal, opened_at=clock.now()
        )
        .on_conflict_do_nothing()
    )  # fmt: skip


def of(session: Session, actor: Actor, run: PaymentRun) -> Mapping[str, datetime]:
    """What of the sheet as it is now the actor has been shown, and since when."""
    summary = summaries.kept(session, run)
    if summary is None or actor.id is None:
        return {}
    rows = session.execute(
        select(ListOpening.list, ListOpening.opened_at).where(
            ListOpening.run_id == run.id, ListOpening.user_id == actor.id, ListOpening.shown == summary.seal
        )
    )  # fmt: skip
    return dict(rows.all())


def to_open(found: Collection[str]) -> list[str]:
    """Of the kinds of findings that a run has, those whose lists must be opened: all but plain changes."""
    plain = {kind for kind in CHANGES if kind is not FindingKind.ACCOUNT}
    return [kind.value for kind in FindingKind if kind in found and kind not in plain]
