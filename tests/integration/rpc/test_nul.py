"""Texts with a NUL, wherever in a request they stand."""

from __future__ import annotations

import pytest
from protobuf import Message

from ops_console.gen.pidgr.v1.heatmap_pb import IngestTouchEventsRequest, TouchEvent
from ops_console.gen.pidgr.v1.render_pb import RenderBatchRequest, UserRenderContext
from ops_console.rpc import requests
from ops_console.rpc.statuses import Refused


def test_they_are_found_in_lists_and_maps_and_bytes_of_numbers_are_none() -> None:
    of_lists = IngestTouchEventsRequest(events=[TouchEvent(screen_name="a"), TouchEvent(screen_name="b\0")])
    of_maps = RenderBatchRequest(users=[UserRenderContext(user_id="u", variables={"name": "c\0"})])
    of_keys = RenderBatchRequest(users=[UserRenderContext(user_id="u", variables={"n\0": "c"})])
    cases: list[tuple[str, Message]] = [
        ("events[1].screen_name", of_lists),
        ("users[0].variables", of_maps),
        ("users[0].variables", of_keys),
    ]
    for path, request in cases:
        with pytest.raises(Refused) as refused:
            requests.from_binary(type(request), request.to_binary())
        assert [violation.field for violation in refused.value.status.violations] == [path]
    numbers = IngestTouchEventsRequest(events=[TouchEvent(screen_name="a", x_pct=0.5)]).to_binary()
    assert b"\0" in numbers
    assert requests.from_binary(IngestTouchEventsRequest, numbers).events[0].x_pct == 0.5
