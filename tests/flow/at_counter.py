"""A teller at a browser, for tests of the counter's pages."""

from fastapi import FastAPI
from httpx import Response
from sqlalchemy import func, select

from cbi import offices
from cbi.access.actor import Actor
from cbi.redemption.models import Authorisation, CounterTry, Payout
from tests.flow.browsing import Browsing
from tests.flow.people import token_for
from tests.redemption_factory import WORD, teller


def signed_in(app: FastAPI, who: Actor | None = None) -> Browsing:
    """A teller at a browser, who looks at the code box."""
    actor = who or teller()
    assert actor.id is not None
    visitor = Browsing(app, token_for(actor.id, "teller"))
    visitor.get("/counter")
    return visitor


def check(visitor: Browsing, code: str, factor: str = WORD, *, follow: bool = True) -> Response:
    """Type a code and what the person said, at the counter."""
    if not any(form.action == "/counter" and "code" in form.fields for form in visitor.forms):
        visitor.get("/counter")
    return visitor.send("/counter", code=code, factor=factor, follow=follow)


def held(visitor: Browsing, code: str) -> str:
    """Where a right code leads."""
    where: str = check(visitor, code, follow=False).headers["location"]
    assert where.startswith("/counter/holds/"), where
    visitor.get(where)
    return where


def count(what: type[Payout] | type[Authorisation] | type[CounterTry]) -> int:
    """How many rows there are."""
    with offices.transaction("dz") as session:
        return session.scalar(select(func.count()).select_from(what)) or 0
