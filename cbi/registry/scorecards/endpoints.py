"""Over HTTP: scorecards, assessments one by one and by form, and what waits for a second person."""

import io
from typing import Annotated, Literal

from fastapi import Depends, File, Form, Path, Query, Response, UploadFile

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.http.languages import Spoken
from cbi.http.pages import Cursor, Limit, Page, page
from cbi.http.requests import OfficeSession
from cbi.http.routing import Router
from cbi.offices import LANGUAGES
from cbi.registry import naming
from cbi.registry.scorecards import assessing, definition, forms, versions
from cbi.registry.scorecards.models import Assessment
from cbi.registry.scorecards.schemas import (
    Assess,
    AssessmentOut,
    LandedOut,
    OpenAssessment,
    OpenedOut,
    ProposedOut,
    ProposeScorecard,
    RefuseWith,
    ScorecardOut,
    ScorecardTextOut,
    TakenInOut,
)

router = Router(tags=["assessments"])
Reader = Annotated[Actor, Depends(may(Permission.PROGRAMME_READ))]
Proposer = Annotated[Actor, Depends(may(Permission.SCORECARD_PROPOSE))]
Accepter = Annotated[Actor, Depends(may(Permission.SCORECARD_ACCEPT))]
Assessor = Annotated[Actor, Depends(may(Permission.ASSESS))]
Opener = Annotated[Actor, Depends(may(Permission.ASSESSMENT_OPEN))]
Confirmer = Annotated[Actor, Depends(may(Permission.ASSESSMENT_CONFIRM))]
Number = Annotated[int, Path(ge=1, le=2**53)]
_KINDS = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
}


@router.get("/scorecards", summary="Every version of every scorecard, the latest first")
def list_scorecards(session: OfficeSession, actor: Reader) -> list[ScorecardOut]:
    return [ScorecardOut.of(row) for row in versions.listed(session, actor)]


@router.post("/scorecards", status_code=201, summary="Propose a scorecard file as its next version")
def propose(session: OfficeSession, actor: Proposer, body: ProposeScorecard) -> ProposedOut:
    return ProposedOut.of(versions.propose(session, actor, body.file))


@router.get("/scorecards/{code}/versions/{version}", summary="One version, word for word")
def show_scorecard(
    session: OfficeSession, actor: Reader, code: str, version: Number
) -> ScorecardTextOut:
    return ScorecardTextOut.of(versions.shown(session, actor, code, version))


@router.post(
    "/scorecards/{code}/versions/{version}/accept", summary="Accept what somebody else proposed"
)
def accept(session: OfficeSession, actor: Accepter, code: str, version: Number) -> ScorecardOut:
    return ScorecardOut.of(versions.accept(session, actor, code, version))


@router.post("/scorecards/{code}/versions/{version}/refuse", summary="Refuse a proposed version")
def refuse(
    session: OfficeSession, actor: Accepter, code: str, version: Number, body: RefuseWith
) -> ScorecardOut:
    return ScorecardOut.of(versions.refuse(session, actor, code, version, body.reason))


@router.post("/scorecards/{code}/forms", summary="Write an assessment form, as a file")
def write_form(
    session: OfficeSession,
    actor: Assessor,
    code: str,
    form: Annotated[Literal["short", "long"], Query()] = "long",
    households: Annotated[
        list[str] | None, Query(max_length=forms.MOST_ROWS, description="Registration numbers.")
    ] = None,
    area: Annotated[str | None, Query(max_length=100)] = None,
    kind: Annotated[Literal["xlsx", "csv"], Query()] = "xlsx",
    language: Annotated[str, Query(pattern=f"^({'|'.join(LANGUAGES)})$")] = "en",
) -> Response:
    target = io.BytesIO()
    paper = forms.write(
        session, actor, code, definition.Form(form), target, numbers=households or (), area=area,
        kind=kind, language=language,
    )  # fmt: skip
    name = f"assessment-{paper.form_id}.{kind}"
    return Response(
        target.getvalue(),
        media_type=_KINDS[kind],
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@router.post("/assessments", status_code=201, summary="Assess one household")
def assess(session: OfficeSession, actor: Assessor, body: Assess) -> LandedOut:
    household = naming.named(session, body.household)
    landed = assessing.assess(
        session, actor, household, body.scorecard, definition.Form(body.form), body.answers,
        on=body.on, source=body.source, reason=body.reason,
    )  # fmt: skip
    return LandedOut.of(landed)


@router.post("/assessments/imports", status_code=201, summary="Take in a filled form (XLSX, CSV)")
def take_in(
    session: OfficeSession,
    actor: Assessor,
    response: Response,
    language: Spoken,
    file: Annotated[UploadFile, File(description="The form as it was written, filled in.")],
    *,
    dry_run: Annotated[bool, Form(description="Check everything, and change nothing.")] = False,
) -> TakenInOut:
    result = forms.take_in(session, actor, file.file, dry_run=dry_run)
    if result.dry_run or not result.taken:
        response.status_code = 200
    return TakenInOut.of(result, language)


@router.get("/assessments", summary="A household's assessments, the latest first, without answers")
def list_assessments(
    session: OfficeSession,
    actor: Opener,
    household: Annotated[str, Query(min_length=1, max_length=200)],
) -> list[AssessmentOut]:
    found = assessing.of_household(session, actor, naming.named(session, household))
    return [AssessmentOut.of(row) for row in found]


@router.get("/assessments/waiting", summary="Assessments that wait for a second person")
def list_waiting(
    session: OfficeSession, actor: Confirmer, limit: Limit = 50, cursor: Cursor = None
) -> Page[AssessmentOut]:
    return page(
        session,
        assessing.waiting(actor),
        AssessmentOut.of,
        by=[Assessment.id],
        limit=limit,
        cursor=cursor,
    )


@router.post("/assessments/{number}/open", summary="Answers and reasons; the look is written down")
def open_assessment(
    session: OfficeSession, actor: Opener, number: Number, body: OpenAssessment
) -> OpenedOut:
    return OpenedOut.told(assessing.open_(session, actor, number, body.purpose), body.language)


@router.post("/assessments/{number}/confirm", summary="Accept somebody else's late correction")
def confirm(session: OfficeSession, actor: Confirmer, number: Number) -> AssessmentOut:
    return AssessmentOut.of(assessing.confirm(session, actor, number))


@router.post("/assessments/{number}/refuse", summary="Refuse somebody else's late correction")
def refuse_assessment(
    session: OfficeSession, actor: Confirmer, number: Number, body: RefuseWith
) -> AssessmentOut:
    return AssessmentOut.of(assessing.refuse(session, actor, number, body.reason))
