"""The templates of the pages, one environment for each language."""

from datetime import datetime
from functools import cache, partial
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from cbi.console import assets, formats
from cbi.console.languages import NAMES, RIGHT_TO_LEFT, texts


@cache
def environment(language: str) -> Environment:
    """Templates that speak this language. Whatever is printed is escaped; an unknown name is an error.

    Filters: `amount` (Money), `number`, `day` (date), `age` (datetime), `digest`. Functions: `instant(when, timezone)`,
    `asset(name)`, and gettext's `_`, `ngettext`.
    """
    made = Environment(
        loader=PackageLoader("cbi.console"),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    spoken = texts(language)
    made.install_gettext_callables(spoken.gettext, spoken.ngettext, newstyle=True)  # type: ignore[attr-defined]
    made.filters |= {
        name: partial(write, language=language)
        for name, write in (
            ("amount", formats.amount),
            ("number", formats.number),
            ("day", formats.day),
            ("age", formats.age),
        )
    }
    made.filters["digest"] = formats.digest
    made.globals |= {
        "asset": assets.address,
        "instant": lambda when, timezone: _instant(when, timezone, language),
        "language": language,
        "languages": NAMES,
        "direction": "rtl" if language in RIGHT_TO_LEFT else "ltr",
    }
    return made


def _instant(when: datetime, timezone: ZoneInfo, language: str) -> Markup:
    return formats.instant(when, language, timezone)
