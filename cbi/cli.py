"""The door at the terminal: `cbi`. Exit codes: 0 done, 1 refused (with the reason), 2 not a way to call it."""

import gc
import sys

import typer

from cbi.demo.command import demo
from cbi.terminal import (
    appeals,
    areas,
    assessments,
    audit,
    cards,
    complaints,
    consent,
    consent_lists,
    counter,
    deployment,
    disclosures,
    enrolment,
    exports,
    fx,
    household_acts,
    lines,
    linkage_exchange,
    months,
    moving,
    payments,
    people,
    prices,
    protection,
    reaching_back,
    receivables,
    referrals,
    refusals,
    scorecards,
    signing,
    standstill,
    statements,
    tariffs,
    texts,
    top_ups,
    values,
    waivers,
    withdrawing,
    work,
)

app = typer.Typer(
    name="cbi",
    help="Gets cash to people who need it, and proves where every cent went.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(deployment.office, name="office")
app.add_typer(deployment.database, name="db")
app.add_typer(people.users, name="user")
app.add_typer(linkage_exchange.registry, name="registry")
app.add_typer(areas.areas, name="areas")
app.add_typer(household_acts.households, name="household")
app.add_typer(referrals.referrals, name="referral")
app.add_typer(consent.notices, name="notice")
app.add_typer(consent_lists.consents, name="consent")
app.add_typer(protection.person, name="person")
app.add_typer(protection.erasure, name="erasure")
app.add_typer(exports.exports, name="export")
app.add_typer(disclosures.disclosures, name="disclosure")
app.add_typer(protection.keys, name="keys")
app.add_typer(scorecards.scorecards, name="scorecard")
app.add_typer(assessments.assessments, name="assess")
app.add_typer(appeals.appeals, name="appeal")
app.add_typer(reaching_back.programmes, name="programme")
app.add_typer(enrolment.conditions, name="condition")
app.add_typer(prices.baskets, name="basket")
app.add_typer(prices.prices, name="prices")
app.add_typer(values.values, name="value")
app.add_typer(moving.funds, name="fund")
app.add_typer(fx.fx, name="fx")
app.add_typer(months.books, name="books")
moving.cycles.add_typer(top_ups.top_ups, name="top-up")
app.add_typer(moving.cycles, name="cycle")
app.add_typer(work.work, name="work")
app.add_typer(withdrawing.runs, name="run")
app.add_typer(signing.policy, name="approval-policy")
app.add_typer(signing.delegations, name="delegation")
app.add_typer(waivers.waivers, name="waiver")
app.add_typer(tariffs.tariffs, name="tariff")
app.add_typer(payments.payments, name="payment")
app.add_typer(receivables.receivables, name="receivable")
app.add_typer(counter.counters, name="counter")
app.add_typer(cards.cards, name="card")
app.add_typer(texts.messages, name="messages")
app.add_typer(lines.statement, name="statement")
app.add_typer(statements.discrepancy, name="discrepancy")
app.add_typer(complaints.complaints, name="complaints")
app.add_typer(audit.audit, name="audit")
app.add_typer(standstill.standstills, name="standstill")
for command in (
    demo,
    deployment.serve,
    deployment.worker,
    deployment.scheduler,
    deployment.verify,
    deployment.doctor,
    statements.reconcile,
    texts.phone,
):
    app.command()(command)
app.command("refuse")(refusals.refuse)
app.command("refusals")(refusals.refused)


def main() -> None:
    """Run a command; a refusal is one sentence on standard error, never a traceback."""
    # What a command imports is never garbage: searching it again and again takes a fifth of the time to start.
    gc.set_threshold(50_000)

    from cbi.errors import CbiError
    from cbi.terminal.output import refuse

    try:
        app()
    except CbiError as refusal:
        refuse(refusal.message, refusal.next_step)
        sys.exit(1)
    except Exception as error:
        from sqlalchemy.exc import DBAPIError

        from cbi.db import sqlstate, trouble

        if said := trouble(error):
            refuse(*said)
            sys.exit(1)
        if not isinstance(error, DBAPIError):
            raise
        # Not what PostgreSQL says, and no traceback: either can quote a person's data.
        kind = f"{type(error.orig).__name__} {sqlstate(error) or ''}".strip()
        refuse(
            f"The database did not take this ({kind}).",
            "Look for a value that is far too large or is not text. If there is none, see: cbi doctor",
        )
        sys.exit(1)
