"""All promises, proved one after the other in one consistent view of the office's tables."""

from collections.abc import Callable
from itertools import islice

from sqlalchemy import text
from sqlalchemy.orm import Session

from cbi.db import planned_for_sets
from cbi.proofs import (
    assessments,
    books,
    consent,
    counter,
    decisions,
    disclosures,
    exchange,
    fees,
    funding,
    households,
    intake,
    linkage,
    months,
    own_records,
    payments,
    places,
    programmes,
    protection,
    record,
    refusals,
    standstills,
    suspense,
    value_dates,
    values,
    waivers,
    work,
)
from cbi.proofs.promise import SHOWN, Promise, Verdict

PROMISES: tuple[Promise, ...] = (
    Promise(
        1,
        "Nobody is paid twice",
        payments.paid_once
        + programmes.owed_once
        + work.paid_once
        + linkage.on_record_once
        + households.one_collects,
        not_shown=(linkage.too_many_alike,),
    ),
    Promise(
        2,
        "Nothing leaves without approval",
        payments.approved
        + waivers.waived
        + decisions.decided
        + work.signed
        + values.accepted
        + exchange.approved
        + funding.by_two
        + assessments.by_two
        + households.by_two
        + own_records.no_hand_on_their_own
        + standstills.kept
        + consent.against_nobodys_word,
    ),
    Promise(3, "Spending never exceeds the fund", books.never_overspent + funding.by_the_rules),
    Promise(
        4,
        "Money is in exactly one place",
        books.in_one_place
        + value_dates.in_one_place
        + months.in_one_place
        + exchange.in_one_place
        + fees.fees_as_booked,
    ),
    Promise(
        5, "What we do not know is asked about, never sent again", payments.unknown_is_asked_about
    ),
    Promise(6, "A code is paid out once, and nothing here holds a code", counter.paid_out_once),
    Promise(
        7,
        "A statement line settles at most one payment",
        counter.settled_once + suspense.matched_by_two,
    ),
    Promise(
        8,
        "The record is append-only, and shows alterations",
        record.append_only
        + places.seen
        + months.append_only
        + exchange.append_only
        + fees.tariffs_are_what_was_accepted
        + protection.destroyed_by_two
        + disclosures.left_by_the_rules
        + assessments.as_answered
        + households.as_recorded
        + households.followed_people
        + intake.as_brought
        + refusals.append_only
        + consent.as_accepted,
        not_shown=(assessments.cannot_be_worked_out,),
    ),
    Promise(
        9,
        "Losing power loses no acknowledged command",
        record.nothing_lost,
        left_open="shown here: every intent is recorded; the kill -9 tests show the rest",
    ),
)


def verify(session: Session, progress: Callable[[Promise], None] = lambda _: None) -> list[Verdict]:
    """Prove every promise. The session must be at the start of its transaction."""
    session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
    verdicts = []
    with planned_for_sets(session):
        for promise in PROMISES:
            progress(promise)
            breaches = (breach for check in promise.checks for breach in check(session))
            notes = tuple(note for look in promise.not_shown for note in look(session))
            verdicts.append(Verdict(promise, tuple(islice(breaches, SHOWN)), notes))
    return verdicts
