"""Getting it to them: runs, approvals, sending, and what came of it."""
