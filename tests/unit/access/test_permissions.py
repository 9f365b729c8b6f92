"""Which roles carry which permissions, and which may not meet in one person."""

import pytest

from cbi.access.permissions import (
    APART,
    CLIENT_ROLES,
    ROLE_PERMISSIONS,
    STAFF_ROLES,
    Permission,
    Role,
    RolesNotAllowed,
    check_roles,
)

P = Permission


def holders(permission: Permission) -> set[Role]:
    return {role for role, held in ROLE_PERMISSIONS.items() if permission in held}


def test_every_role_has_permissions_and_every_permission_has_a_role() -> None:
    assert set(ROLE_PERMISSIONS) == set(Role)
    assert all(ROLE_PERMISSIONS.values())
    assert set().union(*ROLE_PERMISSIONS.values()) == set(Permission)


def test_no_role_both_makes_a_run_and_signs_it() -> None:
    for role, held in ROLE_PERMISSIONS.items():
        parts = [held & {P.RUN_BUILD, P.RUN_LOCK}, held & {P.RUN_CERTIFY}, held & {P.RUN_AUTHORISE}]
        assert sum(1 for part in parts if part) <= 1, role


def test_whoever_makes_users_touches_no_money() -> None:
    assert holders(P.USER_MANAGE) == {Role.ADMINISTRATOR}
    money = {
        P.FUND_MOVE, P.RUN_BUILD, P.RUN_CERTIFY, P.RUN_AUTHORISE, P.RUN_RELEASE, P.CODE_REISSUE,
        P.REDEMPTION_PERFORM, P.COUNTER_MANAGE, P.DISCREPANCY_SETTLE,
    }  # fmt: skip
    assert not ROLE_PERMISSIONS[Role.ADMINISTRATOR] & money
    for role in (Role.CERTIFIER, Role.AUTHORISER, Role.TREASURER):
        with pytest.raises(RolesNotAllowed):
            check_roles([Role.ADMINISTRATOR, role], STAFF_ROLES)


def test_only_tellers_pay_over_the_counter_and_tellers_do_nothing_else() -> None:
    assert holders(P.REDEMPTION_PERFORM) == {Role.TELLER}
    assert ROLE_PERMISSIONS[Role.TELLER] == {P.REDEMPTION_PERFORM}
    assert Role.TELLER not in STAFF_ROLES | CLIENT_ROLES


def test_an_auditor_only_reads() -> None:
    assert all(str(held).endswith(".read") for held in ROLE_PERMISSIONS[Role.AUDITOR])


def test_a_program_approves_and_moves_nothing() -> None:
    for role in CLIENT_ROLES:
        assert all(str(held).endswith((".read", ".import")) for held in ROLE_PERMISSIONS[role])


def test_a_provider_s_supervisor_is_not_staff() -> None:
    for role in STAFF_ROLES - {Role.TELLER_SUPERVISOR}:
        with pytest.raises(RolesNotAllowed):
            check_roles({Role.TELLER_SUPERVISOR, role}, STAFF_ROLES)
    check_roles([Role.TELLER_SUPERVISOR], STAFF_ROLES)
    assert Role.TELLER_SUPERVISOR in APART


def test_other_roles_may_meet() -> None:
    free = STAFF_ROLES - APART.keys()
    assert {Role.PROGRAMME_MANAGER, Role.REGISTRATION_OFFICER, Role.AUDITOR} <= free
    check_roles(free, STAFF_ROLES)
    with pytest.raises(RolesNotAllowed):
        check_roles(free, STAFF_ROLES - {Role.AUDITOR})
