"""Two cycles of one programme, the second with everything that an approver should notice."""

import io
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.ledger import funds
from cbi.money import Money
from cbi.offices import office_of
from cbi.payments.models import PaymentRun
from cbi.payments.runs import finding_lists, runs
from cbi.payments.signing import approval, waivers
from cbi.programmes import applying, budget, cycles
from cbi.registry.intake import importing
from cbi.registry.models import Household, PaymentAccount, Person
from cbi.registry.personal import PHONE, Sealer
from tests import made_up
from tests.factories import EVERYTHING

Sign = tuple[Actor, Callable[[], str]]
HEADINGS = (
    "Registration number,Name,Phone,Language,Household size,Area,Document type,Document number"
)
AREAS = ("Harbour", "Old Market", "Station")
FIRST = [1, 2, 3, 4, 5, 6, 7, 8, 4, 4]
"""Members of the households of the first cycle: 44 people, 44,000 dinars."""
PROGRAMME = """
programme: {{code: winter, name: Winter stipend, kind: stipend, languages: [ar, fr, en]}}
fund: {{code: echo-26, name: Winter fund, amount: "5000000.00", valid_from: {first}-01-01, valid_to: {end}}}
currency: DZD
stipend: {{base: "0", per_member: "1000.00", cap: "{cap}"}}
schedule: {{every: month, first: {first}-01, last: {last}-12}}
delivery: {{provider: post_office, mechanism: cash_over_counter}}
"""


def registered(session: Session, sizes: list[int], first: int, *, shared: bool = False) -> None:
    """Import households `W-0001`, … of these sizes; `shared`: the last two have one telephone."""
    lines = [HEADINGS]
    for at, size in enumerate(sizes, start=first):
        phone = at - 1 if shared and at == first + len(sizes) - 1 else at
        lines.append(
            f"W-{at:04d},{made_up.name(f'W{at}')},+2135550{phone:05d},ar,{size},{AREAS[at % len(AREAS)]},"
            f"passport,{made_up.document(f'W{at}', f'{at:04d}')}"
        )
    file = io.BytesIO("\n".join(lines).encode())
    assert importing.import_file(session, EVERYTHING, file, filename="made.csv").landed == len(
        sizes
    )


def household(session: Session, number: str) -> UUID:
    """The household of that registration number."""
    return session.scalars(select(Household.id).where(Household.source_id == number)).one()


def leave(session: Session, number: str) -> None:
    """The household is no longer active."""
    session.execute(update(Household).where(Household.source_id == number).values(status="closed"))


def move_telephone(session: Session, number: str, phone: str) -> None:
    """The household's recipient has another telephone from now on."""
    person = session.scalars(
        select(Person).where(Person.household_id == household(session, number), Person.is_recipient)
    ).one()
    session.execute(
        update(PaymentAccount)
        .where(PaymentAccount.person_id == person.id)
        .values(replaced_at=clock.now())
    )
    sealer, account_id = Sealer(office_of(session).keys), uuid4()
    assert person.data_key
    value, index = sealer.account(
        sealer.key_of(person.id, person.data_key), account_id, PHONE, phone
    )
    session.add(
        PaymentAccount(
            id=account_id, person_id=person.id, kind=PHONE, value=value, value_index=index, created_at=clock.now()
        )
    )  # fmt: skip
    session.flush()


def programme(
    session: Session,
    cap: str = "8000.00",
    *,
    budgeted: str = "100000.00",
    floated: str = "90000.00",
) -> None:
    """The programme with its money. Applied again, it has another cap."""
    now = clock.now()
    applying.apply(
        session, EVERYTHING,
        PROGRAMME.format(cap=cap, first=now.year, last=now.year + 1, end=f"{now.year + 1}-12-31"),
    )  # fmt: skip
    funds.receive(session, EVERYTHING, "echo-26", Money.parse("2000000.00", "DZD"), "BANK-1")
    budget.allocate(session, EVERYTHING, "winter", budgeted, "MEMO-1")
    funds.prefund(session, EVERYTHING, "post_office", Money.parse(floated, "DZD"), "VIR-1")


def periods(now: datetime) -> tuple[str, str]:
    """This month and the next."""
    return f"{now:%Y-%m}", f"{now.replace(day=1) + timedelta(days=31):%Y-%m}"


def first_cycle(session: Session, maker: Actor, certifier: Sign, authoriser: Sign) -> UUID:
    """Ten households, approved: 44,000 dinars."""
    registered(session, FIRST, 1)
    programme(session)
    run = runs.build(
        session,
        maker,
        cycles.open_cycle(session, maker, "winter", periods(clock.now())[0]).id,
    )
    runs.lock(session, maker, run.id)
    approval.certify(session, certifier[0], run.id, certifier[1]())
    approval.authorise(session, authoriser[0], run.id, authoriser[1]())
    return run.id


def second_cycle(session: Session, maker: Actor) -> UUID:
    """A draft of eleven payments: two new, one gone, three with less, one with another telephone, one left meanwhile.

    40,000 dinars: W-0001 (1,000) is gone, W-0006, 7 and 8 get 5,000 instead of 6, 7 and 8; two new ones get 1,500 each.
    """
    registered(session, [1, 2], 11, shared=True)
    leave(session, "W-0001")
    move_telephone(session, "W-0004", "+213666000004")
    programme(session, "5000.00")
    run = runs.build(
        session,
        maker,
        cycles.open_cycle(session, maker, "winter", periods(clock.now())[1]).id,
    )
    leave(session, "W-0002")
    return run.id


def look(session: Session, actor: Actor, run_id: UUID) -> None:
    """Open every list of what is unusual in the run, as whoever signs it must."""
    finding_lists.unusual(session, actor, session.get_one(PaymentRun, run_id), limit=1)


def let_pass(session: Session, run_id: UUID, control: str, asker: Sign, granter: Sign) -> int:
    """A waiver of that control for a run, for four weeks from today; returns its number."""
    run, today = session.get_one(PaymentRun, run_id), clock.today(office_of(session).timezone)
    assert asker[0].id
    terms = waivers.Terms(
        control=control, programme="winter", reason="They left last week", evidence="visit report 7",
        risk_owner=asker[0].id, first_day=today, last_day=today + timedelta(days=27), run=run.number,
    )  # fmt: skip
    number = waivers.ask(session, asker[0], terms, asker[1]()).number
    waivers.grant(session, granter[0], number, granter[1]())
    return number
