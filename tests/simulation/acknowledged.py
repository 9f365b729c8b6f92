"""What was answered with success is there: for each kind of answer, where it must be found."""

from collections.abc import Iterator

from sqlalchemy import text
from sqlalchemy.orm import Session

from tests.simulation.life import Life
from tests.simulation.wrongs import Kind, Wrong


def lost(life: Life, session: Session) -> Iterator[Wrong]:
    """Everything that was acknowledged is there."""
    there: dict[str, set[str]] = {}
    for what, which in life.kept.acknowledged:
        if what not in there:
            there[what] = set(session.scalars(text(_THERE[what])))
        if which not in there[what]:
            yield Kind.LOST, f"acknowledged and lost: {what} {which}"


_THERE = {
    "run": "SELECT run_id || ' ' || after FROM run_events",
    "payout": "SELECT receipt FROM payouts",
    "shortage": "SELECT authorisation_id::text FROM cash_shortages",
    "callback": "SELECT encode(digest, 'hex') FROM inbound_callbacks",
    "statement": "SELECT id::text FROM statement_files",
    "reported unpaid": "SELECT payment_id || ' ' || attempt FROM unpaid_findings",
    "confirmed unpaid": "SELECT payment_id || ' ' || attempt FROM unpaid_findings WHERE confirmed_at IS NOT NULL",
    "reported amount": "SELECT id::text FROM amount_findings",
    "confirmed amount": "SELECT id::text FROM amount_findings WHERE confirmed_at IS NOT NULL",
    "given back": "SELECT receivable_id || ' ' || reference FROM receivable_events WHERE after = 'recovered'",
    "loss proposed": "SELECT receivable_id::text FROM write_offs",
    "loss confirmed": "SELECT receivable_id::text FROM receivable_events WHERE after = 'written_off'",
    "month proposed": "SELECT month || '/' || number FROM month_closes",
    "month closed": "SELECT month || '/' || number FROM month_closes WHERE confirmed_at IS NOT NULL",
    "month reopened": "SELECT month || '/' || number FROM month_closes WHERE reopened_at IS NOT NULL",
    "policy proposed": "SELECT version::text FROM approval_policies",
    "policy accepted": "SELECT version::text FROM approval_policies WHERE accepted_at IS NOT NULL",
    "delegation given": "SELECT id::text FROM delegations",
    "delegation accepted": "SELECT id::text FROM delegations WHERE accepted_at IS NOT NULL",
    "delegation withdrawn": "SELECT id::text FROM delegations WHERE withdrawn_at IS NOT NULL",
    "signature": "SELECT run_id || ' ' || revision || ' ' || user_id FROM approvals",
    "condition noted": "SELECT id::text FROM conditions_met",
    "condition confirmed": "SELECT id::text FROM conditions_met WHERE decision = 'confirmed'",
    "suspension": "SELECT p.code || ' ' || h.source_id FROM suspensions s JOIN programmes p ON p.id = s.programme_id"
    " JOIN households h ON h.id = s.household_id",
    "sheet": "SELECT sheet_id || ' ' || version FROM work_versions",
    "sheet signed": "SELECT sheet_id || ' ' || version FROM work_signatures",
    "part": "SELECT receipt FROM payouts",  # or all that was left: it is as much as was asked for
    "arrived": "SELECT reference FROM fund_movements WHERE kind IN ('receipt', 'prefunding')",
    "allocated": "SELECT reference FROM fund_movements WHERE kind = 'allocation'",
    "fund request": "SELECT number::text FROM fund_requests",
    "fund request confirmed": "SELECT r.number::text FROM fund_requests r JOIN fund_movements m ON m.id = r.id"
    " WHERE r.decision = 'confirmed'",
    "rate": "SELECT id::text FROM reference_rates",
    "rate confirmed": "SELECT id::text FROM reference_rates WHERE confirmed_at IS NOT NULL",
    "deal": "SELECT id::text FROM fx_deals",
    "deal confirmed": "SELECT id::text FROM fx_deals WHERE confirmed_at IS NOT NULL",
    "tariff": "SELECT version::text FROM tariffs",
    "tariff accepted": "SELECT version::text FROM tariffs WHERE accepted_at IS NOT NULL",
    "line reported": "SELECT id::text FROM line_findings",
    "line confirmed": "SELECT id::text FROM line_findings WHERE confirmed_at IS NOT NULL",
    "match undone": "SELECT finding_id::text FROM undone_matches",
    "top-up": "SELECT id::text FROM top_ups",
    "top-up accepted": "SELECT id::text FROM top_ups WHERE decision = 'accepted'",
    "prices": "SELECT id::text FROM price_rounds WHERE latest > 0",
    "value": "SELECT id::text FROM transfer_values",
    "value accepted": "SELECT id::text FROM transfer_values WHERE decision = 'accepted'",
    "waiver": "SELECT number::text FROM waivers",
    "waiver granted": "SELECT w.number::text FROM waivers w JOIN waiver_decisions d ON d.waiver_id = w.id"
    " WHERE d.what = 'granted'",
    "waiver ended": "SELECT w.number::text FROM waivers w JOIN waiver_decisions d ON d.waiver_id = w.id"
    " WHERE d.what = 'revoked'",
    "withdrawal": "SELECT id::text FROM withdrawals",
    "withdrawal confirmed": "SELECT id::text FROM withdrawals WHERE confirmed_at IS NOT NULL",
}
