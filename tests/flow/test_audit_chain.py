"""The audit log shows who touched it: each altered, removed or slipped-in row is named."""

import json
from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest
from sqlalchemy import URL, Engine, text
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from cbi import db, offices
from cbi.access.actor import SYSTEM
from cbi.audit import chain
from cbi.audit.chain import Head
from cbi.audit.record import record
from cbi.audit.sealing import seal
from cbi.audit.verifying import Break, first_break, unsealed
from cbi.cli import app as terminal


@dataclass(frozen=True)
class Somebody:
    """Whoever acts."""

    kind: str = "user"
    id: UUID | None = None


def write(count: int) -> None:
    """So many entries, two to a transaction."""
    for start in range(0, count, 2):
        with offices.transaction("dz") as session:
            for number in range(start, min(start + 2, count)):
                record(
                    session,
                    Somebody(id=uuid4()),
                    "run.certified",
                    "run",
                    number,
                    total_minor=number,
                    note="é",
                )


def sealed() -> int:
    with offices.transaction("dz") as session:
        return seal(session)


def broken(anchor: Head | None = None) -> Break | None:
    with offices.transaction("dz") as session:
        return first_break(session, anchor)


def entry_ids(owner: Engine) -> list[int]:
    with owner.connect() as connection:
        return list(
            connection.execute(text("SELECT entry_id FROM audit_seals ORDER BY position")).scalars()
        )


def tamper(owner: Engine, *statements: str, **values: object) -> None:
    """Change the log as somebody who owns the database could: constraints out of the way."""
    with owner.begin() as connection:
        connection.execute(text("SET session_replication_role = replica"))
        for statement in statements:
            connection.execute(text(statement), values)


@pytest.fixture
def ten(database: URL, owner: Engine) -> list[int]:
    """Ten sealed entries; their ids in the order of the chain."""
    write(10)
    assert sealed() == 10
    return entry_ids(owner)


def test_an_untouched_log_is_whole(ten: list[int]) -> None:
    assert broken() is None
    write(3)
    with offices.transaction("dz") as session:
        assert unsealed(session) == 3
        assert seal(session, limit=2) == 2
    assert (sealed(), sealed()) == (1, 0)
    assert broken() is None


def test_an_altered_entry_is_named_whatever_was_altered(ten: list[int], owner: Engine) -> None:
    for change in (
        "act = 'run.returned'", "actor_kind = 'client'", "actor_id = NULL", "actor_id = gen_random_uuid()",
        "subject_id = '99'", "subject_kind = 'x'", "at = at + interval '1 microsecond'",
        "details = details || '{\"total_minor\": 1000}'", "written_in = written_in + 1",
    ):  # fmt: skip
        with Session(owner) as intruder:
            intruder.execute(text(f"UPDATE audit_entries SET {change} WHERE id = {ten[5]}"))
            assert first_break(intruder) == Break("altered", 6, ten[5]), change
            intruder.rollback()
    assert broken() is None


def test_an_altered_link_is_named(ten: list[int], owner: Engine) -> None:
    tamper(owner, "UPDATE audit_seals SET chain = sha256(chain) WHERE entry_id = :id", id=ten[2])
    assert broken() == Break("altered", 3, ten[2])


def test_two_entries_whose_links_were_exchanged_are_named(ten: list[int], owner: Engine) -> None:
    tamper(
        owner,
        "ALTER TABLE audit_seals DROP CONSTRAINT uq_audit_seals_entry_id",
        "UPDATE audit_seals SET entry_id = CASE entry_id WHEN :a THEN :b ELSE :a END WHERE entry_id IN (:a, :b)",
        a=ten[3],
        b=ten[7],
    )
    assert broken() == Break("altered", 4, ten[7])


def test_a_removed_entry_is_named(ten: list[int], owner: Engine) -> None:
    tamper(owner, "DELETE FROM audit_entries WHERE id = :id", id=ten[4])
    assert broken() == Break("missing", 5, ten[4])


def test_an_entry_removed_with_its_link_is_missed_by_its_number(
    ten: list[int], owner: Engine
) -> None:
    removal = [
        f"DELETE FROM audit_{table} WHERE {key} = :id"
        for table, key in (("seals", "entry_id"), ("entries", "id"))
    ]
    tamper(owner, *removal, id=ten[4])
    assert broken() == Break("missing", 5, None)


def test_closing_the_gap_does_not_help(ten: list[int], owner: Engine) -> None:
    tamper(
        owner,
        "DELETE FROM audit_seals WHERE entry_id = :id",
        "DELETE FROM audit_entries WHERE id = :id",
        "UPDATE audit_seals SET position = -position WHERE position > 5",
        "UPDATE audit_seals SET position = -position - 1 WHERE position < 0",
        id=ten[4],
    )
    assert broken() == Break("altered", 5, ten[5])


_COPY = (
    "INSERT INTO audit_entries (id, at, actor_kind, act, subject_kind, subject_id, details, written_in)"
    " OVERRIDING SYSTEM VALUE SELECT {id}, at, actor_kind, 'run.returned', subject_kind, subject_id, details,"
    " {written_in} FROM audit_entries WHERE id = :id"
)


def test_an_entry_slipped_into_the_past_is_named_and_never_sealed(
    ten: list[int], owner: Engine
) -> None:
    tamper(owner, _COPY.format(id="-7", written_in="written_in"), id=ten[5])
    assert broken() == Break("inserted", 10, -7)
    write(2)
    assert sealed() == 2
    assert broken() == Break("inserted", 12, -7)


