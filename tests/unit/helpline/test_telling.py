"""What a text tells, by how a payment stands and by what its recipient chose."""

from datetime import UTC, date, datetime
from uuid import UUID

import pytest
from bidi import get_display

from cbi.helpline import telling
from cbi.helpline.standing import Case, Kind, Known, Payee
from cbi.helpline.telling import UNKNOWN, Told
from cbi.messaging.choices import Level, suited
from cbi.messaging.rendering import asked_for, render, texts
from cbi.messaging.segments import WIDEST, segments
from cbi.money import Money
from cbi.offices import LANGUAGES

AT = datetime(2026, 12, 5, 12, tzinfo=UTC)
PUBLIC = {"ref", "refs", "date", "hotline", "ticket", "days", "offices"}


def payee(place: int = 1, level: Level | None = None) -> Payee:
    person = home = UUID(int=place)
    return Payee(person, person, home, "fr", "Alger", level, AT)


def case(kind: Kind = Kind.READY, *, ref: str = "48312", who: Payee | None = None) -> Case:
    return Case(
        UUID(int=int(ref)), who or payee(), "post_office", kind, ref, Money(450_000, "DZD"), date(2026, 12, 31), AT,
        with_code=True,
    )  # fmt: skip


def known(*cases: Case) -> Known:
    return Known(list({each.payee: None for each in cases}), cases)


@pytest.mark.parametrize(
    ("level", "kind", "template"),
    [
        (None, Kind.READY, "STATUS_READY"),
        (Level.DISCREET, Kind.READY, "STATUS_READY"),
        (Level.NORMAL, Kind.READY, "STATUS_READY_AMT"),
        (None, Kind.PAID, "STATUS_PAID"),
        (None, Kind.PART, "STATUS_PART_CAME"),
        (Level.DISCREET, Kind.PART, "STATUS_PART_CAME"),
        (Level.NORMAL, Kind.PART, "STATUS_PART_CAME_AMT"),
        (Level.NORMAL, Kind.CHECKED, "STATUS_CHECKED"),
        (Level.NORMAL, Kind.PAID, "STATUS_PAID_AMT"),
        (Level.NORMAL, Kind.PENDING, "STATUS_PENDING"),
        (Level.NORMAL, Kind.BLOCKED, "LOCKED"),
        (None, Kind.EXPIRED, "EXPIRED"),
        (Level.NO_SMS, Kind.READY, "UNKNOWN"),
        (Level.NO_SMS, Kind.PAID, "UNKNOWN"),
    ],
)
def test_how_a_payment_stands_is_told_as_its_recipient_chose(
    level: Level | None, kind: Kind, template: str
) -> None:
    told = telling.status(known(case(kind, who=payee(level=level))), "fr")
    assert told.template == template
    assert ("amount" in told.values) == template.endswith("_AMT")
    assert set(told.values) == asked_for(template) - {"hotline"}


def test_a_number_with_nothing_to_tell_is_answered_like_one_that_nobody_has() -> None:
    assert telling.status(Known(), "fr") is UNKNOWN
    assert telling.status(Known([payee()], ()), "fr", ref="48312") is UNKNOWN
    silent = payee(level=Level.NO_SMS)
    assert telling.status(known(case(who=silent)), "fr") is UNKNOWN


def test_a_shared_telephone_hears_references_only_even_where_amounts_may_be_told() -> None:
    both = known(
        case(ref="48312", who=payee(1, Level.NORMAL)), case(Kind.PAID, ref="50177", who=payee(2, Level.NORMAL))
    )  # fmt: skip
    for ref in (None, "48312", "99999"):
        told = telling.status(both, "en", ref)
        assert told.template == "STATUS_MANY"
    assert telling.status(both, "en").values["refs"] == "48312 ready; 50177 paid"
    assert telling.status(both, "en", "48312").values["refs"] == "48312 ready"


