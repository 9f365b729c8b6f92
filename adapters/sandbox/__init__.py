"""A provider in memory, for demonstrations, tests and new developers. It moves no money."""

from adapters.sandbox.adapter import build
from cbi.fsp.discovery import Plugin

PLUGIN = Plugin(contract_version=1, build=build)
