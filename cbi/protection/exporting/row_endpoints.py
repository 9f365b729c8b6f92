"""Lists over HTTP: they come in plain or as the encrypted workbook of rejected rows, in which such rows leave."""

from typing import Annotated

from fastapi import Depends, File, Form, Header, Path, Response, UploadFile
from fastapi.responses import StreamingResponse

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.http.languages import Spoken
from cbi.http.requests import OfficeSession
from cbi.http.routing import Router
from cbi.offices import office_of
from cbi.protection.exporting import row_copies, row_workbooks
from cbi.protection.exporting.endpoints import XLSX, download
from cbi.protection.exporting.fetching import Fetched
from cbi.protection.exporting.schemas import RowsPassphraseOut, TakeRows
from cbi.registry.import_models import Import
from cbi.registry.intake import importing, waiting
from cbi.registry.intake.mapping import TEMPLATE, ColumnMapping
from cbi.registry.intake.mapping_files import load_mapping
from cbi.registry.intake.results import ImportResult
from cbi.registry.intake.xlsforms import read_form, with_form
from cbi.registry.schemas import ImportedOut, ImportOut

router = Router(tags=["registry"])
Importer = Annotated[Actor, Depends(may(Permission.REGISTRY_IMPORT))]
_DRY_RUN = "Say what would come of it, and change nothing."
_List = Annotated[
    UploadFile,
    File(
        description="The list, or submissions of a form as JSON; or a workbook of rejected rows, encrypted as it left."
    ),
]
_Mapping = Annotated[str | None, Form(description="A mapping file (YAML) for other column names.")]
_XLSForm = Annotated[UploadFile | None, File(description="The XLSForm, for the labels of choices.")]


@router.post(
    "/registry/imports",
    status_code=201,
    summary="Take in a list of households (CSV or XLSX), or submissions (JSON); the answer as JSON, or the list itself"
    " (XLSX) with the reasons beside its rows",
    response_model=ImportedOut,
    responses={code: {"content": {XLSX: {}}} for code in (200, 201, 422)},
)
def import_list(
    session: OfficeSession,
    actor: Importer,
    response: Response,
    language: Spoken,
    file: _List,
    mapping: _Mapping = None,
    form: _XLSForm = None,
    *,
    dry_run: Annotated[bool, Form(description=_DRY_RUN)] = False,
    accept: Annotated[str, Header(include_in_schema=False)] = "",
) -> ImportedOut | StreamingResponse:
    """`Accept: application/vnd.openxmlformats-officedocument.spreadsheetml.sheet` asks for the copy. It is kept nowhere,
    so it is not given again under the same Idempotency-Key; with 422 none of the rows could be used.
    """
    filename, chosen = file.filename or "list", _read(session, mapping, form)
    if XLSX in accept:
        copy = row_copies.copied(
            session, actor, file.file, filename=filename, mapping=chosen, language=language, dry_run=dry_run
        )  # fmt: skip
        answer = download(copy.file)
        answer.status_code = 422 if copy.is_refused else _status(copy.result)
        return answer
    result = importing.import_file(
        session, actor, row_workbooks.unsealed(session, actor, file.file), filename=filename, mapping=chosen,
        dry_run=dry_run,
    )  # fmt: skip
    response.status_code = _status(result)
    return ImportedOut.of(result, language)


@router.post(
    "/registry/imports/waiting",
    status_code=202,
    summary="Leave a long list to the worker; ask for its progress under the id that comes back",
)
def import_later(
    session: OfficeSession,
    actor: Importer,
    file: _List,
    mapping: _Mapping = None,
    form: _XLSForm = None,
) -> ImportOut:
    import_id = waiting.store(
        session,
        actor,
        row_workbooks.unsealed(session, actor, file.file),
        filename=file.filename or "list",
        mapping=_read(session, mapping, form),
    )
    return ImportOut.of(session.get_one(Import, import_id, populate_existing=True))


@router.post(
    "/registry/rejected/workbooks",
    summary="Take rejected rows to be corrected: an encrypted ZIP file; each row is noted as seen",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/zip": {}}}},
)
def take_rows(
    session: OfficeSession, actor: Importer, language: Spoken, body: TakeRows
) -> StreamingResponse:
    taken = row_workbooks.take(
        session, actor, body.import_id, purpose=body.purpose, language=language
    )
    return download(Fetched(taken.name, taken.content, taken.rows))


@router.post(
    "/registry/rejected/workbooks/{number}/passphrase",
    summary="The passphrase of a workbook, for whoever took it",
)
def tell_passphrase(
    session: OfficeSession,
    actor: Importer,
    number: Annotated[
        int, Path(ge=1, le=2**62, description="As in the file's name: rows-17.zip is 17.")
    ],
) -> RowsPassphraseOut:
    return RowsPassphraseOut(passphrase=row_workbooks.passphrase(session, actor, number))


def _status(result: ImportResult) -> int:
    return 200 if result.repeated or result.dry_run else 201


def _read(session: OfficeSession, text: str | None, form: UploadFile | None) -> ColumnMapping:
    chosen = load_mapping(text) if text else TEMPLATE
    if form is None:
        return chosen
    return with_form(chosen, read_form(form.file), office_of(session).languages[0])
