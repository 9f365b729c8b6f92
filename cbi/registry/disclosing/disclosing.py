"""Whether somebody outside is told about people: staff propose, the legal officer approves or refuses, anybody revokes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import Select, func, select, text, update
from sqlalchemy.orm import Session

from cbi import clock, ids
from cbi.access import totp
from cbi.access.actor import Actor
from cbi.access.models import RoleGrant
from cbi.access.permissions import Permission, Role
from cbi.audit import reasons
from cbi.audit.record import record
from cbi.errors import Conflict, Forbidden, Invalid, NotFound
from cbi.offices import office_of
from cbi.registry.areas.standing import resolve
from cbi.registry.disclosing.models import (
    Column,
    Disclosure,
    DisclosureDecision,
    Form,
    RequesterKind,
)

SUBJECT = "disclosure"
LONGEST_DAYS = 366
LONGEST_WORDS = 1000


class UnknownDisclosure(NotFound):
    """There is no such disclosure, or it does not wait for what was meant to be done with it."""

    code = "disclosure.unknown"


class UnusableDisclosure(Invalid):
    """Something that a disclosure must say is missing, or cannot be."""

    code = "disclosure.unusable"


class OwnDisclosure(Forbidden):
    """Nobody approves what they proposed, and nobody who makes users approves any."""

    code = "disclosure.own"


class NothingAllowsIt(Conflict):
    """No approved disclosure that is valid today allows this."""

    code = "disclosure.not_allowed"


class MoreThanApproved(Conflict):
    """More people would be told about than the legal officer approved."""

    code = "disclosure.more_than_approved"


@dataclass(frozen=True, slots=True)
class Proposal:
    """What is to be told to whom, and why. The words are for the legal officer, and for the register."""

    requester_kind: str
    requester: str
    legal_ground: str
    wanted_for: str
    necessity: str
    risk: str
    form: str
    most_people: int
    until: date
    columns: tuple[str, ...] = ()
    programme: str | None = None
    period: str | None = None
    area: str | None = None
    silence: str | None = None


def propose(session: Session, actor: Actor, said: Proposal) -> Disclosure:
    """Propose that somebody outside is told. Nothing leaves yet. Raises UnusableDisclosure, UnusableReason, UnknownArea."""
    actor.require(Permission.DISCLOSURE_PROPOSE, said.programme)
    if actor.kind != "user" or actor.id is None:
        raise OwnDisclosure("Only a member of staff proposes this.", next_step="Sign in.")
    _check(session, said)
    session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('disclosures', 0))"))
    last = session.scalar(select(func.max(Disclosure.number)))
    made = Disclosure(
        id=ids.fresh(), number=(last or 0) + 1, requester_kind=RequesterKind(said.requester_kind),
        requester=reasons.plain(said.requester, longest=200), legal_ground=_words(said.legal_ground),
        wanted_for=_words(said.wanted_for), necessity=_words(said.necessity), risk=_words(said.risk),
        form=Form(said.form), columns=list(dict.fromkeys(said.columns)), programme=said.programme or None,
        period=said.period or None, area=resolve(session, actor, said.area) if said.area else None,
        most_people=said.most_people, until=said.until,
        silence=_words(said.silence) if said.silence else None, proposed_by=actor.id, proposed_at=clock.now(),
    )  # fmt: skip
    session.add(made)
    session.flush()
    _note(session, actor, "disclosure.proposed", made)
    return made


def approve(session: Session, actor: Actor, number: int, reason: str, code: str) -> Disclosure:
    """Let it be told, for a reason and with a fresh one-time code.

    Raises UnknownDisclosure, OwnDisclosure, UnusableReason, WrongCode.
    """
    found = _waiting(session, actor, number)
    remark = _words(reason)
    if found.proposed_by == actor.id:
        raise OwnDisclosure(
            "You proposed this, so somebody else decides about it.",
            next_step="Ask another legal officer.",
        )
    if _makes_users(session, actor):
        raise OwnDisclosure(
            "Whoever makes users lets no data out.",
            next_step="Ask a legal officer who is no administrator.",
        )
    if found.until < clock.today(office_of(session).timezone):
        raise NothingAllowsIt(
            "The last day on which it was wanted is over.", next_step="Refuse it; it can be proposed anew."
        )  # fmt: skip
    totp.step_up(session, actor, code)
    _decide(session, found, DisclosureDecision.APPROVED, actor, remark)
    _note(session, actor, "disclosure.approved", found)
    return found


def refuse(session: Session, actor: Actor, number: int, reason: str) -> Disclosure:
    """Say no, and why. Raises UnknownDisclosure, UnusableReason."""
    found = _waiting(session, actor, number)
    _decide(session, found, DisclosureDecision.REFUSED, actor, _words(reason))
    _note(session, actor, "disclosure.refused", found)
    return found


def revoke(session: Session, actor: Actor, number: int, reason: str) -> Disclosure:
    """End it at once: nothing more leaves under it, not even what was asked for. Its proposer may, and the legal officer.

    Raises NotPermitted, UnknownDisclosure, UnusableReason.
    """
    found = _held(session, number)
    is_over = found is not None and (
        found.revoked_at is not None or found.decision is DisclosureDecision.REFUSED
    )
    if found is None or found.proposed_by != actor.id:
        actor.require(Permission.DISCLOSURE_APPROVE)
    if found is None or is_over:
        raise _unknown(number)
    session.execute(
        update(Disclosure)
        .where(Disclosure.id == found.id, Disclosure.revoked_at.is_(None))
        .values(revoked_by=actor.id, revoked_at=clock.now(), revoked_because=_words(reason))
    )
    session.refresh(found)
    _note(session, actor, "disclosure.revoked", found)
    return found


def listed(session: Session, actor: Actor) -> Sequence[Disclosure]:
    """The register: every disclosure that was ever proposed (of the programmes they work for), the latest first."""
    return session.scalars(_seen(actor).order_by(Disclosure.number.desc())).all()


def find(session: Session, actor: Actor, number: int) -> Disclosure:
    """One of the register. Raises UnknownDisclosure."""
    found = session.scalar(_seen(actor).where(Disclosure.number == number))
    if found is None:
        raise _unknown(number)
    return found


def allowing(
    session: Session, form: Form, *, number: int | None = None, disclosure_id: UUID | None = None
) -> Disclosure:
    """The approved disclosure of that number (or key), valid today, in that form. Raises NothingAllowsIt.

    Its row is shared until the transaction ends: whoever revokes it waits, and what leaves next is refused.
    """
    which = Disclosure.id == disclosure_id if disclosure_id else Disclosure.number == number
    found = session.scalar(
        select(Disclosure).where(which).with_for_update(read=True).execution_options(populate_existing=True)
    )  # fmt: skip
    if found is None or (why := _why_not(session, found, form)):
        raise NothingAllowsIt(
            f"Nothing leaves under disclosure {number}: there is none of that number."
            if found is None
            else f"Nothing leaves under disclosure {found.number}: {why}.",
            next_step="The legal officer approves who outside is told what: cbi disclosure propose",
        )
    return found


def check_size(allowed: Disclosure, people: int) -> None:
    """Raise MoreThanApproved where so many people are more than were approved."""
    if people > allowed.most_people:
        raise MoreThanApproved(
            f"Disclosure {allowed.number} is for {allowed.most_people:,} people at most, and these are {people:,}.",
            next_step="Propose another one that says how many there are.",
        )


def _why_not(session: Session, found: Disclosure, form: Form) -> str | None:
    if found.decision is None:
        return "the legal officer has not decided"
    if found.decision is DisclosureDecision.REFUSED:
        return "it was refused"
    if found.revoked_at is not None:
        return "it was revoked"
    if found.until < clock.today(office_of(session).timezone):
        return "its last day is over"
    return None if found.form is form else f"it is for {found.form}"


def _check(session: Session, said: Proposal) -> None:
    wrong = [
        f"there is no kind of requester {said.requester_kind[:40]!r}"
        if said.requester_kind not in set(RequesterKind)
        else "",
        f"there is no form {said.form[:40]!r}" if said.form not in set(Form) else "",
        *(
            f"a list of people has no column {each[:40]!r}"
            for each in said.columns
            if each not in set(Column)
        ),
        "a file needs columns" if said.form == Form.FILE and not said.columns else "",
        "keyed hashes have no columns" if said.form == Form.HASHES and said.columns else "",
        "keyed hashes are of the whole registry"
        if said.form == Form.HASHES and (said.programme or said.period or said.area)
        else "",
        "a file is about a programme, an area, or both"
        if said.form == Form.FILE and not (said.programme or said.area)
        else "",
        "a period is of a programme" if said.period and not said.programme else "",
        "say for how many people at most" if said.most_people < 1 else "",
    ]
    left = (said.until - clock.today(office_of(session).timezone)).days
    if not 0 <= left <= LONGEST_DAYS:
        wrong.append(f"its last day is today or within {LONGEST_DAYS} days")
    if found := [each for each in wrong if each]:
        raise UnusableDisclosure(
            f"This cannot be proposed: {'; '.join(found)}.",
            next_step=f"Columns are: {', '.join(Column)}. Requesters are: {', '.join(RequesterKind)}.",
        )


def _words(said: str) -> str:
    return reasons.plain(said, longest=LONGEST_WORDS)


def _makes_users(session: Session, actor: Actor) -> bool:
    """Whether they could have given themselves, through somebody, what they approve with."""
    held = select(RoleGrant.id).where(
        RoleGrant.user_id == actor.id,
        RoleGrant.role == Role.ADMINISTRATOR,
        RoleGrant.revoked_at.is_(None),
    )
    return actor.may_somewhere(Permission.USER_MANAGE) or session.scalar(held) is not None


def _seen(actor: Actor) -> Select[Disclosure]:
    """What of the register somebody sees: all of it, or what is about the programmes that they work for."""
    codes = actor.programmes(Permission.DISCLOSURE_READ)
    if codes == frozenset():
        actor.require(Permission.DISCLOSURE_READ)
    wanted = select(Disclosure)
    return wanted if codes is None else wanted.where(Disclosure.programme.in_(codes))


def _held(session: Session, number: int) -> Disclosure | None:
    return session.scalar(
        select(Disclosure)
        .where(Disclosure.number == number)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def _waiting(session: Session, actor: Actor, number: int) -> Disclosure:
    actor.require(Permission.DISCLOSURE_APPROVE)
    found = _held(session, number)
    if found is None or found.decision is not None or found.revoked_at is not None:
        raise _unknown(number)
    return found


def _decide(
    session: Session, found: Disclosure, decision: DisclosureDecision, actor: Actor, remark: str
) -> None:
    session.execute(
        update(Disclosure)
        .where(Disclosure.id == found.id, Disclosure.decision.is_(None))
        .values(decision=decision, decided_by=actor.id, decided_at=clock.now(), remark=remark)
    )
    session.refresh(found)


def _note(session: Session, actor: Actor, act: str, found: Disclosure) -> None:
    record(
        session, actor, act, SUBJECT, found.id, number=found.number, form=str(found.form),
        requester_kind=str(found.requester_kind), columns=found.columns, most_people=found.most_people,
        until=found.until.isoformat(), is_told=found.silence is None,
    )  # fmt: skip


def _unknown(number: int) -> UnknownDisclosure:
    return UnknownDisclosure(
        f"No disclosure {number} waits for this.", next_step="See: cbi disclosure list"
    )
