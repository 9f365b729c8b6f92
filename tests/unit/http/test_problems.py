"""Every kind of refusal has its status, and none repeats what was sent."""

import json
from typing import Any

import pytest
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException

from cbi.errors import CbiError, Conflict, Forbidden, Invalid, NotFound
from cbi.http.problems import answer_for, failure
from cbi.http.refused import BodyTooLarge, Unauthenticated


class Gone(NotFound):
    """A refusal of a stage."""

    code = "test.gone"


def told(error: BaseException) -> tuple[int, dict[str, Any]]:
    answer = answer_for(error)
    assert answer is not None
    assert answer.media_type == "application/problem+json"
    return answer.status_code, json.loads(bytes(answer.body))


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (NotFound, 404), (Forbidden, 403), (Conflict, 409), (Invalid, 422), (CbiError, 400), (Gone, 404),
        (Unauthenticated, 401), (BodyTooLarge, 413),
    ],
)  # fmt: skip
def test_each_kind_of_refusal_has_its_status(kind: type[CbiError], status: int) -> None:
    found, problem = told(kind("It is so.", next_step="Do this.", run=7))
    assert found == problem["status"] == status
    assert problem["code"] == kind.code
    assert (problem["detail"], problem["next_step"]) == ("It is so.", "Do this.")
    assert problem["details"] == {"run": 7}


def test_a_refusal_of_the_framework_is_told_alike() -> None:
    status, problem = told(HTTPException(405, headers={"Allow": "GET"}))
    assert (status, problem["code"]) == (405, "http.method_not_allowed")


def test_a_validation_error_names_the_field_and_not_what_was_typed() -> None:
    class Given(BaseModel):
        amount: int
        person: dict[str, int]

    with pytest.raises(ValidationError) as found:
        Given.model_validate({"amount": "s3cret-typed", "person": {"a": "s3cret-too"}})
    status, problem = told(RequestValidationError(found.value.errors(), body={"amount": "s3cret"}))
    assert status == 422
    assert [each["field"] for each in problem["errors"]] == ["amount", "person.a"]
    assert "s3cret" not in json.dumps(problem)


def test_a_failure_of_ours_is_not_a_refusal_and_tells_nothing() -> None:
    assert answer_for(RuntimeError("the password is x")) is None
    problem = json.loads(bytes(failure("abc").body))
    assert (problem["status"], problem["error_id"], problem["code"]) == (500, "abc", "http.failed")
