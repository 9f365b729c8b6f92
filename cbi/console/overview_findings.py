"""What two people find about a discrepancy that words do not end: what a line is, or what an attempt took."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Form
from fastapi.responses import Response
from sqlalchemy.orm import Session

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.console.overview_line_words import ENDINGS, KEPT, VERDICTS
from cbi.console.pages import Pages
from cbi.console.visit import ThisVisit, Visit
from cbi.http.requests import OfficeSession
from cbi.money import Money
from cbi.payments.models import Discrepancy, Payment
from cbi.payments.outcomes.endings import Ending, attempt_of, ending
from cbi.payments.outcomes.settling import UnknownDiscrepancy
from cbi.payments.recovery import amounts
from cbi.reconciliation import line_findings, line_more, line_queries, queries
from cbi.reconciliation.line_findings import Said, SaysTooLittle
from cbi.reconciliation.line_more import Split
from cbi.reconciliation.models import Verdict

router = Pages()

Settler = Annotated[Actor, Depends(may(Permission.DISCREPANCY_SETTLE))]
Confirmer = Annotated[Actor, Depends(may(Permission.RUN_AUTHORISE))]
Short = Annotated[str, Form(max_length=64)]
Proof = Annotated[str, Form(max_length=1000)]
Code = Annotated[str, Form(max_length=20)]

_OF_AN_ATTEMPT = frozenset({Verdict.ATTEMPT, Verdict.MORE})
_BORNE = frozenset({Verdict.LOST, Verdict.FEE})
"""What names an attempt, and what a programme bears: the form asks for no more than what it offers needs."""


@dataclass(frozen=True, slots=True)
class Report:
    """What one person reported and nobody has confirmed: in words, by whom, and where the proof is."""

    id: UUID
    what: str
    by: UUID
    proof: str
    may_confirm: bool
    split: Split | None = None
    """Of a line that is more of a payment: what of it is delivered after all, and what is owed back."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What ends an open discrepancy: a sentence, or None where words do; what was reported, and what may be."""

    says: str | None
    of: str
    """`words`, or where the forms lead: `line`, `amount`; else nothing is asked here."""
    reports: list[Report]
    verdicts: list[tuple[str, str]]

    @property
    def asks_attempt(self) -> bool:
        """Whether anything that the line may be names an attempt."""
        return any(value in _OF_AN_ATTEMPT for value, _ in self.verdicts)

    @property
    def asks_programme(self) -> bool:
        """Whether anything that the line may be is borne by a programme."""
        return any(value in _BORNE for value, _ in self.verdicts)


def asked(visit: Visit, session: Session, actor: Actor, found: Discrepancy) -> Asked:
    """What is asked to end this discrepancy, and what this visitor may do of it."""
    how = ending(session, found) if found.settled_at is None else Ending.WORDS
    says = ENDINGS.get(how)
    told = visit.gettext(says) if says else None
    whole = actor.may(Permission.DISCREPANCY_READ)
    if how is Ending.LINE and found.line_id is not None and whole:
        return Asked(
            told, "line", _of_line(visit, session, actor, found.line_id), _verdicts(visit, session, actor, found.line_id)
        )  # fmt: skip
    if how is Ending.STORY and found.line_id is not None and whole:
        stories = [
            (f"{each.value}:{found.id}", visit.gettext(VERDICTS[each]))
            for each in (Verdict.FIRST_STORY, Verdict.LATER_STORY)
        ]
        return Asked(told, "line", _of_line(visit, session, actor, found.line_id), stories)
    if how is Ending.CREDIT and found.line_id is not None and whole:
        kept = [(_kept(session, found.line_id), visit.gettext(KEPT))]
        return Asked(told, "line", _of_line(visit, session, actor, found.line_id), kept)
    if how is Ending.AMOUNT and found.payment_id is not None:
        return Asked(told, "amount", _of_amount(session, actor, found.payment_id), [])
    return Asked(told, "words" if how is Ending.WORDS else "", [], [])


def _kept(session: Session, line_id: UUID) -> str:
    """What the line is reported to be by which a provider took what it keeps: matched wrongly, or found wrongly by two."""
    by_two = (
        f"{Verdict.MISTAKEN.value}:{each.id}"
        for each in line_findings.reported(session, line_id)
        if each.verdict == Verdict.BOOKED and each.confirmed_by and each.taken_back_by is None
    )
    return next(by_two, Verdict.UNMATCHED.value)


def _of_line(visit: Visit, session: Session, actor: Actor, line_id: UUID) -> list[Report]:
    return [
        Report(
            each.id, visit.gettext(VERDICTS[Verdict(each.verdict)]), each.reported_by, each.proof,
            actor.may(Permission.RUN_AUTHORISE) and each.reported_by != actor.id, line_more.split(session, each),
        )
        for each in line_findings.reported(session, line_id)
        if each.confirmed_by is None and each.refusal_id is None
    ]  # fmt: skip


def _of_amount(session: Session, actor: Actor, payment_id: UUID) -> list[Report]:
    return [
        Report(
            each.id, str(Money(each.paid_minor, each.currency)), each.reported_by, each.proof,
            actor.may(Permission.RUN_AUTHORISE) and each.reported_by != actor.id,
        )
        for each in amounts.reported(session, payment_id)
        if each.confirmed_by is None and each.refusal_id is None
    ]  # fmt: skip


