"""Puts households into the registry thousands at a time: each once, whoever else is importing the same."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import any_, bindparam, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session
from sqlalchemy.types import Text

from cbi import clock, ids
from cbi.db import Base, soon
from cbi.fsp.messages import DeliveryMechanism
from cbi.keys import Keyring
from cbi.registry.consent import notices
from cbi.registry.consent.models import Answer, Consent, How, Notice, Scope
from cbi.registry.households.composition import born_year
from cbi.registry.intake.facts import HouseholdFacts, PersonFacts
from cbi.registry.models import (
    Band,
    Household,
    Need,
    PaymentAccount,
    Person,
)
from cbi.registry.personal import CARD, PHONE, Sealer
from cbi.registry.text import folded
from cbi.scope import SEEN
from cbi.scratch import copied

_INSERT_HOUSEHOLDS = text(
    "INSERT INTO households (id, source, source_id, size, area, language, status, fingerprint, import_id, line,"
    " registered_at)"
    " SELECT id, :source, source_id, size, area, language, 'active', fingerprint, :import_id, line, :now"
    " FROM unnest(CAST(:ids AS uuid[]), CAST(:source_ids AS text[]), CAST(:sizes AS bigint[]),"
    " CAST(:areas AS text[]), CAST(:languages AS text[]), CAST(:fingerprints AS bytea[]), CAST(:lines AS bigint[]))"
    " AS landing (id, source_id, size, area, language, fingerprint, line)"
    " ORDER BY source_id"  # two imports of the same households then wait for each other instead of deadlocking
    " ON CONFLICT (source, source_id) DO NOTHING RETURNING id"
)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A household about to land, with the line it stands on, the keyed hash of its facts, and where its people stand."""

    facts: HouseholdFacts
    line: int
    fingerprint: bytes
    people: tuple[tuple[str | None, int], ...]


def fingerprints(session: Session, source: str, source_ids: Sequence[str]) -> Mapping[str, bytes]:
    """The keyed hashes of those of these households that are in the registry, by their `source_id`."""
    ids = bindparam(None, list(source_ids), ARRAY(Text))
    found = session.execute(
        select(Household.source_id, Household.fingerprint).where(
            Household.source == source, Household.source_id == any_(ids)
        )
    )
    return dict(iter(found))


def changed_since(session: Session, source: str, source_ids: Sequence[str]) -> frozenset[str]:
    """Those of these households that have changed since they were registered, by their `source_id`."""
    ids = bindparam(None, list(source_ids), ARRAY(Text))
    found = session.scalars(
        select(Household.source_id).where(
            Household.source == source, Household.source_id == any_(ids), Household.version > 1
        )
    )
    return frozenset(found)


def land(
    session: Session,
    keys: Keyring,
    *,
    import_id: UUID,
    source: str,
    notice: str,
    noted_by: UUID | None,
    noted_on: date,
    arrivals: Sequence[Arrival],
) -> dict[UUID, HouseholdFacts]:
    """Add households with their people, telephones, consents, needs and bands; returns those that were not there before.

    One that another transaction has added in the meantime is left alone: its `source_id` is not in what comes back.
    """
    by_id = {ids.fresh(): arrival for arrival in arrivals}
    landed = session.scalars(
        _INSERT_HOUSEHOLDS,
        {
            "source": source,
            "import_id": import_id,
            "now": clock.now(),
            "ids": list(by_id),
            "source_ids": [arrival.facts.source_id for arrival in by_id.values()],
            "sizes": [arrival.facts.size for arrival in by_id.values()],
            "areas": [arrival.facts.area for arrival in by_id.values()],
            "languages": [arrival.facts.language for arrival in by_id.values()],
            "fingerprints": [arrival.fingerprint for arrival in by_id.values()],
            "lines": [arrival.line for arrival in by_id.values()],
        },
    ).all()
    soon(session, "linking")
    _add_people(session, Sealer(keys), notice, noted_by, {each: by_id[each] for each in landed})
    told = {"noted_on": noted_on, "source": source, "noted_by": noted_by, "noted_at": clock.now()}
    copy_rows(
        session,
        Need,
        [
            {"household_id": each, "key": folded(word), "word": word, "members": members, **told}
            for each in landed
            for word, members in by_id[each].facts.needs
        ],
    )
    assessed = [(each, by_id[each].facts.band) for each in landed]
    copy_rows(
        session,
        Band,
        [
            {
                "household_id": each, "scorecard": band[0], "scorecard_version": band[1],
                "band": folded(band[2]), "word": band[2], "assessed_on": noted_on, "source": source,
                "noted_by": noted_by, "noted_at": clock.now(),
            }
            for each, band in assessed
            if band
        ],
    )  # fmt: skip
    return {each: by_id[each].facts for each in landed}


