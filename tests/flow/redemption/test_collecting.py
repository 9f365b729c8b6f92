"""Who may take the cash: the primary collector, an alternate whom two people recorded in time, a child's guardian."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import URL, Engine, func, select, text, update

from cbi import clock, ids, offices
from cbi.access.actor import Actor, grants_of
from cbi.access.permissions import Role
from cbi.errors import CbiError
from cbi.money import Money
from cbi.payments.models import Payment
from cbi.redemption import vouching
from cbi.redemption.counter import NotHeld
from cbi.redemption.holding import Authorised
from cbi.redemption.models import Authorisation, CodeIssue, Payout
from cbi.redemption.refusals import Refused
from cbi.redemption.states import CollectedAs
from cbi.registry.households.rules import CannotChange
from cbi.registry.linkage.models import StaffMatch
from tests.collecting_factory import THEIRS, a_ward, an_alternate, made, somebody_joins
from tests.flow.proving import broken
from tests.flow.sending import assert_every_promise_is_kept
from tests.flow.tampering import intruding
from tests.household_factory import change
from tests.redemption_factory import (
    OPEN,
    WORD,
    InParts,
    Issued,
    code_of,
    confirm,
    hold,
    minutes,
    pay_part,
    refused,
    teller,
    try_code,
)

SUPERVISOR = Actor("user", ids.fresh(), "a supervisor", grants_of([(Role.TELLER_SUPERVISOR, None)]))


def test_the_alternate_collects_with_their_own_proof_and_the_receipt_says_so(run: Issued) -> None:
    payment, who = run.payments[0], teller()
    an_alternate(payment)
    code = code_of(payment)
    missing = try_code(who, code, factor="")
    assert isinstance(missing, Refused)
    assert (missing.code, missing.details.get("case")) == ("redemption.factor_missing", "alternate")
    assert "alternate" in missing.next_step
    wrong = try_code(who, code, factor="apple")
    assert isinstance(wrong, Refused)
    assert (wrong.code, wrong.details["case"]) == ("redemption.wrong_factor", "alternate")
    held = hold(who, code, factor=THEIRS)
    assert held.collected_as is CollectedAs.ALTERNATE
    receipt = confirm(who, held.authorisation_id)
    assert receipt.collected_as is CollectedAs.ALTERNATE
    assert confirm(who, held.authorisation_id) == receipt
    own = confirm(who, hold(who, code_of(run.payments[1])).authorisation_id)
    assert own.collected_as is CollectedAs.PRIMARY
    assert_every_promise_is_kept()


def test_whoever_was_recorded_after_the_payment_was_sent_collects_only_if_they_were_seen(
    run: Issued,
) -> None:
    unseen, seen, who = run.payments[0], run.payments[1], teller()
    an_alternate(unseen, late=True)
    an_alternate(seen, late=True, face_to_face=True)
    assert refused(try_code(who, code_of(unseen), factor=THEIRS)) == "redemption.wrong_factor"
    assert hold(who, code_of(unseen)).collected_as is CollectedAs.PRIMARY
    assert hold(who, code_of(seen), factor=THEIRS).collected_as is CollectedAs.ALTERNATE


def test_of_two_who_come_at_once_one_is_paid(run: Issued) -> None:
    payment = run.payments[0]
    an_alternate(payment)
    code, one, other = code_of(payment), teller("Bab El Oued"), teller("Hydra")

    def come(who: Actor, factor: str) -> bool:
        try:
            answer = try_code(who, code, factor=factor)
            return isinstance(answer, Authorised) and bool(confirm(who, answer.authorisation_id))
        except CbiError:
            return False

    with ThreadPoolExecutor(2) as threads:
        paid = list(threads.map(come, (one, other), (WORD, THEIRS)))
    assert sorted(paid) == [False, True]
    with offices.transaction("dz") as session:
        assert session.scalar(select(func.count()).select_from(Payout)) == 1
    assert_every_promise_is_kept()


def test_who_comes_in_the_others_place_while_it_is_held_is_who_the_receipt_names(
    run: Issued,
) -> None:
    payment, who = run.payments[0], teller()
    an_alternate(payment)
    first = hold(who, code_of(payment))
    assert hold(who, code_of(payment), at=1).authorisation_id == first.authorisation_id
    second = hold(who, code_of(payment), factor=THEIRS, at=2)
    assert second.authorisation_id != first.authorisation_id
    with pytest.raises(NotHeld):
        confirm(who, first.authorisation_id, at=2)
    assert confirm(who, second.authorisation_id, at=2).collected_as is CollectedAs.ALTERNATE
    assert_every_promise_is_kept()


def test_an_alternate_who_is_none_any_more_takes_nothing(run: Issued) -> None:
    payment, who = run.payments[0], teller()
    an_alternate(payment)
    held = hold(who, code_of(payment), factor=THEIRS)
    with offices.transaction("dz") as session:
        home = session.get_one(Payment, payment).household_id
    made("alternate", home, late=True, word="")  # nobody is the alternate from now on
    with pytest.raises(NotHeld, match="suspended"):
        confirm(who, held.authorisation_id)
    assert (
        refused(try_code(who, code_of(payment), factor=THEIRS, at=1)) == "redemption.wrong_factor"
    )
    assert confirm(who, hold(who, code_of(payment), at=2).authorisation_id, at=2).collected_as is (
        CollectedAs.PRIMARY
    )


@pytest.mark.parametrize("kind", ["user", "teller"])
def test_who_may_work_here_or_at_a_counter_collects_for_nobody(run: Issued, kind: str) -> None:
    payment, who = run.payments[0], teller()
    home, person = somebody_joins(payment)
    made("alternate", home, person=person)
    held = hold(who, code_of(payment), factor=THEIRS)
    with offices.transaction("dz") as session:
        session.add(
            StaffMatch(
                id=ids.fresh(),
                staff_kind=kind,
                staff_id=ids.fresh(),
                person_id=person,
                found_at=OPEN,
            )
        )
    with pytest.raises(NotHeld):
        confirm(who, held.authorisation_id)
    assert refused(try_code(who, code_of(payment), factor=THEIRS, at=9)) != ""
    with pytest.raises(CannotChange, match="member of staff"):
        made("alternate", home, person=person)
    with offices.transaction("dz") as session:
        session.execute(
            update(StaffMatch).values(
                decision="different",
                decided_by=ids.fresh(),
                decided_at=OPEN,
                reason="another person",
            )
        )
    assert hold(who, code_of(payment), factor=THEIRS, at=20).collected_as is CollectedAs.ALTERNATE


def test_for_a_child_only_the_appointed_guardian_collects(run: Issued) -> None:
    payment, who = run.payments[0], teller()
    guardian = a_ward(payment)
    code = code_of(payment)
    asked_for = try_code(who, code, factor="")
    assert isinstance(asked_for, Refused)
    assert asked_for.details["case"] == "guardian"
    assert refused(try_code(who, code)) == "redemption.wrong_factor", "the child's own word"
    with offices.transaction("dz") as session:
        home = session.get_one(Payment, payment).household_id
        tried = select(CodeIssue.wrong_factors).where(CodeIssue.payment_id == payment)
        assert session.scalar(tried) == 1
    held = hold(who, code, factor=THEIRS)
    assert held.collected_as is CollectedAs.GUARDIAN
    with clock.frozen(OPEN), offices.transaction("dz") as session:
        change(session, "left", home, person=guardian)
    with pytest.raises(NotHeld):
        confirm(who, held.authorisation_id)
    assert refused(try_code(who, code, factor=THEIRS, at=20)) == "redemption.no_guardian"
    with clock.frozen(minutes(20)), offices.transaction("dz") as session:
        vouching.vouch(session, SUPERVISOR, code.replace(".", "")[:-7], "known to the office")
    assert refused(try_code(who, code, factor="", at=21)) == "redemption.no_guardian"
    _, another = somebody_joins(payment, second=True)
    with offices.transaction("dz") as session:
        child = session.get_one(Payment, payment).person_id
    made(
        "guardian", home, late=True, face_to_face=True, person=child, other=another, reference="TR-18",
        decided_on=OPEN.date(), decided_by="juvenile court",
    )  # fmt: skip
    last = hold(who, code, factor=THEIRS, at=40)
    assert confirm(who, last.authorisation_id, at=40).collected_as is CollectedAs.GUARDIAN
    assert_every_promise_is_kept()


def test_who_is_no_child_any_more_collects_for_themself(run: Issued, owner: Engine) -> None:
    payment, who = run.payments[0], teller()
    a_ward(payment)
    with owner.begin() as connection:
        connection.execute(text("UPDATE persons SET born_year = 2000"))
    assert hold(who, code_of(payment)).collected_as is CollectedAs.PRIMARY


def test_a_supervisors_word_is_for_whoever_stands_there(run: Issued) -> None:
    payment, who = run.payments[0], teller()
    an_alternate(payment)
    code = code_of(payment)
    with clock.frozen(OPEN), offices.transaction("dz") as session:
        vouching.vouch(session, SUPERVISOR, code.replace(".", "")[:-7], "known to the office")
    assert hold(who, code, factor="").collected_as is CollectedAs.PRIMARY
    assert hold(who, code, factor=THEIRS, at=1).collected_as is CollectedAs.ALTERNATE


def test_a_part_is_collected_by_who_was_recognised(parted: InParts) -> None:
    payment, who = parted.payments[0], teller()
    an_alternate(payment)
    held = hold(who, code_of(payment), factor=THEIRS)
    part = pay_part(who, held.authorisation_id, 1000)
    assert (part.collected_as, part.amount) == (CollectedAs.ALTERNATE, Money(1000_00, "DZD"))
    assert pay_part(who, held.authorisation_id, 1000) == part
    assert_every_promise_is_kept()


def test_verify_names_who_collected_and_was_not_the_one(run: Issued, database: URL) -> None:
    who = teller()
    an_alternate(run.payments[0])
    first = confirm(who, hold(who, code_of(run.payments[0]), factor=THEIRS).authorisation_id)
    ward = run.payments[1]
    a_ward(ward)
    second = confirm(who, hold(who, code_of(ward), factor=THEIRS).authorisation_id)
    for receipt, deed in (
        (
            first,
            "UPDATE authorisations SET collector_id = gen_random_uuid() WHERE receipt = :receipt",
        ),
        (first, "UPDATE authorisations SET collected_as = 'guardian' WHERE receipt = :receipt"),
        (first, "UPDATE authorisations SET collected_as = 'primary' WHERE receipt = :receipt"),
        (
            second,
            """UPDATE authorisations a SET collected_as = 'primary', collector_id = p.person_id FROM payments p
            WHERE p.id = a.payment_id AND a.receipt = :receipt""",
        ),
    ):
        with intruding(database) as connection:
            assert connection.execute(text(deed), {"receipt": receipt.receipt}).rowcount == 1
            named = broken(connection).get(6, ())
            assert any(receipt.receipt in breach for breach in named), (deed, named)
    with offices.transaction("dz") as session:
        assert session.scalar(select(func.count()).where(Authorisation.collector_id.is_(None))) == 0
