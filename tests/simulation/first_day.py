"""The office on its first day: its programmes of every kind, its money, who works there and who is registered."""

import io
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi import clock, offices
from cbi.access.actor import Actor
from cbi.access.models import User
from cbi.access.permissions import Role
from cbi.ledger import deals, funds, reference_rates
from cbi.ledger.deals import Ticket
from cbi.money import Money
from cbi.programmes import applying, baskets, budget, work_arranging
from cbi.programmes.work_arranging import Place
from cbi.programmes.work_models import Basis
from cbi.programmes.work_people import Named
from cbi.redemption import counters, tellers
from cbi.redemption.models import Teller
from cbi.registry.intake import importing
from cbi.registry.models import Household
from tests.factories import EVERYTHING, Colleague, colleague

OFFICE = "dz"
MODEL = "model"
COUNTER = "post_office"
FIRST_DAY = datetime(2027, 1, 28, 8, 0, tzinfo=UTC)
"""So near to the end of a month that every life sees another begin."""
PREFUNDED = 50_000_000
"""What each provider holds of ours in the beginning, in minor units."""
FUNDS = {
    # code: (what the file says of it, what the donor has given by the first day)
    "donor": ('amount: "5000000.00"', Money(200_000_000, "DZD")),
    "large": ('amount: "500000.00", pays: {for: {household_size: {min: 9}}}', Money(1_000_000, "DZD")),
    "last": ('amount: "500000.00", last_resort: yes', Money(20_000_000, "DZD")),
    "euros": ('currency: EUR, amount: "50000.00"', Money(2_000_000, "EUR")),
}  # fmt: skip
SOLD, BOUGHT = Money(100_000, "EUR"), Money(14_600_000, "DZD")
"""What was changed on the first day, so that the programme paid from euros has a budget."""
BUDGETS = {
    ("wallets-12", "large"): "400.00", ("wallets-12", "donor"): "1500.00", ("wallets-12", "last"): "100000.00",
    ("euros-3", "euros"): "100000.00",
}  # fmt: skip
"""By programme and fund; the others have 100,000 from the donor."""

WALLET = "model, mechanism: mobile_money"
STIPEND = 'stipend: {base: "100", per_member: "10.00"}'
BASKET = """
basket: {code: basket, name: What a household needs}
currency: DZD
household_size: 5
markets: [{code: market, name: The market, area: Oran}]
lines: [{item: rice, name: Rice, category: food, unit: kg, quantity: 10}]
"""
BASIS = '{basket: basket, share: 100, round_to: "5.00"}'
PARTIAL = '{smallest: "20.00", notes: "10.00", at_most: 3}'
PROGRAMMES = {
    # code: (delivery, smallest household, kind, what it gives); the households have 1 to 12 members
    "wallets-3": (WALLET, 10, "stipend", f'stipend: {{base: "100", per_member: "10.00", basis: {BASIS}}}'),
    "wallets-6": (WALLET, 7, "stipend", STIPEND),
    "wallets-12": (WALLET, 1, "stipend", STIPEND),
    "euros-3": (WALLET, 10, "stipend", STIPEND),
    "counters-4": (f"post_office, mechanism: cash_over_counter, partial: {PARTIAL}", 9, "stipend", STIPEND),
    "both-8": (
        "post_office, mechanism: cash_over_counter, also: [{provider: model, mechanism: mobile_money}]",
        5, "stipend", STIPEND,
    ),
    "grants-4": (
        WALLET, 9, "grant",
        'grant: {tranches: [{code: first, amount: "300"}, {code: second, amount: "200", requires: [ticket]}]}',
    ),
    "roads-2": (WALLET, 11, "cash_for_work", 'work: {day_rate: "40.00", max_days: 20}'),
}  # fmt: skip
GRANTS, ROADS, CONDITION = "grants-4", "roads-2", "ticket"
PROGRAMME = """
programme: {{code: {code}, name: A programme, kind: {kind}, languages: [ar, fr, en]}}
funds:
{funds}
currency: DZD
eligibility: {{household_size: {{min: {smallest}, max: 12}}}}
{part}
schedule: {{every: month, first: 2027-01, last: 2027-12}}
delivery: {{provider: {delivery}}}
"""
_COLUMNS = (
    "Registration number,Name,Phone,Language,Household size,Document type,Document number,Paid by"
)
_ROLES = {
    "maker": [Role.PROGRAMME_MANAGER],
    "second maker": [Role.PROGRAMME_MANAGER],
    "certifier": [Role.CERTIFIER],
    "authoriser": [Role.AUTHORISER],
    "head_of_finance": [Role.HEAD_OF_FINANCE],
    "country_director": [Role.COUNTRY_DIRECTOR],
    "treasurer": [Role.TREASURER],
    "clerk": [Role.WORK_SUPERVISOR],
    "supervisor": [Role.WORK_SUPERVISOR],
    "second supervisor": [Role.WORK_SUPERVISOR],
}
_NAMES = (
    "Amina Belkacem", "Yusuf Traore", "Fatou Ndiaye", "Omar Haddad", "Grace Okafor", "Samir Cherif", "Leila Mansouri",
    "Ibrahim Keita", "Blessing Eze", "Karim Zerrouki", "Mariam Coulibaly", "Daniel Mbeki",
)  # fmt: skip
"""Nobody looks like anybody else: who might have been registered twice is paid only once that is decided."""
EVERY_ROLE = tuple(dict.fromkeys(role for roles in _ROLES.values() for role in roles))


