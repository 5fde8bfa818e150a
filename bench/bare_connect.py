"""What RPC is measured beside: a bare Connect service that runs the product's SELECT through psycopg, and no more."""

from __future__ import annotations

import os
from typing import Any

from protobuf.wkt import Timestamp
from psycopg_pool import ConnectionPool

from ops_console.gen.pidgr.v1.common_pb import PaginationMeta
from ops_console.gen.pidgr.v1.group_connect import GroupServiceWSGIApplication
from ops_console.gen.pidgr.v1.group_pb import Group, ListGroupsResponse

SELECT = """
SELECT id, name, description, member_count, created_at, updated_at, is_default, created_by_id
FROM organizations_group WHERE organization_id = %s ORDER BY id LIMIT 51
"""
FIRST = "SELECT organization_id FROM organizations_group GROUP BY 1 HAVING count(*) = 10 LIMIT 1"
pool = ConnectionPool(os.environ["DATABASE_URL"], min_size=1, max_size=4, open=True)


class Groups:
    """Answers ListGroups for one organization, whoever asks."""

    def __init__(self) -> None:
        with pool.connection() as connection:
            row = connection.execute(FIRST).fetchone()
            assert row
            self.organization_id = row[0]

    def list_groups(self, request: Any, ctx: Any) -> ListGroupsResponse:
        with pool.connection() as connection:
            rows = connection.execute(SELECT, [self.organization_id]).fetchall()
        groups = [
            Group(
                id=str(row[0]),
                name=row[1],
                description=row[2],
                member_count=row[3],
                created_at=Timestamp.from_datetime(row[4]),
                updated_at=Timestamp.from_datetime(row[5]),
                is_default=row[6],
                created_by=str(row[7] or ""),
            )
            for row in rows
        ]
        return ListGroupsResponse(groups=groups, pagination=PaginationMeta(total_count=len(groups)))


class Bare(Groups):
    """The other methods, which nobody calls."""

    def __getattr__(self, name: str) -> Any:
        return self.list_groups


application: Any = GroupServiceWSGIApplication(Bare())  # type: ignore[arg-type]
