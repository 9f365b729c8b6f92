"""The web pages for staff and tellers: sign-in, approvals, the counter, discrepancies and the front page."""
