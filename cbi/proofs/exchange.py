"""Promises about money in several currencies: deals are booked as their tickets say, at rates that two people confirmed."""

from collections import Counter
from collections.abc import Callable, Mapping
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from cbi.audit.models import AuditEntry
from cbi.errors import CbiError
from cbi.ledger import deals, reference_rates
from cbi.ledger.chart import LEGS, Entry
from cbi.ledger.fx_models import Deal, ReferenceRate
from cbi.ledger.models import Account, Transfer
from cbi.ledger.reference_rates import Quoted
from cbi.payments.signing.signing_models import RequiredSignatures
from cbi.proofs.promise import Breaches, none_of

_OURS = (
    Entry.FX_SELL, Entry.FX_BUY, Entry.FX_LOSS, Entry.FX_GAIN, Entry.FX_ROUNDED_DOWN, Entry.FX_ROUNDED_UP,
)  # fmt: skip
Booked = tuple[UUID, str, int, str, int, str, str, UUID | None, UUID | None]
"""Source, entry, leg, currency, amount, and the code and fund of the account debited and of the one credited."""


def deals_are_booked_as_their_tickets_say(session: Session) -> Breaches:
    """Each confirmed deal has exactly its transfers, in both currencies and on both planes; nothing else has any."""
    debit, credit = Account.__table__.alias("debit"), Account.__table__.alias("credit")
    rows = session.execute(
        select(
            Transfer.source_id, Transfer.entry, Transfer.leg, Transfer.currency, Transfer.amount_minor,
            debit.c.code, credit.c.code, debit.c.fund_id, credit.c.fund_id,
        )
        .join(debit, debit.c.id == Transfer.debit_account_id)
        .join(credit, credit.c.id == Transfer.credit_account_id)
        .where(Transfer.entry.in_([entry.value for entry in _OURS]))
    )  # fmt: skip
    booked = Counter[Booked](tuple(row) for row in rows)
    expected = Counter[Booked]()
    named: dict[UUID, str] = {}
    for deal in deals.every(session):
        named[deal.id] = deal.reference
        try:
            exchange = deals.exchange_of(session, deal)
            said = exchange.residual.minor, exchange.spread.minor
            entries = exchange.entries()
        except CbiError:
            yield f"deal {deal.reference}: its rates make no sense"
            continue
        if said != (deal.residual_minor, deal.spread_minor):
            yield f"deal {deal.reference}: spread and residual are not what its rates make of its amounts"
        if deal.confirmed_at is None:
            continue
        for entry, amount in entries:
            for leg, (debited, credited) in enumerate(LEGS[entry], 1):
                of_debit, of_credit = (
                    deal.fund_id if "fund_id" in kind.of else None for kind in (debited, credited)
                )
                expected[
                    deal.id, entry.value, leg, amount.currency, amount.minor, debited.code, credited.code,
                    of_debit, of_credit,
                ] += 1  # fmt: skip
    missing, strange = expected - booked, booked - expected
    for which, what in ((missing, "is missing"), (strange, "is in the books, and not of it")):
        for each in which:
            yield f"deal {named.get(each[0], each[0])}: {each[1]} leg {each[2]} of {each[4]} {each[3]} {what}"


_ACTS: Mapping[str, tuple[str, str]] = {
    deals.SUBJECT: (deals.PROPOSED, deals.CONFIRMED),
    reference_rates.SUBJECT: (reference_rates.PROPOSED, reference_rates.CONFIRMED),
}


def deals_and_rates_are_what_was_confirmed(session: Session) -> Breaches:
    """The audit log says the same of each deal and each rate: what it is, who entered it and who confirmed it."""
    kept: dict[tuple[str, str], tuple[UUID | None, object]] = {}
    for deal in deals.every(session):
        _keep(kept, deals.SUBJECT, deal, deals.facts(deal))
    for rate in reference_rates.every(session):
        _keep(kept, reference_rates.SUBJECT, rate, reference_rates.facts(rate))
    said = {
        (entry.act, entry.subject_id): (entry.actor_id, entry.details)
        for entry in session.scalars(
            select(AuditEntry).where(
                AuditEntry.subject_kind.in_(_ACTS),
                AuditEntry.act.in_([act for acts in _ACTS.values() for act in acts]),
            )
        )
    }
    for about in sorted(kept.keys() | said.keys()):
        if kept.get(about) != said.get(about):
            yield f"the audit log does not agree about {about[1]} ({about[0]})"


