"""A mobile money operator that speaks the GSMA Mobile Money API 1.2: money onto people's telephones."""

from adapters.mobile_money.adapter import build
from cbi.fsp.discovery import Plugin

PLUGIN = Plugin(contract_version=1, build=build)
