"""Every route, asked about a household elsewhere by somebody held to areas: it is to them as if it were not there."""

import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts
from httpx import Response
from sqlalchemy import Engine, func, select, text
from sqlalchemy.orm import Session

from cbi import clock, ids, offices
from cbi.access import roles, totp
from cbi.access.permissions import AREA_ROLES, IN_AN_AREA
from cbi.app import create_app, guard_of
from cbi.helpline.models import Complaint
from cbi.helpline.states import Category, ComplaintState
from cbi.payments.models import Payment
from cbi.programmes import applying, work_sheets
from cbi.redemption.models import CodeIssue
from cbi.registry import bands, needs
from cbi.registry.import_models import RejectedRow
from cbi.registry.intake import importing
from cbi.registry.linkage.models import Pair, StaffMatch
from cbi.registry.models import DuplicateFlag, Household, Need, PaymentAccount, Person
from tests import work_factory
from tests.factories import EVERYTHING
from tests.flow.every_route import visit
from tests.flow.people import ADMINISTRATOR, make_user, token_for
from tests.places import listed, take_in
from tests.redemption_factory import OPEN, issued

NOBODY = "X-9999-999999"
"""A registration number that no household has."""


@dataclass
class World:
    """An office with households in Oran and in Algiers, and everything that can hang on one of them."""

    ids: dict[str, str]
    """What names the household in Algiers, and things of it, in an address."""
    number: str
    here: str
    marks: set[str] = field(default_factory=set)
    """Texts that give away something of the household in Algiers."""


def a_world(owner: Engine) -> World:
    """Two households here and two there in a run with codes, with a need, a complaint, work and a shared telephone."""
    run = issued(owner)
    with offices.transaction("dz") as session:
        take_in(session)
        file = work_factory.FILE.format(code=work_factory.CODE, work=work_factory.WORK)
        applying.apply(session, EVERYTHING, file)
        site = work_factory.site(session, workers=2)
        sheet = work_sheets.make(
            session, EVERYTHING, work_factory.CODE, "well", "group-a", "2026-01"
        )
        number = str(sheet.id)
    with owner.begin() as connection:
        connection.execute(text("UPDATE households SET area = 'DZ1601'"))
    with offices.transaction("dz") as session:
        payments = [session.get_one(Payment, each) for each in run.payments]
        mine, theirs = payments[0], payments[-1]
        session.get_one(Household, mine.household_id).area = "DZ3101"
        there = session.get_one(Household, theirs.household_id)
        here = session.get_one(Household, mine.household_id)
        needs.note(session, EVERYTHING, there, "disability")
        bands.note(session, EVERYTHING, there, "severe")
        people = session.scalars(select(Person).where(Person.household_id == there.id)).all()
        accounts = session.scalars(
            select(PaymentAccount).where(PaymentAccount.person_id.in_([each.id for each in people]))
        ).all()
        flag = a_flag(session, accounts[0].value_index)
        taken = importing.import_file(
            session, EVERYTHING, listed([("BAD-1", "Atlantis"), ("OK-1", "DZ1601")]), filename="made.csv"
        )  # fmt: skip
        row = session.scalars(
            select(RejectedRow.id).where(RejectedRow.import_id == taken.import_id)
        ).one()
        pair, match = a_pair(session, people[0].id, mine.person_id)
        complaint = a_complaint(session, people[0].id, theirs.id)
        locator = session.scalars(
            select(CodeIssue.locator).where(CodeIssue.payment_id == theirs.id)
        ).one()
        decision = session.execute(
            text("SELECT cycle_id FROM eligibility_decisions WHERE household_id = :h"),
            {"h": there.id},
        ).scalar_one()
        world = World(
            {
                "household_id": str(there.id), "person_id": str(people[0].id), "payment_id": str(theirs.id),
                "complaint_id": str(complaint), "flag_id": str(flag), "import_id": str(there.import_id),
                "run_id": str(run.run_id), "cycle_id": str(decision), "locator": locator, "number": number,
                "code": "winter", "activity": "well", "group": "group-a", "kind": "new", "period": "2026-01",
                "version": "1", "provider": "post_office", "kept": str(people[0].id), "other": str(there.id),
                "person": str(people[0].id), "row_id": str(row),
                "pair_id": str(pair), "match_id": str(match),
            },
            there.source_id,
            here.source_id,
        )  # fmt: skip
        world.marks = {
            there.source_id, str(there.id), str(theirs.id), str(complaint), str(flag), locator, "BAD-1", "OK-1", str(pair),
            str(match),
            *(str(each.id) for each in people), *site.numbers,
        }  # fmt: skip
    return world


