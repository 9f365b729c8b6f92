"""Routes that only tests have: what they do can be counted, refused, broken and repeated."""

from typing import Annotated
from uuid import uuid4

from fastapi import Depends, FastAPI, UploadFile
from pydantic import BaseModel, Field
from sqlalchemy import text

from cbi import offices
from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.app import create_app
from cbi.audit.record import record
from cbi.errors import Conflict
from cbi.http.requests import OfficeSession
from cbi.http.routing import Router

Doer = Annotated[Actor, Depends(may(Permission.PROGRAMME_READ))]
router = Router(prefix="/trying", tags=["Trying"])
troubles: list[str] = []
"""What goes wrong at the next tries, first to last."""


class TooLate(Conflict):
    """A refusal."""

    code = "trying.too_late"


class Counted(TooLate):
    """A refusal that keeps what was written."""

    code = "trying.counted"
    keeps_work = True


class Wish(BaseModel):
    """What is asked for."""

    word: str = Field(max_length=100)
    number: int = 0


class Done(BaseModel):
    """What was done; the name is new each time."""

    name: str
    size: int = 0


def trouble(session: OfficeSession) -> None:
    """Whatever is to go wrong at this try."""
    match troubles.pop(0) if troubles else "":
        case "repeat":
            session.execute(
                text("DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '40001'; END $$")
            )
        case "deadlock":
            session.execute(
                text("DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '40P01'; END $$")
            )
        case "refuse":
            raise TooLate("It is too late.", next_step="Come earlier.")
        case "count":
            raise Counted("It is counted.")
        case "fail":
            raise RuntimeError("the canary sang in the failure")


@router.post("/wishes", status_code=201, summary="Do something once")
def wish(session: OfficeSession, actor: Doer, body: Wish) -> Done:
    """Writes one audit entry and then meets the trouble that waits."""
    record(session, actor, "wished", "wish", len(body.word))
    trouble(session)
    return Done(name=str(uuid4()))


@router.post("/unusable", summary="Give the database what it cannot store")
def unusable(session: OfficeSession, actor: Doer, body: Wish) -> Done:
    """A word with a zero byte, or a number that is too large."""
    session.execute(
        text("SELECT CAST(:word AS text) || CAST(:number AS smallint)"), body.model_dump()
    )
    return Done(name=body.word)


@router.post("/files", summary="Take a file")
def take_file(session: OfficeSession, actor: Doer, file: UploadFile) -> Done:
    """Reads the whole file before the trouble."""
    size = len(file.file.read())
    record(session, actor, "wished", "file", size)
    trouble(session)
    return Done(name=str(uuid4()), size=size)


@router.post("/queue", summary="Wait for the one before")
def queue(session: OfficeSession, actor: Doer) -> Done:
    """Holds a lock that every other request of this kind waits for, until the transaction ends."""
    session.execute(text("SELECT pg_advisory_xact_lock(1)"))
    return Done(name=str(uuid4()))


@router.post("/quiet", status_code=204, summary="Answer nothing")
def quiet(session: OfficeSession, actor: Doer) -> None:
    """An answer without a body."""
    record(session, actor, "wished", "quiet", 1)


@router.get("/failing", summary="Fail")
def failing(session: OfficeSession, actor: Doer, word: str = "") -> Done:
    """Fails with what the database says, which repeats what it was given."""
    session.execute(text("DO $$ BEGIN RAISE EXCEPTION 'the canary sang in the database'; END $$"))
    return Done(name=word)


def trying_app() -> FastAPI:
    """The application with these routes."""
    troubles.clear()
    app = create_app()
    app.include_router(router)
    return app


def wishes() -> int:
    """How many wishes were committed."""
    with offices.transaction("dz") as session:
        return session.scalar(text("SELECT count(*) FROM audit_entries WHERE act = 'wished'")) or 0
