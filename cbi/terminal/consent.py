"""Commands for what people are told, and what they said to it."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from cbi.terminal.money import programmes
from cbi.terminal.office import Json, Office, User, working

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from cbi.access.actor import Actor
    from cbi.registry.consent.models import Answer
    from cbi.registry.consent.schemas import ConsentOut

notices = typer.Typer(help="What people are told of the use of their data.", no_args_is_help=True)
consents = typer.Typer(help="What people said yes and no to.", no_args_is_help=True)

Code = Annotated[str, typer.Argument(help="The notice's short name.")]
Version = Annotated[int, typer.Argument(help="The version, as the list shows it.")]
Household = Annotated[str, typer.Argument(help="The household's registration number.")]
Scopes = Annotated[
    list[str],
    typer.Option(
        "--scope",
        help="assistance, provider, texts, referral, duplicate_checks or research; may be repeated.",
    ),
]
How = Annotated[str, typer.Option(help="in_person, signed, call or guardian.")]
Member = Annotated[UUID | None, typer.Option(help="Which member; the collector if left out.")]
On = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="When it was said; today if left out.")]  # fmt: skip
Guardian = Annotated[UUID | None, typer.Option(help="Who answered for the person.")]
Reason = Annotated[str, typer.Option(help="Why.")]


@notices.command("propose")
def propose(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    office: Office = None,
    user: User = None,
) -> None:
    """Propose a file as the notice's next version. Example: cbi notice propose examples/notice.yaml"""
    from cbi.registry.consent import notices as use
    from cbi.terminal.output import say

    written = file.read_bytes().decode("utf-8-sig", errors="replace")

    def work(session: "Session", actor: "Actor") -> tuple[str, int]:
        made = use.propose(session, actor, written)
        return made.code, made.version

    code, version = working(office, user, work)
    say(f"Somebody else accepts it: cbi notice accept {code} {version}")


@notices.command("accept")
def accept(code: Code, version: Version, office: Office = None, user: User = None) -> None:
    """Accept a version that somebody else proposed. Example: cbi notice accept registration 2"""
    from cbi.registry.consent import notices as use
    from cbi.terminal.output import say

    working(office, user, lambda session, actor: use.accept(session, actor, code, version).version)
    say("Accepted. People are asked with it from now on.")


@notices.command("refuse")
def refuse(
    code: Code, version: Version, reason: Reason, office: Office = None, user: User = None
) -> None:
    """Refuse a version. Example: cbi notice refuse registration 2 --reason "The Arabic is not plain" """
    from cbi.registry.consent import notices as use
    from cbi.terminal.output import say

    working(
        office, user,
        lambda session, actor: use.refuse(session, actor, code, version, reason).version,
    )  # fmt: skip
    say("Refused.")


@notices.command("list")
def list_notices(office: Office = None, user: User = None, json: Json = False) -> None:
    """Every version of every notice. Example: cbi notice list"""
    from cbi.registry.consent import notices as use
    from cbi.registry.consent.schemas import NoticeOut
    from cbi.terminal.output import as_json, table

    rows = working(
        office, user,
        lambda session, actor: [NoticeOut.of(row) for row in use.versions(session, actor)],
    )  # fmt: skip
    if json:
        as_json([row.model_dump(mode="json") for row in rows])
        return
    table(
        "Notices",
        ["Notice", "Version#", "Asks for", "Until", "State"],
        [
            (
                row.code, row.version, ", ".join(row.asks_for), row.valid_until.isoformat(),
                row.decision or "waits for a second person",
            )
            for row in rows
        ],
    )  # fmt: skip


@notices.command("show")
def show_notice(
    code: Code,
    version: Annotated[int | None, typer.Argument(help="The latest if left out.")] = None,
    language: Annotated[str, typer.Option(help="en, fr, ar or es.")] = "en",
    office: Office = None,
    user: User = None,
) -> None:
    """What a version says. Example: cbi notice show registration --language ar"""
    from cbi.registry.consent import notices as use
    from cbi.registry.consent.schemas import NoticeOut
    from cbi.terminal.output import say

    row = working(
        office, user,
        lambda session, actor: NoticeOut.of(use.shown(session, actor, code, version)),
    )  # fmt: skip
    said = row.texts.get(language) or next(iter(row.texts.values()))
    say(f"{row.code}/{row.version}, until {row.valid_until}: {row.decision or 'waits'}")
    for scope, words in said.items():
        say(f"{scope}: {words}")