def a_flag(session: Session, value_index: bytes) -> UUID:
    """A flag about a telephone that households of two places share."""
    flag = DuplicateFlag(
        id=uuid4(), kind="shared_phone", value_index=value_index, household_count=2, flagged_at=clock.now()
    )  # fmt: skip
    session.add(flag)
    session.flush()
    return flag.id


def a_pair(session: Session, there: UUID, here: UUID) -> tuple[UUID, UUID]:
    """A pair of people in two places who may be one, and a colleague who may be the one there."""
    first, second = sorted((there, here))
    pair = Pair(
        first_id=first, second_id=second, per_mille=990, levels={"name": "name_same"}, model="test",
        found_at=clock.now(),
    )  # fmt: skip
    match = StaffMatch(staff_kind="user", staff_id=uuid4(), person_id=there, found_at=clock.now())
    session.add_all([pair, match])
    session.flush()
    return pair.id, match.id


def a_complaint(session: Session, person_id: UUID, payment_id: UUID) -> UUID:
    """An open complaint of a person about a payment."""
    complaint = Complaint(
        id=ids.fresh(), category=Category.PAYMENT_PROBLEM, urgent=False, sensitive=False,
        state=ComplaintState.OPEN, number_index=b"a number", language="ar", person_id=person_id,
        payment_id=payment_id, opened_at=clock.now(), due_at=clock.now() + timedelta(days=9),
    )  # fmt: skip
    session.add(complaint)
    session.flush()
    return complaint.id


HIDDEN = {
    "household_id", "person_id", "payment_id", "complaint_id", "flag_id", "import_id", "number", "locator", "household",
    "registration", "pair_id", "match_id", "request_id", "assessment_id", "appeal_id", "row_id", "erasure_id", "change_id",
    "whose", "person", "other", "kept", "households",
}  # fmt: skip
"""What names a household, or something of one: in an address, in a question, in what is sent."""

SHARED = {
    "run_id", "cycle_id", "code", "activity", "group", "kind", "period", "key", "user_id", "name", "version", "basket",
    "programme", "provider",
}  # fmt: skip
"""What names something of the whole office, or nothing at all."""

PLAIN = {
    "limit", "cursor", "status", "open_only", "unmerged", "below", "which", "form", "language", "waiting", "after", "state",
    "category", "urgent", "overdue", "owner_id", "purpose", "field", "who", "page", "on", "short", "long", "area",
    "by", "ended", "year",
}  # fmt: skip
"""What a question may hold beside, which names nobody."""

TOLD: dict[str, object] = {
    "reason": "as told on the visit", "remark": "as told on the visit", "note": "as told on the visit", "code": "winter",
    "evidence": "seen on the visit", "on": "2026-01-05", "field": "name", "one_time_code": "000000",
    "need": "disability", "band": "severe", "decision": "different",
    "purpose": "registration", "answer": "ANSWER_PAID", "outcome": "resolved", "because": "as told on the visit",
    "why": "as told on the visit", "condition": "plan", "programme": "winter", "act": "suspend",
    "year": "2026",
}  # fmt: skip
"""What is said where something must be said."""

OWN = ("password", "authenticator", "sign-out", "one-time-code", "/me")
"""Parts of addresses at which people see to themselves."""


def numbered(world: World, ids: Mapping[str, str]) -> dict[str, str]:
    """What stands for each name in addresses, questions and bodies: something of the household there, or of nobody."""
    number = ids.get("household", NOBODY)
    usual = dict.fromkeys(("household", "households", "registration", "whose"), number)
    return {**usual, **{name: world.ids[name] for name in SHARED & world.ids.keys()}, **ids}


def sent(app: FastAPI, route: APIRoute, ids: Mapping[str, str]) -> dict[str, Any]:
    """A body that the route takes, with everything in it that names a household naming this one."""
    schema = app.openapi()["paths"].get(route.path, {}).get("post", {}).get("requestBody")
    if schema is None:  # a page's form
        fields = [
            each.name
            for each in route.dependant.body_params
            if "UploadFile" not in str(each.field_info.annotation)
        ]
        return {name: ids.get(name, TOLD.get(name, "x")) for name in fields}
    content = schema["content"]
    if "application/json" not in content:
        return {}
    made = _made(app, content["application/json"]["schema"], ids)
    assert isinstance(made, dict)
    return made


