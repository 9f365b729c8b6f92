"""Households and programme files for tests: the least that a cycle can be opened on."""

import textwrap
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.permissions import Permission
from cbi.registry.consent.models import Consent
from cbi.registry.import_models import Import
from cbi.registry.models import (
    DuplicateFlag,
    FactorKind,
    Household,
    PaymentAccount,
    Person,
    Sex,
)

OFFICER = Actor(
    "user",
    UUID("00000000-0000-4000-8000-00000000000f"),
    "an officer",
    frozenset((permission, None) for permission in Permission),
)


def programme_file(
    *,
    code: str = "winter-2026",
    fund: str = "grant-26",
    amount: str = "5000000",
    valid: tuple[str, str] = ("2026-01-01", "2026-12-31"),
    currency: str = "DZD",
    stipend: str = '{base: "0", per_member: "1000", cap: "12000"}',
    schedule: tuple[str, str] = ("2026-01", "2026-12"),
    delivery: str = "{provider: post_office, mechanism: cash_over_counter}",
    eligibility: str = "",
) -> str:
    """A programme file that is right, except for what a test makes wrong in it."""
    file = f"""\
        programme: {{code: {code}, name: "Winter stipend", kind: stipend, languages: [ar, fr, en]}}
        fund:
          code: {fund}
          name: "Winter grant"
          amount: "{amount}"
          valid_from: {valid[0]}
          valid_to: {valid[1]}
        currency: {currency}
        stipend: {stipend}
        schedule: {{every: month, first: {schedule[0]}, last: {schedule[1]}}}
        delivery: {delivery}
        """
    extra = f"eligibility: {eligibility}\n" if eligibility else ""
    return textwrap.dedent(file) + extra


def import_id(session: Session) -> UUID:
    """An import for households to belong to."""
    columns = [column.name for column in Import.__table__.columns]
    counts = {name: 0 for name in columns if name.startswith("rows_") or name.endswith("_landed")}
    this = Import(file_digest=b"", filename="", source="test", imported_at=clock.now(), **counts)
    session.add(this)
    session.flush()
    return this.id


def household(
    session: Session,
    size: int = 4,
    *,
    area: str | None = None,
    status: str = "active",
    recipient: bool = True,
    phone: bool = True,
    factor: bool = True,
    consent: bool = False,
    document: str | None = None,
) -> UUID:
    """One registered household, able to receive unless told otherwise."""
    this, person, now = uuid4(), uuid4(), clock.now()
    session.add(
        Household(
            id=this, source="test", source_id=str(this), size=size, area=area, language="ar", status=status,
            fingerprint=b"", import_id=import_id(session), line=1, registered_at=now,
        )
    )  # fmt: skip
    session.add(
        Person(
            id=person, household_id=this, is_head=True, is_recipient=recipient, sex=Sex.UNKNOWN,
            document_index=document.encode() if document else None,
            factor_kind=FactorKind.WORD if factor else None, factor=b"factor" if factor else None,
            registered_at=now,
        )
    )  # fmt: skip
    if phone:
        account = {"kind": "phone", "value": b"", "value_index": person.bytes, "created_at": now}
        session.add(PaymentAccount(person_id=person, **account))
    if consent:
        notice = {
            "scope": "assistance",
            "answer": "given",
            "how": "in_person",
            "notice": "1",
            "said_on": now.date(),
        }
        session.add(Consent(person_id=person, recorded_at=now, **notice))
    session.flush()
    return this


def same_document(session: Session, document: str) -> None:
    """Flag the households whose member shows this document."""
    session.add(
        DuplicateFlag(
            kind="same_document",
            value_index=document.encode(),
            household_count=2,
            flagged_at=clock.now(),
        )
    )
    session.flush()


def many_households(session: Session, count: int) -> None:
    """So many households of one to nine members, in twenty areas, one in fifty without a telephone."""
    values = {"of": import_id(session), "now": clock.now(), "count": count}
    households = """
        INSERT INTO households (id, source, source_id, size, area, language, status, fingerprint, import_id,
            line, registered_at)
        SELECT gen_random_uuid(), 'bulk', gen_random_uuid()::text, 1 + n % 9, 'area ' || n % 20, 'ar', 'active',
            '', :of, n, :now
        FROM generate_series(1, :count) n
        """
    persons = """
        INSERT INTO persons (id, household_id, registered_in, is_head, is_recipient, sex, factor_kind, factor, registered_at)
        SELECT gen_random_uuid(), id, id, true, true, 'unknown', 'word', 'x', :now FROM households WHERE import_id = :of
        """
    accounts = """
        INSERT INTO payment_accounts (id, person_id, kind, value, value_index, created_at)
        SELECT gen_random_uuid(), p.id, 'phone', '', decode(md5(p.id::text), 'hex'), :now
        FROM persons p JOIN households h ON h.id = p.household_id WHERE h.import_id = :of AND h.line % 50 <> 0
        """
    for statement in (households, persons, accounts):
        session.execute(text(statement), values)
