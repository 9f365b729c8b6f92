"""Promises about the days on which money took effect: a paper's where one says so, else the day on which it was booked."""

from cbi.proofs.promise import none_of

in_one_place = (
    none_of(
        "fund movement {reference} took effect on {value_date} by its paper, and in the books on {effective_on}",
        "SELECT m.reference, m.value_date, t.effective_on FROM fund_movements m JOIN transfers t ON t.source_id = m.id"
        " WHERE t.effective_on <> m.value_date",
    ),
    none_of(
        "deal {reference} took effect on {value_date} by its ticket, and in the books on {effective_on}",
        "SELECT d.reference, d.value_date, t.effective_on FROM fx_deals d JOIN transfers t ON t.source_id = d.id"
        " WHERE t.effective_on <> d.value_date",
    ),
    none_of(
        "transfer {id} ({entry}) took effect on {effective_on}, and no paper says so",
        # A day to each side, because the moment is in no office's time here.
        "SELECT t.id, t.entry, t.effective_on FROM transfers t WHERE t.effective_on NOT BETWEEN"
        " (t.recorded_at AT TIME ZONE 'UTC')::date - 1 AND (t.recorded_at AT TIME ZONE 'UTC')::date + 1"
        " AND NOT EXISTS (SELECT 1 FROM fund_movements m WHERE m.id = t.source_id)"
        " AND NOT EXISTS (SELECT 1 FROM fx_deals d WHERE d.id = t.source_id AND d.value_date IS NOT NULL)",
    ),
    none_of(
        "fund movement {reference} took effect on {value_date}, and the audit log says {said}",
        "SELECT m.reference, m.value_date, e.details ->> 'value_date' AS said FROM audit_entries e"
        " JOIN fund_movements m ON m.id::text = e.subject_id WHERE e.subject_kind = 'fund_movement'"
        " AND e.details ->> 'value_date' <> m.value_date::text",
    ),
    none_of(
        "fund movement {reference} took effect on {value_date}, and not when its request says that the money came back",
        "SELECT m.reference, m.value_date FROM fund_movements m JOIN fund_requests q ON q.id = m.id"
        " WHERE q.value_date <> m.value_date",
    ),
)
