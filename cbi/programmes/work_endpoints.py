"""Cash for work over HTTP: activities, groups, and sheets that go out, come back and are signed."""

import io
from typing import Annotated, Literal

from fastapi import Depends, File, Form, Path, Query, Response, UploadFile

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.http.pages import Cursor, Limit, Page, page
from cbi.http.requests import OfficeSession
from cbi.http.routing import Router
from cbi.offices import LANGUAGES, office_of
from cbi.programmes import (
    queries,
    work_arranging,
    work_digest,
    work_entering,
    work_people,
    work_queries,
    work_sheets,
    work_signing,
)
from cbi.programmes.models import Programme
from cbi.programmes.work_arranging import Place
from cbi.programmes.work_models import WorkActivity, WorkGroup, WorkSheet
from cbi.programmes.work_people import Named
from cbi.programmes.work_schemas import (
    ActivityOut,
    AddActivity,
    AddGroup,
    ChangeSupervisor,
    EnteredOut,
    GroupOut,
    Join,
    Joined,
    Leave,
    MakeSheet,
    MemberOut,
    SheetDetailOut,
    SheetOut,
    SheetRowOut,
    SignSheet,
    Tie,
)

router = Router(tags=["cash for work"])
Reader = Annotated[Actor, Depends(may(Permission.WORK_READ))]
Arranger = Annotated[Actor, Depends(may(Permission.WORK_ARRANGE))]
Enterer = Annotated[Actor, Depends(may(Permission.WORK_ENTER))]
Signer = Annotated[Actor, Depends(may(Permission.WORK_SIGN))]
Number = Annotated[int, Path(ge=1, le=2**31, description="The number that stands on the sheet.")]
_IN = "/programmes/{code}/activities"
_GROUP = _IN + "/{activity}/groups/{group}"
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@router.post(_IN, status_code=201, summary="Add an activity")
def add_activity(
    session: OfficeSession, actor: Arranger, code: str, body: AddActivity
) -> ActivityOut:
    place = Place(body.name, body.area, body.basis, body.starts_on, body.ends_on)
    made = work_arranging.add_activity(session, actor, code, body.code, place, body.supervisor)
    return ActivityOut.of(made)


@router.get(_IN, summary="A programme's activities, by code")
def list_activities(
    session: OfficeSession, actor: Reader, code: str, limit: Limit = 50, cursor: Cursor = None
) -> Page[ActivityOut]:
    wanted = work_queries.activities(_programme(session, actor, code))
    return page(session, wanted, ActivityOut.of, by=[WorkActivity.code], limit=limit, cursor=cursor)


@router.post(_IN + "/{activity}/supervisor", status_code=204, summary="Change who signs its sheets")
def change_supervisor(
    session: OfficeSession, actor: Arranger, code: str, activity: str, body: ChangeSupervisor
) -> None:
    work_arranging.change_supervisor(session, actor, code, activity, body.supervisor)


@router.post(_IN + "/{activity}/groups", status_code=201, summary="Add a group to an activity")
def add_group(
    session: OfficeSession, actor: Arranger, code: str, activity: str, body: AddGroup
) -> GroupOut:
    made = work_arranging.add_group(session, actor, code, activity, body.code, body.name)
    return GroupOut.of(made)


