"""The HTTP door: the routes of every stage under `/api/v1` and the pages, closed unless they say who may come in."""

from collections.abc import Mapping, Sequence

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlalchemy.orm import Session
from starlette.exceptions import HTTPException

from cbi import db, offices, queue
from cbi.access import endpoints as access
from cbi.access import tokens
from cbi.access.actor import Actor
from cbi.access.tokens import FindActor
from cbi.console import areas as console
from cbi.errors import CbiError
from cbi.helpline import endpoints as helpline
from cbi.http import problems
from cbi.http.documentation import Api
from cbi.http.request_log import RequestLog
from cbi.http.requests import Entrance, Principal
from cbi.http.routing import API, Guard, OfficeRoute
from cbi.ledger import endpoints as ledger
from cbi.ledger import fx_endpoints as fx
from cbi.messaging import callbacks as gateway
from cbi.messaging import endpoints as messages
from cbi.messaging import telephones
from cbi.month_end import endpoints as month_end
from cbi.payments.fees import tariff_endpoints as tariffs
from cbi.payments.recovery import amount_endpoints as amounts
from cbi.payments.recovery import receivable_endpoints as receivables
from cbi.payments.runs import endpoints as payments
from cbi.payments.runs import funding_endpoints as funding
from cbi.payments.sending import callbacks
from cbi.payments.sending import card_endpoints as cards
from cbi.payments.signing import rate_endpoints as rates
from cbi.payments.signing import signing_endpoints as signing
from cbi.payments.signing import waiver_endpoints as waivers
from cbi.payments.signing import waiver_register
from cbi.payments.unpaid import again_endpoints as again
from cbi.payments.unpaid import withdrawal_endpoints as withdrawals
from cbi.programmes import endpoints as programmes
from cbi.programmes import fund_endpoints as funds
from cbi.programmes import household_endpoints as households
from cbi.programmes import legal_endpoints as legal_bases
from cbi.programmes import top_up_endpoints as top_ups
from cbi.programmes import value_endpoints as transfer_values
from cbi.programmes import what_if_endpoints as what_if
from cbi.programmes import work_endpoints as work
from cbi.proofs import endpoints as proofs
from cbi.protection import endpoints as protection
from cbi.protection.exporting import endpoints as exports
from cbi.protection.exporting import row_endpoints as lists
from cbi.reconciliation import endpoints as reconciliation
from cbi.reconciliation import fee_endpoints as fees
from cbi.reconciliation import line_endpoints as lines
from cbi.reconciliation import standstill_endpoints as standstills
from cbi.redemption import endpoints as redemption
from cbi.redemption.tellers import actor_of_teller
from cbi.refusals import endpoints as refusals
from cbi.registry import endpoints as registry
from cbi.registry.areas import endpoints as places
from cbi.registry.consent import endpoints as consent
from cbi.registry.disclosing import endpoints as disclosures
from cbi.registry.households import endpoints as household_changes
from cbi.registry.intake import endpoints as intake
from cbi.registry.linkage import endpoints as pairs
from cbi.registry.referrals import endpoints as referrals
from cbi.registry.scorecards import appeal_endpoints as appeals
from cbi.registry.scorecards import endpoints as scorecards
from cbi.reporting import endpoints as reporting
from cbi.settings import settings

STAGES = (
    access, registry, household_changes, lists, intake, places, scorecards, appeals, what_if, programmes, work, households,
    transfer_values, top_ups, ledger, fx, funds, messages, gateway,
    payments, funding, again, signing, rates, waivers, tariffs, receivables, amounts, withdrawals, cards, callbacks,
    redemption, reconciliation, lines, fees, standstills, helpline, reporting, month_end, proofs, protection,
    referrals, pairs, refusals,
    exports, disclosures, consent, legal_bases,
)  # fmt: skip

HOLDERS: Mapping[str, FindActor] = {"teller": actor_of_teller}
"""Kinds of token holder beside staff and programs."""

PUBLIC = frozenset(
    {
        ("GET", "/healthz"),
        ("GET", "/openapi.json"),
        ("POST", f"{API}/sign-in"),
        ("POST", f"{API}/tellers/sign-in"),
        ("POST", callbacks.PATH),  # the provider's signature is checked instead
        ("PUT", callbacks.PATH),
        ("PUT", callbacks.PATH_ABOUT),
        ("GET", f"{API}/phones/{{number}}/messages"),  # made-up people, in a demonstration only
        ("POST", f"{API}/phones/{{number}}/messages"),
    }
    | gateway.PUBLIC  # a token for one text, or the secret shared with the gateway
    | console.PUBLIC
)
"""What needs no token. Any other route without a permission stops the start."""


class UnguardedRoute(RuntimeError):
    """A route says neither who may use it nor that it is public."""


def create_app() -> FastAPI:
    """The application, ready to serve. Raises UnguardedRoute, and NotADemo where demonstration mode met real offices."""
    if settings().demo:
        offices.require_demo()
    app = Api(
        title="CBI",
        summary="Gets cash to people who need it, and proves where every cent went.",
        version="1",
        docs_url=None,  # FastAPI's pages load scripts from elsewhere
        redoc_url=None,
    )
    app.state.entrance = Entrance(_authenticate, _open_waivers)
    db.ask_with(queue.ask_now)
    app.add_middleware(RequestLog, failed=console.failed)
    for kind in (CbiError, RequestValidationError, HTTPException, DBAPIError, NoConnectionFree):
        app.add_exception_handler(kind, console.handle_for(problems.handle))
    app.add_api_route("/healthz", healthz, methods=["GET"], summary="Whether this process answers")
    for stage in STAGES:  # as they are: `include_router` would build every route a second time
        app.router.routes.extend(stage.router.routes)
    console.mount(app)
    if settings().demo:
        app.router.routes.extend(telephones.router.routes)
    refuse_unguarded(app)
    return app


def healthz() -> dict[str, str]:
    """Says that this process answers, and nothing about the database."""
    return {"status": "ok"}


def guard_of(route: object) -> Guard | None:
    """The guard of a route, if it has one."""
    return route.guard if isinstance(route, OfficeRoute) else None


def refuse_unguarded(app: FastAPI) -> None:
    """Raise UnguardedRoute for the first route that is neither guarded nor listed as public."""
    for route in iter_route_contexts(app.routes):
        methods = (route.methods or {"*"}) - {"HEAD"}
        listed = all((method, route.path) in PUBLIC for method in methods)
        if not listed and guard_of(route.original_route) is None:
            named = f"{', '.join(sorted(methods))} {route.path}"
            raise UnguardedRoute(f"{named} declares no permission.")


def _authenticate(session: Session, token: str) -> Actor | None:
    return tokens.resolve(session, token, HOLDERS)


def _open_waivers(session: Session, principal: Principal) -> Sequence[int]:
    """What stands with every answer that somebody of the office, or a program of theirs, reads."""
    if not isinstance(principal, Actor) or principal.kind in HOLDERS:
        return ()
    return waiver_register.numbers_open(session, principal)
