"""Who must sign a payment run, who may, what keeps it from being signed, and the signatures themselves."""
