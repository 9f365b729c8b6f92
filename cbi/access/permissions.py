"""What a person or a program may do here, and which role carries which permission."""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from cbi.errors import Invalid


class Permission(StrEnum):
    """One thing that can be allowed. The values are stable: they stand in the API and in the audit log."""

    REGISTRY_IMPORT = "registry.import"
    REGISTRY_READ = "registry.read"
    REGISTRY_DECIDE = "registry.decide_duplicate"
    REGISTRY_EXCHANGE = "registry.exchange"
    HOUSEHOLD_CHANGE = "household.change"
    HOUSEHOLD_CONFIRM = "household.confirm"
    REFERRAL_DECIDE = "referral.decide"
    PARTNER_CHANGE = "referral.partner_change"
    PERSON_OPEN = "person.open"
    VIEWS_READ = "person_views.read"
    NOTICE_PROPOSE = "notice.propose"
    NOTICE_ACCEPT = "notice.accept"
    CONSENT_RECORD = "consent.record"
    LEGAL_BASIS_ACCEPT = "legal_basis.accept"
    ERASURE_ASK = "erasure.ask"
    ERASURE_CONFIRM = "erasure.confirm"
    EXPORT_READ = "export.read"
    EXPORT_ASK = "export.ask"
    EXPORT_APPROVE = "export.approve"
    DISCLOSURE_READ = "disclosure.read"
    DISCLOSURE_PROPOSE = "disclosure.propose"
    DISCLOSURE_APPROVE = "disclosure.approve"
    AREAS_CHANGE = "areas.change"
    SCORECARD_PROPOSE = "scorecard.propose"
    SCORECARD_ACCEPT = "scorecard.accept"
    ASSESS = "assessment.make"
    ASSESSMENT_OPEN = "assessment.open"
    ASSESSMENT_CONFIRM = "assessment.confirm"
    APPEAL_LODGE = "appeal.lodge"
    APPEAL_DECIDE = "appeal.decide"
    PROGRAMME_APPLY = "programme.apply"
    PROGRAMME_READ = "programme.read"
    PRICES_ENTER = "prices.enter"
    VALUE_PROPOSE = "transfer_value.propose"
    VALUE_ACCEPT = "transfer_value.accept"
    FUND_MOVE = "fund.move"
    FUND_READ = "fund.read"
    FUND_CONFIRM = "fund.confirm"
    FX_CONFIRM = "fx.confirm"
    CYCLE_OPEN = "cycle.open"
    ENROLMENT_CHANGE = "enrolment.change"
    CONDITION_NOTE = "condition.note"
    CONDITION_CONFIRM = "condition.confirm"
    WORK_READ = "work.read"
    WORK_ARRANGE = "work.arrange"
    WORK_ENTER = "work.enter"
    WORK_SIGN = "work.sign"
    RUN_BUILD = "run.build"
    RUN_READ = "run.read"
    RUN_LOCK = "run.lock"
    RUN_CERTIFY = "run.certify"
    RUN_AUTHORISE = "run.authorise"
    RUN_SIGN = "run.sign"
    RUN_SIGN_FINANCE = "run.sign_head_of_finance"
    RUN_SIGN_DIRECTOR = "run.sign_country_director"
    RUN_RETURN = "run.return"
    RUN_CANCEL = "run.cancel"
    RUN_RELEASE = "run.release"
    POLICY_READ = "approval_policy.read"
    POLICY_CHANGE = "approval_policy.change"
    TARIFF_CHANGE = "tariff.change"
    BOOKS_CLOSE = "books.close"
    PAYMENT_READ = "payment.read"
    CODE_REISSUE = "code.reissue"
    CARD_READ = "card.read"
    CARD_ISSUE = "card.issue"
    CARD_BLOCK = "card.block"
    PRIVACY_CHOOSE = "privacy.choose"
    COMPLAINT_HANDLE = "complaint.handle"
    COMPLAINT_SENSITIVE = "complaint.handle_sensitive"
    COUNTER_MANAGE = "counter.manage"
    REDEMPTION_PERFORM = "redemption.perform"
    STATEMENT_IMPORT = "statement.import"
    DISCREPANCY_READ = "discrepancy.read"
    DISCREPANCY_SETTLE = "discrepancy.settle"
    PROOF_READ = "proof.read"
    AUDIT_READ = "audit.read"
    USER_MANAGE = "user.manage"


