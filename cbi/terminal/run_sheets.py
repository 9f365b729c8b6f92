"""The run sheet in a terminal: what an approver reads before signing."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cbi.payments.runs.queries import RouteLine, RunSheet, StateTotal
    from cbi.payments.runs.summaries import Summary


def print_sheet(sheet: "RunSheet") -> None:
    """What an approver sees before signing."""
    from cbi.terminal.output import show

    line, facts, money = sheet.line, sheet.summary, sheet.money
    show(
        {
            f"Run {line.number}": f"{line.programme} {line.period}, by {', '.join(line.providers)}: {line.state}",
            **{
                f"! {each.code}": each.sentence
                + (f" ({each.payments:,} payments)" if each.payments else "")
                + (f": {each.amount}" if each.amount else "")
                + (f"; {each.worst} found, {each.at_most} pass" if each.worst else "")
                + ("; nobody can sign it like this" if each.blocks else "")
                for each in sheet.cautions
            },
            **{f"Waiver {each.number}": each.sentence for each in sheet.waivers},
            "Payments": f"{line.payments:,} to {facts.households:,} households, together {line.total}",
            **{
                f"  by {part.provider}": f"{part.payments:,}, together {part.total}{_waits(part)}"
                for part in sheet.routes
                if len(sheet.routes) > 1 or part.waiting
            },
            "Spread": f"{facts.smallest} smallest, {facts.median} median, {facts.largest} largest",
            "Fund": f"{money.fund}, until {money.valid_to}",
            **_funding(sheet),
            "Budget": f"{money.budget_now} now, {money.budget_after} after"
            + (f", and {money.promised} wait in other runs" if money.promised else ""),
            **{
                f"Changed from {each.sold.currency}": f"{each.sold} for {each.bought}: {each.average.about}"
                for each in sheet.changed
            },
            **{
                f"Fees {each.provider}": f"{each.expected} expected by tariff {each.tariff}, {each.held} set aside"
                for each in money.fees
            },
            **{
                f"Float {each.provider}": f"{each.held} now, {each.after} after"
                for each in money.floats
            },
            **_changed(facts),
            **{
                f"Follows run {each.run}": f"{each.payments:,} payments that were given up in it, together {each.total}"
                for each in sheet.follows
            },
            **_on_top(sheet),
            "Digest": sheet.digest or "not locked",
            **_signed(sheet),
        }
    )


def _funding(sheet: "RunSheet") -> dict[str, str]:
    """Why the fund pays the run, and why not an earlier one."""
    if sheet.funding is None:
        return {}
    return {"  why it": sheet.funding.sentence} | {
        f"  not {each.fund}, {each.why.value}": f"{each.payments:,} payments: {each.why.sentence}"
        for each in sheet.funding.passed
    }


def _on_top(sheet: "RunSheet") -> dict[str, str]:
    """That the run pays a top-up, on top of which runs, and who decided so."""
    top = sheet.on_top
    if top is None:
        return {}
    runs = ", ".join(map(str, top.runs)) or "no run yet"
    return {
        f"Top-up {top.number}": f"to cycle {top.period} (run {runs}), together {top.total}: {top.reason}",
        "  decided": f"{top.reference}, proposed by {top.proposed_by}, accepted by {top.accepted_by}",
    }


def _signed(sheet: "RunSheet") -> dict[str, str]:
    """Each signature that the run takes, in order, and why it takes them."""
    facts = {
        f"Signature {place}": each.step
        + (
            f": {each.by}{f' for {each.instead_of}' if each.instead_of else ''}, {each.at:%Y-%m-%d %H:%M} UTC"
            if each.at
            else ": by nobody yet"
        )
        for place, each in enumerate(sheet.signatures, 1)
    }
    if sheet.required and sheet.required.counted and sheet.required.policy:
        facts["Because"] = sheet.required.counted.sentence
        facts |= {
            f"Exchange rate {place}": str(quoted)
            for place, quoted in enumerate(sheet.required.counted.rates, 1)
        }
    return facts


def _waits(part: "RouteLine") -> str:
    """What of a part of the run is not handed over yet, and why."""
    words = f"; {part.waiting:,} wait" if part.waiting else ""
    if part.held:
        words += f", {part.held:,} of them for a discrepancy to be settled"
    if part.in_pairs:
        words += (
            f", {part.in_pairs:,} of them until it is decided whether somebody is on record twice"
        )
    if part.waiting and part.waits_until:
        from cbi.terminal.output import at

        words += f"; it took nothing and is tried again at {at(part.waits_until)}"
    return words


def _changed(facts: "Summary") -> dict[str, str]:
    from cbi.payments.runs.sheet_models import CHANGES, FindingKind

    if facts.against is None:
        return {"Changes": "first run of the programme"}
    words = {
        FindingKind.NEW: "new",
        FindingKind.GONE: "gone",
        FindingKind.AMOUNT: "other amount",
        FindingKind.ACCOUNT: "other telephone or account",
    }
    return {
        f"Against {facts.against.period}": f"{facts.against.payments:,}, {facts.against.total}"
    } | {
        f"  {words[kind]}": f"{found.payments:,}: {found.before} before, {found.after} now"
        for kind in CHANGES
        if (found := facts.of(kind)).payments
    }


def print_totals(totals: "list[StateTotal]") -> None:
    """The payments by state, with their sum; where some were handed over in parts, with what was and the rest."""
    from functools import reduce
    from operator import add, attrgetter

    from cbi.terminal.output import table

    columns = {"Total#": attrgetter("total")}
    if any(0 < line.handed_over.minor < line.total.minor for line in totals):
        columns |= {"Handed over#": attrgetter("handed_over"), "Rest#": attrgetter("rest")}
    sums = (reduce(add, map(of, totals)) if totals else "" for of in columns.values())
    table(
        "Payments",
        ["State", "Payments#", *columns],
        [(line.state, line.payments, *(of(line) for of in columns.values())) for line in totals],
        totals=("all", sum(line.payments for line in totals), *sums),
    )
