"""The front page and the pages about discrepancies, statements and payments, as each role finds them."""

import io
import re
from collections.abc import Callable
from uuid import UUID

import pytest
from fastapi import FastAPI
from httpx import Response
from sqlalchemy import URL, Engine, select, text

from cbi import clock, offices
from cbi.access import totp
from cbi.access.permissions import ROLE_PERMISSIONS, STAFF_ROLES, Permission, Role
from cbi.app import create_app
from cbi.payments.models import Discrepancy, Payment
from cbi.payments.outcomes.discrepancies import open_discrepancy
from cbi.payments.states import PaymentState
from cbi.redemption.models import CodeIssue
from cbi.registry.intake import importing
from tests.factories import EVERYTHING, Colleague, colleague
from tests.flow.browsing import Browsing
from tests.flow.people import make_user, token_for
from tests.flow.sending import PointAt, assert_every_promise_is_kept
from tests.flow.standing import STORIES, Standing, told
from tests.reconciliation_factory import Line, settlement

SECTIONS = {
    "Payment cycles": Permission.RUN_READ,
    "Handed over in the last 30 days": Permission.RUN_READ,
    "Where the money is": Permission.FUND_READ,
    "No approval policy holds": Permission.RUN_READ,
    "do not agree": Permission.DISCREPANCY_READ,
    "Nobody can say whether": Permission.PAYMENT_READ,
    "waits for the second signature": Permission.RUN_READ,
    "audit log are not sealed": Permission.PROOF_READ,
    'id="registry"': Permission.REGISTRY_IMPORT,
    'id="staff"': Permission.USER_MANAGE,
}
AMOUNT = re.compile(r'<bdi class="amount">')
Visitor = Callable[..., Browsing]


@pytest.fixture
def template(server: URL, template: str, point_at: PointAt) -> str:
    return told(server, template, point_at)


@pytest.fixture
def standing(database: URL, template: str) -> Standing:
    return STORIES[template]


@pytest.fixture
def app(standing: Standing) -> FastAPI:
    return create_app()


@pytest.fixture
def visitor(app: FastAPI) -> Visitor:
    """Somebody with a role at a browser: `visitor(Role.TREASURER, programme="winter")`."""

    def come(role: Role, programme: str | None = None) -> Browsing:
        user_id = make_user(f"{role}.{programme or 'all'}".replace("_", "-"), role, programme=programme)  # fmt: skip
        with offices.transaction("dz") as session:
            totp.enrol(session, user_id)
        return Browsing(app, token_for(user_id))

    return come


def upload(who: Browsing, content: bytes | None, provider: str = "post_office") -> Response:
    """Send the form for a statement, as a browser does, and see where it leads."""
    form = who.filled("/statements", provider=provider)
    form.pop("file")
    files = {"file": ("march.csv", content, "text/csv")} if content is not None else {"file": ("", b"", "")}  # fmt: skip
    answer = who.ask("POST", "/statements", data=form, files=files)
    return who.get(answer.headers["location"])


def the_discrepancy(kind: str) -> UUID:
    with offices.transaction("dz") as session:
        return session.scalars(
            select(Discrepancy.id).where(Discrepancy.kind == kind, Discrepancy.settled_at.is_(None))
        ).one()


@pytest.mark.parametrize("role", sorted(STAFF_ROLES))
def test_each_role_finds_on_the_front_page_what_its_permissions_allow(
    visitor: Visitor, role: Role
) -> None:
    answer = visitor(role).get("/")
    assert answer.status_code == 200
    held = ROLE_PERMISSIONS[role]
    for heading, permission in SECTIONS.items():
        assert (heading in answer.text) == (permission in held), heading
    sees_money = held & {Permission.RUN_READ, Permission.FUND_READ, Permission.PAYMENT_READ}
    assert bool(AMOUNT.search(answer.text)) == bool(sees_money)