class Role(StrEnum):
    """A job. People hold roles, never permissions."""

    REGISTRATION_OFFICER = "registration_officer"
    PROGRAMME_MANAGER = "programme_manager"
    WORK_SUPERVISOR = "work_supervisor"
    CERTIFIER = "certifier"
    AUTHORISER = "authoriser"
    HEAD_OF_FINANCE = "head_of_finance"
    COUNTRY_DIRECTOR = "country_director"
    TREASURER = "treasurer"
    COMPLAINT_HANDLER = "complaint_handler"
    PROTECTION_OFFICER = "protection_officer"
    LEGAL_OFFICER = "legal_officer"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"
    TELLER = "teller"
    TELLER_SUPERVISOR = "teller_supervisor"
    INTEGRATOR = "integrator"


_P = Permission
_READ_THE_BOOKS = {
    _P.PROGRAMME_READ,
    _P.FUND_READ,
    _P.RUN_READ,
    _P.PAYMENT_READ,
    _P.DISCREPANCY_READ,
    _P.POLICY_READ,
}
_SIGN_HIGH = {
    _P.VALUE_ACCEPT,
    _P.SCORECARD_ACCEPT,
    _P.RUN_SIGN,
    _P.RUN_RETURN,
    _P.RUN_CANCEL,
    _P.POLICY_CHANGE,
    _P.TARIFF_CHANGE,
    _P.BOOKS_CLOSE,
    _P.FUND_CONFIRM,
    _P.FX_CONFIRM,
    _P.PROOF_READ,
}
_HAND_OUT = {_P.EXPORT_READ, _P.EXPORT_ASK}
_ANSWER_OUTSIDE = {*_HAND_OUT, _P.DISCLOSURE_READ, _P.DISCLOSURE_PROPOSE}
_HEAR_COMPLAINTS = {
    _P.REGISTRY_READ,
    _P.APPEAL_LODGE,
    _P.PERSON_OPEN,
    _P.PROGRAMME_READ,
    _P.PAYMENT_READ,
    _P.CODE_REISSUE,
    _P.CARD_READ,
    _P.CARD_BLOCK,
    _P.PRIVACY_CHOOSE,
    _P.CONSENT_RECORD,
    _P.COMPLAINT_HANDLE,
}
_TELL_PEOPLE = {_P.NOTICE_PROPOSE, _P.NOTICE_ACCEPT, _P.LEGAL_BASIS_ACCEPT}

