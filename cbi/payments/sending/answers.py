"""What a provider answered to payments that were sent together: plain answers are taken in as a set, the others singly."""

import logging
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any
from uuid import UUID

from sqlalchemy import Text, func, literal, select, tuple_, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from cbi.fsp.adapter import SubmitsPayments
from cbi.fsp.errors import NotSent
from cbi.fsp.keys import read_idempotency_key
from cbi.fsp.messages import Outcome, PaymentInstruction, ProviderUpdate
from cbi.payments.models import Attempt, Payment, PaymentRun
from cbi.payments.moves import move
from cbi.payments.outcomes.outcomes import STATE_OF
from cbi.payments.states import PaymentState

log = logging.getLogger(__name__)

SUBMITTED = "submit"
"""The source of news that was the answer to our sending."""

Answers = Mapping[str, tuple[PaymentInstruction, ProviderUpdate]]
"""What was sent and what came back, by idempotency key."""


def said(
    adapter: SubmitsPayments, group: Sequence[PaymentInstruction]
) -> list[ProviderUpdate | NotSent]:
    """What the provider said to each, in order; threads only wait for it, and touch no database."""

    def ask(instruction: PaymentInstruction) -> ProviderUpdate | NotSent:
        try:
            return adapter.submit(instruction)
        except NotSent as refusal:
            return refusal
        except Exception as error:  # noqa: BLE001 - whatever else went wrong, we do not know whether the money moved
            provider = adapter.profile.name
            log.warning("no answer from %s: %s", provider, adapter.redact(type(error).__name__))
            return ProviderUpdate(instruction.idempotency_key, Outcome.UNKNOWN)

    if len(group) <= 1:
        return [ask(each) for each in group]
    with ThreadPoolExecutor(len(group)) as threads:
        waiting = [threads.submit(copy_context().run, ask, each) for each in group]
        return [each.result() for each in waiting]


def plain(session: Session, provider: str, answers: Answers) -> set[str]:
    """The keys of answers that leave no question: taken or paid, the whole amount, under a name that nothing else has."""
    names = Counter(news.provider_reference for _, news in answers.values())
    taken = set(
        session.scalars(
            select(Attempt.provider_reference).where(
                Attempt.provider == provider, Attempt.provider_reference.in_(filter(None, names))
            )
        )
    )
    return {
        key
        for key, (sent, news) in answers.items()
        if news.idempotency_key == key
        and news.outcome in (Outcome.ACCEPTED, Outcome.PAID)
        and news.amount in (None, sent.amount)
        # A payment that is found paid at its second attempt may have been paid twice: that is looked at singly.
        and (news.outcome is Outcome.ACCEPTED or read_idempotency_key(key)[1] == 1)
        and (news.provider_reference is None or names[news.provider_reference] == 1)
        and news.provider_reference not in taken
    }


def take_set(
    session: Session, run: PaymentRun, provider: str, news: Sequence[ProviderUpdate]
) -> bool:
    """Take in plain answers. False if any payment was no longer `sending`: then each is to be looked at singly."""
    these_payments = [read_idempotency_key(each.idempotency_key)[0] for each in news]
    # The payments before their attempts and the books' totals, as whoever takes in a callback locks them.
    session.execute(
        select(Payment.id)
        .where(Payment.id.in_(these_payments))
        .order_by(Payment.id)
        .with_for_update()
    )
    _name(session, news)
    alike: defaultdict[tuple[Outcome, str | None], list[tuple[UUID, int]]] = defaultdict(list)
    for each in news:
        alike[each.outcome, each.provider_code].append(read_idempotency_key(each.idempotency_key))
    moved = sum(
        move(
            session, run, tuple_(Payment.id, Payment.attempts).in_(these), PaymentState.SENDING, STATE_OF[outcome],
            provider=provider, source=SUBMITTED, provider_code=code,
        )
        for (outcome, code), these in alike.items()
    )  # fmt: skip
    return moved == len(news)


def _name(session: Session, news: Sequence[ProviderUpdate]) -> None:
    """Keep what the provider calls these attempts, and what it gave us to ask by."""
    told = [each for each in news if each.provider_reference or each.ticket]
    if not told:
        return
    given = _table(
        key=[each.idempotency_key for each in told],
        reference=[each.provider_reference for each in told],
        ticket=[each.ticket for each in told],
    )
    session.execute(
        update(Attempt)
        .where(Attempt.idempotency_key == given.c.key)
        .values(
            provider_reference=func.coalesce(Attempt.provider_reference, given.c.reference),
            ticket=func.coalesce(given.c.ticket, Attempt.ticket),
        ),
        execution_options={"synchronize_session": False},
    )


def _table(**columns: Collection[str | None]) -> Any:
    """These columns as a table in SQL."""
    return (
        func.unnest(*(literal(list(values), ARRAY(Text)) for values in columns.values()))
        .table_valued(*columns)
        .render_derived(name="given")
    )
