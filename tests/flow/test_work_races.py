"""Cash for work with many at once: a sheet is taken in once, signed once and paid once."""

import io
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from threading import Barrier
from typing import TypeVar

from sqlalchemy import URL, func, select
from sqlalchemy.orm import Session

from cbi import clock, offices
from cbi.errors import CbiError
from cbi.programmes import cycles, work_arranging, work_entering, work_signing
from cbi.programmes.models import Entitlement
from cbi.programmes.work_models import WorkPay, WorkRow, WorkSignature, WorkVersion
from cbi.programmes.work_results import Entered, SheetRefused
from cbi.programmes.work_signing import NothingToSign
from cbi.proofs.verify import verify
from tests.factories import EVERYTHING
from tests.work_factory import (
    CODE,
    NOW,
    days,
    exported,
    filled,
    handed_in,
    programme,
    sheet_of,
    signed,
    site,
    supervisor,
)

Result = TypeVar("Result")


def at_once(count: int, work: Callable[[Session, int], Result]) -> list[Result | CbiError]:
    """Do the work in so many transactions that begin together; a refusal is its result."""
    together = Barrier(count)

    def one(number: int) -> Result | CbiError:
        together.wait()
        with clock.frozen(NOW):
            try:
                return offices.transact("dz", lambda session: work(session, number))
            except CbiError as refusal:
                return refusal

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def count_of(session: Session, table: type[object]) -> int:
    """Rows in a table."""
    return session.scalar(select(func.count()).select_from(table)) or 0


def test_the_same_sheet_brought_twice_at_once_is_taken_in_once(database: URL) -> None:
    with clock.frozen(NOW), offices.transaction("dz") as session:
        programme(session)
        at = site(session)
        content = filled(exported(session, at, sheet_of(session, at)), {at.numbers[0]: days(5)})
    came = at_once(
        6, lambda session, _: work_entering.take_in(session, at.clerk.actor, io.BytesIO(content))
    )
    assert Counter(isinstance(each, Entered) and each.repeated for each in came) == {
        False: 1,
        True: 5,
    }
    with offices.transaction("dz") as session:
        assert (count_of(session, WorkVersion), count_of(session, WorkRow)) == (1, 3)


def test_two_sheets_at_once_do_not_both_have_a_day(database: URL) -> None:
    with clock.frozen(NOW), offices.transaction("dz") as session:
        programme(session)
        at = site(session)
        road = site(session, code="road", numbers=at.numbers)
        files = [
            filled(
                exported(session, where, sheet_of(session, where, activity=name)), {"1": days(3)}
            )
            for where, name in ((at, "well"), (road, "road"))
        ]
    came = at_once(
        2,
        lambda session, number: work_entering.take_in(
            session, at.clerk.actor, io.BytesIO(files[number])
        ),
    )
    assert {type(each) for each in came} == {Entered, SheetRefused}
    with offices.transaction("dz") as session:
        assert session.scalar(select(func.sum(WorkRow.half_days))) == 6


def test_two_signers_at_once_sign_once(database: URL) -> None:
    with clock.frozen(NOW), offices.transaction("dz") as session:
        programme(session)
        at = site(session)
        sheet = sheet_of(session, at)
        handed_in(session, at, sheet, {at.numbers[0]: days(5)})
        signers = [supervisor(session, f"Signer {n}", f"signer-{n}") for n in range(6)]
    came = at_once(
        6,
        lambda session, n: work_signing.sign(
            session, signers[n].actor, sheet.id, signers[n].code()
        ),
    )
    kinds = Counter(type(each) for each in came)
    assert kinds == {WorkSignature: 1, NothingToSign: 5}


def test_a_signature_and_a_new_version_at_once_never_cross(database: URL) -> None:
    with clock.frozen(NOW), offices.transaction("dz") as session:
        programme(session)
        at = site(session)
        sheet = sheet_of(session, at)
        handed_in(session, at, sheet, {at.numbers[0]: days(5)})
        content = filled(exported(session, at, sheet), {at.numbers[0]: {"Day 10": 1}})

    def work(session: Session, number: int) -> object:
        if number:
            return work_signing.sign(session, at.supervisor.actor, sheet.id, at.supervisor.code())
        return work_entering.take_in(session, at.clerk.actor, io.BytesIO(content))

    at_once(2, work)
    with offices.transaction("dz") as session:
        (signature,) = session.scalars(select(WorkSignature)).all()
        versions = count_of(session, WorkVersion)
        # Signed first, the new file would have been a correction and needed a reason; second, it is what was signed.
        assert (signature.version, versions) in {(1, 1), (2, 2)}


def test_two_cycles_at_once_pay_each_row_once(database: URL) -> None:
    with clock.frozen(NOW), offices.transaction("dz") as session:
        programme(session)
        at = site(session, workers=20)
        signed(session, at, sheet_of(session, at), {number: days(5) for number in at.numbers})
    periods = ["2026-01", "2026-02", "2026-03", "2026-01", "2026-02", "2026-03"]
    opened = at_once(6, lambda session, n: cycles.open_cycle(session, EVERYTHING, CODE, periods[n]))
    assert all(isinstance(each, cycles.OpenedCycle) for each in opened)
    with offices.transaction("dz") as session:
        assert (count_of(session, Entitlement), count_of(session, WorkPay)) == (20, 20)
        assert session.scalar(select(func.sum(Entitlement.amount_minor))) == 20 * 600_000
    with offices.transaction("dz") as session:
        assert all(verdict.kept for verdict in verify(session))


def test_people_who_join_two_groups_at_once_are_in_one(database: URL) -> None:
    with clock.frozen(NOW), offices.transaction("dz") as session:
        programme(session)
        at = site(session, workers=1)
        work_arranging.leave(session, EVERYTHING, at.group, at.named(0), date(2026, 1, 5))
        names = [f"team-{n}" for n in range(4)]
        made = [work_arranging.add_group(session, EVERYTHING, CODE, "well", n, n) for n in names]
    came = at_once(
        4,
        lambda session, n: work_arranging.join(
            session, EVERYTHING, made[n], [at.named(0)], date(2026, 1, 6)
        ),
    )
    assert Counter(type(each) for each in came) == {int: 1, work_arranging.InAnotherGroup: 3}
