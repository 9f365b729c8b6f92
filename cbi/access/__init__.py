"""Who may do what: people, their roles, sign-in and one-time codes."""
