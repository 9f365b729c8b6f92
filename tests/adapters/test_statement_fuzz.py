"""Whatever bytes arrive as a statement, they are read whole or refused by line: nothing else happens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbi.fsp.adapter import ReadsStatements
from cbi.fsp.errors import UnreadableStatement
from cbi.fsp.statements import check_adds_up
from tests.adapters.benches import MobileMoneyBench, PostOfficeBench, SandboxBench
from tests.peers.mobile_money import Operator

_SANDBOX, _POST = SandboxBench(), PostOfficeBench()
_MOBILE_MONEY = MobileMoneyBench(Operator())
_READERS = [
    (_SANDBOX.adapter, _SANDBOX.statement()),
    (_POST.adapter, _POST.statement()),
    (_MOBILE_MONEY.adapter, _MOBILE_MONEY.statement()),
]
_CELLS = st.sampled_from(
    [
        ";",
        ",",
        "\t",
        "\n",
        "\r\n",
        '"',
        "'",
        "TOTAL",
        "DZD",
        "2026-03-12",
        "12500.00",
        "-1",
        "=",
        "\0",
    ]
) | st.text(max_size=5)


def _read_or_refuse(adapter: object, content: bytes) -> None:
    assert isinstance(adapter, ReadsStatements)
    try:
        statement = adapter.parse_statement(content)
    except UnreadableStatement as error:
        refusal = error
    else:
        check_adds_up(statement)
        return
    assert 1 <= refusal.line <= content.count(b"\n") + content.count(b"\r") + 1


@pytest.mark.parametrize("reader", range(len(_READERS)))
@given(content=st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(reader: int, content: bytes) -> None:
    _read_or_refuse(_READERS[reader][0], content)


@pytest.mark.parametrize("reader", range(len(_READERS)))
@given(data=st.data())
def test_a_statement_with_anything_put_into_it_is_read_or_refused(
    reader: int, data: st.DataObject
) -> None:
    adapter, content = _READERS[reader]
    start = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(start, min(len(content), start + 20)))
    put = data.draw(
        st.binary(max_size=8) | _CELLS.map(lambda text: text.encode("utf-8", "replace"))
    )
    _read_or_refuse(adapter, content[:start] + put + content[end:])


@given(st.lists(_CELLS, max_size=30), st.sampled_from(["utf-8", "utf-16", "cp1256"]))
def test_rows_of_anything_are_read_or_refused(cells: list[str], encoding: str) -> None:
    text = "date;office;receipt;amount;currency\n" + "".join(cells)
    _read_or_refuse(_POST.adapter, text.encode(encoding, "replace"))
