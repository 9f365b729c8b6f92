"""Payments that were not paid: tried anew, given up, or taken back by two people."""
