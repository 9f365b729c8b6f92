"""Asking for texts: one, or as many as a query has rows. What is kept is what a text is about, never its words."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Integer,
    Select,
    SelectBase,
    Text,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from cbi import clock, db, ids, money
from cbi.errors import Invalid
from cbi.keys import Keyring, seal, unseal
from cbi.messaging.models import Message
from cbi.messaging.rendering import AT_HAND_OVER, UnusableValues, asked_for, check, tells_a_code
from cbi.messaging.states import MESSAGE, MessageState, Reason
from cbi.offices import office_of

_NUMBERS = "messages/numbers"


class NotAboutACode(Invalid):
    """A text that tells a code was asked for without saying which."""

    code = "messaging.not_about_a_code"


def queue(
    session: Session,
    template: str,
    *,
    account_id: UUID,
    language: str,
    values: Mapping[str, str],
    dedupe: str,
    payment_id: UUID | None = None,
    code_issue_id: UUID | None = None,
) -> None:
    """Ask for one text. Asking again with the same `dedupe` does nothing.

    `values` are what the text asks for except its code and its hotline. `code_issue_id` says which code a text
    tells. Raises UnknownTemplate, UnusableValues, NotAboutACode.
    """
    _check(template, _kinds(values), names_a_code=code_issue_id is not None)
    row = {
        "id": ids.fresh(),
        "template": template,
        "language": language,
        "account_id": account_id,
        "payment_id": payment_id,
        "code_issue_id": code_issue_id,
        "values": dict(values),
        "dedupe": dedupe,
    }
    _add(session, row)


def queue_reply(
    session: Session,
    template: str,
    *,
    number: str,
    language: str,
    values: Mapping[str, str],
    dedupe: str,
    account_id: UUID | None = None,
) -> None:
    """Ask for one text to a number that wrote to us: to its account where it has one, else to the number itself.

    The number (E.164) is then sealed, and erased as soon as the text was handed over. Such a text never tells a code.
    Raises UnknownTemplate, UnusableValues, NotAboutACode.
    """
    _check(template, _kinds(values), names_a_code=False)
    row = {
        "id": (message_id := ids.fresh()),
        "template": template,
        "language": language,
        "account_id": account_id,
        "number": None
        if account_id
        else sealed_number(office_of(session).keys, message_id, number),
        "values": dict(values),
        "dedupe": dedupe,
    }
    _add(session, row)


def _add(session: Session, row: dict[str, Any]) -> None:
    begun = {"state": MESSAGE.initial, "waiting": True, "tries": 0, "created_at": clock.now()}
    session.execute(
        insert(Message).values(row | begun).on_conflict_do_nothing(index_elements=["dedupe"])
    )
    db.soon(session, "hand_over")


def sealed_number(keys: Keyring, message_id: UUID, number: str) -> bytes:
    """The number that a text goes to, sealed for that text alone."""
    return seal(keys.derive(_NUMBERS), number, f"message/{message_id}/number")


def opened_number(keys: Keyring, message_id: UUID, sealed: bytes) -> str:
    """What `sealed_number` sealed. Raises Unreadable."""
    return unseal(keys.derive(_NUMBERS), sealed, f"message/{message_id}/number").decode()


def _kinds(values: Mapping[str, object]) -> dict[str, str]:
    return {name: "string" if isinstance(value, str) else "other" for name, value in values.items()}


def queue_set(session: Session, rows: SelectBase) -> int:
    """Ask for one text per row of a query, in one statement, and return how many were not asked for before.

    The query names its columns template, language, account_id, payment_id, code_issue_id, values (jsonb) and
    dedupe, in any order; `amount_in_sql` and `date_in_sql` write its values. The same is required of every row
    as of `queue`, and one wrong row refuses them all: let the error undo the transaction.
    """
    return queue_built(session, building(rows), {})


def building(rows: SelectBase) -> Select[Any]:
    """The statement of `queue_set`, for `queue_built`: what is asked for often can be built once."""
    given = rows.subquery("given").c
    chosen = {
        "id": ids.fresh_in_sql(),
        **{name: given[name] for name in _ABOUT},
        "state": literal(MESSAGE.initial, Message.state.type),
        "waiting": true(),
        "tries": literal(0),
        "created_at": bindparam("asked_at", type_=DateTime(timezone=True)),
    }
    added = (
        insert(Message)
        .from_select(list(chosen), select(*chosen.values()))
        .on_conflict_do_nothing(index_elements=["dedupe"])
        .returning(Message.template, Message.code_issue_id, Message.values)
        .cte("added")
    )
    # Values are mostly alike, so their kinds are looked at once for each that there are.
    alike = (
        select(
            added.c.template,
            added.c.code_issue_id.is_not(None).label("names_a_code"),
            added.c["values"],
            func.count().label("texts"),
        )
        .group_by("template", "names_a_code", added.c["values"])
        .subquery("alike")
    )
    value = func.jsonb_each(alike.c["values"]).table_valued("key", "value")
    kinds = select(func.jsonb_object_agg(value.c.key, func.jsonb_typeof(value.c.value)))
    return select(
        alike.c.template,
        alike.c.names_a_code,
        kinds.scalar_subquery().label("kinds"),
        cast(func.sum(alike.c.texts), Integer),
    ).group_by("template", "names_a_code", "kinds")


def queue_built(session: Session, statement: Select[Any], values: Mapping[str, object]) -> int:
    """Run what `building` made, with the values of the query's own parameters; returns what `queue_set` returns."""
    total = 0
    shapes = session.connection().execute(statement, {**values, "asked_at": clock.now()})
    for template, names_a_code, kinds_given, count in shapes:
        _check(template, kinds_given or {}, names_a_code=names_a_code)
        total += count
    if total:
        db.soon(session, "hand_over")
    return total


