"""The files in `examples/` work, and the documentation shows the example as it is."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from cbi.programmes.definition import EXAMPLES, read
from cbi.programmes.eligibility import Reason
from cbi.programmes.fund_terms import FundTerms
from cbi.programmes.grant_terms import Enhanced, Grant, Tranche
from cbi.programmes.stipend_terms import For, Stipend, TopUpTerms
from cbi.programmes.terms import Ceilings
from cbi.registry.intake.mapping_files import load_mapping

HOME = Path(__file__).parents[3]


def test_the_example_programme_holds_every_line_that_errors_suggest() -> None:
    text = (HOME / "examples" / "programme.yaml").read_text(encoding="utf-8")
    assert read(text, ("post_office",)).programme.code == "winter-2026"
    assert [line for line in EXAMPLES.values() if line not in text] == []


@pytest.mark.parametrize(
    ("file", "kind"),
    [("grant", "grant"), ("family-stipend", "stipend"), ("several-funds", "stipend")],
)
def test_the_other_example_programmes_can_be_applied(file: str, kind: str) -> None:
    text = (HOME / "examples" / f"{file}.yaml").read_text(encoding="utf-8")
    assert read(text, ("post_office",)).programme.kind == kind


def fields_of(part: type[BaseModel], above: str) -> Iterator[str]:
    for name, field in part.model_fields.items():
        yield f"{above}.{field.alias or name}"


def test_the_documentation_names_every_field_of_what_is_paid() -> None:
    text = (HOME / "docs" / "programme-file.md").read_text(encoding="utf-8")
    fields = [
        *fields_of(Stipend, "stipend"), *fields_of(Grant, "grant"), *fields_of(Ceilings, "ceilings"),
        *fields_of(Tranche, "grant.tranches"), *fields_of(TopUpTerms, "stipend.top_ups"), *fields_of(For, "for"),
        *fields_of(Enhanced, "grant.enhanced"), *fields_of(FundTerms, "fund"),
    ]  # fmt: skip
    assert [field for field in fields if f"`{field}`" not in text] == []


def test_the_documentation_explains_every_reason() -> None:
    text = (HOME / "docs" / "programme-file.md").read_text(encoding="utf-8")
    assert [reason for reason in Reason if f"`{reason}`" not in text] == []


def test_the_example_mapping_can_be_used() -> None:
    mapping = load_mapping((HOME / "examples" / "mapping.yaml").read_text(encoding="utf-8"))
    assert mapping.source == "partner-oran-2026"


def test_the_documentation_names_every_field() -> None:
    text = (HOME / "docs" / "programme-file.md").read_text(encoding="utf-8")
    assert [field for field in EXAMPLES if "." in field and f"`{field}`" not in text] == []
