"""Reads what a deployment tells one adapter, and refuses what it does not understand."""

from collections.abc import Iterable, Mapping

from cbi.fsp.errors import UnusableSetting

_YES_NO = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


def settings_of(
    name: str, environ: Mapping[str, str], names: Iterable[str] = (), *, prefix: str = "CBI_FSP_"
) -> dict[str, str]:
    """The variables `CBI_FSP_<NAME>_…` for one adapter, without the prefix.

    `names` are all adapters of the deployment, so that `post` is not given what is meant for
    `post_office`.
    """
    own = f"{prefix}{name.upper()}_"
    others = (f"{prefix}{other.upper()}_" for other in names)
    longer = tuple(other for other in others if len(other) > len(own))
    return {
        key[len(own) :]: text
        for key, text in environ.items()
        if key.startswith(own) and not key.startswith(longer)
    }


class AdapterSettings:
    """The settings of one adapter, each taken once; `done` refuses what nobody asked for.

    Every method raises UnusableSetting, naming the variable and never its value.
    """

    def __init__(self, name: str, given: Mapping[str, str], *, prefix: str = "CBI_FSP_") -> None:
        self._prefix = f"{prefix}{name.upper()}_"
        self._left = {key.upper(): text.strip() for key, text in given.items()}

    def refuse(self, key: str, what: str) -> UnusableSetting:
        """The error that says what is wrong with a setting."""
        return UnusableSetting(
            f"{self._prefix}{key} {what}.",
            next_step="Correct it in the environment and start again; docs/adapters.md lists them.",
            setting=f"{self._prefix}{key}",
        )

    def text(self, key: str, default: str = "") -> str:
        """A text; an empty one counts as absent."""
        return self._left.pop(key, "") or default

    def number(self, key: str, default: int) -> int:
        """A whole number."""
        text = self._left.pop(key, "")
        if not text:
            return default
        if not (text.isascii() and text.isdigit() and len(text) <= 18):
            raise self.refuse(key, "must be a whole number")
        return int(text)

    def yes_no(self, key: str, *, default: bool) -> bool:
        """`yes` or `no`."""
        text = self._left.pop(key, "")
        if text and text.lower() not in _YES_NO:
            raise self.refuse(key, "must be yes or no")
        return _YES_NO[text.lower()] if text else default

    def pairs(self, start: str) -> dict[str, str]:
        """Every setting whose name begins so, by the rest of its name: `STEP_DZD` under `DZD`."""
        keys = [key for key in self._left if key.startswith(start)]
        return {key[len(start) :]: self._left.pop(key) for key in keys}

    def done(self) -> None:
        """Refuse settings that were not asked for: a misspelt limit must not be no limit."""
        for key in sorted(self._left):
            raise self.refuse(key, "is not a setting of this provider")
