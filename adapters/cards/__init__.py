"""Prepaid cards through Stripe Issuing: a card for each recipient, and value as the limit of what it may spend."""

from adapters.cards.adapter import build
from cbi.fsp.discovery import Plugin

PLUGIN = Plugin(contract_version=1, build=build)