@dataclass(frozen=True, slots=True)
class People:
    """Who acts in a life: members of staff by what they do, those who hold every role, and tellers."""

    staff: dict[str, Colleague]
    everybody: tuple[Colleague, ...]
    tellers: tuple[Actor, ...]
    supervisor: Actor
    """The provider's, who looks after its counters."""
    counter: UUID
    group: UUID
    """Who works in the programme of cash for work."""


def told() -> People:
    """Make all of it, committed."""
    rows = [
        f"{number_of(size)},{name},{phone_of(size)},ar,{size},passport,{size * 7919:06d}{size:04d},"
        f"{'mobile money' if size % 2 else ''}"
        for size, name in enumerate(_NAMES, 1)
    ]
    lines = {
        code: f"  - {{code: {code}, name: A donor, {said}, valid_from: 2027-01-01, valid_to: 2027-12-31}}"
        for code, (said, _) in FUNDS.items()
    }
    with offices.transaction(OFFICE) as session:
        staff = {name: colleague(session, *roles) for name, roles in _ROLES.items()}
        everybody = tuple(colleague(session, *EVERY_ROLE) for _ in range(5))
        listed = io.BytesIO("\n".join([_COLUMNS, *rows]).encode())
        assert importing.import_file(session, EVERYTHING, listed, filename="made.csv").landed == 12
        baskets.apply(session, EVERYTHING, BASKET)
        for code, (delivery, smallest, kind, part) in PROGRAMMES.items():
            file = PROGRAMME.format(
                code=code, kind=kind, delivery=delivery, smallest=smallest, part=part,
                funds="\n".join(lines[fund] for fund in drawn_on(code)),
            )  # fmt: skip
            applying.apply(session, EVERYTHING, file)
        for code, (_, given) in FUNDS.items():
            funds.receive(session, EVERYTHING, code, given, f"BANK-{code}")
        _change(session, staff)
        for code in PROGRAMMES:
            for fund in drawn_on(code):
                amount = BUDGETS.get((code, fund), "100000.00")
                budget.allocate(session, EVERYTHING, code, amount, f"MEMO-{code}-{fund}", fund=fund)
        for provider in (COUNTER, MODEL):
            funds.prefund(session, EVERYTHING, provider, Money(PREFUNDED, "DZD"), f"VIR-{provider}")
        place, found = _counter(session)
        supervisor = colleague(session, Role.TELLER_SUPERVISOR).actor
        group = _group(session, staff["supervisor"])
        return People(staff, everybody, found, supervisor, place, group)


def drawn_on(programme: str) -> list[str]:
    """The funds of a programme, in their order."""
    return [fund for code, fund in BUDGETS if code == programme] or ["donor"]


def _change(session: Session, staff: dict[str, Colleague]) -> None:
    """Euros were changed into dinars the hour before."""
    one, other = staff["treasurer"], staff["head_of_finance"]
    with clock.frozen(FIRST_DAY - timedelta(hours=1)):
        before = FIRST_DAY.date() - timedelta(days=3)
        rate = reference_rates.propose(
            session, one.actor, "EUR", "DZD", "146.5", "Bank of Algeria", before
        )
        reference_rates.confirm(session, other.actor, rate.id, other.code())
        deal = deals.propose(session, one.actor, "euros", Ticket("FX-1", SOLD, BOUGHT))
    with clock.frozen(FIRST_DAY - timedelta(minutes=30)):
        deals.confirm(session, other.actor, deal.id, other.code())


def number_of(size: int) -> str:
    """The registration number of the household of so many members."""
    return f"H-{size:02d}"


def phone_of(size: int) -> str:
    """Its telephone."""
    return f"+21355500{size:04d}"


def households() -> dict[UUID, int]:
    """Every household, and how many members it has."""
    with offices.transaction(OFFICE) as session:
        return dict(session.execute(select(Household.id, Household.size)).all())


def _counter(session: Session) -> tuple[UUID, tuple[Actor, ...]]:
    place = counters.create_office(
        session, EVERYTHING, provider=COUNTER, code="po-1", name="Bab El Oued"
    )
    made = [
        Teller(
            office_id=place.id, username=f"teller-{number}", full_name="A Teller", password_hash="",
            created_at=clock.now(),
        )
        for number in (1, 2)
    ]  # fmt: skip
    session.add_all(made)
    session.flush()
    found = [tellers.actor_of_teller(session, each.id) for each in made]
    return place.id, tuple(actor for actor in found if actor is not None)


def _group(session: Session, supervisor: Colleague) -> UUID:
    """Two people who mend a road."""
    place = Place("The road", "Harbour", Basis.DAYS, date(2027, 1, 4), date(2027, 6, 30))
    username = session.get_one(User, supervisor.actor.id).username
    work_arranging.add_activity(session, EVERYTHING, ROADS, "road", place, username)
    group = work_arranging.add_group(session, EVERYTHING, ROADS, "road", "group-a", "Group A")
    people = [Named(number_of(size)) for size in (11, 12)]
    work_arranging.join(session, EVERYTHING, group, people, date(2027, 1, 4))
    return group.id
