"""Finds the installed adapters, and loads only those that the deployment names.

Installing a package must never start moving money, so nothing is imported before it is asked for.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points

from cbi.fsp.adapter import FspAdapter
from cbi.fsp.errors import AdapterUnavailable

GROUP = "cbi.fsp"
CONTRACT_VERSION = 1
"""Raised when an adapter written against the last one would no longer be right."""


@dataclass(frozen=True, slots=True)
class Plugin:
    """What an entry point of the group `cbi.fsp` names.

    `contract_version` has no default on purpose: it says what the author wrote against. `build`
    takes the adapter's own settings (the variables `CBI_FSP_<NAME>_…` without the prefix).
    """

    contract_version: int
    build: Callable[[Mapping[str, str]], FspAdapter]


def _distribution(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else "an unnamed distribution"


def installed() -> dict[str, tuple[str, ...]]:
    """Every adapter that could be loaded, with the distributions that offer it. Imports none."""
    found: dict[str, set[str]] = {}
    for entry in entry_points(group=GROUP):
        found.setdefault(entry.name, set()).add(_distribution(entry))
    return {name: tuple(sorted(offers)) for name, offers in sorted(found.items())}


def load(name: str, settings: Mapping[str, str], allowed: Collection[str]) -> FspAdapter:
    """Build the adapter of that name. Raises AdapterUnavailable, or UnusableSetting from it."""
    if name not in allowed:
        raise AdapterUnavailable(
            f"This deployment does not use the provider {name!r}.",
            next_step="Add it to CBI_PROVIDERS if it should.",
        )
    plugin = _plugin(_entry(name))
    if plugin.contract_version != CONTRACT_VERSION:
        raise AdapterUnavailable(
            f"The adapter {name!r} was written for version {plugin.contract_version} of the "
            f"contract, and this engine has version {CONTRACT_VERSION}.",
            next_step="Install versions that go together.",
        )
    adapter = plugin.build(settings)
    if adapter.profile.name != name:
        raise AdapterUnavailable(
            f"The adapter installed as {name!r} calls itself {adapter.profile.name!r}.",
            next_step="Its statements and payments would not be found again: tell its author.",
        )
    return adapter


def _entry(name: str) -> EntryPoint:
    offers = {(_distribution(e), e.value): e for e in entry_points(group=GROUP) if e.name == name}
    if not offers:
        raise AdapterUnavailable(
            f"No adapter for the provider {name!r} is installed.",
            next_step=f"Installed are: {', '.join(installed()) or 'none'}.",
        )
    if len(offers) > 1:
        raise AdapterUnavailable(
            f"More than one package offers the provider {name!r}: "
            f"{', '.join(sorted(f'{dist} ({value})' for dist, value in offers))}.",
            next_step="Uninstall all but the one you trust.",
        )
    return next(iter(offers.values()))


def _plugin(entry: EntryPoint) -> Plugin:
    try:
        plugin = entry.load()
    except (ImportError, AttributeError) as error:
        raise AdapterUnavailable(
            f"The adapter {entry.name!r} of {_distribution(entry)} cannot be imported: {error}.",
            next_step="Install it again, with what it depends on.",
        ) from error
    if not isinstance(plugin, Plugin):
        raise AdapterUnavailable(
            f"The entry point {entry.name!r} of {_distribution(entry)} is not a Plugin.",
            next_step="It must name a cbi.fsp.discovery.Plugin: tell its author.",
        )
    return plugin
