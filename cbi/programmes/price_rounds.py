"""Rounds of market prices: a sheet goes out to the markets, and comes back whole or not at all."""

from collections.abc import Iterable
from pathlib import Path
from typing import IO, BinaryIO

from sqlalchemy import insert, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_skip
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit.record import record
from cbi.errors import Conflict, Invalid, NotFound
from cbi.offices import office_of
from cbi.programmes import baskets, valuing
from cbi.programmes.price_layout import Answer, PriceSheet, find_columns, token_columns
from cbi.programmes.price_reading import Context, Reader
from cbi.programmes.price_results import Entered, PricesRefused, summary
from cbi.programmes.value_models import Price, PriceRound, PriceVersion
from cbi.programmes.valuing import Prices
from cbi.registry import returned_sheets
from cbi.registry.intake.facts import Outcome
from cbi.registry.intake.files import Table, opened
from cbi.registry.intake.mapping import missing_columns
from cbi.registry.intake.results import RowNote
from cbi.registry.text import clean

LONGEST_NAME = 40


class UnknownRound(NotFound):
    """No round of prices of that number."""

    code = "prices.unknown_round"


class UnusableRound(Invalid):
    """A round cannot be called so."""

    code = "prices.unusable_round"


class NotAPriceSheet(Invalid):
    """No row of the file has the token of a price sheet."""

    code = "prices.not_a_sheet"


class PricesUnchanged(Conflict):
    """The file says what is on record already."""

    code = "prices.unchanged"


def make(session: Session, actor: Actor, basket: str, name: str) -> PriceRound:
    """The round of that name for a basket's latest version; the one that is there, if there is. Raises UnknownBasket,
    UnusableRound.
    """
    actor.require(Permission.PRICES_ENTER)
    version, _ = baskets.find(session, basket)
    name = clean(name)
    if not 2 <= len(name) <= LONGEST_NAME or "\n" in name:
        raise UnusableRound(
            f"A round's name has 2 to {LONGEST_NAME} characters.", next_step="Such as 2026-03."
        )
    wanted = select(PriceRound).where(PriceRound.basket == basket, PriceRound.name == name)
    if known := session.scalar(wanted):
        return known
    made: PriceRound | None = session.scalar(
        insert_or_skip(PriceRound)
        .values(
            basket=basket, basket_version=version, name=name, latest=0, made_by=actor.id,
            made_at=clock.now(),
        )
        .on_conflict_do_nothing()
        .returning(PriceRound)
    )  # fmt: skip
    if made is None:
        return session.scalars(wanted).one()
    record(session, actor, "prices.round_made", "price_round", made.id, basket=basket, name=name)
    return made


def export(
    session: Session,
    actor: Actor,
    round_: PriceRound,
    target: IO[bytes],
    *,
    form: str,
    language: str,
) -> PriceSheet:
    """Write the round's sheet (`form` xlsx or csv) as its next version, with what is known so far."""
    actor.require(Permission.PRICES_ENTER)
    from cbi.programmes import price_files  # noqa: PLC0415 - its workbooks, which `verify` and signing never need

    sheet = _sheet(session, round_)
    write = price_files.write_workbook if form == "xlsx" else price_files.write_csv
    write(sheet, office_of(session).keys, target, language=language)
    return sheet


def take_in(
    session: Session, actor: Actor, content: Path | BinaryIO, *, dry_run: bool = False
) -> Entered:
    """Take in a filled sheet (XLSX or CSV): all of its rows, or none with the reasons.

    The same file again changes nothing; another one for the same round is its next version. Raises UnusableFile kinds,
    NotAPriceSheet, UnknownRound, PricesRefused, PricesUnchanged.
    """
    actor.require(Permission.PRICES_ENTER)
    with opened(content) as file:
        returned = returned_sheets.find(file, token_columns)
        if returned is None:
            raise NotAPriceSheet(
                "No row of this file has the token of a price sheet.",
                next_step="Hand in the file as it was exported (cbi prices export), filled in.",
            )
        table, number = returned
        round_ = find(session, number, lock=True)
        digest = file.digest()
        known = session.scalar(
            select(PriceVersion.version).where(
                PriceVersion.round_id == round_.id, PriceVersion.file_digest == digest
            )
        )
        if known is not None:
            taken = len(answers(session, round_.id, known))
            return Entered(round_.id, round_.name, known, taken, 0, (), repeated=True)
        sheet = _sheet(session, round_)
        reader = _read(session, sheet, table)
    prices = valuing.table([(*key, answer.price) for key, answer in reader.answers.items()])
    for outlier in valuing.outliers(sheet.basket, prices, before(session, round_)):
        reader.warn(outlier)
    result = Entered(
        round_.id, round_.name, sheet.version, len(reader.answers),
        len(sheet.rows) - len(reader.answers), _notes(reader), reader.missing, dry_run,
    )  # fmt: skip
    if reader.missing or any(note.reasons for note in result.rows):
        raise PricesRefused(result)
    if reader.answers == sheet.filled:
        raise PricesUnchanged(
            f"The file says of the round {round_.name} what is on record already.",
            next_step="Fill in what was found at the markets.",
        )
    if not dry_run:
        _write(session, actor, round_, sheet, digest, reader.answers)
    return result


