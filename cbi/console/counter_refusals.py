"""Why the counter does not pay, in words that a teller can say to the person, and what both can do next."""

from cbi.console.languages import N_
from cbi.console.refusals import Table
from cbi.http.problems import Problem
from cbi.redemption.refusals import Refused

_SLIPS: Table = {
    "redemption.mistyped.length": (
        N_("A code has %(wanted)s digits, and %(typed)s were typed."),
        N_("Ask for the code again and type all of it. This cost no try."),
    ),
    "redemption.mistyped.slip": (
        N_("A digit was mistyped, or two were swapped."),
        N_("Compare each group with the message and type the code again. This cost no try."),
    ),
    "redemption.mistyped.letters": (
        N_("A code has digits only, and something else was typed."),
        N_("Type the digits of the message. This cost no try."),
    ),
    "redemption.mistyped.too_long": (
        N_("That is too long for a code."),
        N_("Type the code and nothing else. This cost no try."),
    ),
    "redemption.not_recognised": (
        N_("This code is not recognised."),
        N_(
            "Ask for the newest message and compare the code digit by digit. Money that is not released yet has no code. "
            "Wrong tries left before a pause: %(tries_left)s."
        ),
    ),
    "redemption.not_recognised.last": (
        N_("This code is not recognised, and you have no wrong try left for now."),
        N_("Pay nothing. Ask the person to check the message or to call the hotline, and wait before you try another."),
    ),
    "redemption.teller_paused": (
        N_("Too many wrong codes: you can try again at %(until)s."),
        N_("Ask the person to check the message or to call the hotline."),
    ),
    "redemption.supervisor_needed": (
        N_("You have typed too many wrong codes today."),
        N_("Call the supervisor, who can unlock you."),
    ),
}  # fmt: skip

_CODES: Table = {
    "redemption.already_paid": (
        N_("Paid already: on %(at)s at %(office)s."),
        N_("Do not pay. If the person did not get it, call the supervisor."),
    ),
    "redemption.part_paid": (
        N_("A part was paid with this code, on %(at)s at %(office)s."),
        N_("Ask for the newest message: what is left has a code of its own."),
    ),
    "redemption.expired": (
        N_("The last day of this code was %(day)s."),
        N_("Do not pay. Tell the person to call the hotline: the money is not lost."),
    ),
    "redemption.locked": (
        N_("This code is locked: it was reported lost, or too many wrong codes were tried."),
        N_("Do not pay. Tell the person to call the hotline for a new code."),
    ),
    "redemption.replaced": (N_("A newer code was sent to this person."), N_("Ask for the newest message.")),
    "redemption.busy": (
        N_("Another counter used this code at this very moment."), N_("Pay nothing yet. Type the code again."),
    ),
    "redemption.held_elsewhere": (
        N_("Another teller has this code: it is reserved at %(office)s until %(until)s."),
        N_("Do not pay. Try again after that, if it was not paid there."),
    ),
    "redemption.on_hold": (N_("This payment is suspended."), N_("Do not pay. Call the supervisor.")),
    **dict.fromkeys(
        ("redemption.stands_still", "standstill.stands"),
        (
            N_("No code is paid anywhere until the office has checked its books."),
            N_("Do not pay. Ask the person to keep the message: the money is not lost."),
        ),
    ),
    "redemption.other_provider": (
        N_("This code is not paid at your offices: another provider pays it."),
        N_("Ask the person where the message says to go."),
    ),
}  # fmt: skip

_PERSONS: Table = {
    "redemption.factor_missing.document": (
        N_("The code is right, but the person has not shown anything yet."),
        N_("Ask for the identity document they registered with, and type its last four characters. This cost no try."),
    ),
    "redemption.factor_missing.card": (
        N_("The code is right, but the person has not shown anything yet."),
        N_("Ask for their programme card, and type its last four digits. This cost no try."),
    ),
    "redemption.factor_missing.word": (
        N_("The code is right, but the person has not said anything yet."),
        N_("Ask for the word they chose when they registered, and type it. This cost no try."),
    ),
    "redemption.wrong_factor.document": (
        N_("The code is right, but what the person showed does not match."),
        N_(
            "Ask for the identity document they registered with, and type its last four characters with the code. "
            "Tries left: %(tries_left)s."
        ),
    ),
    "redemption.wrong_factor.card": (
        N_("The code is right, but what the person showed does not match."),
        N_("Ask for their programme card, and type its last four digits with the code. Tries left: %(tries_left)s."),
    ),
    "redemption.wrong_factor.word": (
        N_("The code is right, but what the person said does not match."),
        N_("Ask for the word they chose when they registered, and type it with the code. Tries left: %(tries_left)s."),
    ),
    "redemption.factor_missing.alternate": (
        N_("The code is right, but the person has not shown anything yet."),
        N_(
            "Ask for the document, card or word that they registered. It may also be collected by the alternate whom the "
            "household named, with what that person registered. This cost no try."
        ),
    ),
    "redemption.factor_missing.guardian": (
        N_("The code is right, and the money is for a child: only the appointed guardian collects it."),
        N_("Ask the guardian for the document, card or word that they registered. This cost no try."),
    ),
    "redemption.wrong_factor.alternate": (
        N_("The code is right, but what the person showed or said does not match."),
        N_(
            "Ask for the document, card or word that they registered. It may also be collected by the alternate whom the "
            "household named, with what that person registered. Tries left: %(tries_left)s."
        ),
    ),
    "redemption.wrong_factor.guardian": (
        N_("The code is right, and the money is for a child: only the appointed guardian collects it."),
        N_(
            "Ask the guardian for the document, card or word that they registered. Tries left: %(tries_left)s."
        ),
    ),
    "redemption.no_guardian": (
        N_("The money is for a child, and nobody is on record who was appointed to answer for it."),
        N_("Do not pay. Call the supervisor: the office must record the decision that appoints the guardian."),
    ),
    "redemption.wrong_factor_stop": (
        N_("What the person showed or said was wrong too often."),
        N_("Do not pay. Call the supervisor, who can vouch for the person."),
    ),
    "redemption.no_second_factor": (
        N_("Nothing is registered that this person could show or say."),
        N_("Do not pay yet. Call the supervisor, who can vouch for the person."),
    ),
}  # fmt: skip

