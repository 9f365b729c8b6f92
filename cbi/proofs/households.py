"""Promises about households: they are what their changes made of them, one member collects, and two people stand behind
whatever could make money or send it elsewhere.
"""

from cbi.proofs.promise import none_of

_ROLES = (
    "array_remove(ARRAY[CASE WHEN p.is_alternate THEN 'alternate' END, CASE WHEN p.is_recipient THEN 'collector' END,"
    " CASE WHEN p.is_head THEN 'head' END], NULL)"
)
_LAST_OF_PERSON = (
    "SELECT DISTINCT ON (person_id) person_id, household_after, gone_after, roles_after FROM changed_persons"
    " ORDER BY person_id, id DESC"
)
_LAST_OF_HOUSEHOLD = "SELECT DISTINCT ON (household_id) * FROM changed_households ORDER BY household_id, version_after DESC"

one_collects = (
    none_of(
        "household {household_id} has {collectors} primary collectors",
        "SELECT household_id, count(*) AS collectors FROM persons WHERE is_recipient GROUP BY household_id"
        " HAVING count(*) > 1",
    ),
    none_of(
        "the constraint {name} is missing or not valid",
        "SELECT 'uq_persons_recipient' AS name WHERE NOT EXISTS (SELECT 1 FROM pg_index i JOIN pg_class c"
        " ON c.oid = i.indexrelid WHERE c.relname = 'uq_persons_recipient'"
        " AND c.relnamespace = current_schema()::regnamespace AND i.indisunique AND i.indisvalid)",
    ),
    none_of(
        "somebody who is gone still does something for household {household_id}",
        "SELECT household_id FROM persons WHERE gone IS NOT NULL AND (is_head OR is_recipient OR is_alternate)",
    ),
)

as_recorded = (
    none_of(
        "household {household_id}: somebody in it is not where, or what, the last change says",
        f"SELECT p.household_id FROM persons p JOIN ({_LAST_OF_PERSON}) l ON l.person_id = p.id"
        f" WHERE (p.household_id, p.gone, {_ROLES}) IS DISTINCT FROM (l.household_after, l.gone_after, l.roles_after)",
    ),
    none_of(
        "household {household_id}: somebody came to it or went from it without a change that says so",
        "SELECT p.household_id FROM persons p WHERE (p.household_id <> p.registered_in OR p.gone IS NOT NULL)"
        " AND NOT EXISTS (SELECT 1 FROM changed_persons c WHERE c.person_id = p.id)",
    ),
    none_of(
        "household {household_after}: a change does not follow the one before it",
        "SELECT household_after FROM (SELECT c.household_before, c.household_after, c.gone_before, c.roles_before,"
        " p.registered_in, row_number() OVER w AS place, lag(c.household_after) OVER w AS home,"
        " lag(c.gone_after) OVER w AS gone, lag(c.roles_after) OVER w AS roles FROM changed_persons c"
        " LEFT JOIN persons p ON p.id = c.person_id WINDOW w AS (PARTITION BY c.person_id ORDER BY c.id)) lines"
        " WHERE CASE WHEN place = 1 THEN coalesce(household_before, household_after) IS DISTINCT FROM registered_in"
        " ELSE (household_before, gone_before, roles_before) IS DISTINCT FROM (home, gone, roles) END",
    ),
    none_of(
        "household {id} is not what the last change made of it",
        f"SELECT h.id FROM households h LEFT JOIN ({_LAST_OF_HOUSEHOLD}) l ON l.household_id = h.id"
        " WHERE h.version <> coalesce(l.version_after, 1) OR (l.household_id IS NOT NULL AND"
        " (h.status, h.size, h.language) IS DISTINCT FROM (l.status_after, l.size_after, l.language_after))",
    ),
    none_of(
        "household {household_id}: its version {version_after} does not follow the one before it",
        "SELECT household_id, version_after FROM (SELECT *, lag(version_after) OVER w AS version,"
        " lag(status_after) OVER w AS status, lag(size_after) OVER w AS size, lag(language_after) OVER w AS language"
        " FROM changed_households WINDOW w AS (PARTITION BY household_id ORDER BY version_after)) rows"
        " WHERE CASE WHEN version IS NULL THEN version_before > 1 ELSE (version_before, status_before, size_before,"
        " language_before) IS DISTINCT FROM (version, status, size, language) END",
    ),
    none_of(
        "change {id} of a household is not in the audit log",
        "SELECT c.id FROM household_changes c WHERE NOT EXISTS (SELECT 1 FROM audit_entries e"
        " WHERE e.subject_kind = 'household' AND e.act = 'household.' || c.kind AND e.details ->> 'change' = c.id::text"
        " AND e.actor_id IS NOT DISTINCT FROM coalesce(c.confirmed_by, c.recorded_by))",
    ),
)

_TOGETHER = (
    " EXISTS (SELECT 1 FROM changed_households a JOIN changed_households b USING (change_id)"
    " WHERE a.change_id = n.carried_by AND a.household_id = n.household_id AND b.household_id = o.household_id)"
)
_LATER = (
    "s.suspended_at <= c.recorded_at AND (s.resumed_at IS NULL OR s.resumed_at > c.recorded_at)"
)

