"""Who may be the same person as somebody else: found by how names sound and what else is known, decided by people."""
