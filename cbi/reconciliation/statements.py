"""Taking in what a provider says happened: each file once, each line once, and never a line changed."""

import hashlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import PurePath
from typing import Any, BinaryIO
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, String, Uuid, func, literal, null, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session
from sqlalchemy.sql.base import ReadOnlyColumnCollection
from sqlalchemy.sql.elements import KeyedColumnElement

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.audit.record import record
from cbi.audit.standstill import STANDS_STILL
from cbi.errors import Conflict
from cbi.fsp.adapter import FetchesStatements, ReadsStatementFiles, ReadsStatements
from cbi.fsp.errors import UnreadableStatement
from cbi.fsp.messages import LineKind, Statement
from cbi.fsp.statement_files import from_the_start
from cbi.fsp.statements import NOT_DISTINCT, lines_adding_up
from cbi.money import Money
from cbi.offices import office_of, transact
from cbi.payments.outcomes.discrepancies import open_set
from cbi.payments.sending import providers
from cbi.reconciliation import balances
from cbi.reconciliation.models import StatementFile, StatementLine
from cbi.reconciliation.rules import DiscrepancyKind, began
from cbi.reconciliation.scratch import added, incoming_lines
from cbi.scratch import copied, empty

LONGEST_FILENAME = 200
GIVEN_AGAIN = "statement.given_again"
STORY = ("kind", "amount_minor", "currency", "value_date", "idempotency_key", "provider_reference")
"""What a line tells: when it is told otherwise later, somebody must ask why."""


class NoStatements(Conflict):
    """The provider's adapter cannot read statements."""

    code = "statement.not_readable_for_provider"


@dataclass(frozen=True, slots=True)
class TakenIn:
    """One statement taken in. `total` is what the provider says it paid; `already`: this very file was here before.

    `missing`: what the provider's balances moved beyond all lines that we have; None where it names no balances.
    """

    statement_id: UUID
    lines: int
    new_lines: int
    already: bool
    total: Money
    missing: Money | None = None


def take_in(
    session: Session, actor: Actor, provider: str, content: bytes | BinaryIO, filename: str
) -> TakenIn:
    """Keep every line of the provider's file that is not known yet; the same file twice changes nothing.

    `content` is what stands in the file, or the file itself, opened to read bytes: it is read from its beginning as often
    as need be, never as a whole where the adapter reads files, and left open.
    A line that is known with another content is a discrepancy, never an update.
    Raises AdapterUnavailable, NoStatements, UnreadableStatement, UnknownCurrency; then nothing is kept.
    """
    actor.require(Permission.STATEMENT_IMPORT)
    reader = providers.adapter(provider)
    if not isinstance(reader, ReadsStatements):
        raise NoStatements(
            f"{provider} gives no statements that can be read here.",
            next_step="Its payments are confirmed in another way; see docs/adapters.md.",
        )
    file = io.BytesIO(content) if isinstance(content, bytes) else content
    with from_the_start(file) as whole:
        digest = hashlib.file_digest(whole, "sha256").digest()  # type: ignore[arg-type]
    if known := _known(session, provider, digest):
        if session.scalar(
            select(STANDS_STILL)
        ):  # a provider that moved nothing gives the same file as before
            record(
                session, actor, GIVEN_AGAIN, "provider", provider, statement=str(known.statement_id)
            )
        return known
    # Lines go to the database as they are read: what cannot be read may be found at the very end, and undoes all of it.
    with session.begin_nested():
        statement, statement_id = _read(reader, file), uuid4()
        sums = _copy(session, statement_id, statement)
        one_at_a_time(session, provider)
        return _known(session, provider, digest) or _keep(
            session, actor, provider, statement_id, statement, sums, digest, filename
        )


def fetch(
    office: str, actor: Actor, provider: str, first: date, last: date, currency: str = ""
) -> TakenIn:
    """Ask the provider for its statement of these days (both included), and take it in. Without `currency` it is the
    office's.

    The provider, who may be slow, is asked while no transaction is open.
    Raises as `take_in`, and NoStatements where somebody must bring the file.
    """
    actor.require(Permission.STATEMENT_IMPORT)
    source = providers.adapter(provider)
    if not isinstance(source, FetchesStatements):
        raise NoStatements(
            f"{provider} gives no statements to whoever asks.",
            next_step="Take in the file that it sends you: cbi statement import",
        )
    held_in = currency or transact(office, lambda session: office_of(session).currency)
    content = source.fetch_statement(first, last, held_in)
    name = f"{provider} {first} to {last}"
    return transact(
        office, lambda session: take_in(session, actor, provider, content, name), seen_by=actor
    )


def one_at_a_time(session: Session, provider: str) -> None:
    """Wait until no other transaction takes in or reconciles statements of this provider, and keep others waiting."""
    session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"),
        {"name": f"reconciliation:{office_of(session).code}:{provider}"},
    )


def _known(session: Session, provider: str, digest: bytes) -> TakenIn | None:
    file = session.scalar(
        select(StatementFile).where(
            StatementFile.provider == provider, StatementFile.file_digest == digest
        )
    )
    if file is None:
        return None
    total = Money(file.total_minor, file.currency)
    missing = balances.missing(session, provider, file.currency)
    return TakenIn(file.id, file.line_count, 0, already=True, total=total, missing=missing)


def _read(reader: ReadsStatements, file: BinaryIO) -> Statement:
    if isinstance(reader, ReadsStatementFiles):
        statement = reader.read_statement(file)
    else:
        with from_the_start(file) as content:
            statement = reader.parse_statement(content.read())
    Money.zero(statement.currency)
    return statement