def write_report(
    result: Entered, content: Path | BinaryIO, target: Path | BinaryIO, cover: Iterable[str] = ()
) -> None:
    """Write a copy of the user's own file (XLSX) with the reasons beside the rows, and summary and `cover` in front."""
    returned_sheets.write_report(
        result.rows, content, target, token_columns, summary=summary(result), cover=cover
    )


def find(session: Session, number: int, *, lock: bool = False) -> PriceRound:
    """The round of that number. Raises UnknownRound."""
    wanted = select(PriceRound).where(PriceRound.id == number)
    if lock:
        wanted = wanted.with_for_update().execution_options(populate_existing=True)
    found = session.scalar(wanted)
    if found is None:
        raise UnknownRound(
            f"There is no round of prices {number}.", next_step="See: cbi prices list"
        )
    return found


def answers(session: Session, round_id: int, version: int) -> dict[tuple[str, str], Answer]:
    """What one version of a round says, by item and market."""
    rows = session.scalars(
        select(Price)
        .where(Price.round_id == round_id, Price.version == version)
        .order_by(Price.item, Price.market)
    )
    return {
        (row.item, row.market): Answer(row.amount_minor, row.priced_on, row.source, row.quotes)
        for row in rows
    }


def prices(session: Session, round_id: int, version: int) -> Prices:
    """The same as prices alone."""
    found = answers(session, round_id, version)
    return valuing.table([(*key, answer.price) for key, answer in found.items()])


def before(session: Session, round_: PriceRound) -> dict[str, int]:
    """The median price of each item in the basket's last round before this one; nothing when there was none."""
    last = session.scalar(
        select(PriceRound)
        .where(PriceRound.basket == round_.basket, PriceRound.id < round_.id, PriceRound.latest > 0)
        .order_by(PriceRound.id.desc())
        .limit(1)
    )
    return valuing.medians(prices(session, last.id, last.latest)) if last else {}


def _sheet(session: Session, round_: PriceRound) -> PriceSheet:
    basket = baskets.find(session, round_.basket, round_.basket_version)[1]
    filled = answers(session, round_.id, round_.latest) if round_.latest else {}
    return PriceSheet(round_.id, round_.latest + 1, round_.name, basket, filled)


def _read(session: Session, sheet: PriceSheet, table: Table) -> Reader:
    office = office_of(session)
    columns, missing = find_columns(table.columns)
    if missing:
        raise missing_columns(missing, table.sheet)
    context = Context(sheet, office.keys, columns, clock.today(office.timezone))
    reader = Reader(context, table.sheet)
    for line in table.lines:
        reader.take(line)
    return reader


def _notes(reader: Reader) -> tuple[RowNote, ...]:
    return tuple(
        RowNote(
            row.sheet, row.line.number, Outcome.REJECTED if row.reasons else Outcome.LANDED,
            tuple(row.reasons), tuple(row.warnings),
        )
        for row in sorted(reader.rows, key=lambda row: row.line.number)
    )  # fmt: skip


def _write(
    session: Session, actor: Actor, round_: PriceRound, sheet: PriceSheet, digest: bytes,
    found: dict[tuple[str, str], Answer],
) -> None:  # fmt: skip
    moved = session.execute(
        update(PriceRound)
        .where(PriceRound.id == round_.id, PriceRound.latest == sheet.version - 1)
        .values(latest=sheet.version)
        .returning(PriceRound.id)
    ).first()
    assert moved, "the round is locked while its sheet is read"
    session.execute(
        insert(PriceVersion).values(
            round_id=round_.id, version=sheet.version, file_digest=digest, entered_by=actor.id,
            entered_at=clock.now(),
        )
    )  # fmt: skip
    if found:
        session.execute(
            insert(Price),
            [
                {
                    "round_id": round_.id, "version": sheet.version, "item": item, "market": market,
                    "amount_minor": answer.price, "currency": sheet.basket.currency,
                    "priced_on": answer.day, "source": answer.source, "quotes": answer.quotes,
                }
                for (item, market), answer in found.items()
            ],
        )  # fmt: skip
    record(
        session, actor, "prices.entered", "price_round", round_.id, version=sheet.version,
        prices=len(found),
    )  # fmt: skip
