"""Closing a calendar month: what has to be done before, what two people then certify, and how it is opened again."""