_ABOUT = ("template", "language", "account_id", "payment_id", "code_issue_id", "values", "dedupe")


def _check(template: str, kinds: Mapping[str, str], *, names_a_code: bool) -> None:
    """Refuse what could not be rendered later. `kinds` says of each value given which JSON type it has."""
    names = frozenset(kinds)
    if early := names & AT_HAND_OVER:
        raise UnusableValues(
            f"The text {template} must not be given its {' or '.join(sorted(early))}.",
            next_step="It is filled in, in memory, when the text is handed over.",
        )
    check(template, names | (AT_HAND_OVER & asked_for(template)))
    if wrong := [name for name in sorted(names) if kinds[name] != "string"]:
        raise UnusableValues(f"The text {template} needs words for {', '.join(wrong)}.")
    if tells_a_code(template) and not names_a_code:
        raise NotAboutACode(
            f"The text {template} tells a code.", next_step="Say which, with code_issue_id."
        )


def withdraw(
    session: Session,
    *,
    payment_id: UUID,
    code_issue_id: UUID | None = None,
    dedupe: str | None = None,
) -> int:
    """Take back the texts about a payment, or about one code of it, or the one that was asked for under `dedupe`, which no
    worker has taken yet; returns how many.

    A text that a worker holds at this moment cannot be taken back; if it tells a code that has died since, the
    worker leaves it out.
    """
    about = Message.payment_id == payment_id
    if code_issue_id is not None:
        about = and_(about, Message.code_issue_id == code_issue_id)
    if dedupe is not None:
        about = and_(about, Message.dedupe == dedupe)
    taken_back = session.scalars(
        update(Message)
        .where(about, Message.waiting, Message.state == MessageState.QUEUED)
        .values(state=MessageState.WITHDRAWN, waiting=False, reason=Reason.WITHDRAWN, number=None)
        .returning(Message.id),
        execution_options={"synchronize_session": False},
    )
    return len(taken_back.all())


def count_by_state(session: Session) -> dict[MessageState, int]:
    """How many texts stand where; states with none are left out."""
    counted = session.execute(select(Message.state, func.count()).group_by(Message.state))
    return dict(counted.all())


def amount_in_sql(minor: ColumnElement[int], currency: str) -> ColumnElement[str]:
    """What `rendering.amount_text` writes, for a column of minor units (not negative)."""
    places = money.exponent(currency)
    return amount_with(minor, literal(10**places), literal(places), literal(currency))


def amount_with(
    minor: ColumnElement[int],
    unit: ColumnElement[int],
    places: ColumnElement[int],
    currency: ColumnElement[str],
) -> ColumnElement[str]:
    """`amount_in_sql` where the currency is known only when the statement runs: `unit` is 10 to the power of `places`."""
    whole, rest = minor // unit, minor % unit
    fraction = case(
        (rest == 0, ""),
        else_=literal(".") + func.lpad(cast(rest, Text), cast(places, Integer), "0"),
    )
    return cast(whole, Text) + fraction + literal(" ") + cast(currency, Text)


def date_in_sql(day: ColumnElement[Any]) -> ColumnElement[str]:
    """What `rendering.date_text` writes, for a column of dates."""
    return func.to_char(day, "DD/MM")
