from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from ops_console import readers

pytestmark = pytest.mark.django_db


def test_who_wraps_statements_sees_the_prepared_ones() -> None:
    seen: list[str] = []

    def look(execute: Any, sql: str, *given: Any) -> Any:
        seen.append(sql)
        return execute(sql, *given)

    with connection.execute_wrapper(look):
        assert readers.one_row("SELECT %s::int", [7]) == (7,)
        assert readers.all_rows("SELECT generate_series(1, 2)", []) == [(1,), (2,)]
    assert readers.one_row("SELECT %s::int", [8]) == (8,)
    assert seen == ["SELECT %s::int", "SELECT generate_series(1, 2)"]