def test_a_registration_officer_sees_the_registry_and_what_waits_there(visitor: Visitor) -> None:
    with offices.transaction("dz") as session:
        rows = ["Registration number,Name,Phone,Household size,Document number"]
        rows += [f"T-{n},Amina Haddad,05500009{n},3,AB123456" for n in (11, 12)]
        content = io.BytesIO("\n".join(rows).encode())
        importing.import_file(session, EVERYTHING, content, filename="twice.csv")
    who = visitor(Role.REGISTRATION_OFFICER)
    answer = who.get("/")
    assert "twice.csv" in answer.text
    assert "Households may be registered twice" in who.words
    assert "cbi registry duplicates" in who.words


def test_an_administrator_sees_who_works_here(visitor: Visitor) -> None:
    make_user("newcomer", Role.TREASURER)
    who = visitor(Role.ADMINISTRATOR)
    who.get("/")
    assert re.search(r"newcomer treasurer \S* ?no authenticator yet", who.words)


@pytest.mark.parametrize("role", sorted(STAFF_ROLES))
def test_no_page_opens_without_its_permission(
    visitor: Visitor, standing: Standing, role: Role
) -> None:
    who, held = visitor(role), ROLE_PERMISSIONS[role]
    pages = {
        "/discrepancies": Permission.DISCREPANCY_READ,
        f"/discrepancies/{the_discrepancy('amount_differs')}": Permission.DISCREPANCY_READ,
        "/statements": Permission.DISCREPANCY_READ,
        "/payments": Permission.PAYMENT_READ,
        f"/payments/{standing.unknown}": Permission.PAYMENT_READ,
    }
    for path, permission in pages.items():
        assert who.get(path).status_code == (200 if permission in held else 403), path


def test_a_link_is_shown_only_to_whoever_may_follow_it(
    visitor: Visitor, standing: Standing
) -> None:
    for role in (Role.AUDITOR, Role.PROGRAMME_MANAGER, Role.TREASURER, Role.COMPLAINT_HANDLER):
        who = visitor(role)
        who.get("/")
        links = set(re.findall(r'href="(/(?:discrepancies|payments|statements)[^"]*)"', who.get("/").text))  # fmt: skip
        assert links
        for link in links:
            assert who.get(link.replace("&amp;", "&")).status_code == 200, (role, link)


def test_a_payment_and_a_discrepancy_link_only_where_the_reader_may_go(
    visitor: Visitor, standing: Standing
) -> None:
    handler = visitor(Role.COMPLAINT_HANDLER).get(f"/payments/{standing.unknown}")
    assert "/approvals/" not in handler.text
    auditor = visitor(Role.AUDITOR)
    assert "/approvals/" in auditor.get(f"/payments/{standing.unknown}").text
    found = f"/discrepancies/{the_discrepancy('amount_differs')}"
    assert 'href="/statements/' in auditor.get(found).text
    scoped = visitor(Role.AUDITOR, programme="winter").get(found)
    assert scoped.status_code == 200
    assert 'href="/statements/' not in scoped.text


def test_the_front_page_of_one_programme_tells_nothing_of_another(visitor: Visitor) -> None:
    page = visitor(Role.PROGRAMME_MANAGER, programme="winter").get("/").text
    assert "winter" in page
    for other in ("wallets", "market", "school", "heating", "KES", "orchard"):
        assert other not in page, other


def test_one_programme_s_treasurer_sees_and_opens_only_its_payments(
    visitor: Visitor, standing: Standing
) -> None:
    who = visitor(Role.TREASURER, programme="wallets")
    assert who.get(f"/payments/{standing.unknown}").status_code == 200
    assert who.get(f"/payments/{standing.locked}").status_code == 403
    assert who.get(f"/discrepancies/{the_discrepancy('amount_differs')}").status_code == 404
    assert "Another amount" not in re.sub(r"<option.*?</option>", "", who.get("/discrepancies").text)  # fmt: skip
    assert who.get("/statements").status_code == 403
    assert str(standing.locked) not in who.get("/payments?state=code_locked").text