@router.get(_IN + "/{activity}/groups", summary="An activity's groups, by code")
def list_groups(
    session: OfficeSession,
    actor: Reader,
    code: str,
    activity: str,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[GroupOut]:
    where = work_queries.activity(session, _programme(session, actor, code), activity)
    wanted = work_queries.groups(where)
    return page(session, wanted, GroupOut.of, by=[WorkGroup.code], limit=limit, cursor=cursor)


@router.post(_GROUP + "/members", status_code=201, summary="Have registered people join a group")
def join(
    session: OfficeSession, actor: Arranger, code: str, activity: str, group: str, body: Join
) -> Joined:
    within = _group(session, actor, code, activity, group, Permission.WORK_ARRANGE)
    people = [Named(one.registration, one.name) for one in body.people]
    return Joined(added=work_arranging.join(session, actor, within, people, body.joined_on))


@router.get(_GROUP + "/members", summary="Who is or was in a group, without names")
def list_members(
    session: OfficeSession, actor: Reader, code: str, activity: str, group: str
) -> list[MemberOut]:
    within = _group(session, actor, code, activity, group, Permission.WORK_READ)
    return [MemberOut.of(*each) for each in work_queries.members(session, within)]


@router.post(_GROUP + "/departures", status_code=204, summary="Note the last day of a person")
def leave(
    session: OfficeSession, actor: Arranger, code: str, activity: str, group: str, body: Leave
) -> None:
    within = _group(session, actor, code, activity, group, Permission.WORK_ARRANGE)
    named = Named(body.registration, body.name)
    work_arranging.leave(session, actor, within, named, body.last_day)


@router.post(_GROUP + "/sheets", status_code=201, summary="Make the sheet of a group for a period")
def make_sheet(
    session: OfficeSession, actor: Enterer, code: str, activity: str, group: str, body: MakeSheet
) -> SheetOut:
    sheet = work_sheets.make(session, actor, code, activity, group, body.period)
    return SheetOut.of(_line(session, sheet))


@router.get("/programmes/{code}/work-sheets", summary="A programme's sheets, the latest first")
def list_sheets(
    session: OfficeSession,
    actor: Reader,
    code: str,
    period: Annotated[str | None, Query(max_length=22)] = None,
) -> list[SheetOut]:
    programme = _programme(session, actor, code)
    wanted = [WorkSheet.period == period] if period else []
    return [SheetOut.of(line) for line in work_queries.sheets(session, programme, *wanted)]


@router.post("/work-sheets/imports", status_code=201, summary="Hand in a filled sheet (XLSX, CSV)")
def take_in(
    session: OfficeSession,
    actor: Enterer,
    response: Response,
    file: Annotated[UploadFile, File(description="The sheet as it was exported, filled in.")],
    reason: Annotated[
        str | None, Form(description="Why a signed sheet is corrected.", max_length=500)
    ] = None,
    *,
    dry_run: Annotated[bool, Form(description="Check everything, and change nothing.")] = False,
) -> EnteredOut:
    made = work_entering.take_in(session, actor, file.file, reason=reason, dry_run=dry_run)
    if made.repeated or made.dry_run:
        response.status_code = 200
    return EnteredOut.of(made)


@router.get("/work-sheets/{number}", summary="A sheet as a supervisor sees it before signing")
def show(session: OfficeSession, actor: Reader, number: Number) -> SheetDetailOut:
    sheet = work_queries.sheet(session, actor, number, Permission.WORK_READ)
    line = _line(session, sheet)
    return SheetDetailOut(
        **SheetOut.of(line).model_dump(),
        digest=work_digest.digest_of(session, number, line.version).hex() if line.version else None,
        lines=[
            SheetRowOut.of(row) for row in work_queries.rows(session, number, line.version)
        ],
    )  # fmt: skip


@router.get("/work-sheets/{number}/file", summary="The sheet as it goes to the field, with names")
def export(
    session: OfficeSession,
    actor: Enterer,
    number: Number,
    form: Annotated[Literal["xlsx", "csv"], Query()] = "xlsx",
    language: Annotated[str | None, Query(pattern="^[a-z]{2}$")] = None,
) -> Response:
    sheet = work_queries.sheet(session, actor, number, Permission.WORK_ENTER)
    target = io.BytesIO()
    spoken = language if language in LANGUAGES else office_of(session).languages[0]
    work_sheets.export(session, actor, sheet, target, form=form, language=spoken)
    return Response(
        target.getvalue(),
        media_type=_XLSX if form == "xlsx" else "text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="work-sheet-{number}.{form}"'},
    )


@router.post("/work-sheets/{number}/signature", status_code=201, summary="Sign a sheet")
def sign(session: OfficeSession, actor: Signer, number: Number, body: SignSheet) -> SheetOut:
    seen = bytes.fromhex(body.digest_seen) if body.digest_seen else None
    work_signing.sign(session, actor, number, body.one_time_code, seen=seen)
    sheet = work_queries.sheet(session, actor, number, Permission.WORK_SIGN)
    return SheetOut.of(_line(session, sheet))


@router.post(
    "/work-ties", status_code=204, summary="Say that a member of staff is a registered person"
)
def tie(session: OfficeSession, actor: Arranger, body: Tie) -> None:
    named = Named(body.registration, body.name)
    work_people.tie(session, actor, body.username, named, is_same=body.is_same, reason=body.reason)


def _programme(session: OfficeSession, actor: Actor, code: str) -> Programme:
    actor.require(Permission.WORK_READ, code)
    return queries.find(session, code)


def _group(
    session: OfficeSession,
    actor: Actor,
    code: str,
    activity: str,
    group: str,
    permission: Permission,
) -> WorkGroup:
    actor.require(permission, code)
    where = work_queries.activity(session, queries.find(session, code), activity)
    return work_queries.group(session, where, group)


def _line(session: OfficeSession, sheet: WorkSheet) -> work_queries.SheetLine:
    programme = session.get_one(Programme, sheet.programme_id)
    return work_queries.sheets(session, programme, WorkSheet.id == sheet.id)[0]
