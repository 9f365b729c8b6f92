"""What an actor may do, where."""

from uuid import uuid4

import pytest

from cbi.access.actor import SYSTEM, Actor, NotPermitted, grants_of
from cbi.access.permissions import Permission, Role

HERE = Actor("user", uuid4(), "amina.h", grants_of([(Role.CERTIFIER, "stipend")]))
EVERYWHERE = Actor("user", uuid4(), "karim.b", grants_of([(Role.CERTIFIER, None)]))


def test_a_grant_for_all_programmes_holds_for_each_and_for_the_office() -> None:
    EVERYWHERE.require(Permission.RUN_CERTIFY)
    EVERYWHERE.require(Permission.RUN_CERTIFY, "stipend")
    assert EVERYWHERE.programmes(Permission.RUN_CERTIFY) is None


def test_a_grant_for_one_programme_holds_for_that_one_only() -> None:
    HERE.require(Permission.RUN_CERTIFY, "stipend")
    for elsewhere in (None, "grant", ""):
        with pytest.raises(NotPermitted) as refusal:
            HERE.require(Permission.RUN_CERTIFY, elsewhere)
        assert refusal.value.details == {"permission": "run.certify"}
    assert HERE.may_somewhere(Permission.RUN_CERTIFY)
    assert not HERE.may_somewhere(Permission.RUN_AUTHORISE)
    assert HERE.programmes(Permission.RUN_AUTHORISE) == frozenset()


def test_an_actor_with_no_role_may_do_nothing() -> None:
    nobody = Actor("user", uuid4(), "nobody")
    assert not any(nobody.may_somewhere(permission) for permission in Permission)


def test_the_engine_itself_signs_nothing_and_moves_no_fund() -> None:
    for permission in (
        Permission.RUN_CERTIFY, Permission.RUN_AUTHORISE, Permission.FUND_MOVE, Permission.USER_MANAGE,
        Permission.CODE_REISSUE, Permission.REDEMPTION_PERFORM, Permission.DISCREPANCY_SETTLE,
    ):  # fmt: skip
        with pytest.raises(NotPermitted):
            SYSTEM.require(permission)


def test_a_name_is_not_shown_where_an_actor_is_printed() -> None:
    assert "amina" not in repr(HERE)
