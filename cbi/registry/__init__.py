"""Who may receive: households, people, and what is known of them."""
