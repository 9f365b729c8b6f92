"""A reason is kept for ever, so nothing that could be a code or somebody's number may stand in it."""

import pytest

from cbi.audit.reasons import UnusableReason, plain


def test_a_reason_is_words_on_one_line() -> None:
    assert plain("  two households\n moved away ") == "two households moved away"
    assert plain("receipt 1234567890 was cancelled") == "receipt 1234567890 was cancelled"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ab",
        "x" * 501,
        "4831.2907.5526",
        "code 4831 2907 5526",
        "٤٨٣١٢٩٠٧٥٥٢٦",
        "call +213 550 00 01 37",
        "4-8-3-1_2-9-0-7_5-5-2-6",
    ],
)
def test_what_is_no_reason_or_could_be_a_code_is_refused(text: str) -> None:
    with pytest.raises(UnusableReason):
        plain(text)
