"""A tariff counts once two people stand behind it, from its first day, and costs in SQL what it costs in Python."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import BigInteger, column, select, values
from sqlalchemy.orm import Session

from cbi.access.actor import NotPermitted
from cbi.access.permissions import Role
from cbi.money import LARGEST_MINOR, Money
from cbi.payments.fees import tariffs
from cbi.payments.fees.tariff_files import read
from cbi.payments.fees.tariffs import NothingNew, OwnTariff, UnknownTariff
from cbi.refusals import refusing
from tests.factories import START, Colleague
from tests.flow.charging import DAY, TARIFF
from tests.flow.signing import colleague, later

EXAMPLE = Path(__file__).parents[2] / "examples" / "tariff.yaml"


def text(fixed: str, days: int = 0) -> str:
    return TARIFF.format(
        provider="sandbox",
        first=DAY + timedelta(days=days),
        fixed=fixed,
        settlement="gross",
        days=31,
    )


def propose(session: Session, who: Colleague, fixed: str, days: int = 0) -> int:
    with later():
        return tariffs.propose(session, who.actor, text(fixed, days), who.code()).version


def accept(session: Session, who: Colleague, version: int) -> None:
    with later():
        tariffs.accept(session, who.actor, "sandbox", "DZD", version, who.code())


def counts(session: Session, days: int = 0) -> int | None:
    day = START.date() + timedelta(days=days)
    found = tariffs.in_force(session, ["sandbox", "post_office"], "DZD", day).get("sandbox")
    return found.version if found else None


def test_one_proposes_and_another_accepts(session: Session) -> None:
    treasurer, head = colleague(session, Role.TREASURER), colleague(session, Role.HEAD_OF_FINANCE)
    assert propose(session, treasurer, "10.00") == 1
    assert counts(session) is None
    with pytest.raises(OwnTariff):
        accept(session, treasurer, 1)
    accept(session, head, 1)
    assert counts(session) == 1
    with pytest.raises(UnknownTariff):
        accept(session, head, 1)
    with pytest.raises(NothingNew):
        propose(session, treasurer, "10.00")
    with pytest.raises(NotPermitted):
        propose(session, colleague(session, Role.PROGRAMME_MANAGER), "11.00")


def test_what_was_refused_never_counts_and_the_same_is_proposed_anew(session: Session) -> None:
    treasurer, head = colleague(session, Role.TREASURER), colleague(session, Role.HEAD_OF_FINANCE)
    propose(session, treasurer, "10.00")
    stranger = colleague(session, Role.PROGRAMME_MANAGER)
    with pytest.raises(NotPermitted):
        refusing.refuse(session, stranger.actor, "tariff", "sandbox.DZD.1", "Why not")
    refusing.refuse(session, head.actor, "tariff", "sandbox.DZD.1", "The contract says 9.00")
    with pytest.raises(UnknownTariff):
        accept(session, head, 1)
    with pytest.raises(refusing.NothingWaits):
        refusing.refuse(session, treasurer.actor, "tariff", "sandbox.DZD.1", "Once more")
    (told,) = refusing.listed(session, treasurer.actor)
    assert (told.refusal.reason, told.is_taken_back) == ("The contract says 9.00", False)
    assert propose(session, treasurer, "10.00") == 2
    assert refusing.refuse(session, treasurer.actor, "tariff", "sandbox.DZD.2", "It was the same")
    assert refusing.listed(session, treasurer.actor)[0].is_taken_back
    accept(session, head, propose(session, treasurer, "9.00"))
    assert counts(session) == 3


def test_a_version_counts_from_its_first_day_and_only_the_newest_is_accepted(
    session: Session,
) -> None:
    treasurer, head = colleague(session, Role.TREASURER), colleague(session, Role.HEAD_OF_FINANCE)
    for days, fixed in ((0, "10.00"), (10, "20.00")):
        accept(session, head, propose(session, treasurer, fixed, days))
    assert [counts(session, days) for days in (-1, 0, 9, 10)] == [None, 1, 1, 2]
    propose(session, treasurer, "30.00", 20)
    propose(session, treasurer, "40.00", 5)
    with pytest.raises(UnknownTariff):
        accept(session, head, 3)
    accept(session, head, 4)
    assert [counts(session, days) for days in (4, 5, 10)] == [1, 4, 4]


def test_sql_and_python_agree_on_every_fee(session: Session) -> None:
    tariff = read(EXAMPLE.read_text(), {"post_office"})
    edges = [500_000, 5_000_000, 10_000, LARGEST_MINOR]
    amounts = [each + more for each in edges for more in (-1, 0)] + [500_001, 5_000_001, 1]
    for rounding in ("up", "down", "nearest"):
        for free in (True, False):
            changed = {"rounding": rounding} | ({"minimum": None, "maximum": None} if free else {})
            of = tariff.model_copy(update=changed)
            rows = values(column("minor", BigInteger), name="amounts").data(
                [(each,) for each in amounts]
            )
            asked = select(rows.c.minor, of.fee_minor(rows.c.minor))
            found = {minor: fee for minor, fee in session.execute(asked)}  # noqa: C416 - typed so
            assert found == {each: of.fee(Money(each, "DZD")).minor for each in amounts}
