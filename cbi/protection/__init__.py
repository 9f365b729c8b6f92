"""Who may know: who looked at whose data, whose data is destroyed, and what is left when it is."""
