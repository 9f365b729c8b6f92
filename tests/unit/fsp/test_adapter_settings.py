"""An adapter is told only what is meant for it, and refuses what it does not understand."""

import pytest

from cbi.fsp.errors import UnusableSetting
from cbi.fsp.settings import AdapterSettings, settings_of

ENVIRON = {
    "CBI_FSP_POST_LIMIT": "1",
    "CBI_FSP_POST_OFFICE_LIMIT": "2",
    "CBI_MASTER_KEY": "never",
    "PATH": "/bin",
}


def test_an_adapter_gets_its_own_variables_without_the_prefix() -> None:
    names = ("post", "post_office")
    assert settings_of("post_office", ENVIRON, names) == {"LIMIT": "2"}
    assert settings_of("post", ENVIRON, names) == {"LIMIT": "1"}
    assert settings_of("sandbox", ENVIRON, names) == {}


def test_each_kind_of_setting_is_read() -> None:
    given = {"A": " text ", "b": "12", "C": "Yes", "STEP_DZD": "5", "step_kes": "1", "E": ""}
    settings = AdapterSettings("mine", given)
    assert settings.text("A") == "text"
    assert settings.number("B", 0) == 12
    assert settings.yes_no("C", default=False)
    assert settings.pairs("STEP_") == {"DZD": "5", "KES": "1"}
    assert settings.text("E", "usual") == "usual"
    assert settings.number("F", 7) == 7
    assert settings.yes_no("G", default=True)
    settings.done()


def test_a_misspelt_setting_is_named() -> None:
    with pytest.raises(UnusableSetting, match="CBI_FSP_MINE_MAXIMUN_DZD"):
        AdapterSettings("mine", {"MAXIMUN_DZD": "5"}).done()


@pytest.mark.parametrize("text", ["-1", "1.5", "١٢", "9" * 19, "s3cret"])
def test_a_number_that_is_none_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(UnusableSetting) as refusal:
        AdapterSettings("mine", {"N": text}).number("N", 0)
    assert text not in str(refusal.value)