def _keep(
    session: Session,
    actor: Actor,
    provider: str,
    statement_id: UUID,
    statement: Statement,
    sums: "_Sums",
    digest: bytes,
    filename: str,
) -> TakenIn:
    total = Money(sums.paid_minor, statement.currency)
    file = StatementFile(
        id=statement_id, provider=provider, file_digest=digest, filename=_plain(filename), currency=statement.currency,
        opening_minor=statement.opening.minor if statement.opening else None,
        closing_minor=statement.closing.minor if statement.closing else None,
        first_day=sums.first_day, last_day=sums.last_day, line_count=sums.lines, total_minor=total.minor,
        imported_by=actor.id, imported_at=clock.now(),
    )  # fmt: skip
    file.new_lines = _add_new_lines(session, file)
    session.add(file)
    session.flush()
    changed = 0
    if file.new_lines < file.line_count:
        _check_names(session)
        changed = _dispute_changed_lines(session, actor, file)
    record(
        session, actor, "statement.taken_in", "statement", file.id, provider=provider, filename=file.filename,
        digest=digest.hex(), lines=file.line_count, new_lines=file.new_lines, changed_lines=changed,
    )  # fmt: skip
    missing = balances.missing(session, provider, file.currency)
    return TakenIn(
        file.id, file.line_count, file.new_lines, already=False, total=total, missing=missing
    )


def _check_names(session: Session) -> None:
    """What must hold whoever wrote the adapter: two lines of one name would be one, and nobody would be told."""
    line, last = incoming_lines.c, func.max(incoming_lines.c.number)
    twice = select(last).group_by(line.line_id).having(func.count() > 1).order_by(last).limit(1)
    if (number := session.scalar(twice)) is not None:
        raise UnreadableStatement(number, NOT_DISTINCT)


def _plain(filename: str) -> str:
    """The file's own name without folders or anything that cannot be seen."""
    name = PurePath(filename.replace("\\", "/")).name
    return "".join(c for c in name if c.isprintable())[:LONGEST_FILENAME] or "statement"


@dataclass(slots=True)
class _Sums:
    """What the lines of a statement come to, complete once the last of them was read."""

    lines: int = 0
    paid_minor: int = 0
    first_day: date | None = None
    last_day: date | None = None


def _copy(session: Session, statement_id: UUID, statement: Statement) -> _Sums:
    """Send the lines to the database in one COPY, as they are read. Raises UnreadableStatement."""
    empty(session, incoming_lines)
    sums = _Sums()
    columns = incoming_lines.columns.keys()
    copied(session, incoming_lines.name, columns, _rows(statement_id, statement, sums))
    return sums


def _rows(statement_id: UUID, statement: Statement, sums: _Sums) -> Iterator[tuple[object, ...]]:
    # A line's id is its statement's with its place in the last eight digits: rows of one file stand together in every
    # index, which with random ids they would not.
    begins = statement_id.hex[:24]
    place = paid = 0
    first = last = None
    for place, line in enumerate(lines_adding_up(statement), start=1):
        number, on, minor = line.line_number or place, line.value_date, line.amount.minor
        key, reference, office = line.idempotency_key, line.provider_reference, line.office
        if not _storable(f"{line.line_id}{key}{reference}{office}"):
            raise UnreadableStatement(number, "there is a character in it that is none.")
        if line.kind is LineKind.PAYMENT:
            paid += minor
        first = on if first is None or on < first else first
        last = on if last is None or on > last else last
        yield (
            f"{begins}{place:08x}", number, line.line_id, line.kind.value, minor, statement.currency, on, key or None,
            reference or None, office or None,
        )  # fmt: skip
    sums.lines, sums.paid_minor, sums.first_day, sums.last_day = place, paid, first, last


def _storable(value: str) -> bool:
    """PostgreSQL keeps neither NUL nor half of a surrogate pair, which JSON can both spell."""
    return (value.isascii() and "\0" not in value) or not re.search("[\0\ud800-\udfff]", value)


def _add_new_lines(session: Session, file: StatementFile) -> int:
    new = incoming_lines.c
    return added(
        session,
        upsert(StatementLine)
        .from_select(
            ["statement_id", "provider", *incoming_lines.columns.keys()],
            select(literal(file.id), literal(file.provider), *new),
            include_defaults=False,
        )
        .on_conflict_do_nothing(index_elements=["provider", "line_id"]),
    )


def _dispute_changed_lines(session: Session, actor: Actor, file: StatementFile) -> int:
    """The provider tells another story about a line that it told before: the first one stands, and somebody asks."""
    old, new = StatementLine, incoming_lines.c
    before, after = _story(old.__table__.c), _story(new)
    changed = (
        select(
            literal(DiscrepancyKind.LINE_CHANGED.value).label("kind"),
            # The new story is part of the subject: told again in another file it is the same discrepancy.
            func.concat("line:", old.id, ":", func.hashtextextended(after.cast(String), 0)).label(
                "subject"
            ),
            literal(file.provider).label("provider"),
            null().cast(Uuid).label("payment_id"),
            old.id.label("line_id"),
            new.amount_minor,
            new.currency,
            func.jsonb_build_object(
                "before", before, "after", after, "statement_id", str(file.id), "line", new.number
            ).label("details"),
            began(session, new.value_date).label("since"),
            literal(actor.id if actor.kind == "user" else None, Uuid).label("owner_id"),
        )
        .join(incoming_lines, new.line_id == old.line_id)
        .where(old.provider == file.provider, old.statement_id != file.id, before != after)
    )
    return open_set(session, changed)


def _story(columns: ReadOnlyColumnCollection[str, KeyedColumnElement[Any]]) -> ColumnElement[Any]:
    told = (part for name in STORY for part in (name, columns[name]))
    return func.jsonb_build_object(*told, type_=JSONB)
