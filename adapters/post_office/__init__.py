"""A post office that pays cash over its counters against our codes, and sends a settlement file."""

from adapters.post_office.adapter import build
from cbi.fsp.discovery import Plugin

PLUGIN = Plugin(contract_version=1, build=build)