def _keep(
    kept: dict[tuple[str, str], tuple[UUID | None, object]], subject: str, row: Deal | ReferenceRate, facts: object
) -> None:  # fmt: skip
    proposed, confirmed = _ACTS[subject]
    kept[proposed, str(row.id)] = (row.proposed_by, facts)
    if row.confirmed_at is not None:
        kept[confirmed, str(row.id)] = (row.confirmed_by, facts)


def signatures_were_chosen_at_confirmed_rates(session: Session) -> Breaches:
    """Every rate by which a run's signatures were chosen stands in the table, and was confirmed before."""
    known = {row.id: row for row in reference_rates.every(session)}
    of: Callable[[ReferenceRate], Quoted] = reference_rates.quoted
    rows = session.execute(
        select(
            RequiredSignatures.run_id, RequiredSignatures.made_at, RequiredSignatures.facts["counted"]["rates"]
        ).where(RequiredSignatures.facts["counted"].has_key("rates"))
    )  # fmt: skip
    for run_id, made_at, rates in rows:
        for rate in rates:
            row = known.get(UUID(rate["id"]))
            if (
                row is None
                or of(row).plain() != rate
                or row.confirmed_at is None
                or row.confirmed_at > made_at
            ):
                yield f"run {run_id}: its signatures were chosen by a rate that nobody had confirmed"


in_one_place = (
    deals_are_booked_as_their_tickets_say,
    none_of(
        "fund {fund_id}: in {currency}, 1950 says {position} and 2990 says {converted}",
        "SELECT fund_id, currency, sum(debits_minor - credits_minor) FILTER (WHERE code = '1950') AS position,"
        " sum(credits_minor - debits_minor) FILTER (WHERE code = '2990') AS converted FROM accounts"
        " WHERE code IN ('1950', '2990') GROUP BY fund_id, currency"
        " HAVING coalesce(sum(debits_minor - credits_minor) FILTER (WHERE code = '1950'), 0)"
        " <> coalesce(sum(credits_minor - debits_minor) FILTER (WHERE code = '2990'), 0)",
    ),
    none_of(
        "fund {fund_id}: in {currency}, 5200 and 5290 say {cost} and 2930 says {borne}",
        "SELECT fund_id, currency, sum(debits_minor - credits_minor) FILTER (WHERE code <> '2930') AS cost,"
        " sum(credits_minor - debits_minor) FILTER (WHERE code = '2930') AS borne FROM accounts"
        " WHERE code IN ('5200', '5290', '2930') GROUP BY fund_id, currency"
        " HAVING coalesce(sum(debits_minor - credits_minor) FILTER (WHERE code <> '2930'), 0)"
        " <> coalesce(sum(credits_minor - debits_minor) FILTER (WHERE code = '2930'), 0)",
    ),
)

append_only = (
    deals_and_rates_are_what_was_confirmed,
    none_of(
        "{what} was entered and confirmed by one person",
        "SELECT 'deal ' || reference AS what FROM fx_deals WHERE confirmed_by = proposed_by"
        " UNION ALL SELECT 'rate ' || id FROM reference_rates WHERE confirmed_by = proposed_by",
    ),
    none_of(
        "the constraint {name} is missing or not valid",
        "SELECT 'uq_fx_deals_reference' AS name WHERE NOT EXISTS (SELECT 1 FROM pg_index i JOIN pg_class c"
        " ON c.oid = i.indexrelid WHERE c.relname = 'uq_fx_deals_reference'"
        " AND c.relnamespace = current_schema()::regnamespace AND i.indisunique AND i.indisvalid)",
    ),
)

approved = (signatures_were_chosen_at_confirmed_rates,)