def test_one_person_with_two_codes_may_ask_for_one_of_them() -> None:
    mine = known(case(ref="48312"), case(ref="50177"))
    assert telling.status(mine, "en").template == "STATUS_MANY"
    assert telling.status(mine, "en", "50177") == Told(
        "STATUS_READY", {"ref": "50177", "date": "31/12"}
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_list_fits_one_text_at_its_longest(language: str) -> None:
    for kind in Kind:
        cases = [case(kind, ref=str(1_000_000 + at), who=payee(at + 1)) for at in range(9)]
        told = telling.listed(cases, language)
        assert len(told.values["refs"]) <= WIDEST["refs"]
        text = render("STATUS_MANY", language, {"refs": told.values["refs"], "hotline": "0" * 10})
        assert segments(text) == 1


def test_an_arabic_list_shows_each_reference_beside_its_word() -> None:
    cases = [case(ref="48312"), case(Kind.PAID, ref="50177"), case(Kind.EXPIRED, ref="62903")]
    told = telling.listed(cases, "ar")
    shown = get_display(
        render("STATUS_MANY", "ar", {**told.values, "hotline": "3030"}), base_dir="R"
    )
    parts = [part.split() for part in shown.split("؛")]
    assert [[each for each in part if len(each) == 5 and each.isdecimal()] for part in parts] == [
        ["62903"], ["50177"], ["48312"]
    ]  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "names",
    [
        ["Alger Centre"],
        ["Béjaïa"] * 3,
        ["ï" * 300],
        ["بريد الجزائر المركزي", "باب الواد", "الحراش"],
    ],
)
def test_offices_fit_one_text_whatever_their_names_are_written_in(
    language: str, names: list[str]
) -> None:
    told = telling.offices(names)
    assert segments(render("WHERE", language, {**told.values, "hotline": "0" * 10})) == 1


def test_where_no_office_is_near_any_will_do() -> None:
    assert telling.offices([]) == Told("WHERE_ANY")


@pytest.mark.parametrize(
    ("template", "asked", "discreet", "normal"),
    [
        ("CODE_READY", "CODE_READY", "CODE_READY", "CODE_READY"),
        ("CODE_READY_AMT", "CODE_READY", "CODE_READY", "CODE_READY_AMT"),
        ("PAID", "PAID", "PAID_DISCREET", "PAID"),
        ("PAID_OUT", "PAID_OUT", "PAID_DISCREET", "PAID_OUT"),
        ("PARTIAL", "PARTIAL", "PARTIAL_DISCREET", "PARTIAL"),
        ("REST_CAME", "REST_CAME", "REST_CAME_DISCREET", "REST_CAME"),
        ("REISSUED", "REISSUED", "REISSUED", "REISSUED"),
        ("LOCKED", "LOCKED", "LOCKED", "LOCKED"),
    ],
)
def test_what_goes_out_is_what_each_level_allows(
    template: str, asked: str, discreet: str, normal: str
) -> None:
    assert suited(template, None) == asked
    assert suited(template, Level.DISCREET) == discreet
    assert suited(template, Level.NORMAL) == normal
    assert suited(template, Level.NO_SMS) is None


def test_a_discreet_text_needs_no_value_that_the_other_lacks() -> None:
    for template in texts()["en"]:
        other = suited(template, Level.DISCREET)
        assert other is not None
        assert asked_for(other) <= asked_for(template)


def test_no_text_but_the_levels_own_tells_an_amount_to_the_discreet() -> None:
    # What the engine sends before anybody chose a level.
    own = {"STATUS_READY_AMT", "STATUS_PAID_AMT", "STATUS_PART_AMT", "STATUS_PART_CAME_AMT"}
    for template in set(texts()["en"]) - own:
        assert not asked_for(suited(template, Level.DISCREET) or template) & {"amount", "bal"}


def test_no_answer_names_anybody() -> None:
    for template in texts()["en"]:
        assert asked_for(template) <= PUBLIC | {"amount", "bal", "code", "said", "list"}
