"""Whether a file is the list that was approved: its digest is computed anew, and the rows that differ are named."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import BinaryIO
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi.errors import Conflict, Invalid
from cbi.money import Money, UnusableAmount
from cbi.payments.models import Payment, PaymentRun
from cbi.payments.runs import digest
from cbi.payments.runs.lists import (
    ABOUT,
    FIRST_LINE,
    HEADINGS,
    PAYMENTS,
    Signature,
    as_lines,
    signatures,
)
from cbi.payments.runs.runs import find
from cbi.payments.signing import approval
from cbi.registry.intake.workbooks import Workbook

_SHOWN = 10
_ZIP = b"PK\x03\x04"
_BLOCK = 1 << 16


class NotAList(Invalid):
    """The file is not a list of payments that was taken out of this engine."""

    code = "payment_list.not_a_list"


class NotThatList(Conflict):
    """The file is not the list that the run has."""

    code = "payment_list.not_that_list"


@dataclass(frozen=True, slots=True)
class Checked:
    """A file that is exactly a run's list. `is_approved`: everybody who must has signed it, and the audit log says so."""

    number: int
    digest: str
    payments: int
    total: Money
    signed: tuple[Signature, ...]
    is_approved: bool


def check(session: Session, content: BinaryIO) -> Checked:
    """Compute the digest of a list (XLSX or text) anew and compare. Raises NotAList, UnknownRun, NotThatList."""
    lines = _lines(content)
    first = next(lines, "")
    run = _run_of(session, first)
    whole = hashlib.sha256(first.encode() + b"\n")
    rows: dict[int, bytes] = {}
    doubled = 0
    for line in lines:
        whole.update(line.encode() + b"\n")
        number = int(line.partition("|")[0]) if line.partition("|")[0].isdecimal() else 0
        doubled += number in rows
        rows[number] = hashlib.sha256(line.encode()).digest()
    if whole.digest() != run.digest:
        raise _not_that_list(session, run, whole.hexdigest(), rows, doubled)
    return Checked(
        number=run.number,
        digest=whole.hexdigest(),
        payments=len(rows),
        total=Money(run.total_minor, run.currency),
        signed=tuple(signatures(session, run)),
        is_approved=approval.is_signed(session, run),
    )


def _run_of(session: Session, first: str) -> PaymentRun:
    form, _, rest = first.partition("|")
    try:
        run_id = UUID(rest.partition("|")[0])
    except ValueError:
        run_id = None
    if form != digest.FORMAT or run_id is None:
        raise NotAList(
            "This is not a list that was taken out of a payment run.",
            next_step="Give the file as it was downloaded: the workbook, or the text.",
        )
    return find(session, run_id)


def _not_that_list(
    session: Session, run: PaymentRun, found: str, rows: dict[int, bytes], doubled: int
) -> NotThatList:
    """Says which rows differ, where it is rows that do."""
    known = dict(
        session.execute(
            select(Payment.number, Payment.digest).where(Payment.run_id == run.id, digest.signed())
        ).all()
    )
    differ = sorted(
        number for number in known.keys() & rows.keys() if known[number] != rows[number]
    )
    missing, strange = sorted(known.keys() - rows.keys()), sorted(rows.keys() - known.keys())
    told = [
        f"{what}: no. {', '.join(map(str, numbers[:_SHOWN]))}"
        + (f" and {len(numbers) - _SHOWN:,} more" if len(numbers) > _SHOWN else "")
        for what, numbers in (
            ("altered", differ),
            ("missing", missing),
            ("not in the run", strange),
        )
        if numbers
    ]
    if doubled:
        told.append(f"given twice: {doubled:,}")
    if not told:
        told = [
            "the rows are the run's, but their order or the first line is not that of its present revision"
        ]
    return NotThatList(
        f"This is not the list of run {run.number} ({'; '.join(told)}). Its digest would be {found}.",
        next_step="Take the list out again and compare. If nobody changed this file by mistake, tell the auditor.",
        number=run.number,
    )  # fmt: skip


def _lines(content: BinaryIO) -> Iterator[str]:
    is_workbook = content.read(len(_ZIP)) == _ZIP
    content.seek(0)
    if is_workbook:
        return _lines_of_workbook(content)
    return as_lines(iter(lambda: content.read(_BLOCK), b""))


def _lines_of_workbook(content: BinaryIO) -> Iterator[str]:
    """The signed text, from the two sheets. The amount that people read must be the one that was signed."""
    book = Workbook(content)
    if not {ABOUT, PAYMENTS} <= set(book.sheet_names):
        raise _unreadable()
    facts = {line.cells[0]: line.cells[1] for line in book.lines(ABOUT) if len(line.cells) > 1}
    rows = book.lines(PAYMENTS)
    heading = next(rows, None)
    if heading is None or heading.cells[: len(HEADINGS)] != HEADINGS:
        raise _unreadable()
    return chain([facts.get(FIRST_LINE, "")], _signed_rows(line.cells for line in rows))


def _signed_rows(rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    for cells in rows:
        signed, shown = cells[: len(digest.CONTENT)], cells[len(digest.CONTENT)]
        minor, currency = signed[-2:]
        try:
            is_same = Money.parse(shown, currency).minor == int(minor)
        except (UnusableAmount, ValueError):
            is_same = False
        yield "|".join(signed) if is_same else "|".join((*signed, shown))


def _unreadable() -> NotAList:
    return NotAList(
        "This file is neither such a workbook nor such a text.",
        next_step="Give it as it was downloaded, not saved again in another form.",
    )