ROLE_PERMISSIONS: Mapping[Role, frozenset[Permission]] = {
    Role.REGISTRATION_OFFICER: frozenset(
        {
            _P.REGISTRY_IMPORT,
            _P.REGISTRY_READ,
            _P.REGISTRY_DECIDE,
            _P.ASSESS,
            _P.ASSESSMENT_OPEN,
            _P.ASSESSMENT_CONFIRM,
            _P.APPEAL_LODGE,
            _P.HOUSEHOLD_CHANGE,
            _P.HOUSEHOLD_CONFIRM,
            _P.REFERRAL_DECIDE,
            _P.PERSON_OPEN,
            _P.ERASURE_ASK,
            _P.PROGRAMME_READ,
            _P.PRIVACY_CHOOSE,
            _P.CONSENT_RECORD,
            _P.CARD_READ,
            _P.CARD_ISSUE,
            _P.WORK_READ,
            _P.WORK_ENTER,
            _P.CONDITION_NOTE,
            _P.PRICES_ENTER,
        }
        | _HAND_OUT
    ),
    Role.PROGRAMME_MANAGER: frozenset(
        _READ_THE_BOOKS
        | _ANSWER_OUTSIDE
        | {_P.ENROLMENT_CHANGE, _P.CONDITION_NOTE, _P.CONDITION_CONFIRM}
        | {_P.PRICES_ENTER, _P.VALUE_PROPOSE}
        | {_P.HOUSEHOLD_CHANGE, _P.HOUSEHOLD_CONFIRM, _P.CONSENT_RECORD}
        | _TELL_PEOPLE
        | {_P.SCORECARD_PROPOSE, _P.SCORECARD_ACCEPT, _P.ASSESSMENT_CONFIRM}
        | {_P.APPEAL_LODGE, _P.APPEAL_DECIDE}
        | {
            _P.REGISTRY_READ,
            _P.REGISTRY_DECIDE,
            _P.REGISTRY_EXCHANGE,
            _P.PARTNER_CHANGE,
            _P.PROGRAMME_APPLY,
            _P.CYCLE_OPEN,
        }
        | {_P.AREAS_CHANGE}
        | {_P.WORK_READ, _P.WORK_ARRANGE, _P.WORK_ENTER}
        | {_P.RUN_BUILD, _P.RUN_LOCK, _P.RUN_CANCEL, _P.CODE_REISSUE, _P.PROOF_READ, _P.RUN_SIGN}
    ),
    Role.WORK_SUPERVISOR: frozenset({_P.PROGRAMME_READ, _P.WORK_READ, _P.WORK_ENTER, _P.WORK_SIGN}),
    Role.CERTIFIER: frozenset(
        _READ_THE_BOOKS | {_P.RUN_SIGN, _P.RUN_CERTIFY, _P.RUN_RETURN, _P.PROOF_READ}
    ),
    Role.AUTHORISER: frozenset(
        _READ_THE_BOOKS
        | {_P.RUN_AUTHORISE, _P.RUN_RETURN, _P.RUN_CANCEL, _P.RUN_RELEASE, _P.PROOF_READ}
        | {
            _P.RUN_SIGN,
            _P.POLICY_CHANGE,
            _P.TARIFF_CHANGE,
            _P.BOOKS_CLOSE,
            _P.FX_CONFIRM,
            _P.FUND_CONFIRM,
        }
        | {_P.VALUE_ACCEPT}
    ),
    Role.HEAD_OF_FINANCE: frozenset(_READ_THE_BOOKS | _SIGN_HIGH | {_P.RUN_SIGN_FINANCE}),
    Role.COUNTRY_DIRECTOR: frozenset(
        _READ_THE_BOOKS
        | _SIGN_HIGH
        | {_P.RUN_SIGN_DIRECTOR, _P.ERASURE_CONFIRM, _P.LEGAL_BASIS_ACCEPT}
        | {_P.EXPORT_READ, _P.EXPORT_APPROVE, _P.DISCLOSURE_READ}
    ),
    Role.TREASURER: frozenset(
        _READ_THE_BOOKS
        | {_P.FUND_MOVE, _P.STATEMENT_IMPORT, _P.DISCREPANCY_SETTLE, _P.PROOF_READ}
        | {
            _P.RUN_SIGN,
            _P.POLICY_CHANGE,
            _P.TARIFF_CHANGE,
            _P.BOOKS_CLOSE,
            _P.FX_CONFIRM,
            _P.FUND_CONFIRM,
        }
    ),
    Role.COMPLAINT_HANDLER: frozenset(_HEAR_COMPLAINTS),
    Role.PROTECTION_OFFICER: frozenset(
        _HEAR_COMPLAINTS
        | _ANSWER_OUTSIDE
        | {_P.EXPORT_APPROVE}
        | {
            _P.COMPLAINT_SENSITIVE,
            _P.REGISTRY_EXCHANGE,
            _P.VIEWS_READ,
            _P.ERASURE_ASK,
            _P.ERASURE_CONFIRM,
        }
        | {_P.SCORECARD_PROPOSE, _P.SCORECARD_ACCEPT, _P.ASSESS, _P.ASSESSMENT_OPEN}
        | {_P.ASSESSMENT_CONFIRM, _P.APPEAL_DECIDE}
        | _TELL_PEOPLE
    ),
    Role.LEGAL_OFFICER: frozenset(
        {_P.EXPORT_READ, _P.EXPORT_APPROVE, _P.DISCLOSURE_READ, _P.DISCLOSURE_APPROVE}
        | {_P.PROGRAMME_READ, _P.VIEWS_READ}
        | _TELL_PEOPLE
    ),
    Role.AUDITOR: frozenset(
        _READ_THE_BOOKS
        | {_P.EXPORT_READ, _P.DISCLOSURE_READ}
        | {_P.REGISTRY_READ, _P.VIEWS_READ, _P.PROOF_READ, _P.AUDIT_READ, _P.WORK_READ}
    ),
    Role.ADMINISTRATOR: frozenset({_P.USER_MANAGE, _P.PROOF_READ}),
    Role.TELLER: frozenset({_P.REDEMPTION_PERFORM}),
    Role.TELLER_SUPERVISOR: frozenset({_P.COUNTER_MANAGE, _P.CODE_REISSUE}),
    Role.INTEGRATOR: frozenset(
        {_P.REGISTRY_IMPORT, _P.STATEMENT_IMPORT, _P.PROGRAMME_READ, _P.RUN_READ, _P.PAYMENT_READ}
    ),
}

