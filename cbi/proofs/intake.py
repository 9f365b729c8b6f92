"""Promises about lists: what is said to have landed is there, what was read is gone, and a row ends by what ended it."""

from cbi.proofs.promise import none_of

as_brought = (
    none_of(
        "import {id} says that {rows_landed} households landed, and {there} are in the registry",
        "SELECT i.id, i.rows_landed, count(h.id) AS there FROM imports i LEFT JOIN households h ON h.import_id = i.id"
        " GROUP BY i.id HAVING count(h.id) < i.rows_landed",
    ),
    none_of(
        "import {id} says that {rows_total} households were read, which is not the sum of what became of them",
        "SELECT id, rows_total FROM imports WHERE rows_total <> rows_landed + rows_unchanged + rows_rejected",
    ),
    none_of(
        "import {id} has {waiting} parts that wait, and should have {expected}",
        "SELECT i.id, count(p.number) AS waiting, i.parts - i.parts_done AS expected FROM imports i"
        " LEFT JOIN import_parts p ON p.import_id = i.id GROUP BY i.id"
        " HAVING count(p.number) <> i.parts - i.parts_done",
    ),
    none_of(
        "rejected row {id} is said to have landed, and its household is not in the registry",
        "SELECT e.rejected_row_id AS id FROM rejected_row_ends e JOIN rejected_rows r ON r.id = e.rejected_row_id"
        " JOIN imports i ON i.id = r.import_id WHERE e.ending IN ('landed', 'unchanged') AND e.source_id IS NOT NULL"
        " AND NOT EXISTS (SELECT 1 FROM households h WHERE h.source = i.source AND h.source_id = e.source_id)",
    ),
    none_of(
        "workbook {number} took {rows} rejected rows, and {seen} are noted as seen; or the audit log says otherwise",
        "SELECT w.number, w.rows, count(v.id) AS seen FROM row_workbooks w"
        " LEFT JOIN rejected_row_views v ON v.workbook = w.number AND v.actor_id IS NOT DISTINCT FROM w.taken_by"
        " GROUP BY w.number HAVING count(v.id) <> w.rows OR NOT EXISTS (SELECT FROM audit_entries a"
        " WHERE a.act = 'registry.rejected_rows_taken' AND a.subject_id = w.number::text"
        " AND a.actor_id IS NOT DISTINCT FROM w.taken_by AND a.details ->> 'rows' = w.rows::text)",
    ),
    none_of(
        "workbook {subject_id} of rejected rows left, and nothing is known of it",
        "SELECT a.subject_id FROM audit_entries a WHERE a.act = 'registry.rejected_rows_taken'"
        " AND NOT EXISTS (SELECT FROM row_workbooks w WHERE w.number::text = a.subject_id)",
    ),
)