def _verdicts(visit: Visit, session: Session, actor: Actor, line_id: UUID) -> list[tuple[str, str]]:
    """What the line may be said to be, in words; what names a movement or another line has its number behind it."""
    sheet = line_queries.sheet(session, actor, line_id)
    left = sheet.stay is not None and sheet.stay.effect_minor < 0

    def words(verdict: Verdict) -> str:
        return visit.gettext(VERDICTS[verdict])

    return [
        (Verdict.ATTEMPT.value, words(Verdict.ATTEMPT)),
        *(
            (f"{Verdict.BOOKED.value}:{each.id}", f"{words(Verdict.BOOKED)}: {each.effective_on}, {each.id}")
            for each in sheet.booked
        ),
        *(
            (f"{Verdict.OPPOSITE.value}:{each.id}", f"{words(Verdict.OPPOSITE)}: {each.value_date}, {each.line_id}")
            for each in sheet.others
        ),
        (Verdict.NOT_OURS.value, words(Verdict.NOT_OURS)),
        *((each.value, words(each)) for each in (Verdict.MORE, Verdict.REFUNDED, Verdict.LOST) if left),
        *((each.value, words(each)) for each in (Verdict.FEE,) if sheet.line.kind not in {"payment", "top_up"}),
    ]  # fmt: skip


@router.post("/discrepancies/{discrepancy_id}/line")
def report_line(
    visit: ThisVisit,
    session: OfficeSession,
    actor: Settler,
    discrepancy_id: UUID,
    verdict: Short = "",
    payment: Short = "",
    attempt: Short = "",
    programme: Short = "",
    proof: Proof = "",
) -> Response:
    """Report what the line is; nothing moves yet."""
    found = _find(session, actor, discrepancy_id)
    said = _said(verdict, payment, attempt, programme)
    if found.line_id is None:
        raise _too_little()
    line_findings.report(session, actor, found.line_id, said, proof)
    return _noted(visit, discrepancy_id)


@router.post("/discrepancies/{discrepancy_id}/line/confirm")
def confirm_line(
    visit: ThisVisit,
    session: OfficeSession,
    actor: Confirmer,
    discrepancy_id: UUID,
    finding: Short = "",
    seen: Short = "",
    code: Code = "",
) -> Response:
    """Confirm a colleague's report: our books hold what the line is, as the page showed it."""
    line_findings.confirm(session, actor, read_id(finding), code, seen)
    return visit.go(
        f"/discrepancies/{discrepancy_id}", visit.gettext("Confirmed: our books hold it now.")
    )


@router.post("/discrepancies/{discrepancy_id}/amount")
def report_amount(
    visit: ThisVisit,
    session: OfficeSession,
    actor: Settler,
    discrepancy_id: UUID,
    amount: Short = "",
    proof: Proof = "",
) -> Response:
    """Report what the attempt took from our account; nothing moves yet."""
    found = _find(session, actor, discrepancy_id)
    if found.payment_id is None:
        raise _too_little()
    payment = session.get_one(Payment, found.payment_id)
    amounts.report(session, actor, payment.id, amount, proof, attempt_of(found, payment))
    return _noted(visit, discrepancy_id)


@router.post("/discrepancies/{discrepancy_id}/amount/confirm")
def confirm_amount(
    visit: ThisVisit,
    session: OfficeSession,
    actor: Confirmer,
    discrepancy_id: UUID,
    finding: Short = "",
    code: Code = "",
) -> Response:
    """Confirm a colleague's report: what the attempt took is booked."""
    amounts.confirm(session, actor, read_id(finding), code)
    return visit.go(
        f"/discrepancies/{discrepancy_id}", visit.gettext("Confirmed: our books hold it now.")
    )


def _noted(visit: Visit, discrepancy_id: UUID) -> Response:
    return visit.go(
        f"/discrepancies/{discrepancy_id}",
        visit.gettext("Noted. Nothing has moved yet: a colleague who may authorise runs has to confirm it."),
    )  # fmt: skip


def _find(session: Session, actor: Actor, discrepancy_id: UUID) -> Discrepancy:
    found = session.scalars(
        queries.discrepancies(actor).where(Discrepancy.id == discrepancy_id)
    ).one_or_none()
    if found is None:
        raise UnknownDiscrepancy(
            "There is no such discrepancy.", next_step="Go back to the list: /discrepancies"
        )
    return found


def _said(verdict: str, payment: str, attempt: str, programme: str) -> Said:
    name, _, which = verdict.partition(":")
    try:
        said = Verdict(name)
        number = int(attempt) if attempt.strip() else None
        transfer_id = int(which) if said is Verdict.BOOKED else None
    except ValueError:
        raise _too_little() from None
    return Said(
        said,
        payment_id=read_id(payment) if said in _OF_AN_ATTEMPT else None,
        attempt=number if said in _OF_AN_ATTEMPT else None,
        transfer_id=transfer_id,
        other_line_id=read_id(which) if said is Verdict.OPPOSITE else None,
        programme=programme.strip() if said in _BORNE else None,
        finding_id=read_id(which) if said is Verdict.MISTAKEN else None,
        discrepancy_id=read_id(which)
        if said in {Verdict.FIRST_STORY, Verdict.LATER_STORY}
        else None,
    )


def read_id(text: str) -> UUID:
    """The id that a form names. Raises SaysTooLittle."""
    try:
        return UUID(text.strip())
    except ValueError:
        raise _too_little() from None


def _too_little() -> SaysTooLittle:
    return SaysTooLittle(
        "The report does not name the payment, the movement or the programme that it is about.",
        next_step="Name it, or report that the line is not ours.",
    )
