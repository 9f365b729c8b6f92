"""Who signs what: the office's approval policy as it holds and as it is proposed, and who stands in for whom."""

from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Form, UploadFile
from fastapi.responses import Response

from cbi import clock
from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.holders import holding, names_of
from cbi.access.permissions import SIGNS, Permission, Role
from cbi.console.approvals_policy_changes import changes
from cbi.console.approvals_words import step_name
from cbi.console.finance_parts import no_file
from cbi.console.pages import Pages
from cbi.console.visit import ThisVisit
from cbi.errors import CbiError
from cbi.http.requests import OfficeSession
from cbi.money import Money
from cbi.offices import office_of
from cbi.payments.signing import approval_policy, delegations, policies
from cbi.payments.signing.approval_policy import ORDINARY, Policy
from cbi.payments.signing.delegations import Terms, UnusableDelegation
from cbi.payments.signing.signing_models import ApprovalPolicy, Delegation
from cbi.refusals import refusing

PATH = "/approval-policy"
router = Pages()
LARGEST = 1 << 18

Reader = Annotated[Actor, Depends(may(Permission.POLICY_READ))]
Changer = Annotated[Actor, Depends(may(Permission.POLICY_CHANGE))]
Signer = Annotated[Actor, Depends(may(Permission.RUN_SIGN))]
Code = Annotated[str, Form(max_length=20)]
Word = Annotated[str, Form(max_length=200)]
Reason = Annotated[str, Form(max_length=1000)]


@dataclass(frozen=True, slots=True)
class Version:
    """One version of the policy, with who proposed and who accepted it."""

    row: ApprovalPolicy
    policy: Policy
    proposed_by: str
    accepted_by: str | None


@dataclass(frozen=True, slots=True)
class StandIn:
    """One delegation as it stands on the page. `sign` is good, wait or plain."""

    given: Delegation
    whose: str
    who: str
    limit: Money | None
    sign: str
    is_mine: bool
    may_accept: bool


@router.get(PATH)
def show(visit: ThisVisit, session: OfficeSession, actor: Reader) -> Response:
    """The policy and the delegations, for everybody who works with payments."""
    rows = policies.versions(session, actor)
    names = names_of(session, [each for row in rows for each in (row.proposed_by, row.accepted_by)])
    versions = [
        Version(
            row, approval_policy.stored(row.rules, row.controls), names[row.proposed_by],
            names.get(row.accepted_by) if row.accepted_by else None,
        )
        for row in rows
    ]  # fmt: skip
    holds = next((each for each in versions if each.row.accepted_at), None)
    newest = versions[0] if versions else None
    waits = newest is not None and not newest.row.accepted_at and not newest.row.refusal_id
    proposed = newest if waits else None
    mine = [role for role, permission in SIGNS.items() if actor.may_somewhere(permission)]
    return visit.show(
        "approvals/policy.html",
        ordinary=ORDINARY,
        holds=holds,
        proposed=proposed,
        changes=changes(visit, holds.policy if holds else None, proposed.policy)
        if proposed
        else [],
        versions=versions,
        may_change=actor.may(Permission.POLICY_CHANGE),
        is_own=proposed is not None and proposed.row.proposed_by == actor.id,
        standing_in=_standing_in(session, actor),
        roles=[(role.value, step_name(visit, role)) for role in mine],
        colleagues=_colleagues(session, actor),
        step_name=partial(step_name, visit),
    )


@router.post(PATH)
def propose(
    visit: ThisVisit, session: OfficeSession, actor: Changer, file: UploadFile | None = None, code: Code = ""
) -> Response:  # fmt: skip
    """Propose the policy that a file describes."""
    if file is None or not file.filename:
        raise no_file()
    text = file.file.read(LARGEST).decode("utf-8-sig", errors="replace")
    made = policies.propose(session, actor, text, code)
    said = visit.gettext("Version %(version)s is proposed. Somebody else accepts it.", version=made.version)  # fmt: skip
    return visit.go(PATH, said)