SIGNS: Mapping[Role, Permission] = {
    Role.CERTIFIER: _P.RUN_CERTIFY,
    Role.AUTHORISER: _P.RUN_AUTHORISE,
    Role.HEAD_OF_FINANCE: _P.RUN_SIGN_FINANCE,
    Role.COUNTRY_DIRECTOR: _P.RUN_SIGN_DIRECTOR,
}
"""The roles that sign payment runs, and what lets each do so. `RUN_SIGN` alone signs only in the place of one of them."""

STAFF_ROLES: frozenset[Role] = frozenset(Role) - {Role.TELLER, Role.INTEGRATOR}
"""What a member of staff may hold. Tellers belong to the provider and are kept in redemption; programs are clients."""

CLIENT_ROLES: frozenset[Role] = frozenset({Role.INTEGRATOR})
"""What a program may hold: never anything that approves, moves or hands over money."""

AREA_ROLES: frozenset[Role] = frozenset(
    {
        Role.REGISTRATION_OFFICER,
        Role.COMPLAINT_HANDLER,
        Role.PROTECTION_OFFICER,
        Role.WORK_SUPERVISOR,
        Role.PROGRAMME_MANAGER,
    }
)
"""Jobs in the field, which may be held for some areas only. Whoever signs for money or proves the books sees all of it."""

IN_AN_AREA: frozenset[Permission] = frozenset(
    {
        _P.REGISTRY_IMPORT, _P.REGISTRY_READ, _P.REGISTRY_DECIDE, _P.PERSON_OPEN, _P.PRIVACY_CHOOSE, _P.CONSENT_RECORD,
        _P.HOUSEHOLD_CHANGE, _P.HOUSEHOLD_CONFIRM,
        _P.ASSESS, _P.ASSESSMENT_OPEN, _P.ASSESSMENT_CONFIRM, _P.APPEAL_LODGE, _P.APPEAL_DECIDE,
        _P.PROGRAMME_READ, _P.ENROLMENT_CHANGE, _P.CONDITION_NOTE, _P.CONDITION_CONFIRM, _P.PRICES_ENTER,
        _P.WORK_READ, _P.WORK_ARRANGE, _P.WORK_ENTER, _P.WORK_SIGN,
        _P.CARD_READ, _P.CARD_ISSUE, _P.CARD_BLOCK, _P.PAYMENT_READ, _P.CODE_REISSUE,
        _P.COMPLAINT_HANDLE, _P.COMPLAINT_SENSITIVE,
        _P.EXPORT_READ, _P.EXPORT_ASK,
    }
)  # fmt: skip
"""What a role allows where it is held for areas. Whatever is done to a programme, a run or the books as a whole, from a
part of the households that looks like all of them, takes the role for the whole office."""

APART: Mapping[Role, frozenset[Role]] = {
    Role.ADMINISTRATOR: frozenset({*SIGNS, Role.TREASURER, Role.LEGAL_OFFICER}),
    Role.TELLER_SUPERVISOR: STAFF_ROLES - {Role.TELLER_SUPERVISOR},
}
"""Roles that nobody may hold together: whoever makes users moves no money and lets no data out; a provider's supervisor
is not staff."""


class RolesNotAllowed(Invalid):
    """These roles cannot be given, or not to one holder."""

    code = "access.roles_not_allowed"


def named_roles(names: Iterable[str]) -> list[Role]:
    """The roles of these names, blanks left out. Raises RolesNotAllowed."""
    wanted = [name.strip() for name in names if name.strip()]
    if strange := [name for name in wanted if name not in set(Role)]:
        raise RolesNotAllowed(
            f"There is no role {', '.join(strange)}.",
            next_step=f"There is: {', '.join(sorted(STAFF_ROLES))}.",
        )
    return [Role(name) for name in wanted]


def check_roles(roles: Iterable[Role], allowed: frozenset[Role]) -> None:
    """Raise RolesNotAllowed unless one holder may have all of these roles together."""
    held = set(roles)
    if strange := sorted(held - allowed):
        raise RolesNotAllowed(
            f"The role {', '.join(strange)} cannot be given here.",
            next_step=f"There is: {', '.join(sorted(allowed))}.",
        )
    for role, others in APART.items():
        if role in held and (clash := sorted(held & others)):
            raise RolesNotAllowed(
                f"One person cannot be {role} and {', '.join(clash)}.",
                next_step="Give these roles to two people.",
            )