def _made(app: FastAPI, schema: Mapping[str, Any], ids: Mapping[str, str], name: str = "") -> Any:
    if reference := schema.get("$ref"):
        return _made(
            app, app.openapi()["components"]["schemas"][reference.rpartition("/")[2]], ids, name
        )
    if (
        name in ids
        and schema.get("type") == "string"
        and ids[name] in schema.get("enum", [ids[name]])
    ):
        return ids[name]
    if options := schema.get("anyOf", schema.get("oneOf")):
        return _made(app, {**options[0], "examples": schema.get("examples", [])}, ids, name)
    if schema.get("type") == "object" and "properties" not in schema:
        return {"Area": "DZ31"}
    if schema.get("type") == "object":
        needed = schema.get("required", [])
        return {
            each: _made(app, inner, ids, each)
            for each, inner in schema.get("properties", {}).items()
            if each in needed or each in HIDDEN
        }
    if schema.get("type") == "array":
        return [_made(app, schema["items"], ids, name)]
    if "enum" in schema or "const" in schema:
        return schema.get("const", schema.get("enum", [""])[0])
    if name in TOLD:
        return TOLD[name]
    if schema.get("examples"):
        return schema["examples"][0]
    return {
        "integer": schema.get("minimum", 1), "boolean": False, "string": _texts(schema.get("format"))
    }.get(schema.get("type", "string"))  # fmt: skip


def _texts(form: str | None) -> str:
    return {"date": "2026-01-05", "uuid": str(uuid4()), "date-time": "2026-01-05T09:00:00Z"}.get(
        form or "", "something"
    )


def names_in(route: APIRoute) -> set[str]:
    """Everything that the route's address and its question can name."""

    return set(re.findall(r"\{(\w+)", route.path)) | {
        each.alias for each in questions(route.dependant)
    }


def questions(dependant: Dependant) -> Iterator[Any]:
    """The parameters that stand in the question of an address."""
    yield from dependant.query_params
    for each in dependant.dependencies:
        yield from questions(each)


def answers_alike(one: Response, other: Response) -> bool:
    """Whether nobody can tell the two answers apart, but by what they asked for themselves."""
    if one.status_code != other.status_code:
        return False
    is_refusal = "problem" in one.headers.get("content-type", "")
    return not is_refusal or bool(one.json()["code"] == other.json()["code"])


def words(answer: Response) -> str:
    """All that can be read in an answer, in a workbook's cells too."""
    if answer.content.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(answer.content)) as parts:
            return "\n".join(parts.read(name).decode(errors="replace") for name in parts.namelist())
    return answer.text + str(dict(answer.headers))


class Asking:
    """Somebody held to Oran, somebody of the whole office, and one household in Algiers."""

    def __init__(self, world: World, held: UUID, everywhere: UUID) -> None:
        self.app, self.world = create_app(), world
        self.held, self.everywhere = token_for(held), token_for(everywhere)
        self.ids = numbered(world, {**world.ids, "household": world.number})
        unknown = {name: str(uuid4()) for name in world.ids.keys() & HIDDEN}
        self.nobody = numbered(world, {**unknown, "number": "987654", "row_id": "987654"})
        self.wrong: list[str] = []
        self.shown: set[str] = set()

    def ask(self, method: str, route: APIRoute, token: str, ids: Mapping[str, str]) -> Response:
        """The route's answer when everything that is named belongs to the household of these ids."""
        body = sent(self.app, route, ids) if method == "POST" else None
        question = {
            each.alias: ids.get(each.alias, TOLD.get(each.alias))
            for each in questions(route.dependant)
            if each.alias in HIDDEN or each.field_info.is_required()
        }
        path = route.path + (f"?{urlencode(question)}" if question else "")
        return visit(self.app, method, path, token, ids=ids, body=body)

    def check(self, method: str, route: APIRoute) -> None:
        """Note what is wrong with the route's answers to somebody held to another area."""
        where = f"{method} {route.path}"
        if unknown := names_in(route) - HIDDEN - SHARED - PLAIN:
            self.wrong.append(
                f"{where}: say what {', '.join(unknown)} names, in HIDDEN, SHARED or PLAIN"
            )
        answer = self.ask(method, route, self.held, self.ids)
        other = self.ask(method, route, self.held, self.nobody)
        if answer.status_code >= 500:
            self.wrong.append(f"{where}: {answer.status_code}")
        if not answers_alike(answer, other):
            told = f"{answer.status_code} {answer.text[:300]}, and for nobody {other.status_code}"
            self.wrong.append(f"{where} tells a household elsewhere from none: {told}")
        if "http.invalid_request" in answer.text and where not in WITHOUT:
            self.wrong.append(
                f"{where} was not understood, so nothing was shown: {answer.text[:300]}"
            )
        echoed = {
            mark
            for mark in self.world.marks
            if answer.status_code >= 300 and mark in self.ids.values()
        }
        if leaked := [mark for mark in self.world.marks - echoed if mark in words(answer)]:
            self.wrong.append(f"{where} tells of {leaked}")
        if method == "GET":
            seen = words(self.ask(method, route, self.everywhere, self.ids))
            if any(mark in seen for mark in self.world.marks):
                self.shown.add(route.path)


