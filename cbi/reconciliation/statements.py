"""Taking in what a provider says happened: each file once, each line once, and never a line changed."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import PurePath
from typing import Any
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
from cbi.errors import Conflict
from cbi.fsp.adapter import FetchesStatements, ReadsStatements
from cbi.fsp.errors import UnreadableStatement
from cbi.fsp.messages import LineKind, Statement
from cbi.money import Money
from cbi.offices import office_of
from cbi.payments.outcomes.discrepancies import open_set
from cbi.payments.sending import providers
from cbi.reconciliation import balances
from cbi.reconciliation.models import StatementFile, StatementLine
from cbi.reconciliation.rules import DiscrepancyKind, began
from cbi.reconciliation.scratch import added, incoming_lines
from cbi.scratch import copied, empty

LONGEST_FILENAME = 200
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
    session: Session, actor: Actor, provider: str, content: bytes, filename: str
) -> TakenIn:
    """Keep every line of the provider's file that is not known yet; the same file twice changes nothing.

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
    digest = hashlib.sha256(content).digest()
    if known := _known(session, provider, digest):
        return known
    statement = reader.parse_statement(content)
    _check(statement)
    one_at_a_time(session, provider)
    return _known(session, provider, digest) or _keep(
        session, actor, provider, statement, digest, filename
    )


def fetch(
    session: Session, actor: Actor, provider: str, first: date, last: date, currency: str = ""
) -> TakenIn:
    """Ask the provider for its statement of these days (both included), and take it in. Without `currency` it is the
    office's.

    Raises as `take_in`, and NoStatements where somebody must bring the file.
    """
    actor.require(Permission.STATEMENT_IMPORT)
    source = providers.adapter(provider)
    if not isinstance(source, FetchesStatements):
        raise NoStatements(
            f"{provider} gives no statements to whoever asks.",
            next_step="Take in the file that it sends you: cbi statement import",
        )
    content = source.fetch_statement(first, last, currency or office_of(session).currency)
    return take_in(session, actor, provider, content, f"{provider} {first} to {last}")


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


def _check(statement: Statement) -> None:
    """What must hold whoever wrote the adapter, or lines would be lost without a word."""
    Money.zero(statement.currency)
    if len({line.line_id for line in statement.lines}) < len(statement.lines):
        raise UnreadableStatement(1, "two of its lines have the same name.")


def _keep(
    session: Session,
    actor: Actor,
    provider: str,
    statement: Statement,
    digest: bytes,
    filename: str,
) -> TakenIn:
    file = StatementFile(
        id=uuid4(), provider=provider, file_digest=digest, filename=_plain(filename), currency=statement.currency,
        opening_minor=statement.opening.minor if statement.opening else None,
        closing_minor=statement.closing.minor if statement.closing else None,
        first_day=min((line.value_date for line in statement.lines), default=None),
        last_day=max((line.value_date for line in statement.lines), default=None),
        line_count=len(statement.lines), total_minor=_paid_out(statement).minor,
        imported_by=actor.id, imported_at=clock.now(),
    )  # fmt: skip
    _copy(session, file.id, statement)
    file.new_lines = _add_new_lines(session, file)
    session.add(file)
    session.flush()
    changed = 0
    if file.new_lines < file.line_count:
        changed = _dispute_changed_lines(session, actor, file)
    record(
        session, actor, "statement.taken_in", "statement", file.id, provider=provider, filename=file.filename,
        digest=digest.hex(), lines=file.line_count, new_lines=file.new_lines, changed_lines=changed,
    )  # fmt: skip
    total = _paid_out(statement)
    missing = balances.missing(session, provider, file.currency)
    return TakenIn(
        file.id, file.line_count, file.new_lines, already=False, total=total, missing=missing
    )


def _plain(filename: str) -> str:
    """The file's own name without folders or anything that cannot be seen."""
    name = PurePath(filename.replace("\\", "/")).name
    return "".join(c for c in name if c.isprintable())[:LONGEST_FILENAME] or "statement"


def _paid_out(statement: Statement) -> Money:
    paid = sum(line.amount.minor for line in statement.lines if line.kind is LineKind.PAYMENT)
    return Money(paid, statement.currency)


def _copy(session: Session, statement_id: UUID, statement: Statement) -> None:
    """Send the lines to the database in one COPY."""
    empty(session, incoming_lines)
    columns = incoming_lines.columns.keys()
    copied(session, incoming_lines.name, columns, _rows(statement_id, statement))


def _rows(statement_id: UUID, statement: Statement) -> Iterator[tuple[object, ...]]:
    # A line's id is its statement's with its place in the last eight digits: rows of one file stand together in every
    # index, which with random ids they would not.
    begins = statement_id.hex[:24]
    for place, line in enumerate(statement.lines, start=1):
        number = line.line_number or place
        texts = (line.line_id, line.idempotency_key, line.provider_reference, line.office)
        if any(value and not _storable(value) for value in texts):
            raise UnreadableStatement(number, "there is a character in it that is none.")
        yield (
            f"{begins}{place:08x}", number, line.line_id, line.kind.value, line.amount.minor,
            line.amount.currency, line.value_date, line.idempotency_key or None,
            line.provider_reference or None, line.office or None,
        )  # fmt: skip


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
