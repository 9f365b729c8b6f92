"""What recipients say to us by text message, and what we answer."""
