"""The sources of submissions that this deployment names, each with the mapping that its form is read by."""

import os
from dataclasses import dataclass
from pathlib import Path

from cbi.errors import Invalid, NotFound
from cbi.fsp.settings import settings_of
from cbi.registry.intake.mapping import ColumnMapping
from cbi.registry.intake.mapping_files import load_mapping
from cbi.registry.intake.xlsforms import read_form, with_form
from cbi.settings import settings
from cbi.sources import discovery
from cbi.sources.source import SubmissionSource

PREFIX = "CBI_SOURCE_"
_OURS = ("ADAPTER", "OFFICE", "MAPPING", "FORM", "HOURLY")


class UnknownSource(NotFound):
    """The deployment names no such source."""

    code = "registry.unknown_source"


class UnusableSource(Invalid):
    """A source cannot be used with the settings it has."""

    code = "registry.unusable_source"


@dataclass(frozen=True, slots=True)
class Source:
    """A source as the deployment names it: whose office it is for, and whether the clock fetches from it."""

    name: str
    adapter: str
    office: str
    mapping: Path
    form: Path | None
    is_hourly: bool

    def opened(self) -> SubmissionSource:
        """The source, ready to be asked. Raises AdapterUnavailable, UnusableSetting."""
        given = {key: text for key, text in _given(self.name).items() if key not in _OURS}
        return discovery.load(self.adapter, self.name, given)

    def mapped(self, language: str) -> ColumnMapping:
        """How its submissions are read; `language`: of labels, where the mapping says none. Raises UnusableSource."""
        try:
            mapping = load_mapping(self.mapping.read_text("utf-8-sig", errors="replace"))
            return with_form(mapping, read_form(self.form), language) if self.form else mapping
        except OSError as error:
            raise UnusableSource(
                f"The mapping file or the form of the source {self.name!r} cannot be read.",
                next_step=f"Check {PREFIX}{self.name.upper()}_MAPPING and …_FORM.",
            ) from error


def _given(name: str) -> dict[str, str]:
    return settings_of(name, os.environ, settings().sources, prefix=PREFIX)


def source(name: str) -> Source:
    """The source of this name. Raises UnknownSource, UnusableSource."""
    if name not in settings().sources:
        raise UnknownSource(
            f"This deployment has no source {name!r}.",
            next_step=f"It has: {', '.join(settings().sources) or 'none'} (CBI_SOURCES).",
        )
    given = {key: text.strip() for key, text in _given(name).items()}
    for key in ("OFFICE", "MAPPING"):
        if not given.get(key):
            raise UnusableSource(
                f"The source {name!r} lacks {PREFIX}{name.upper()}_{key}.",
                next_step="docs/sources.md lists what a source needs.",
            )
    return Source(
        name, given.get("ADAPTER") or name, given["OFFICE"], Path(given["MAPPING"]),
        Path(given["FORM"]) if given.get("FORM") else None, given.get("HOURLY", "").lower() in {"yes", "true", "1"},
    )  # fmt: skip


def sources(office: str) -> list[Source]:
    """The sources that are this office's. Raises UnusableSource."""
    return [each for each in map(source, settings().sources) if each.office == office]
