"""A round of prices proposes a new transfer value, two people accept it, and later cycles pay it."""

import io
from collections.abc import Iterator
from typing import Any

import pytest
from openpyxl import load_workbook
from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi import clock
from cbi.access.actor import NotPermitted
from cbi.access.permissions import Role
from cbi.access.totp import WrongCode
from cbi.programmes import (
    applying,
    baskets,
    cycles,
    price_rounds,
    queries,
    replaying,
    revaluing,
    value_queries,
)
from cbi.programmes.kept import UnknownBasis, ValueAccepted
from cbi.programmes.models import Entitlement
from cbi.programmes.price_results import PricesRefused
from cbi.programmes.price_rounds import NotAPriceSheet, PricesUnchanged
from cbi.programmes.value_workings import CannotBePaid
from cbi.programmes.valuing import NotPriced
from cbi.registry.text import folded
from tests.factories import EVERYTHING, colleague
from tests.value_factory import (
    BASKET,
    CODE,
    NOW,
    PRICES,
    accepted,
    entered,
    filled,
    people,
    programme,
    programme_text,
    proposed,
    rows_of_csv,
    sheet,
)

ALTERED = "altered"


@pytest.fixture(autouse=True)
def _in_march() -> Iterator[None]:
    with clock.frozen(NOW):
        yield


def amounts(session: Session, period: str) -> list[str]:
    """The calculations of a cycle."""
    opened = cycles.open_cycle(session, EVERYTHING, CODE, period)
    return sorted(
        session.scalars(select(Entitlement.trace).where(Entitlement.cycle_id == opened.id))
    )


def test_a_round_of_prices_becomes_what_later_cycles_pay(session: Session) -> None:
    programme(session)
    assert amounts(session, "2026-02") == ["7000.00 DZD"] * 3
    who, taken = people(session), entered(session)
    assert (taken.version, taken.taken, taken.not_found, taken.rows) == (1, 15, 0, ())
    value = proposed(session, who, taken.round_id)
    assert amounts(session, "2026-03") == ["7000.00 DZD"] * 3  # nothing changes by a proposal
    accepted(session, who, value)
    assert (value.decision, value.made_version) == ("accepted", 2)
    assert value.workings["trace"][-1] == (
        "base: basket 10226.25 × 80 % = 8181.00 DZD, rounded down to 8100.00 DZD"
    )
    assert amounts(session, "2026-04") == ["8100.00 DZD"] * 3
    for period in ("2026-02", "2026-03", "2026-04"):
        again = replaying.replay(session, EVERYTHING, CODE, period)
        assert (again.decisions, again.differing) == (3, 0)


def test_a_proposal_says_what_it_costs_until_the_end(session: Session) -> None:
    programme(session)
    cycles.open_cycle(session, EVERYTHING, CODE, "2026-02")
    value = proposed(session, people(session), entered(session).round_id)
    assert value.workings["cost"] == {
        "whom": "cycle 2026-02", "households": 3, "cycles_left": 10, "cycle_now": "21000.00",
        "cycle_then": "24300.00", "until_the_end_now": "210000.00", "until_the_end_then": "243000.00",
        "available": "300000.00", "unallocated": "200000.00", "short": "0.00",
    }  # fmt: skip
    line = value_queries.value(session, EVERYTHING, value.id)
    assert (line.before[0].decimal, line.base.decimal, line.round_name) == (
        "7000.00",
        "8100.00",
        "2026-03",
    )


def test_without_a_cycle_the_households_of_now_are_counted_by_the_rules(session: Session) -> None:
    more = 'cap: "8050.00"\n  per_member: "100.00"'
    programme(session, (1, 4, 6), more=more)
    cheap = {**PRICES, "A room": "11000"}  # base 7700.00
    value = proposed(session, people(session), entered(session, cheap).round_id)
    cost = value.workings["cost"]
    assert (cost["whom"], cost["households"]) == ("households now", 3)
    assert cost["cycle_now"] == "22100.00"
    assert cost["cycle_then"] == "23900.00"  # 7800 + 8050 + 8050: the cap holds


