"""Money that moved otherwise than it was sent: found by two people, owed back, recovered or written off."""