def test_an_entry_slipped_in_with_a_link_of_its_own_is_named(ten: list[int], owner: Engine) -> None:
    tamper(
        owner,
        _COPY.format(id="1000", written_in="written_in"),
        "INSERT INTO audit_seals SELECT 11, 1000, sha256(chain), sealed_at FROM audit_seals WHERE entry_id = :id",
        id=ten[9],
    )
    assert broken() == Break("altered", 11, 1000)


def test_the_terminal_tells_the_end_and_says_later_whether_it_still_stands(
    ten: list[int], owner: Engine
) -> None:
    def cbi(*words: str, exits: int = 0) -> str:
        done = CliRunner().invoke(terminal, ["audit", *words], env={"COLUMNS": "200"})
        assert done.exit_code == exits, done.output
        return done.output

    kept = json.loads(cbi("head", "--json"))["head"]
    assert kept.startswith("10:")
    assert kept in cbi("head")
    write(1)
    sealed()
    assert "what was kept stands in it" in cbi("check", kept)
    wrong = CliRunner().invoke(terminal, ["audit", "check", "10:abc"])
    assert isinstance(wrong.exception, chain.UnusableHead)
    with offices.transaction("dz") as session:
        later = chain.head(session).told
    tamper(
        owner,
        "DELETE FROM audit_seals WHERE position > 9",
        "DELETE FROM audit_entries WHERE id > :id",
        id=ten[8],
    )
    assert broken() is None
    assert "was removed" in cbi("check", kept, exits=1)
    assert json.loads(cbi("check", later, "--json", exits=1))["kept"] is False


def test_a_cut_off_end_is_seen_by_a_head_that_was_kept_elsewhere(
    ten: list[int], owner: Engine
) -> None:
    with offices.transaction("dz") as session:
        kept = chain.head(session)
    assert (kept.position, kept.entry_id) == (10, ten[9])
    assert broken(kept) is None
    tamper(
        owner,
        "DELETE FROM audit_seals WHERE position > 7",
        "UPDATE audit_entries SET act = 'run.returned' WHERE id = :id",
        id=ten[8],
    )
    assert broken(kept) == Break("missing", 8, None)
    assert sealed() == 3  # without the head, this would look whole again
    assert broken() is None
    assert broken(kept) == Break("altered", 10, ten[9])


def test_an_entry_of_an_unfinished_transaction_waits_and_so_does_all_after_it(
    database: URL,
) -> None:
    with Session(db.engine("dz")) as slow:
        record(slow, SYSTEM, "slow", "run", 1)
        write(2)
        assert sealed() == 0
        slow.commit()
    assert sealed() == 3
    assert broken() is None


def test_one_sealer_works_at_a_time(database: URL) -> None:
    write(4)
    with Session(db.engine("dz")) as first:
        assert seal(first) == 4
        assert sealed() == 0
        first.commit()
    assert sealed() == 0
    assert broken() is None


def test_each_office_seals_for_itself(ten: list[int]) -> None:
    offices.create(
        "ke", currency="KES", timezone="Africa/Nairobi", languages=("en",), hotline="3030"
    )
    with Session(db.engine("dz")) as first:
        assert seal(first) == 0
        with offices.transaction("ke") as other:
            record(other, SYSTEM, "x", "run", 1)
        with offices.transaction("ke") as other:
            assert seal(other) == 1


def test_the_chain_goes_on_after_a_backup_is_read_into_a_new_server(
    ten: list[int], owner: Engine
) -> None:
    far = 10**12
    tamper(
        owner,
        _COPY.format(id="2000", written_in=far),
        _COPY.format(id="2001", written_in=far),
        id=ten[0],
    )
    with offices.transaction("dz") as session:
        last = chain.head(session)
        values = session.execute(
            text(
                f"SELECT {chain.COLUMNS} FROM audit_entries e WHERE id = 2000"
            )  # the head of the old server
        ).one()
        link = chain.link(chain.key_of(session), last.chain, 11, values)
    tamper(owner, "INSERT INTO audit_seals VALUES (11, 2000, :link, now())", link=link)
    write(2)
    assert sealed() == 3  # what the old server left unsealed, and what the new one added
    assert entry_ids(owner)[10:12] == [2000, 2001]
    write(1)
    assert sealed() == 1
    assert broken() is None


def test_the_application_may_neither_change_nor_remove_an_entry_or_a_link(ten: list[int]) -> None:
    for statement in (
        "UPDATE audit_entries SET act = 'x'", "DELETE FROM audit_entries",
        "UPDATE audit_seals SET position = 1", "DELETE FROM audit_seals",
    ):  # fmt: skip
        with (
            offices.transaction("dz") as session,
            pytest.raises(Exception, match="permission denied"),
        ):
            session.execute(text(statement))


def _many(owner: Engine, count: int) -> None:
    with owner.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO audit_entries (at, actor_kind, actor_id, act, subject_kind, subject_id, details)"
                " SELECT now(), 'user', gen_random_uuid(), 'run.certified', 'run', g::text,"
                " jsonb_build_object('total_minor', g, 'payments', 12) FROM generate_series(1, :count) g"
            ),
            {"count": count},
        )


def test_what_fills_more_than_one_batch_is_sealed_to_the_end(database: URL, owner: Engine) -> None:
    _many(owner, 45_000)
    batches = [sealed(), sealed(), sealed(), sealed()]
    assert batches == [20_000, 20_000, 5_000, 0]
    assert broken() is None