def test_whoever_proposed_a_value_does_not_accept_it(session: Session) -> None:
    programme(session)
    both = colleague(session, Role.PROGRAMME_MANAGER, Role.AUTHORISER)
    value = revaluing.propose(session, both.actor, CODE, entered(session).round_id)
    with pytest.raises(revaluing.OwnValue):
        revaluing.accept(session, both.actor, value.id, both.code())
    manager = colleague(session, Role.PROGRAMME_MANAGER)
    with pytest.raises(NotPermitted):
        revaluing.accept(session, manager.actor, value.id, manager.code())
    other = colleague(session, Role.HEAD_OF_FINANCE)
    with pytest.raises(WrongCode):
        revaluing.accept(session, other.actor, value.id, "000000")
    assert (
        revaluing.accept(session, other.actor, value.id, other.code()).decided_by == other.actor.id
    )


def test_a_refusal_is_kept_with_its_reason_and_makes_room_for_another(session: Session) -> None:
    programme(session)
    who, taken = people(session), entered(session)
    value = proposed(session, who, taken.round_id)
    with pytest.raises(revaluing.AlreadyProposed):
        proposed(session, who, taken.round_id)
    revaluing.refuse(session, who.authoriser.actor, value.id, "Rice at the port is a slip")
    line = value_queries.value(session, EVERYTHING, value.id)
    assert (line.decision, line.reason) == ("refused", "Rice at the port is a slip")
    with pytest.raises(revaluing.UnknownValue):
        accepted(session, who, value)
    second = proposed(session, who, taken.round_id)
    revaluing.refuse(session, who.manager.actor, second.id, "Proposed too early")  # their own
    assert [each.decision for each in value_queries.values(session, EVERYTHING)] == ["refused"] * 2
    assert queries.find(session, CODE).version == 1


def test_what_two_people_accepted_is_not_changed_by_a_file(session: Session) -> None:
    programme(session)
    who = people(session)
    accepted(session, who, proposed(session, who, entered(session).round_id))
    for said in (
        {"base": "7000.00"},
        {"base": "8100.00", "basis": "{basket: meb-oran, share: 80, sets: per_member}"},
    ):
        with pytest.raises(ValueAccepted):
            applying.apply(session, EVERYTHING, programme_text(**said))
    without = programme_text(base="8100.00").replace("  basis: ", "  # ")
    with pytest.raises(ValueAccepted):
        applying.apply(session, EVERYTHING, without)
    other = programme_text(base="8100.00").replace("every: month", "every: month, interval: 2")
    with pytest.raises(ValueAccepted, match="paid every month") as refused:
        applying.apply(session, EVERYTHING, other)
    assert refused.value.next_step.startswith("Keep `every: month` without interval")
    applied = applying.apply(
        session, EVERYTHING, programme_text(base="8100.00", more='cap: "30000.00"')
    )
    assert applied.version == 3


def test_a_value_is_not_accepted_on_other_rules_or_prices_than_it_was_proposed_on(
    session: Session,
) -> None:
    programme(session)
    who, taken = people(session), entered(session)
    value = proposed(session, who, taken.round_id)
    applying.apply(session, EVERYTHING, programme_text(more='cap: "30000.00"'))
    with pytest.raises(revaluing.Outdated, match="the rules of families-2026 have changed"):
        accepted(session, who, value)
    revaluing.refuse(session, who.authoriser.actor, value.id, "The rules changed")
    value = proposed(session, who, taken.round_id)
    assert entered(session, {**PRICES, "Rice": "145"}).version == 2
    with pytest.raises(revaluing.Outdated, match="prices of the round 2026-03 were corrected"):
        accepted(session, who, value)