@router.post(PATH + "/{version}/refuse")
def refuse(
    visit: ThisVisit, session: OfficeSession, actor: Changer, version: int, reason: Word = ""
) -> Response:
    """Refuse a proposed version, or take back one's own."""
    refusing.refuse(session, actor, "approval-policy", str(version), reason)
    return visit.go(PATH, visit.gettext("It is refused. Put right, it can be proposed anew."))


@router.post(PATH + "/{version}/accept")
def accept(
    visit: ThisVisit, session: OfficeSession, actor: Changer, version: int, code: Code = ""
) -> Response:
    """Let a proposed version hold from now on."""
    policies.accept(session, actor, version, code)
    return visit.go(PATH, visit.gettext("The policy holds from now on."))


@router.post("/delegations")
def delegate(
    visit: ThisVisit, session: OfficeSession, actor: Signer, to: Word = "", role: Word = "", first: Word = "",
    last: Word = "", programmes: Word = "", limit: Word = "", code: Code = "",
) -> Response:  # fmt: skip
    """Let somebody sign in one's place."""
    delegations.make(
        session, actor, _terms(session, to, role, first, last, programmes, limit), code
    )
    return visit.go(
        PATH, visit.gettext("It is noted, and holds once a third person has accepted it.")
    )


@router.post("/delegations/{delegation_id}/accept")
def accept_delegation(
    visit: ThisVisit, session: OfficeSession, actor: Changer, delegation_id: UUID, code: Code = ""
) -> Response:
    """Agree to what two others arranged."""
    delegations.accept(session, actor, delegation_id, code)
    return visit.go(PATH, visit.gettext("It is accepted."))


@router.post("/delegations/{delegation_id}/withdraw")
def withdraw(
    visit: ThisVisit, session: OfficeSession, actor: Signer, delegation_id: UUID, reason: Reason = ""
) -> Response:  # fmt: skip
    """End it at once, and say why."""
    delegations.withdraw(session, actor, delegation_id, reason)
    return visit.go(PATH, visit.gettext("It has ended."))


def _terms(
    session: OfficeSession, to: str, role: str, first: str, last: str, programmes: str, limit: str
) -> Terms:
    try:
        currency = office_of(session).currency
        return Terms(
            UUID(to), Role(role), date.fromisoformat(first), date.fromisoformat(last),
            tuple(programmes.replace(",", " ").split()),
            Money.parse(limit, currency) if limit.strip() else None,
        )  # fmt: skip
    except (ValueError, CbiError) as error:
        raise UnusableDelegation(
            "Something in the form is missing, or cannot be read.", next_step="Fill it in again."
        ) from error


def _standing_in(session: OfficeSession, actor: Actor) -> list[StandIn]:
    rows = delegations.listed(session, actor)
    names = names_of(session, [each for row in rows for each in (row.from_id, row.to_id)])
    today = clock.today(office_of(session).timezone)
    found = []
    for row in rows:
        if row.withdrawn_at is not None or row.last_day < today:
            continue
        waits = row.accepted_at is None
        begun = row.first_day <= today
        found.append(
            StandIn(
                row, names[row.from_id], names[row.to_id], delegations.limit_of(row),
                "wait" if waits else "good" if begun else "plain", row.from_id == actor.id,
                waits and actor.may(Permission.POLICY_CHANGE) and actor.id not in {row.from_id, row.to_id},
            )
        )  # fmt: skip
    return found


def _colleagues(session: OfficeSession, actor: Actor) -> list[tuple[str, str]]:
    """Whoever else may sign, for choosing who stands in."""
    held = holding(session, Permission.RUN_SIGN)
    return sorted(
        {(str(each.user_id), each.full_name) for each in held if each.user_id != actor.id},
        key=lambda pair: pair[1],
    )