def test_a_household_elsewhere_is_to_every_route_as_if_it_were_not_there(owner: Engine) -> None:
    world = a_world(owner)
    held, everywhere = make_user("held"), make_user("everywhere", *AREA_ROLES)
    with offices.transaction("dz") as session:
        for role in AREA_ROLES:
            roles.grant_role(session, ADMINISTRATOR, held, role, area="DZ31")
        for user_id in (held, everywhere):
            totp.enrol(session, user_id)
    with clock.frozen(OPEN + timedelta(hours=1)):
        asking = Asking(world, held, everywhere)
        for method, route in routes_for(asking.app):
            asking.check(method, route)
        assert not asking.wrong, "\n".join(sorted(asking.wrong))
        assert asking.shown >= SHOWN, sorted(SHOWN - asking.shown)
        assert_their_own_is_shown(asking)
    with offices.transaction("dz") as session:  # and nothing was done to it
        assert session.get_one(Household, UUID(world.ids["household_id"])).area == "DZ1601"
        assert (
            session.get_one(Complaint, UUID(world.ids["complaint_id"])).state is ComplaintState.OPEN
        )
        assert session.scalar(select(func.count()).select_from(Need)) == 2


def routes_for(app: FastAPI) -> Iterator[tuple[str, APIRoute]]:
    """Every route that somebody with a role of the field may come to; another test asks the others of every role."""
    for route in iter_route_contexts(app.routes):
        original = route.original_route
        guard = guard_of(original)
        if (
            guard is None
            or not isinstance(original, APIRoute)
            or any(own in original.path for own in OWN)
        ):
            continue
        if guard.permission is None or guard.permission in IN_AN_AREA:
            for method in sorted((route.methods or set()) - {"HEAD"}):
                yield method, original


def assert_their_own_is_shown(asking: Asking) -> None:
    """The household here is shown to whoever is held to its area, and something can be done for it."""
    listed = visit(asking.app, "GET", "/api/v1/households", asking.held).json()["items"]
    assert [each["source_id"] for each in listed] == [asking.world.here]
    path = "/api/v1/payment-runs/{run_id}/payments"
    paid = visit(asking.app, "GET", path, asking.held, ids=asking.ids)
    assert len(paid.json()["items"]) == 1
    body = {"household": asking.world.here, "need": "disability"}
    noted = visit(asking.app, "POST", "/api/v1/registry/needs", asking.held, body=body)
    assert noted.status_code < 300, noted.text


WITHOUT = {
    "POST /api/v1/registry/imports",  # test_area_scope.py brings files
    "POST /api/v1/registry/imports/waiting",
    "POST /api/v1/consents/imports",  # test_consent_lists.py
    "POST /api/v1/work-sheets/imports",  # a row is found by its token, on a sheet that is not seen
    "POST /api/v1/assessments/imports",
    "POST /api/v1/price-rounds/imports",  # about nobody
    "POST /finance/values/prices",
    "POST /finance/owed/enrolments",
}
"""Routes that take a file."""

SHOWN = {
    "/api/v1/households", "/api/v1/payment-runs/{run_id}/payments", "/api/v1/complaints", "/payments/{payment_id}",
    "/api/v1/complaints/{complaint_id}",
}  # fmt: skip
"""Routes that tell somebody of the whole office about the household: without them this test would show nothing."""