def test_a_statement_is_taken_in_and_compared(visitor: Visitor) -> None:
    who = visitor(Role.TREASURER)
    who.get("/discrepancies")
    content = settlement([Line("R-STRANGE", 400)])
    page = upload(who, content)
    assert page.status_code == 200
    assert "Taken in: new lines 1, matched 0, discrepancies opened 1" in who.words
    assert "march.csv" in who.words
    who.get("/discrepancies")
    upload(who, content)
    assert "This very file was here already" in who.words
    assert_every_promise_is_kept()


@pytest.mark.parametrize(
    ("content", "provider", "code"),
    [
        (b"not,a,statement\n1,2,3\n", "post_office", "fsp.unreadable_statement"),
        (None, "post_office", "statement.no_file"),
        (b"x", "nobody", "fsp.adapter_unavailable"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_on_the_same_page(
    visitor: Visitor, content: bytes | None, provider: str, code: str
) -> None:
    who = visitor(Role.TREASURER)
    who.get("/discrepancies")
    page = upload(who, content, provider)
    assert f'data-code="{code}"' in page.text
    assert "Open, the oldest first" in who.words


def test_a_discrepancy_is_taken_given_away_and_explained(visitor: Visitor) -> None:
    who = visitor(Role.TREASURER)
    found = the_discrepancy("amount_differs")
    who.get("/discrepancies?kind=amount_differs")
    assert f"/discrepancies/{found}" in who.get("/discrepancies?owner=nobody").text
    page = who.get(f"/discrepancies/{found}")
    assert "The line names a payment, with another amount." in page.text
    assert "Amount in our books" in page.text
    who.send(f"/discrepancies/{found}/assign")
    assert "It has an owner now." in who.words
    assert f"/discrepancies/{found}" in who.get("/discrepancies?owner=me").text
    who.get(f"/discrepancies/{found}")
    refused = who.send(f"/discrepancies/{found}/line", verdict="not_ours", proof="x")
    assert 'data-code="audit.unusable_reason"' in refused.text
    who.send(
        f"/discrepancies/{found}/line", verdict="not_ours", proof="Letter 55 of the post office"
    )
    assert "Nothing has moved yet" in who.words
    assert "Waits for a colleague who may authorise runs." in who.words
    with offices.transaction("dz") as session:
        open_discrepancy(session, "reference_repeated", "x", provider="post_office")
    found = the_discrepancy("reference_repeated")
    who.get(f"/discrepancies/{found}")
    refused = who.send(f"/discrepancies/{found}/settle", explanation="x")
    assert 'data-code="audit.unusable_reason"' in refused.text
    who.send(f"/discrepancies/{found}/settle", explanation="They paid the rest on the next day.")
    assert "The discrepancy is settled." in who.words
    assert "They paid the rest on the next day." in who.get(f"/discrepancies/{found}").text
    assert f"/discrepancies/{found}" in who.get("/discrepancies?settled=yes").text
    assert f"/discrepancies/{found}" not in who.get("/discrepancies").text


def test_an_auditor_looks_and_is_offered_nothing_to_do(
    visitor: Visitor, standing: Standing
) -> None:
    who = visitor(Role.AUDITOR)
    for path in (f"/discrepancies/{the_discrepancy('amount_differs')}", f"/payments/{standing.unknown}"):  # fmt: skip
        who.get(path)
        assert {form.action for form in who.forms} == {"/sign-out"}
    who.get("/discrepancies")
    assert "/statements" not in {form.action for form in who.forms}


def test_the_list_comes_in_parts_and_keeps_what_was_asked_for(visitor: Visitor) -> None:
    with offices.transaction("dz") as session:
        session.execute(
            text(
                "INSERT INTO discrepancies (id, kind, subject, provider, details, since, opened_at)"
                " SELECT gen_random_uuid(), 'fee_line', 'made:' || n, 'sandbox', '{}', now(), now()"
                " FROM generate_series(1, 60) n"
            )
        )
    who = visitor(Role.TREASURER)
    seen: list[str] = []
    path: str | None = "/discrepancies?kind=fee_line"
    while path:
        page = who.get(path).text
        seen += re.findall(r'href="(/discrepancies/[0-9a-f-]{36})"', page)
        more = re.search(
            r'href="(/discrepancies\?kind=fee_line&amp;cursor=[^"]+)" rel="next"', page
        )
        path = more[1].replace("&amp;", "&") if more else None
    assert len(seen) == len(set(seen)) == 60


def test_a_payment_s_story_is_told_in_words(visitor: Visitor, standing: Standing) -> None:
    who = visitor(Role.AUDITOR)
    who.get(f"/payments/{standing.unknown}")
    for words in ("nobody knows", "No clear answer", "the provider, when it was sent", "attempt 1"):
        assert words in who.words
    who.get(f"/payments/{standing.locked}")
    for words in ("Its code", "locked"):
        assert words in who.words
    assert who.get("/payments/00000000-0000-0000-0000-000000000000").status_code == 404


def test_two_people_find_that_a_payment_was_not_paid(
    app: FastAPI, visitor: Visitor, standing: Standing, owner: Engine
) -> None:
    treasurer, path = visitor(Role.TREASURER), f"/payments/{standing.unknown}"
    with offices.transaction("dz") as session:
        karim = colleague(session, Role.AUTHORISER)
    authoriser = Browsing(app, token_for(_id(karim)))
    authoriser.get(path)
    assert f"{path}/unpaid/confirm" not in {form.action for form in authoriser.forms}
    treasurer.get(path)
    treasurer.send(f"{path}/unpaid", proof="Letter 55 of the provider")
    assert "Nothing has moved yet" in treasurer.words
    assert f"{path}/unpaid/confirm" not in {form.action for form in treasurer.forms}
    authoriser.get(path)
    assert "Letter 55 of the provider" in authoriser.words
    wrong = authoriser.send(f"{path}/unpaid/confirm", code="000000")
    assert 'data-code="access.wrong_code"' in wrong.text
    assert state_of(standing.unknown) is PaymentState.UNKNOWN
    authoriser.send(f"{path}/unpaid/confirm", code=karim.code())
    assert "The payment has failed" in authoriser.words
    assert "two colleagues, on the provider's written word" in authoriser.words
    assert state_of(standing.unknown) is PaymentState.FAILED
    assert_every_promise_is_kept()


def _id(who: Colleague) -> UUID:
    assert who.actor.id is not None
    return who.actor.id


def state_of(payment_id: UUID) -> PaymentState:
    with offices.transaction("dz") as session:
        return session.get_one(Payment, payment_id).state


def test_a_new_code_is_sent_from_the_payment_s_page(visitor: Visitor, standing: Standing) -> None:
    who, path = visitor(Role.COMPLAINT_HANDLER), f"/payments/{standing.locked}"
    assert path in who.get("/payments?state=code_locked").text
    who.get(path)
    refused = who.send(f"{path}/code", reason="She called from 0555 123 456")
    assert 'data-code="audit.unusable_reason"' in refused.text
    who.send(f"{path}/code", reason="She found her telephone")
    assert "A new code is on its way" in who.words
    assert path not in who.get("/payments?state=code_locked").text
    with offices.transaction("dz") as session:
        issues = session.scalars(
            select(CodeIssue).where(CodeIssue.payment_id == standing.locked)
        ).all()
    assert sorted(issue.state for issue in issues) == ["issued", "replaced"]
    visitor(Role.AUDITOR).get(path)


def test_a_refusal_is_told_in_the_reader_s_language(visitor: Visitor, standing: Standing) -> None:
    who = visitor(Role.TREASURER)
    who.headers["Accept-Language"] = "fr"
    with clock.frozen(clock.now()):
        who.get("/discrepancies")
        page = upload(who, b"not,a,statement\n")
    assert "Le relevé ne peut pas être lu" in page.text
    assert "The statement" not in page.text
