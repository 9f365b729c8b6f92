"""People, households and runs for flow tests, made by the engine's own use cases wherever it has one."""

import io
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pyotp
from sqlalchemy.orm import Session

from cbi import clock, offices
from cbi.access import totp, users
from cbi.access.actor import Actor
from cbi.access.permissions import Permission, Role
from cbi.ledger import funds
from cbi.money import Money
from cbi.payments.models import PaymentRun
from cbi.payments.runs import finding_lists, runs
from cbi.payments.sending import dispatch
from cbi.payments.signing import approval
from cbi.programmes import applying, budget, cycles
from cbi.registry.intake import importing
from tests import made_up

PASSWORD = "correct horse battery"
START = clock.now() + timedelta(hours=1)
"""When a story begins: after whatever a test registers without setting the clock."""
PERIOD = f"{START:%Y-%m}"
EVERYTHING = Actor(
    "user", None, "everything", frozenset((permission, None) for permission in Permission)
)

PROGRAMME = """
programme: {{code: {code}, name: Winter, kind: stipend, languages: [ar, fr, en]}}
fund: {{code: echo-26, name: Winter fund, amount: "{fund}", valid_from: {first}-01-01, valid_to: {last}-12-31}}
currency: DZD
stipend: {{base: "0", per_member: "1000.00"}}
schedule: {{every: month, first: {first}-01, last: {last}-12}}
delivery: {{provider: {provider}, mechanism: {mechanism}}}
"""


def office_day() -> date:
    """The day that it is in the tests' office, which begins an hour before the clock's."""
    return clock.today(ZoneInfo("Africa/Algiers"))


@dataclass
class Colleague:
    """A member of staff with an authenticator."""

    actor: Actor
    secret: str

    def code(self) -> str:
        """The code the authenticator shows now."""
        return pyotp.TOTP(self.secret).at(clock.now())


def colleague(session: Session, *roles: Role) -> Colleague:
    """A member of staff with these roles and an authenticator."""
    user = users.create_user(
        session, EVERYTHING, username=f"user-{uuid4().hex[:8]}", full_name="A Colleague", password=PASSWORD,
        roles=roles,
    )  # fmt: skip
    secret = totp.enrol(session, user.id)
    return Colleague(users.actor_of_user(session, user.id), secret)


def households(session: Session, sizes: Sequence[int]) -> list[str]:
    """Import a list of households of these sizes; returns their registration numbers.

    Each recipient has a telephone of their own (`phone_of`) and a document ending in `factor_of`.
    """
    first = next(_batches)
    numbers = [f"H-{first:04d}-{at:06d}" for at in range(len(sizes))]
    lines = ["Registration number,Name,Phone,Language,Household size,Document type,Document number"]
    lines += [
        f"{number},{made_up.name(number)},{phone_of(number)},ar,{size},passport,"
        + made_up.document(number, factor_of(number))
        for number, size in zip(numbers, sizes, strict=True)
    ]
    result = importing.import_file(
        session, EVERYTHING, io.BytesIO("\n".join(lines).encode()), filename="made.csv"
    )
    assert result.landed == len(sizes), result
    return numbers


_batches = itertools.count()


def phone_of(number: str) -> str:
    """The telephone of the made-up household's recipient, E.164."""
    _, batch, at = number.split("-")
    return f"+2135{(int(batch) * 100_000 + int(at)) % 10**8:08d}"


def factor_of(number: str) -> str:
    """What the recipient shows at the counter: the document's last four characters."""
    return f"{int(number[-6:]) % 10_000:04d}"


def funded_programme(
    session: Session,
    *,
    code: str = "winter",
    provider: str = "post_office",
    mechanism: str = "cash_over_counter",
    budgeted: str = "1000000.00",
) -> str:
    """A programme with money in its budget; returns its code."""
    applying.apply(
        session, EVERYTHING,
        PROGRAMME.format(
            code=code, provider=provider, mechanism=mechanism, fund="5000000.00", first=START.year,
            last=START.year + 1,
        ),
    )  # fmt: skip
    funds.receive(session, EVERYTHING, "echo-26", Money.parse("2000000.00", "DZD"), "BANK-1")
    budget.allocate(session, EVERYTHING, code, budgeted, f"MEMO-{code}")
    funds.prefund(session, EVERYTHING, provider, Money.parse("1000000.00", "DZD"), f"VIR-{code}")
    return code


@dataclass
class Team:
    """Three people who together can pay: nobody else is needed, and none of them can alone."""

    maker: Colleague
    certifier: Colleague
    authoriser: Colleague


def team(session: Session) -> Team:
    """A programme manager, a certifier and an authoriser."""
    return Team(
        colleague(session, Role.PROGRAMME_MANAGER),
        colleague(session, Role.CERTIFIER),
        colleague(session, Role.AUTHORISER),
    )


def locked_run(session: Session, people: Team, programme: str, period: str = PERIOD) -> PaymentRun:
    """A cycle opened, a run built and locked."""
    opened = cycles.open_cycle(session, people.maker.actor, programme, period)
    run = runs.build(session, people.maker.actor, opened.id)
    return runs.lock(session, people.maker.actor, run.id)


def look(session: Session, run: PaymentRun, people: Team) -> None:
    """Certifier and authoriser open every list of what is unusual in the run, as whoever signs it must."""
    for signer in (people.certifier, people.authoriser):
        finding_lists.unusual(session, signer.actor, run, limit=1)


def approved_run(
    session: Session, people: Team, programme: str, period: str = PERIOD
) -> PaymentRun:
    """A locked run with both signatures."""
    run = locked_run(session, people, programme, period)
    look(session, run, people)
    approval.certify(session, people.certifier.actor, run.id, people.certifier.code())
    return approval.authorise(session, people.authoriser.actor, run.id, people.authoriser.code())


def released_run(office: str, sizes: Sequence[int], **programme: str) -> tuple[UUID, Team]:
    """A run whose release has begun, committed: what a worker finds."""
    with clock.frozen(START), offices.transaction(office) as session:
        people = team(session)
        code = funded_programme(session, **programme)
        households(session, sizes)
        run = approved_run(session, people, code)
    with clock.frozen(START + timedelta(hours=1)), offices.transaction(office) as session:
        dispatch.begin_release(session, people.authoriser.actor, run.id)
    return run.id, people
