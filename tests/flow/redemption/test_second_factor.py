"""Beside the code a person shows or says something, which the teller types without seeing what is expected."""

from uuid import uuid4

import pytest
from sqlalchemy import Engine, select, text

from cbi import clock, offices
from cbi.access.actor import Actor, NotPermitted, grants_of
from cbi.access.permissions import Role
from cbi.audit.models import AuditEntry
from cbi.audit.reasons import UnusableReason
from cbi.redemption import vouching
from cbi.redemption.models import Authorisation, CodeIssue
from cbi.redemption.refusals import Refused
from cbi.redemption.reissuing import NoCode
from tests.redemption_factory import (
    Issued,
    code_of,
    confirm,
    hold,
    minutes,
    nobodys,
    refused,
    teller,
    try_code,
)

SUPERVISOR = Actor("user", uuid4(), "a supervisor", grants_of([(Role.TELLER_SUPERVISOR, None)]))


def vouch(code: str, *, at: float = 0, reason: str = "known to the teller for years") -> None:
    """A supervisor vouches for whoever has this code."""
    with clock.frozen(minutes(at)), offices.transaction("dz") as session:
        vouching.vouch(session, SUPERVISOR, code.replace(".", "")[:-7], reason)


def test_a_wrong_word_is_refused_without_a_hint_of_the_right_one(run: Issued) -> None:
    answer = try_code(teller(), code_of(run.payments[0]), factor="mountain")
    assert refused(answer) == "redemption.wrong_factor"
    assert isinstance(answer, Refused)
    assert answer.tries_left == 2
    assert "jasmine" not in str(answer)


def test_the_word_may_be_typed_in_capitals(run: Issued) -> None:
    hold(teller(), code_of(run.payments[0]), factor=" JASMINE ")


def test_after_three_wrong_words_only_a_supervisor_helps(run: Issued) -> None:
    who, code = teller(), code_of(run.payments[0])
    left = [try_code(who, code, factor=word) for word in ("a", "b", "c")]
    assert [answer.tries_left for answer in left if isinstance(answer, Refused)] == [2, 1, 0]
    assert refused(try_code(teller("Oran"), code)) == "redemption.wrong_factor_stop"
    vouch(code, at=5)
    confirm(who, hold(who, code, factor="", at=6).authorisation_id, at=7)


def test_somebody_without_a_second_factor_is_paid_on_a_supervisors_word(
    run: Issued, owner: Engine
) -> None:
    with owner.begin() as connection:
        connection.execute(text("UPDATE persons SET factor = NULL, factor_kind = NULL"))
    who, code = teller(), code_of(run.payments[0])
    assert refused(try_code(who, code)) == "redemption.no_second_factor"
    vouch(code)
    held = hold(who, code, factor="", at=14)
    with offices.transaction("dz") as session:
        assert not session.get_one(Authorisation, held.authorisation_id).factor_checked
        noted = session.scalars(
            select(AuditEntry).where(AuditEntry.act == "code.vouched_for")
        ).one()
    assert noted.details == {"reason": "known to the teller for years"}


def test_a_supervisors_word_holds_for_a_quarter_of_an_hour(run: Issued, owner: Engine) -> None:
    with owner.begin() as connection:
        connection.execute(text("UPDATE persons SET factor = NULL, factor_kind = NULL"))
    code = code_of(run.payments[0])
    vouch(code)
    assert refused(try_code(teller(), code, at=15)) == "redemption.no_second_factor"


def test_a_supervisors_word_does_not_replace_the_code(run: Issued) -> None:
    vouch(code_of(run.payments[0]))
    with offices.transaction("dz") as session:
        unknown = nobodys(session)
        with pytest.raises(NoCode):
            vouching.vouch(session, SUPERVISOR, unknown.replace(".", "")[:-7], "known for years")
    assert refused(try_code(teller(), unknown, factor="")) == "redemption.not_recognised"
    assert (
        refused(try_code(teller(), code_of(run.payments[1]), factor=""))
        == "redemption.factor_missing"
    )


def test_nothing_typed_for_the_person_costs_no_try(run: Issued) -> None:
    who, code = teller(), code_of(run.payments[0])
    for empty in ("", "   ", "…", "\u200f"):
        answer = try_code(who, code, factor=empty)
        assert refused(answer) == "redemption.factor_missing"
    with offices.transaction("dz") as session:
        assert session.scalars(select(CodeIssue.wrong_factors)).all() == [0] * 6
    assert hold(who, code)


def test_a_teller_cannot_vouch(run: Issued) -> None:
    with offices.transaction("dz") as session, pytest.raises(NotPermitted):
        vouching.vouch(session, teller(), "12345", "known for years")


def test_nothing_is_vouched_for_once_it_is_paid(run: Issued) -> None:
    who, code = teller(), code_of(run.payments[0])
    confirm(who, hold(who, code).authorisation_id)
    with pytest.raises(vouching.NothingToVouchFor):
        vouch(code)


def test_a_reason_with_a_number_is_refused(run: Issued) -> None:
    with pytest.raises(UnusableReason):
        vouch(code_of(run.payments[0]), reason="shows passport 12 34 56")
    with offices.transaction("dz") as session:
        assert session.scalars(select(CodeIssue.vouched_by)).all() == [None] * 6
