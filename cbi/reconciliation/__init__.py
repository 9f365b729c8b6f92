"""Did it really happen: statements, matches, discrepancies."""