def test_every_programme_that_rests_on_the_basket_is_proposed_for(session: Session) -> None:
    programme(session)
    applying.apply(session, EVERYTHING, programme_text(code="small-2026", more='cap: "8000.00"'))
    applying.apply(session, EVERYTHING, programme_text(code="same-2026", base="8100.00"))
    outcomes = revaluing.propose_all(
        session, people(session).manager.actor, entered(session).round_id
    )
    assert [each.programme for each in outcomes] == [CODE, "same-2026", "small-2026"]
    assert [each.value is not None for each in outcomes] == [True, False, False]
    assert "makes the amounts that same-2026 pays already" in str(outcomes[1].why_not)
    assert "The cap (8,000.00 DZD) is below what every household gets" in str(outcomes[2].why_not)


def test_a_value_that_comes_to_nothing_is_not_proposed(session: Session) -> None:
    tops = '  top_ups: [{name: care, amount: "5", for: {bands: [severe]}}]'
    basis = '{basket: meb-oran, share: 1, round_to: "1000.00"}'
    programme(session, basis=basis, more=tops.strip())
    with pytest.raises(CannotBePaid, match="come to nothing"):
        proposed(session, people(session), entered(session).round_id)


def test_a_sheet_goes_out_and_comes_back_in_any_language_and_form(session: Session) -> None:
    programme(session)
    rows = rows_of_csv(sheet(session, form="csv", language="fr"))
    assert rows[0][:6] == ["N°", "Article", "Unité", "Marché", "Zone", "Prix"]
    for row in rows[1:]:
        row[5:9] = [PRICES[row[1]], "05/03/2026", "relevé, équipe 2", "2"]
        row[6] = "2026-03-05"
    content = "\n".join(",".join(f'"{cell}"' for cell in row) for row in rows).encode("utf-8-sig")
    assert price_rounds.take_in(session, EVERYTHING, io.BytesIO(content)).taken == 15
    again = price_rounds.take_in(session, EVERYTHING, io.BytesIO(content))
    assert (again.repeated, again.version) == (True, 1)
    known = load_workbook(io.BytesIO(sheet(session, language="ar")))["Prices"]
    assert known.sheet_view.rightToLeft
    assert known["F2"].value == 140
    with pytest.raises(PricesUnchanged):
        price_rounds.take_in(session, EVERYTHING, io.BytesIO(sheet(session)))


def test_an_item_that_was_not_to_be_had_keeps_no_price(session: Session) -> None:
    programme(session)
    who = people(session)
    taken = entered(session, {item: price for item, price in PRICES.items() if item != "Soap"})
    assert (taken.taken, taken.not_found) == (12, 3)
    with pytest.raises(NotPriced, match="no price of Soap"):
        proposed(session, who, taken.round_id)


def test_a_price_far_from_the_usual_is_taken_with_a_warning(session: Session) -> None:
    programme(session)
    entered(session, name="2026-02")

    def dear(row: dict[str, Any]) -> None:
        if row["Item"] == "Rice" and row["Market"] == "Central market":
            row["Price"] = 1400

    taken = entered(session, change=dear)
    (note,) = taken.rows
    assert [warning.code for warning in note.warnings] == ["outlier"]
    assert "10.00 times the median" in note.warnings[0].message
    value = proposed(session, people(session), taken.round_id, CODE)
    assert value.workings["outliers"] == [
        "rice at central-market: 1,400.00 DZD, 10.00 × the median 140.00 DZD"
    ]


SPOILT = (
    ("Price", "12,50", "price"), ("Price", -3, "price"), ("Price", "2.5E+11", "spreadsheet_number"),
    ("Date", None, "date_missing"), ("Date", "2026-04-01", "date_in_future"), ("Source", None, "source"),
    ("Source", "call 0550 12 34 56 78", "source"), ("Sellers asked", None, "quotes_missing"),
    ("Sellers asked", 0, "quotes"), ("Price", None, "price_missing"), ("Token", None, "no_token"),
    ("Token", ALTERED, "wrong_token"), ("Market", "Elsewhere", "token_of_another"),
)  # fmt: skip


