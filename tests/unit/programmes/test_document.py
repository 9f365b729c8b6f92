"""A file that is not a programme file says where, and what to do."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbi.programmes.document import LARGEST_BYTES, named, read
from cbi.programmes.problems import Problem, ProgrammeFileErrors


def problem_of(text: str) -> Problem:
    with pytest.raises(ProgrammeFileErrors) as caught:
        read(text)
    assert len(caught.value.problems) == 1
    return caught.value.problems[0]


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("", 1, 1, "empty"),
        ("# only a remark\n", 1, 1, "empty"),
        ("fund:\n\tcode: a\n", 2, 1, "tab"),
        ("fund:\n  code: a\n name: b\n", 3, 2, "line up"),
        ("fund:\n  name: a: b\n", 2, 10, "colon"),
        ("fund: {code: a\nname: b\n", 1, 7, "never closed"),
        ('name: "a\nfund: b\n', 1, 7, "never closed"),
        ("name: @a\n", 1, 7, "quotes"),
        ("name: *a\n", 1, 7, "asterisk"),
        ("name: a\n---\nname: b\n", 2, 1, "one programme"),
        ("fund: a\x07\n", 1, 8, "U+0007"),
        ("name: " + "[" * 5000, 1, 14, "nested too deeply"),
        ("a" * (LARGEST_BYTES + 1), 1, 1, "too large"),
        ('name: "\\q"\n', 1, 9, "single quotes"),
        ("%YAML 9.0\n---\nname: a\n", 1, 1, "not YAML"),
    ],
)
def test_a_broken_file_says_where_and_what_to_do(
    text: str, line: int, column: int, words: str
) -> None:
    problem = problem_of(text)
    assert (problem.line, problem.column) == (line, column)
    assert words in f"{problem.what} {problem.instead}"
    assert problem.instead


def test_an_alias_is_refused_before_it_multiplies() -> None:
    layers = ["a0: &a0 [x, x]"]
    layers += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    document = read("\n".join(layers))
    assert all("Write it out" in problem.instead for problem in document.problems)
    assert len(document.problems) == 9 * 29


def test_a_part_inside_itself_ends() -> None:
    document = read("a: &a {b: *a}")
    assert [problem.field for problem in document.problems] == ["a.b"]


@pytest.mark.parametrize(
    "tag", ["!!python/object/apply:os.system [true]", "!secret x", "!!binary eA=="]
)
def test_tags_are_never_obeyed(tag: str) -> None:
    document = read(f"name: {tag}")
    assert document.values == {"name": None} or document.values == {"name": ("true",)}
    if document.values == {"name": None}:
        assert "Delete the tag" in document.problems[0].instead


def test_a_name_given_twice_is_refused_with_both_lines() -> None:
    document = read("fund:\n  code: a\n  name: b\n  code: c\n")
    assert document.values == {"fund": {"code": "a", "name": "b"}}
    (problem,) = document.problems
    assert (problem.line, problem.column, problem.field) == (4, 3, "fund.code")
    assert "line 2" in problem.what


@pytest.mark.parametrize("written", ["1000.50", "1e3", ".5", "1.", "-1.5", ".inf", ".nan"])
def test_a_fraction_must_stand_in_quotes(written: str) -> None:
    (problem,) = read(f"amount: {written}").problems
    assert problem.instead == f'Write "{written}", in quotes.'
    assert read(f'amount: "{written}"').values == {"amount": written}


def test_values_are_text_whatever_yaml_would_make_of_them() -> None:
    text = "a: no\nb: 0123\nc: 2026-01-01\nd: 1_000\ne: 12:30:45\nf: ~\ng: true\nh: 12345678901234567890\n"
    assert read(text).values == {
        "a": "no", "b": "0123", "c": "2026-01-01", "d": "1_000", "e": "12:30:45", "f": None, "g": "true",
        "h": "12345678901234567890",
    }  # fmt: skip


def test_direction_marks_and_line_breaks_do_not_stay() -> None:
    assert read('code: "\u200fwinter\u200e"\nname: |\n  two\n  lines\n').values == {
        "code": "winter",
        "name": "two lines",
    }
    assert read('name: "a\\0b"').values == {"name": "a b"}
    assert "not a character" in read('name: "\\ud800"').problems[0].what


def test_bytes_that_are_not_utf_8_are_placed() -> None:
    assert read("\ufeffname: é\r\n").values == {"name": "é"}
    latin = problem_of(b"code: a\nname: caf\xe9\n".decode(errors="replace"))
    assert (latin.line, latin.column) == (2, 10)
    assert "UTF-8" in latin.instead
    wide = problem_of("code: a".encode("utf-16").decode(errors="replace"))
    assert (wide.line, wide.column) == (1, 1)


def test_paths_are_written_as_people_count() -> None:
    assert named(("programme", "languages", 1)) == "programme.languages[2]"


@given(st.text(st.characters(codec="utf-8"), max_size=80))
def test_no_text_at_all_does_more_than_be_refused(text: str) -> None:
    with suppress(ProgrammeFileErrors):
        assert read(text).places