@consents.command("record")
def record(
    household: Household,
    scope: Scopes,
    notice: Annotated[str, typer.Option(help="registration, or registration/2.")],
    how: How = "in_person",
    language: Annotated[str, typer.Option(help="In which language it was told.")] = "",
    refused: Annotated[bool, typer.Option("--refused", help="They said no.")] = False,
    member: Member = None,
    guardian: Guardian = None,
    on: On = None,
    office: Office = None,
    user: User = None,
) -> None:
    """Record a yes or a no. Example: cbi consent record H-1 --scope texts --scope provider --notice registration"""
    from cbi.registry.consent.models import Answer

    answer = Answer.REFUSED if refused else Answer.GIVEN
    _say(office, user, household, member, scope, answer, how, notice, language, on, guardian)


@consents.command("withdraw")
def withdraw(
    household: Household,
    scope: Scopes,
    how: How = "in_person",
    member: Member = None,
    guardian: Guardian = None,
    on: On = None,
    office: Office = None,
    user: User = None,
) -> None:
    """Record that somebody takes back what they agreed to. Example: cbi consent withdraw H-1 --scope texts --how call"""
    from cbi.registry.consent.models import Answer

    _say(office, user, household, member, scope, Answer.WITHDRAWN, how, "", "", on, guardian)


def _say(
    office: str | None, user: str | None, household: str, member: UUID | None, scopes: list[str], answer: "Answer",
    how: str, notice: str, language: str, on: datetime | None, guardian: UUID | None,
) -> None:  # fmt: skip
    from cbi.registry.consent import listing, recording
    from cbi.terminal.output import say

    def work(session: "Session", actor: "Actor") -> int:
        word = recording.read(
            scopes, answer, how, notice=notice, language=language, on=on.date() if on else None,
            guardian_id=guardian,
        )  # fmt: skip
        person = listing.member(session, household, member)
        return len(recording.say(session, actor, person, word))

    count = working(office, user, work)
    say(f"Recorded for {count} purpose{'s' if count > 1 else ''}. It counts from now on.")


@consents.command("list")
def list_consents(
    household: Household, office: Office = None, user: User = None, json: Json = False
) -> None:
    """What the people of a household said, the latest first. Example: cbi consent list H-1"""
    from cbi.registry import naming
    from cbi.registry.consent import listing
    from cbi.registry.consent.schemas import ConsentOut
    from cbi.terminal.output import as_json, table

    def work(session: "Session", actor: "Actor") -> "list[ConsentOut]":
        found = naming.named(session, household)
        said = listing.of_household(session, actor, found.id)
        return [ConsentOut.of(row, counts=counts) for row, counts in said]

    rows = working(office, user, work)
    if json:
        as_json([row.model_dump(mode="json") for row in rows])
        return
    table(
        f"What was said in household {household}",
        ["Day", "Purpose", "Answer", "How", "Notice", "Member", "Counts"],
        [
            (
                row.said_on.isoformat(), row.scope, row.answer, row.how, row.notice or "before notices were kept",
                str(row.person_id), "yes" if row.counts else "",
            )
            for row in rows
        ],
    )  # fmt: skip


Programme = Annotated[str, typer.Argument(help="The programme's code.")]


@programmes.command("legal-basis")
def legal_bases(
    programme: Programme, office: Office = None, user: User = None, json: Json = False
) -> None:
    """Why a programme may use people's data. Example: cbi programme legal-basis winter-2026"""
    from cbi.programmes import legal_basis
    from cbi.programmes.legal_endpoints import LegalBasisOut
    from cbi.terminal.output import as_json, table

    rows = working(
        office, user,
        lambda session, actor: [
            LegalBasisOut.of(row) for row in legal_basis.versions(session, actor, programme)
        ],
    )  # fmt: skip
    if json:
        as_json([row.model_dump(mode="json") for row in rows])
        return
    table(
        f"Legal basis of {programme}",
        ["Version#", "Ground", "Because", "State"],
        [
            (row.version, row.ground, row.because, row.decision or "waits for a second person")
            for row in rows
        ],
    )


@programmes.command("accept-legal-basis")
def accept_basis(
    programme: Programme, version: Version, office: Office = None, user: User = None
) -> None:
    """Accept the legal basis that a colleague's file names. Example: cbi programme accept-legal-basis winter-2026 1"""
    from cbi.programmes import legal_basis
    from cbi.terminal.output import say

    working(
        office, user,
        lambda session, actor: legal_basis.accept(session, actor, programme, version).version,
    )  # fmt: skip
    say("Accepted. Cycles can be opened under it.")


@programmes.command("refuse-legal-basis")
def refuse_basis(
    programme: Programme, version: Version, reason: Reason, office: Office = None, user: User = None
) -> None:
    """Refuse it. Example: cbi programme refuse-legal-basis winter-2026 1 --reason "Nobody signed a contract" """
    from cbi.programmes import legal_basis
    from cbi.terminal.output import say

    working(
        office, user,
        lambda session, actor: legal_basis.refuse(session, actor, programme, version, reason).version,
    )  # fmt: skip
    say("Refused. Apply the file with another legal basis.")