def test_rows_that_cannot_be_read_keep_the_whole_sheet_out(session: Session) -> None:
    baskets.apply(session, EVERYTHING, BASKET)

    def spoil(row: dict[str, Any]) -> None:
        place = int(row["No."]) - 1
        if place < len(SPOILT):
            heading, value, _ = SPOILT[place]
            last = {"A": "B"}.get(row["Token"][-1], "A")
            row[heading] = row["Token"][:-1] + last if value is ALTERED else value

    content = filled(sheet(session), change=spoil)
    with pytest.raises(PricesRefused, match="2 of the rows that went out are missing") as refused:
        price_rounds.take_in(session, EVERYTHING, content)
    result = refused.value.result
    found = [(note.line - 2, *[reason.code for reason in note.reasons]) for note in result.rows]
    assert found == [(place, code) for place, (_, _, code) in enumerate(SPOILT)]
    target = io.BytesIO()
    content.seek(0)
    price_rounds.write_report(result, content, target)
    copy = load_workbook(target)["Prices"]
    assert "digits and at most one full stop" in str(copy.cell(2, 12).value)
    assert price_rounds.find(session, result.round_id).latest == 0


def test_rows_that_are_missing_swapped_or_of_another_round_are_refused(session: Session) -> None:
    baskets.apply(session, EVERYTHING, BASKET)
    rows = rows_of_csv(sheet(session, form="csv"))

    def came_back(rows: list[list[str]]) -> io.BytesIO:
        return io.BytesIO(
            "\n".join(",".join(f'"{cell}"' for cell in row) for row in rows).encode("utf-8-sig")
        )

    with pytest.raises(PricesRefused, match="1 of the rows that went out are missing"):
        price_rounds.take_in(session, EVERYTHING, came_back(rows[:-1]))
    with pytest.raises(PricesRefused, match="stands in row 2 already"):
        price_rounds.take_in(session, EVERYTHING, came_back([*rows, rows[1]]))
    other = rows_of_csv(sheet(session, "2026-04", form="csv"))
    with pytest.raises(PricesRefused, match="belongs to the round"):
        price_rounds.take_in(session, EVERYTHING, came_back([*rows[:5], *other[5:]]))
    with pytest.raises(NotAPriceSheet):
        price_rounds.take_in(session, EVERYTHING, io.BytesIO(b"Item,Price\nRice,3\n"))


def test_a_basket_is_versioned_and_a_round_keeps_the_version_it_went_out_for(
    session: Session,
) -> None:
    assert baskets.apply(session, EVERYTHING, BASKET).version == 1
    assert not baskets.apply(session, EVERYTHING, BASKET).changed
    content = sheet(session)
    assert (
        baskets.apply(session, EVERYTHING, BASKET.replace("quantity: 3,", "quantity: 4,")).version
        == 2
    )
    taken = price_rounds.take_in(session, EVERYTHING, filled(content))
    assert price_rounds.find(session, taken.round_id).basket_version == 1
    assert price_rounds.make(session, EVERYTHING, "meb-oran", "2026-04").basket_version == 2
    with pytest.raises(baskets.BasketFixed):
        baskets.apply(session, EVERYTHING, BASKET.replace("currency: DZD", "currency: EUR"))
    assert folded(baskets.find(session, "meb-oran")[1].markets[0].name) == "medinajdida"


def test_a_programme_rests_on_a_basket_that_is_there(session: Session) -> None:
    with pytest.raises(UnknownBasis, match="There is no basket 'meb-oran'"):
        applying.apply(session, EVERYTHING, programme_text())
    baskets.apply(session, EVERYTHING, BASKET)
    with pytest.raises(
        UnknownBasis, match="No market of the basket meb-oran stands for the area Annaba"
    ):
        applying.apply(
            session, EVERYTHING, programme_text(basis="{basket: meb-oran, share: 80, area: Annaba}")
        )


def test_what_is_paid_once_rests_on_no_month_of_a_basket(session: Session) -> None:
    baskets.apply(session, EVERYTHING, BASKET)
    months = "{every: month, first: 2026-01, last: 2026-12}"
    once = programme_text().replace(months, "{every: once, first: 2026-03-15, last: 2026-05-31}")
    with pytest.raises(UnknownBasis, match="is paid once"):
        applying.apply(session, EVERYTHING, once)
