"""Which office a command works in, and who is working."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from cbi.access.actor import Actor

Result = TypeVar("Result")

Office = Annotated[
    str | None,
    typer.Option(
        "--office", envvar="CBI_OFFICE", help="The office to work in, when there are several."
    ),
]
User = Annotated[
    str | None,
    typer.Option(
        "--user",
        envvar="CBI_USER",
        help="Who you are; your password is asked for (or CBI_PASSWORD).",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Answer in JSON, for programs.")]
OneTimeCode = Annotated[
    str | None, typer.Option("--code", help="Your fresh one-time code; asked for when not given.")
]


def chosen(office: str | None) -> str:
    """The office that was named, or the only one there is. Raises UnknownOffice."""
    from cbi import offices

    if office:
        return offices.require(office)
    codes = offices.office_codes()
    if len(codes) == 1:
        return codes[0]
    raise offices.UnknownOffice(
        "Say which office with --office.",
        next_step=f"There is: {', '.join(codes)}." if codes else "Make one with: cbi office create",
    )


@contextmanager
def reading(office: str | None) -> "Iterator[Session]":
    """A look into an office's tables, for commands of whoever runs the server."""
    from cbi import offices

    code = chosen(office)
    with offices.transaction(
        code
    ) as session:  # of its own: a command may begin by choosing how its own isolates
        _look_around(session)
    with offices.transaction(code) as session:
        yield session


def _look_around(session: "Session") -> None:
    """What everything that is shown from here on needs: the office's clock, and which of its controls are waived."""
    from cbi.offices import office_of
    from cbi.payments.signing import waiver_register
    from cbi.terminal.output import covered_by, on_the_clock_of

    on_the_clock_of(office_of(session).timezone)
    covered_by(waiver_register.cover(session))


def _cover_for(session: "Session", actor: "Actor") -> None:
    """In front of what somebody is shown stands what is waived of the programmes that they work for, no other's."""
    from cbi.payments.signing import waiver_register
    from cbi.terminal.output import covered_by

    covered_by(waiver_register.cover(session, actor))


def working(
    office: str | None, user: str | None, work: "Callable[[Session, Actor], Result]"
) -> Result:
    """Do one piece of work in one transaction, as a user who gave their password."""
    from cbi import offices
    from cbi.access import users

    code = chosen(office)
    name = user or typer.prompt("User name", err=True)
    password = os.environ.get("CBI_PASSWORD") or typer.prompt("Password", hide_input=True, err=True)

    with offices.transaction(code) as session:
        _look_around(session)
        actor = users.actor_with_password(session, name, password)
        _cover_for(session, actor)

    return offices.transact(code, lambda session: work(session, actor), seen_by=actor)


def one_time_code(given: str | None) -> str:
    """The one-time code that was given, or the one typed now."""
    return given or typer.prompt("One-time code", err=True)
