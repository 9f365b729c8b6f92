"""Handing payments to their providers, once each, and hearing what became of them."""
