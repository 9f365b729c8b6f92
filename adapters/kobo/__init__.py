"""A KoboToolbox server: submissions of one form, fetched through its REST API (version 2)."""

from adapters.kobo.source import build
from cbi.sources.discovery import Plugin

PLUGIN = Plugin(contract_version=1, build=build)
