"""Money that was paid twice or too much: what is owed back, by whom, for how long, and what can be done about it."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Form, Query
from fastapi.responses import Response

from cbi.access.actor import Actor
from cbi.access.guards import may
from cbi.access.permissions import Permission
from cbi.console.finance_parts import PATH as FINANCE
from cbi.console.finance_parts import columns, parts
from cbi.console.finance_words import OWED
from cbi.console.languages import N_
from cbi.console.pages import Pages
from cbi.console.visit import ThisVisit
from cbi.http.requests import OfficeSession
from cbi.money import Money
from cbi.payments.recovery import recovering
from cbi.payments.recovery.recovering import Owed
from cbi.payments.states import ReceivableState

PATH = f"{FINANCE}/owed-back"
router = Pages()
SHOWN = 200

Reader = Annotated[Actor, Depends(may(Permission.DISCREPANCY_READ))]
Mover = Annotated[Actor, Depends(may(Permission.FUND_MOVE))]
Settler = Annotated[Actor, Depends(may(Permission.DISCREPANCY_SETTLE))]
Word = Annotated[str, Form(max_length=100)]
Words = Annotated[str, Form(max_length=1000)]


@router.get(PATH)
def show(
    visit: ThisVisit, session: OfficeSession, actor: Reader, ended: Annotated[str, Query(max_length=10)] = ""
) -> Response:  # fmt: skip
    """What is owed back, the oldest first, or all that ever was."""
    found = recovering.owed_back(session, actor, is_open=ended != "yes")
    return visit.show(
        "finance/receivables.html",
        parts=parts(visit, actor),
        lines=[(each, _amount(each), OWED[each.receivable.state]) for each in found[:SHOWN]],
        sums=columns([_amount(each)] for each in found if each.receivable.state is ReceivableState.OPEN),
        is_all=ended == "yes",
        is_open=lambda each: each.receivable.state is ReceivableState.OPEN,
        comes_back=lambda each: each.receivable.state in {ReceivableState.OPEN, ReceivableState.WRITTEN_OFF},
        may_move=lambda each: actor.may(Permission.FUND_MOVE, each.programme),
        may_settle=lambda each: actor.may(Permission.DISCREPANCY_SETTLE, each.programme),
    )  # fmt: skip


@router.post(PATH + "/{receivable_id}/recover")
def recover(
    visit: ThisVisit, session: OfficeSession, actor: Mover, receivable_id: UUID, reference: Word = "", to: Word = ""
) -> Response:  # fmt: skip
    """Book that the provider gave the money back."""
    done = recovering.recover(session, actor, receivable_id, reference, to_bank=to == "bank")
    said = N_("Booked: the money is back.") if done else N_("This is booked already: nothing changed.")  # fmt: skip
    return visit.go(PATH, visit.gettext(said))


@router.post(PATH + "/{receivable_id}/write-off")
def propose(
    visit: ThisVisit, session: OfficeSession, actor: Settler, receivable_id: UUID, reason: Words = "",
    evidence: Words = "",
) -> Response:  # fmt: skip
    """Propose to give the money up."""
    recovering.propose_write_off(session, actor, receivable_id, reason, evidence)
    return visit.go(PATH, visit.gettext("It is noted. Nothing has moved: somebody else confirms it."))  # fmt: skip


def _amount(each: Owed) -> Money:
    return Money(each.receivable.amount_minor, each.receivable.currency)