followed_people = (
    none_of(
        "household {household_id} split off from one that was suspended, and the suspension did not follow",
        "SELECT n.household_id FROM followed_changes f JOIN household_changes c ON c.id = f.change_id"
        " JOIN changed_households o ON o.change_id = c.id AND o.version_before > 0"
        " JOIN changed_households n ON n.change_id = c.id AND n.version_before = 0"
        f" JOIN suspensions s ON s.household_id = o.household_id AND {_LATER}"
        " WHERE c.kind = 'split' AND f.followed_at >= c.recorded_at AND NOT EXISTS (SELECT 1 FROM suspensions x"
        " WHERE x.carried_from = s.id AND x.carried_by = c.id AND x.household_id = n.household_id)",
    ),
    none_of(
        "household {household_after} took in who led a suspended one, and the suspension did not follow",
        "WITH RECURSIVE copies(first_id, id) AS (SELECT carried_from, id FROM suspensions WHERE carried_from IS NOT NULL"
        " UNION SELECT c.first_id, s.id FROM copies c JOIN suspensions s ON s.carried_from = c.id)"
        " SELECT DISTINCT m.household_after FROM followed_changes f JOIN household_changes c ON c.id = f.change_id"
        " JOIN changed_persons m ON m.change_id = c.id AND m.household_before <> m.household_after"
        # Whoever left first did nothing there any more when they came: what they did until they went counts.
        " JOIN changed_persons l ON l.person_id = m.person_id AND l.id <= m.id AND l.gone_before IS NULL"
        " AND l.household_before <> m.household_after AND l.roles_before && ARRAY['head', 'collector']"
        " JOIN household_changes w ON w.id = l.change_id"
        f" JOIN suspensions s ON s.household_id = l.household_before AND {_LATER}"
        " LEFT JOIN household_changes b ON b.id = s.carried_by"
        " WHERE c.kind IN ('joined', 'returned') AND f.followed_at >= c.recorded_at"
        " AND (l.id = m.id OR w.recorded_at >= coalesce(b.recorded_at, s.suspended_at))"
        # Where it had followed them before and was looked at, it follows no further.
        " AND NOT EXISTS (SELECT 1 FROM copies y JOIN suspensions k ON k.id = y.id AND k.resumes_on IS NOT NULL"
        " JOIN changed_persons p ON p.household_before = k.household_id"
        " WHERE y.first_id = s.id AND p.person_id = m.person_id)"
        " AND NOT EXISTS (SELECT 1 FROM suspensions x WHERE x.household_id = m.household_after"
        " AND x.programme_id = s.programme_id"
        # It came with them, or stood there before and had not ended: one of later is for another reason.
        " AND (x.carried_from = s.id AND x.carried_by = c.id OR x.suspended_at <= greatest(c.recorded_at, f.followed_at)"
        " AND (x.resumed_at IS NULL OR x.resumed_at > c.recorded_at)))",
    ),
    none_of(
        "change {id} of households was not followed by suspensions when a cycle was opened",
        "SELECT c.id FROM household_changes c WHERE c.kind IN ('split', 'merged', 'unmerged', 'joined', 'returned')"
        " AND NOT EXISTS (SELECT 1 FROM followed_changes f WHERE f.change_id = c.id)"
        " AND EXISTS (SELECT 1 FROM cycles y WHERE y.opened_at > c.recorded_at)",
    ),
    none_of(
        "need {id} was carried over and is not what it was, or no change of households carried it",
        "SELECT n.id FROM household_needs n LEFT JOIN household_needs o ON o.id = n.carried_from"
        " WHERE n.carried_by IS NOT NULL AND ((o.key, o.word) IS DISTINCT FROM (n.key, n.word) OR NOT"
        f"{_TOGETHER})",
    ),
    none_of(
        "of need {carried_from} not as many were shared in a split as had it",
        "SELECT n.carried_from FROM household_needs n JOIN household_needs o ON o.id = n.carried_from"
        " WHERE n.reassess_by IS NULL GROUP BY n.carried_from, n.carried_by, o.members"
        " HAVING sum(n.members) <> o.members",
    ),
    none_of(
        "band {id} was carried over and is not what it was, or no change of households carried it",
        "SELECT n.id FROM household_bands n LEFT JOIN household_bands o ON o.id = n.carried_from"
        " WHERE n.carried_by IS NOT NULL AND ((o.scorecard, o.scorecard_version, o.band, o.word, o.assessed_on)"
        " IS DISTINCT FROM (n.scorecard, n.scorecard_version, n.band, n.word, n.assessed_on) OR NOT"
        f"{_TOGETHER})",
    ),
)

by_two = (
    none_of(
        "change {id} of a household, {kind}, was made by one person",
        "SELECT id, kind FROM household_changes WHERE kind NOT IN ('left', 'died', 'departed', 'merged', 'unmerged')"
        " AND (confirmed_by IS NULL OR confirmed_by = recorded_by)",
    ),
    none_of(
        "change {id} of a household is not what request {request_id} asked for, or nobody confirmed that",
        "SELECT c.id, c.request_id FROM household_changes c LEFT JOIN household_requests r ON r.id = c.request_id"
        " WHERE c.request_id IS NOT NULL AND (r.decision, r.kind, r.asked_by, r.decided_by) IS DISTINCT FROM"
        " ('confirmed', c.kind, c.recorded_by, c.confirmed_by)",
    ),
)
