"""The texts that redemption asks for, to the telephone on record and in the household's language."""

from collections.abc import Mapping
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    Uuid,
    bindparam,
    cast,
    func,
    literal,
    null,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from cbi.messaging.outbox import building, queue_built, queue_set
from cbi.payments.models import Payment
from cbi.redemption.models import CodeIssue
from cbi.registry.models import Household


def tell(
    session: Session,
    template: ColumnElement[str] | str,
    chosen: ColumnElement[bool],
    *,
    about: str,
    tells_code: bool = False,
    **values: ColumnElement[str] | str,
) -> int:
    """Ask for one text for each chosen code issue, in one statement; returns how many are new.

    A code issue gets one text `about` each thing (`code`, `paid`, …), however often it is asked for. Which template it
    is may differ from row to row; a value that is NULL is left out.
    """
    return queue_set(session, _rows(template, chosen, about, values, tells_code=tells_code))


def tell_one(session: Session, template: str, issue_id: UUID, *, about: str, **values: str) -> bool:
    """`tell` about one code issue, while somebody waits at a counter; whether the text is new."""
    given = {f"value_of_{name}": value for name, value in values.items()}
    return bool(
        queue_built(session, _telling(template, about, tuple(values)), {**given, "issue": issue_id})
    )


@cache
def _telling(template: str, about: str, names: tuple[str, ...]) -> Select[Any]:
    values = {name: bindparam(f"value_of_{name}", type_=String) for name in names}
    chosen = CodeIssue.id == bindparam("issue")
    return building(_rows(template, chosen, about, values, tells_code=False))


def _rows(
    template: ColumnElement[str] | str,
    chosen: ColumnElement[bool],
    about: str,
    values: Mapping[str, ColumnElement[str] | str],
    *,
    tells_code: bool,
) -> Select[Any]:
    words: list[Any] = []
    for name, value in values.items():
        words += [
            literal(name, String),
            literal(value, String) if isinstance(value, str) else value,
        ]
    return (
        select(
            (literal(template, String) if isinstance(template, str) else template).label(
                "template"
            ),
            Household.language.label("language"),
            Payment.account_id.label("account_id"),
            Payment.id.label("payment_id"),
            (CodeIssue.id if tells_code else cast(null(), Uuid)).label("code_issue_id"),
            func.jsonb_strip_nulls(func.jsonb_build_object(*words), type_=JSONB).label("values"),
            func.concat(f"{about}:", CodeIssue.id).label("dedupe"),
        )
        .join(Payment, Payment.id == CodeIssue.payment_id)
        .join(Household, Household.id == Payment.household_id)
        .where(chosen)
    )
