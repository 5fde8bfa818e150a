"""A client of native gRPC with the modules that grpcio's own tools made. Prints what came of its calls as JSON."""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from pathlib import Path

import grpc

sys.path.insert(0, os.environ["GENERATED"])

common_pb2, group_pb2, group_pb2_grpc = (
    import_module(f"pidgr.v1.{name}") for name in ("common_pb2", "group_pb2", "group_pb2_grpc")
)


def open_channel() -> grpc.Channel:
    address, authority = os.environ["ADDRESS"], os.environ.get("CERTIFICATE")
    if authority is None:
        return grpc.insecure_channel(address)
    return grpc.secure_channel(address, grpc.ssl_channel_credentials(Path(authority).read_bytes()))


def main() -> None:
    metadata = [("authorization", f"Bearer {os.environ['KEY']}")]
    with open_channel() as channel:
        groups = group_pb2_grpc.GroupServiceStub(channel)
        made = groups.CreateGroup(group_pb2.CreateGroupRequest(name="Tumblers"), metadata=metadata).group
        first = groups.ListGroups(
            group_pb2.ListGroupsRequest(pagination=common_pb2.Pagination(page_size=1)), metadata=metadata
        )
        token = first.pagination.next_page_token
        rest = groups.ListGroups(
            group_pb2.ListGroupsRequest(pagination=common_pb2.Pagination(page_size=50, page_token=token)),
            metadata=metadata,
        )
        try:
            groups.ListGroups(group_pb2.ListGroupsRequest())
            refusal = "none"
        except grpc.RpcError as error:
            refusal = error.code().name
    listed = [group.id for group in [*first.groups, *rest.groups]]
    outcome = {"listed": listed.count(made.id), "total": first.pagination.total_count, "stranger": refusal}
    json.dump(outcome, sys.stdout)


main()
