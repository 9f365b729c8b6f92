"""Households live: members come and go, households split and merge, and every change is a row that stays."""
