"""The files in `examples/` work, and the documentation shows the example as it is."""

from pathlib import Path

from cbi.programmes.definition import EXAMPLES, read
from cbi.registry.mapping_files import load_mapping

HOME = Path(__file__).parents[3]


def test_the_example_programme_holds_every_line_that_errors_suggest() -> None:
    text = (HOME / "examples" / "programme.yaml").read_text(encoding="utf-8")
    assert read(text, ("post_office",)).programme.code == "winter-2026"
    assert [line for line in EXAMPLES.values() if line not in text] == []


def test_the_example_mapping_can_be_used() -> None:
    mapping = load_mapping((HOME / "examples" / "mapping.yaml").read_text(encoding="utf-8"))
    assert mapping.source == "partner-oran-2026"


def test_the_documentation_names_every_field() -> None:
    text = (HOME / "docs" / "programme-file.md").read_text(encoding="utf-8")
    assert [field for field in EXAMPLES if "." in field and f"`{field}`" not in text] == []
