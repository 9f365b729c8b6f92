"""Only the providers that a deployment names are ever loaded, and nothing about them is guessed."""

import subprocess
import sys
from pathlib import Path

import pytest

from cbi.fsp.adapter import capabilities
from cbi.fsp.discovery import installed, load
from cbi.fsp.errors import AdapterUnavailable, UnusableSetting

_PLUGIN = """
from types import SimpleNamespace
from cbi.fsp.discovery import Plugin
adapter = SimpleNamespace(profile=SimpleNamespace(name="{calls_itself}"), redact=str)
PLUGIN = Plugin(contract_version={version}, build=lambda settings: adapter)
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of installed packages."""
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def _install(
    site: Path,
    distribution: str,
    *,
    name: str = "wallet",
    calls_itself: str = "wallet",
    version: int = 1,
    attribute: str = "PLUGIN",
) -> None:
    module = distribution.replace("-", "_")
    metadata = site / f"{module}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n"
    )
    (metadata / "entry_points.txt").write_text(f"[cbi.fsp]\n{name} = {module}:{attribute}\n")
    code = _PLUGIN.format(calls_itself=calls_itself, version=version)
    (site / f"{module}.py").write_text(code)


def test_the_built_in_adapters_are_found_like_any_other() -> None:
    assert {"sandbox", "post_office"} <= installed().keys()
    assert "PaysOverCounter" in capabilities(load("post_office", {}, ["post_office"]))
    assert "SubmitsPayments" in capabilities(load("sandbox", {}, ("sandbox", "post_office")))


def test_a_package_of_somebody_else_is_found_and_loaded(site: Path) -> None:
    _install(site, "fsp-of-a-third-party-a")
    assert installed()["wallet"] == ("fsp-of-a-third-party-a",)
    assert load("wallet", {}, ["wallet"]).profile.name == "wallet"


def test_an_installed_provider_that_is_not_named_is_never_imported(site: Path) -> None:
    _install(site, "fsp-of-a-third-party-b")
    with pytest.raises(AdapterUnavailable, match="does not use"):
        load("wallet", {}, ["post_office"])
    load("post_office", {}, ["post_office"])
    assert "fsp_of_a_third_party_b" not in sys.modules


def test_a_provider_that_two_packages_offer_is_not_chosen_by_chance(site: Path) -> None:
    _install(site, "fsp-of-a-third-party-c")
    _install(site, "fsp-of-a-third-party-d")
    with pytest.raises(AdapterUnavailable, match=r"party-c .* fsp-of-a-third-party-d"):
        load("wallet", {}, ["wallet"])


def test_nobody_can_take_the_place_of_a_built_in_provider(site: Path) -> None:
    _install(site, "fsp-of-a-third-party-e", name="post_office", calls_itself="post_office")
    with pytest.raises(AdapterUnavailable, match="More than one"):
        load("post_office", {}, ["post_office"])


def test_an_adapter_for_another_contract_is_not_loaded(site: Path) -> None:
    _install(site, "fsp-of-a-third-party-f", version=2)
    with pytest.raises(AdapterUnavailable, match="version 2"):
        load("wallet", {}, ["wallet"])


def test_an_adapter_that_calls_itself_something_else_is_not_loaded(site: Path) -> None:
    _install(site, "fsp-of-a-third-party-g", calls_itself="sandbox")
    with pytest.raises(AdapterUnavailable, match="calls itself"):
        load("wallet", {}, ["wallet"])


@pytest.mark.parametrize("attribute", ["MISSING", "adapter"])
def test_an_entry_point_that_names_no_plugin_is_not_loaded(site: Path, attribute: str) -> None:
    _install(site, f"fsp-of-a-third-party-{attribute.lower()}", attribute=attribute)
    with pytest.raises(AdapterUnavailable):
        load("wallet", {}, ["wallet"])


def test_a_provider_that_is_not_installed_is_missed_by_name() -> None:
    with pytest.raises(AdapterUnavailable, match="'nowhere' is installed") as refusal:
        load("nowhere", {}, ["nowhere"])
    assert "post_office" in refusal.value.next_step


def test_settings_that_an_adapter_refuses_stop_the_start() -> None:
    with pytest.raises(UnusableSetting):
        load("post_office", {"MAXIMUN_DZD": "5"}, ["post_office"])


def test_the_contract_needs_no_database_no_web_and_no_test_library() -> None:
    names = (
        "adapter",
        "counter",
        "discovery",
        "errors",
        "keys",
        "messages",
        "settings",
        "statements",
    )
    imports = ", ".join(f"cbi.fsp.{name}" for name in names)
    heavy = "{'sqlalchemy', 'fastapi', 'pydantic', 'pytest', 'psycopg'}"
    code = f"import sys, {imports}; print(sorted({heavy} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
