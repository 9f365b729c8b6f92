"""Finds the adapter of a source that the deployment names, and loads no other."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points

from cbi.fsp.errors import AdapterUnavailable
from cbi.sources.source import SubmissionSource

GROUP = "cbi.sources"
CONTRACT_VERSION = 1


@dataclass(frozen=True, slots=True)
class Plugin:
    """What an entry point of the group `cbi.sources` names.

    `build` takes the source's name and its own settings (`CBI_SOURCE_<NAME>_…` without the prefix).
    """

    contract_version: int
    build: Callable[[str, Mapping[str, str]], SubmissionSource]


def load(adapter: str, name: str, settings: Mapping[str, str]) -> SubmissionSource:
    """Build a source by its adapter. Raises AdapterUnavailable, or UnusableSetting from it."""
    found = {entry.value: entry for entry in entry_points(group=GROUP) if entry.name == adapter}
    if len(found) != 1:
        how_many = "More than one package offers" if found else "No package offers"
        raise AdapterUnavailable(
            f"{how_many} the adapter {adapter!r} for the source {name!r}.",
            next_step=f"Set CBI_SOURCE_{name.upper()}_ADAPTER to one of: "
            f"{', '.join(sorted({entry.name for entry in entry_points(group=GROUP)})) or '(none installed)'}.",
        )
    (entry,) = found.values()
    try:
        plugin = entry.load()
    except (ImportError, AttributeError) as error:
        raise AdapterUnavailable(
            f"The adapter {adapter!r} cannot be imported: {error}.",
            next_step="Install it again, with what it depends on.",
        ) from error
    if not isinstance(plugin, Plugin) or plugin.contract_version != CONTRACT_VERSION:
        raise AdapterUnavailable(
            f"The adapter {adapter!r} was not written for version {CONTRACT_VERSION} of the contract.",
            next_step="Install versions that go together.",
        )
    return plugin.build(name, settings)
