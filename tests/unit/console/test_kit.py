"""The parts that pages are made of: tables that add up and can be listened to, charts that are tables, forms that count."""

import re

from cbi.console.templating import environment
from cbi.money import Money

IMPORT = '{% import "kit.html" as kit with context %}'


def rendered(source: str, language: str = "en", **values: object) -> str:
    """What a template of one line becomes."""
    made = environment(language).from_string(IMPORT + source)
    return made.render(nonce="n0nce", **values)


def test_a_table_names_its_columns_and_rows_and_ends_with_its_totals() -> None:
    html = rendered(
        "{{ kit.table('Payments', [('Provider', 'text'), ('Amount', 'number')], [['<post>', m|amount]],"
        " totals=['Total', m|amount]) }}",
        m=Money(123450, "DZD"),
    )
    assert "<caption>Payments</caption>" in html
    assert html.count('scope="col"') == 2
    assert html.count('scope="row"') == 2
    assert "&lt;post&gt;" in html
    assert html.index("</tbody>") < html.index("<tfoot>") < html.rindex("1,234.50\u00a0DZD")
    assert html.count('<td class="number">') == 2


def test_an_empty_table_says_so() -> None:
    html = rendered("{{ kit.table('Payments', [('A', 'text'), ('B', 'text')], []) }}", "fr")
    assert "Il n'y a rien ici." in html
    assert 'colspan="2"' in html


CHART = (
    "{{ kit.chart('days', 'By day', 'Day', ['Paid', 'Open'], rows=[('1 Nov', [3, 0]), ('2 Nov', [12, 7])],"
    " totals=[15, 7]) }}"
)


def test_a_chart_is_a_table_with_a_caption_headings_and_figures() -> None:
    html = rendered(CHART)
    assert "<caption>By day</caption>" in html
    assert html.count('scope="col"') == 3
    assert html.count('scope="row"') == 2
    assert re.findall(r'class="data">(\d+)<', html) == ["3", "0", "12", "7"]
    assert "Total: Paid <strong>15</strong>, Open <strong>7</strong>" in html.replace("\n", "")


def test_the_bars_of_a_chart_are_exact_parts_of_the_largest_and_need_no_inline_style() -> None:
    html = rendered(CHART)
    assert '<style nonce="n0nce">' in html
    assert 'style="' not in html
    assert re.findall(r"--size:calc\((\d+) / (\d+)\)", html) == [
        ("3", "12"), ("0", "12"), ("12", "12"), ("7", "12"),
    ]  # fmt: skip


def test_a_chart_of_nothing_divides_by_nothing() -> None:
    html = rendered("{{ kit.chart('x', 'By day', 'Day', ['Paid'], rows=[('1 Nov', [0])]) }}")
    assert "calc(0 / 1)" in html
    assert "<table" in rendered("{{ kit.chart('x', 'By day', 'Day', ['Paid'], rows=[]) }}")


def test_a_field_says_what_is_wrong_where_it_is_wrong() -> None:
    html = rendered("{{ kit.field('code', 'Code', error='Too short', hint='Six digits') }}")
    assert 'for="f-code"' in html
    assert 'aria-invalid="true"' in html
    assert 'aria-describedby="e-code h-code"' in html
    assert 'id="e-code"' in html
    html = rendered("{{ kit.field('code', 'Code', attrs={'autofocus': false, 'dir': 'ltr'}) }}")
    assert "autofocus" not in html
    assert 'dir="ltr"' in html
    assert "aria-describedby" not in html


def test_a_state_is_a_word_and_a_sign() -> None:
    for kind in ("good", "wait", "bad", "plain"):
        html = rendered(f"{{{{ kit.state('paid', '{kind}') }}}}")
        assert re.search(r'<span aria-hidden="true">\S</span> paid', html)
