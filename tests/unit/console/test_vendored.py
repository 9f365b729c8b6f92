"""What others wrote stands in the tree unchanged, and everything the pages need travels in the wheel."""

import hashlib
import re
import subprocess
import sys
import zipfile
from pathlib import Path

from cbi import console
from cbi.console import assets

CONSOLE = Path(console.__file__).parent
VENDOR = CONSOLE / "static" / "vendor"
LINE = re.compile(r"^\| `([^`]+)` \|.*\| `([0-9a-f]{64})` \|$", re.MULTILINE)


def test_every_vendored_file_has_the_sum_that_is_written_down() -> None:
    written = dict(LINE.findall((VENDOR / "VENDOR.md").read_text()))
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.iterdir()
        if path.name != "VENDOR.md"
    }
    assert found == written


def test_our_own_style_sheets_mirror_for_languages_from_right_to_left() -> None:
    sided = re.compile(
        r"(?<![\w-])(left|right|(margin|padding|border)-(left|right)[\w-]*|float)\s*:|text-align:\s*left"
    )
    for path in (CONSOLE / "static").glob("*.css"):
        assert not sided.search(path.read_text()), path.name


def test_an_asset_has_its_digest_in_its_address_and_is_sent_compressed() -> None:
    for name, asset in assets.every().items():
        assert re.fullmatch(rf"/static/[0-9a-f]{{16}}/{re.escape(name)}", asset.address)
        assert len(asset.packed) < len(asset.plain) or len(asset.plain) < 1000


def test_templates_styles_and_catalogues_travel_in_the_wheel(tmp_path: Path) -> None:
    root = CONSOLE.parents[1]
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=root, check=True, capture_output=True,
    )  # fmt: skip
    (wheel,) = tmp_path.glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    needed = {
        path.relative_to(root).as_posix()
        for folder in ("templates", "static", "locales")
        for path in (CONSOLE / folder).rglob("*.*")
    }
    assert needed
    assert needed - packed == set()
