"""Every part of the pages in one list, and how they are put on the application."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import Response

from cbi.console import (
    approvals,
    assets,
    counter,
    decisions,
    doorway,
    exports,
    exports_disclosures,
    finance,
    first_administrator,
    overview,
    own_account,
    programmes,
    referrals,
    referrals_applying,
    refusals,
    registry_appeals,
    registry_assessing,
    registry_consent,
    registry_households,
    registry_lists,
    registry_pairs,
    registry_rows,
    registry_scorecards,
    waiting,
    waivers,
    waivers_words,
    work,
)
from cbi.console.pages import STAFF_DOOR, TELLER_DOOR, look_in
from cbi.console.visit import Visit
from cbi.http import problems
from cbi.http.routing import API

AREAS = (
    overview,
    waiting,
    approvals,
    programmes,
    waivers,
    finance,
    work,
    referrals,
    referrals_applying,
    registry_lists,
    registry_rows,
    registry_households,
    registry_pairs,
    registry_assessing,
    registry_consent,
    registry_appeals,
    registry_scorecards,
    exports,
    exports_disclosures,
    decisions,
    counter,
    doorway,
    own_account,
    first_administrator,
)
"""Each has a `router`, a `MENU` of entries and `REFUSALS` in its own words, in the order of the menu."""

PUBLIC = frozenset(
    {
        ("GET", assets.PATH),
        ("GET", "/language/{language}"),
        ("GET", STAFF_DOOR),
        ("POST", STAFF_DOOR),
        ("GET", TELLER_DOOR),
        ("POST", TELLER_DOOR),
        ("GET", first_administrator.PATH),
        ("POST", first_administrator.PATH),
    }
    | referrals_applying.PUBLIC
)
"""Pages that need no sign-in. Any other page without a permission stops the start."""


def mount(app: FastAPI) -> None:
    """Put every page on the application."""
    app.state.console_menu = [entry for area in AREAS for entry in area.MENU]
    app.state.console_waived = waivers_words.on_reports
    for area in AREAS:
        refusals.learn(area.REFUSALS)
        app.router.routes.extend(area.router.routes)


def is_page(request: Request) -> bool:
    """Whether a person at a browser asks, and not a program."""
    is_program = request.url.path.startswith((f"{API}/", "/healthz", "/openapi.json"))
    return not is_program and "text/html" in request.headers.get("accept", "")


def handle_for(
    program: Callable[[Request, Exception], Coroutine[Any, Any, Response]],
) -> Callable[[Request, Exception], Coroutine[Any, Any, Response]]:
    """An exception handler that tells a person on a page what `program` tells a program."""

    async def handle(request: Request, error: Exception) -> Response:
        if is_page(request) and (told := problems.unavailable(error)):
            return _unavailable(request, told)
        answer = (await look_in(request)).refused(error) if is_page(request) else None
        return answer or await program(request, error)

    return handle


def _unavailable(request: Request, told: Response) -> Response:
    """The page while nothing can be done here, made without asking the database; what was typed can be sent again."""
    problem = problems.Problem.model_validate_json(bytes(told.body))
    page = _as_far_as_known(request).show("refused.html", status=problem.status, refusal=problem)
    page.headers["Retry-After"] = told.headers["Retry-After"]
    return page


def _as_far_as_known(request: Request) -> Visit:
    return request.scope.get("state", {}).get("visit") or Visit(request, None, None)


def failed(request: Request, error_id: str) -> Response:
    """The answer to a request that failed on our side: a page for a person, with the number to quote."""
    if not is_page(request):
        return problems.failure(error_id)
    return _as_far_as_known(request).show("failed.html", status=500, error_id=error_id)
