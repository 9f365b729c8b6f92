"""A programme file becomes a programme; the same file changes nothing; nobody's application is lost."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from threading import Barrier
from typing import TypeVar

import pytest
from sqlalchemy import URL, func, select
from sqlalchemy.orm import Session

from cbi import db, offices
from cbi.access.actor import Actor, NotPermitted
from cbi.access.permissions import Permission
from cbi.audit.models import AuditEntry
from cbi.ledger.models import Fund
from cbi.money import Money
from cbi.programmes import queries
from cbi.programmes.applying import (
    Applied,
    FixedForGood,
    FundDiffers,
    FundTooSmall,
    apply,
)
from cbi.programmes.cycles import open_cycle
from cbi.programmes.models import Programme, ProgrammeVersion
from cbi.programmes.problems import ProgrammeFileErrors
from tests.programme_factory import OFFICER, programme_file

Result = TypeVar("Result")


def at_once(times: int, work: Callable[[Session, int], Result]) -> list[Result]:
    """What each of so many transactions came to, all begun at the same moment on connections of their own."""
    gate = Barrier(times)

    def one(number: int) -> Result:
        gate.wait()

        def attempt() -> Result:
            with offices.transaction("dz") as session:
                return work(session, number)

        return db.repeatable(attempt)

    with ThreadPoolExecutor(times) as threads:
        return list(threads.map(one, range(times)))


def fund_of(session: Session, code: str = "grant-26") -> Fund:
    return session.scalars(
        select(Fund).where(Fund.code == code).execution_options(populate_existing=True)
    ).one()


def count(session: Session, model: type[Programme] | type[ProgrammeVersion] | type[Fund]) -> int:
    return session.scalar(select(func.count()).select_from(model)) or 0


def test_the_first_application_makes_the_fund_and_the_programme(session: Session) -> None:
    applied = apply(session, OFFICER, programme_file())
    assert applied == Applied(
        "winter-2026",
        1,
        changed=True,
        what_changed=("fund grant-26 is new", "programme winter-2026 is new"),
    )
    fund = fund_of(session)
    assert (fund.amount_minor, fund.received_minor, fund.currency) == (500_000_000, 0, "DZD")
    assert (fund.valid_from, fund.valid_to) == (date(2026, 1, 1), date(2026, 12, 31))
    programme = queries.find(session, "winter-2026")
    assert (programme.fund_id, programme.currency, programme.version) == (fund.id, "DZD", 1)
    assert queries.definition(session, programme).rate_card.per_member == Money(100_000, "DZD")


def test_the_same_content_changes_nothing_however_it_is_written(session: Session) -> None:
    apply(session, OFFICER, programme_file())
    rewritten = "# a remark\n" + programme_file(amount="٥٠٠٠٠٠٠.00").replace("\n", "\r\n")
    assert apply(session, OFFICER, rewritten) == Applied(
        "winter-2026", 1, changed=False, what_changed=()
    )
    assert count(session, ProgrammeVersion) == 1
    assert session.scalar(select(func.count()).select_from(AuditEntry)) == 1


def test_changed_content_is_a_new_version_that_says_what_changed(session: Session) -> None:
    apply(session, OFFICER, programme_file())
    applied = apply(
        session,
        OFFICER,
        programme_file(
            amount="6000000", stipend='{per_member: "1200"}', eligibility="{areas: [Oran, Algiers]}"
        ),
    )
    assert (applied.version, applied.changed) == (2, True)
    assert applied.what_changed == (
        "eligibility.areas: not set → Algiers, Oran",
        "fund.amount: 5000000.00 → 6000000.00",
        "stipend.cap: 12000.00 → not set",
        "stipend.per_member: 1000.00 → 1200.00",
    )
    assert fund_of(session).amount_minor == 600_000_000
    first = queries.definition(session, queries.find(session, "winter-2026"), 1)
    assert first.rate_card.per_member == Money(100_000, "DZD")


def test_each_application_is_in_the_audit_log_with_its_digest(session: Session) -> None:
    apply(session, OFFICER, programme_file())
    apply(session, OFFICER, programme_file(amount="6000000"))
    entries = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    versions = session.scalars(select(ProgrammeVersion).order_by(ProgrammeVersion.version)).all()
    assert [(entry.act, entry.actor_id) for entry in entries] == [
        ("programme.applied", OFFICER.id)
    ] * 2
    assert [entry.details["digest"] for entry in entries] == [v.digest.hex() for v in versions]
    assert entries[1].details["changes"] == ["fund.amount: 5000000.00 → 6000000.00"]


def test_a_fund_shrinks_to_what_was_received_and_no_further(session: Session) -> None:
    apply(session, OFFICER, programme_file())
    fund_of(session).received_minor = 300_000_000
    with pytest.raises(FundTooSmall, match=r"has received 3,000,000\.00 DZD"):
        apply(session, OFFICER, programme_file(amount="2999999.99"))
    apply(session, OFFICER, programme_file(amount="3000000"))
    assert fund_of(session).amount_minor == 300_000_000


def test_a_fund_does_not_end_before_a_cycle_that_it_pays_for(session: Session) -> None:
    def ending(day: str) -> str:
        return programme_file(valid=("2026-01-01", day), schedule=("2026-01", "2026-02"))

    apply(session, OFFICER, programme_file())
    open_cycle(session, OFFICER, "winter-2026", "2026-03")
    with pytest.raises(FundTooSmall, match="2026-03-31"):
        apply(session, OFFICER, ending("2026-03-30"))
    apply(session, OFFICER, ending("2026-03-31"))
    assert fund_of(session).valid_to == date(2026, 3, 31)


@pytest.mark.parametrize(
    ("field", "file"),
    [
        ("currency", programme_file(currency="KES")),
        ("fund", programme_file(fund="grant-27")),
        ("fund.valid_from", programme_file(valid=("2025-12-01", "2026-12-31"))),
    ],
)
def test_what_money_is_kept_by_never_changes(session: Session, field: str, file: str) -> None:
    apply(session, OFFICER, programme_file())
    with pytest.raises(FixedForGood) as caught:
        apply(session, OFFICER, file)
    assert caught.value.details["field"] == field


def test_a_second_programme_must_agree_with_the_fund_that_it_shares(session: Session) -> None:
    apply(session, OFFICER, programme_file())
    other = programme_file(code="summer", amount="1", valid=("2026-01-01", "2027-01-01"))
    on_record = r"its amount is 5,000,000\.00 DZD, its valid_to is 2026-12-31"
    with pytest.raises(FundDiffers, match=on_record), session.begin_nested():
        apply(session, OFFICER, other)
    applied = apply(session, OFFICER, programme_file(code="summer"))
    assert applied.what_changed == ("programme summer is new",)


def test_a_file_changes_only_what_it_changed_in_a_shared_fund(session: Session) -> None:
    apply(session, OFFICER, programme_file())
    apply(session, OFFICER, programme_file(code="summer"))
    apply(session, OFFICER, programme_file(code="summer", amount="9000000"))
    apply(session, OFFICER, programme_file(stipend='{per_member: "1200"}'))
    assert fund_of(session).amount_minor == 900_000_000


def test_a_refused_file_leaves_nothing_behind(database: URL) -> None:
    for file, refusal in (
        (programme_file(amount="1,000"), ProgrammeFileErrors),
        (
            programme_file(delivery="{provider: nobody, mechanism: mobile_money}"),
            ProgrammeFileErrors,
        ),
    ):
        with pytest.raises(refusal), offices.transaction("dz") as session:
            apply(session, OFFICER, file)
    with offices.transaction("dz") as session:
        apply(session, OFFICER, programme_file())
    with pytest.raises(FixedForGood), offices.transaction("dz") as session:
        apply(session, OFFICER, programme_file(fund="grant-27"))
    with offices.transaction("dz") as session:
        assert [count(session, each) for each in (Fund, Programme, ProgrammeVersion)] == [1, 1, 1]


def test_only_who_may_apply_for_that_programme_can(session: Session) -> None:
    summer_only = replace(OFFICER, grants=frozenset({(Permission.PROGRAMME_APPLY, "summer")}))
    nobody = Actor("user", OFFICER.id, "nobody", frozenset())
    for actor in (summer_only, nobody):
        with pytest.raises(NotPermitted):
            apply(session, actor, programme_file())
    assert apply(session, summer_only, programme_file(code="summer")).changed


def test_the_same_file_applied_by_ten_at_once_is_one_programme(database: URL) -> None:
    applied = at_once(10, lambda session, _: apply(session, OFFICER, programme_file()))
    assert sorted(each.changed for each in applied) == [False] * 9 + [True]
    with offices.transaction("dz") as session:
        assert [count(session, each) for each in (Fund, Programme, ProgrammeVersion)] == [1, 1, 1]


def test_different_files_applied_at_once_are_all_kept_in_some_order(database: URL) -> None:
    rates = [str(1000 + number) for number in range(10)]
    applied = at_once(
        10,
        lambda session, n: apply(
            session, OFFICER, programme_file(stipend=f'{{per_member: "{rates[n]}"}}')
        ),
    )
    assert sorted(each.version for each in applied) == list(range(1, 11))
    with offices.transaction("dz") as session:
        programme = queries.find(session, "winter-2026")
        assert programme.version == 10
        versions = [queries.definition(session, programme, n).stipend for n in range(1, 11)]
        kept = [stipend.per_member for stipend in versions if stipend]
        assert sorted(amount.minor for amount in kept) == [int(rate) * 100 for rate in rates]


def test_programmes_that_share_a_new_fund_can_be_made_at_once(database: URL) -> None:
    at_once(8, lambda session, n: apply(session, OFFICER, programme_file(code=f"winter-{n}")))
    with offices.transaction("dz") as session:
        assert [count(session, each) for each in (Fund, Programme)] == [1, 8]