_HOLDS: Table = {
    "redemption.not_held": (
        N_("You do not hold this code any more, so nothing may be handed over."),
        N_("Do not pay. Type the code again, or call the supervisor."),
    ),
    "redemption.unknown_authorisation": (
        N_("There is no such hold of yours."), N_("Do not pay. Type the code again."),
    ),
    "redemption.no_parts": (
        N_("This payment is not handed over in parts, or was handed over in as many as it may be."),
        N_("Pay all of it, or nothing: without enough cash, say so."),
    ),
    "payment.not_in_parts": (
        N_("No part of this payment can be handed over now."), N_("Pay all of it, or nothing."),
    ),
    "redemption.unusable_part": (
        N_("A part is at least %(smallest)s, in whole notes of %(note)s, and less than %(rest)s."),
        N_("Type another amount."),
    ),
    "redemption.no_code_for_rest": (
        N_("No part can be paid: a new code for the rest would not reach this person."),
        N_("Pay all of it, or nothing."),
    ),
    "redemption.paid_another_amount": (
        N_("You confirmed another amount under this receipt: %(paid)s."),
        N_("Hand over that, once, and nothing more."),
    ),
    "redemption.paid_already": (N_("This was paid and cannot be given up."), N_("Call the supervisor.")),
    "redemption.not_at_a_counter": (
        N_("Only a teller of an open office can pay over the counter."), N_("Sign in as a teller."),
    ),
    "console.no_such_receipt": (
        N_("None of your receipts has this number."), N_("Choose it from the list of the day."),
    ),
}  # fmt: skip

_SUPERVISION: Table = {
    "console.no_such_code": (
        N_("No code begins with these digits."),
        N_("Type the first digits of the code, without the last seven."),
    ),
    "console.whole_code": (
        N_("These are too many digits: a whole code is for the teller only."),
        N_("Type the first digits of the code, without the last seven."),
    ),
    "redemption.no_code": (
        N_("This payment has no code."), N_("Type the first digits of the code, without the last seven."),
    ),
    "redemption.nothing_to_vouch_for": (
        N_("This code cannot be paid, whoever the person is: it is paid, locked, expired or replaced."),
        N_("Do not pay. The hotline can say more."),
    ),
    "redemption.code_in_use": (
        N_("A teller holds this code at this moment."),
        N_("Wait until the money is paid or the teller gives the code up."),
    ),
    "redemption.code_over": (
        N_("This code is paid or its last day is over, or the payment is suspended."),
        N_("No new code can be sent. The hotline can say more."),
    ),
    "redemption.reissued_enough": (
        N_("This payment had a new code too recently, or too often."), N_("The hotline can say more."),
    ),
    "redemption.telephone_changed": (
        N_("The telephone was changed lately, so no new code is sent to it."),
        N_("Tell the person to call the hotline."),
    ),
    "redemption.not_by_text": (
        N_("No text may go to this telephone: its holder or the recipient said so."),
        N_("Tell the person to call the hotline."),
    ),
    "redemption.unknown_office": (N_("There is no such office."), N_("Choose one from the list.")),
    "redemption.office_closed": (N_("This office is closed."), N_("Choose another office.")),
    "redemption.unknown_teller": (N_("There is no such teller."), N_("Choose one from the list.")),
    "redemption.teller_disabled": (
        N_("This teller's sign-in was taken away."), N_("Register them again, under another user name."),
    ),
    "redemption.nothing_asked_for": (
        N_("What was asked for is more than nothing."), N_("Leave the amount out if you do not know it."),
    ),
    "money.unusable_amount": (
        N_("That is not an amount."), N_("Type it in figures alone, such as 25000."),
    ),
    "redemption.no_counters": (
        N_("This provider does not pay over a counter."), N_("Ask whoever runs the server."),
    ),
    "redemption.name_taken": (N_("Another teller has this user name."), N_("Choose another.")),
    "redemption.unusable_name": (
        N_(
            "A user name has 2 to 40 small letters, digits, dots, hyphens and underscores, and a name has 1 to 120 "
            "characters."
        ),
        N_("Check both."),
    ),
    "audit.unusable_reason": (
        N_("A reason has 3 to 200 characters, and no telephone, document or code number."),
        N_("Say in a few words what happened; others will read it."),
    ),
}  # fmt: skip

TABLE: Table = {**_SLIPS, **_CODES, **_PERSONS, **_HOLDS, **_SUPERVISION}


def key(no: Refused) -> str:
    """Which of the texts tells this refusal: its code, and its case where one code has several next steps."""
    case = no.details.get("case")
    return f"{no.code}.{case}" if case else no.code


def problem(no: Refused) -> Problem:
    """The refusal as the pages tell one, in any language."""
    details = {**no.details, "tries_left": no.tries_left}
    what, next_step = TABLE[key(no)]
    return Problem(
        title="Refused",
        status=409,
        code=key(no),
        detail=what % details,
        next_step=next_step % details,
        details=details,
    )
