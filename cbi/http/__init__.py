"""What every HTTP request shares: its session, its principal, repeated requests, pages, problems."""
