"""Details of an audit entry are plain, or the calling code is wrong."""

from uuid import uuid4

import pytest
from sqlalchemy.orm import Session

from cbi.access.actor import SYSTEM
from cbi.audit.record import record


@pytest.mark.parametrize("detail", [1.5, b"x", uuid4(), {1: 2}, [object()], {"a": {"b": 0.1}}, {1}])
def test_a_detail_that_is_not_plain_is_refused_before_anything_is_written(detail: object) -> None:
    with pytest.raises(TypeError, match="audit detail"):
        record(Session(), SYSTEM, "run.locked", "run", 1, detail=detail)
