"""Payment runs: built from what is owed, funded, looked over, locked, and closed when nothing of them is open."""