def _add_people(
    session: Session, sealer: Sealer, notice: str, noted_by: UUID | None, households: Mapping[UUID, Arrival]
) -> None:  # fmt: skip
    now, kept = clock.now(), notices.as_listed(session, notice)
    persons: list[dict[str, object]] = []
    accounts: list[dict[str, object]] = []
    consents: list[dict[str, object]] = []
    for household_id, arrival in households.items():
        household = arrival.facts
        for facts, (sheet, line) in zip(household.people, arrival.people, strict=True):
            person_id = ids.fresh()
            key, sealed = sealer.person(person_id, facts)
            persons.append(
                {
                    "id": person_id, "household_id": household_id, "is_head": facts.is_head,
                    "is_recipient": facts.is_recipient, "sex": str(facts.sex), "prefers": facts.prefers,
                    "registered_at": now, "registered_in": household_id, "sheet": sheet,
                    "line": line, "born_year": born_year(facts.born_on, facts.age, now), **sealed,
                }
            )  # fmt: skip
            for kind, plain in _accounts_of(facts):
                account_id = ids.fresh()
                value, index = sealer.account(key, account_id, kind, plain)
                accounts.append(
                    {
                        "id": account_id, "person_id": person_id, "kind": kind, "value": value,
                        "value_index": index, "created_at": now,
                    }
                )  # fmt: skip
            if facts.is_recipient and household.consent_on:
                consents.append(
                    {
                        "id": ids.fresh(), "person_id": person_id, "scope": str(Scope.ASSISTANCE),
                        "answer": str(Answer.GIVEN), "how": str(How.LIST), **_told(notice, kept, household.consent_on),
                        "said_on": household.consent_on, "recorded_by": noted_by, "recorded_at": now,
                    }
                )  # fmt: skip
    copy_rows(session, Person, persons)
    copy_rows(session, PaymentAccount, accounts)
    copy_rows(session, Consent, consents)


def _told(notice: str, kept: Notice | None, on: date) -> dict[str, object]:
    """Which notice a list says that people were given: the one that is kept here, or else the list's own words."""
    is_kept = kept is not None and on <= kept.valid_until
    return {
        "notice": None if is_kept else notice,
        "notice_code": kept.code if kept is not None and is_kept else None,
        "notice_version": kept.version if kept is not None and is_kept else None,
    }


def _accounts_of(facts: PersonFacts) -> Iterable[tuple[str, str]]:
    if facts.phone:
        yield PHONE, facts.phone
    if facts.prefers is DeliveryMechanism.PREPAID_CARD:
        yield (
            CARD,
            uuid4().hex,
        )  # says nothing to anybody, and does not change when the person's telephone does


def copy_rows(
    session: Session,
    table: type[Base],
    rows: Sequence[Mapping[str, object]],
    *,
    returning: Sequence[str] = (),
) -> list[tuple[Any, ...]]:
    """Add rows to a table by COPY; all of them name the same columns. Returns the columns `returning`, in no order."""
    if not rows:
        return []
    columns, name = list(rows[0]), table.__tablename__
    listed, told = ", ".join(columns), ", ".join(returning)
    # A table whose rows not everybody sees cannot be copied into: PostgreSQL has its rules looked at row by row.
    landing = f"landing_{name}" if name in SEEN or returning else name
    run = session.connection().exec_driver_sql
    found: list[tuple[Any, ...]] = []
    if landing != name:
        empty = f"SELECT {listed} FROM {name} WHERE false"  # noqa: S608 - our names
        run(f"CREATE TEMP TABLE {landing} AS {empty}")
    copied(session, landing, columns, ([row[column] for column in columns] for row in rows))
    if landing != name:
        added = f"INSERT INTO {name} ({listed}) SELECT {listed} FROM {landing}"  # noqa: S608 - our names
        made = run(f"{added} RETURNING {told}" if told else added)
        found = [tuple(each) for each in made] if told else []
        run(f"DROP TABLE {landing}")
    return found
