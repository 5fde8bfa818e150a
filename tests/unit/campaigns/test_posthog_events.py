"""PostHog's lines taken apart, unpacked, and put in order on one screen."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterable
from math import inf
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.replay import posthog_events, posthog_snapshots
from campaigns.replay.posthog_events import Event, events_of, playable
from campaigns.replay.posthog_snapshots import Page, in_order, on_one_screen, without_repeats
from ops_console.errors import UpstreamError
from tests.fakes.posthog import packed

TEXT = "Grüße 🕊"


def event(timestamp: float, type_: int = 3, window: str = "w", **data: Any) -> Event:
    (found,) = events_of(json.dumps([window, {"type": type_, "timestamp": timestamp, "data": data}]).encode())
    return found


def played(**members: Any) -> Any:
    (found,) = events_of(json.dumps(["w", {"timestamp": 5, **members}]).encode())
    return json.loads(playable(found))


def names(events: Iterable[Event]) -> list[tuple[float, Any]]:
    return [(each.timestamp, json.loads(each.packed)["data"]) for each in events]


def test_a_line_of_either_format_holds_events_of_a_window() -> None:
    both = [{"type": 4, "timestamp": 1}, {"type": 2, "timestamp": 2.5}]
    lines: dict[str, list[Any]] = {
        "blob_v2": [["w", each] for each in both],
        "blob": [{"window_id": "w", "data": both}],
        "older realtime": [{"snapshots": [{"windowId": "w", "data": both}]}],
    }
    for name, of_format in lines.items():
        found = [each for line in of_format for each in events_of(json.dumps(line).encode())]
        assert [(each.window, each.type, each.timestamp) for each in found] == [("w", 4, 1), ("w", 2, 2.5)], name
    assert list(events_of(b" ")) == []


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"1",
        b"[]",
        b'["w"]',
        b'["w", 1]',
        b'{"data": []}',
        b'{"window_id": "w", "data": {}}',
        b'{"snapshots": [[]]}',
        b'["w", {"type": 3}]',
        b'["w", {"timestamp": 3}]',
        b'["w", {"type": "3", "timestamp": 3}]',
        b'["w", {"type": 3, "timestamp": true}]',
        b'["w", {"type": 3, "timestamp": -1}]',
        b'["w", {"type": 3, "timestamp": NaN}]',
        b'["w", {"type": 3, "timestamp": 1e999}]',
        b'["w", {"type": 3, "timestamp": 1' + b"0" * 400 + b"}]",
        b'["w", {"type": 3, "timestamp": 1, "data": 1e999}]',
        b"[" * 100_000,
        b'"\xff"',
    ],
    ids=range(19),
)
def test_lines_of_no_known_shape_are_an_upstream_error(line: bytes) -> None:
    with pytest.raises(UpstreamError):
        list(events_of(line))


def test_what_posthogs_recorder_packed_is_unpacked(subtests: pytest.Subtests) -> None:
    tree = {"node": {"type": 0, "childNodes": [], "text": TEXT}}
    adds, removes = [{"parentId": 1, "node": {"textContent": TEXT}}], [{"id": 2}]
    mutation = {"source": 0, "texts": [], "attributes": [{"id": 3}], "adds": adds, "removes": removes}
    rule = {"source": 8, "id": 5, "adds": [{"rule": "a{}"}], "removes": [{"index": 1}]}
    cases: dict[str, tuple[int, Any, Any]] = {
        "full snapshot": (2, packed(tree), tree),
        "mutation": (3, {"source": 0} | {name: packed(mutation[name]) for name in list(mutation)[1:]}, mutation),
        "style sheet rule": (3, rule | {name: packed(rule[name]) for name in ("adds", "removes")}, rule),
        "part of a rule": (3, {"source": 8, "adds": packed([])}, {"source": 8, "adds": []}),
        "a source that is not packed": (3, {"source": 2, "adds": "as it is"}, {"source": 2, "adds": "as it is"}),
        "nothing packed in it": (2, tree, tree),
    }
    for name, (type_, data, wanted) in cases.items():
        with subtests.test(name):
            assert played(type=type_, data=data, cv="2024-10") == {"type": type_, "timestamp": 5, "data": wanted}
    with subtests.test("unmarked data stays"):
        assert played(type=2, data=packed(tree)) == {"type": 2, "timestamp": 5, "data": packed(tree)}


def test_in_place_of_what_cannot_be_unpacked_an_event_says_so(
    subtests: pytest.Subtests, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posthog_events, "MAX_UNPACKED", 1024 * 1024)
    large = packed("x" * 600_000)
    cases = {
        "no gzip": ("nonsense", "It is no gzip."),
        "no byte": ("\u1234", "It is no gzip."),
        "broken off": (packed(list(range(100)))[:-20], "It breaks off."),
        "not JSON": (packed("x")[:-8] + "\0" * 8, "It is no gzip."),
        "a bomb": (packed("x" * 50_000_000), "It is larger than 1 MiB."),
    }
    for name, (data, reason) in cases.items():
        with subtests.test(name):
            lost = {"tag": "lost", "payload": {"reason": reason}}
            assert played(type=2, data=data, cv="2024-10") == {"type": 5, "timestamp": 5, "data": lost}
    with subtests.test("a bomb takes no room"):
        bomb = packed("x" * 50_000_000)
        tracemalloc.start(1)
        played(type=2, data=bomb, cv="2024-10")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 5 * 1024 * 1024
    with subtests.test("each part is small, and all are not"):
        found = played(type=3, cv="2024-10", data={"source": 0, "adds": large, "texts": large})
        assert found["data"]["payload"] == {"reason": "It is larger than 1 MiB."}
    with subtests.test("packed in a newer way"):
        assert played(type=2, data=packed({}), cv="2027-01")["data"]["tag"] == "lost"


def test_events_may_hold_text_no_encoding_has() -> None:
    assert played(type=6, data="\ud83d") == {"type": 6, "timestamp": 5, "data": "\ud83d"}
    assert TEXT.encode() in playable(event(1, text=TEXT))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(0, 30), max_size=6), max_size=6))
def test_events_come_in_the_order_of_time_however_the_parts_overlap(parts: list[list[int]]) -> None:
    starts = [min(part, default=inf) for part in parts]
    pages = [
        Page([event(at, number=n) for at in part], min(starts[n + 1 :], default=inf)) for n, part in enumerate(parts)
    ]
    found = [each.timestamp for each in in_order(iter(pages))]
    assert found == sorted(at for part in parts for at in part)


def test_events_are_given_as_soon_as_none_can_be_earlier_and_no_later_is_waited_for() -> None:
    fetched = []

    def pages() -> Iterable[Page]:
        for n in range(100):
            fetched.append(n)
            yield Page([event(10 * n + i) for i in range(10)], 10.0 * (n + 1))

    found = in_order(pages())
    for n in range(1000):
        assert next(found).timestamp == n
        assert len(fetched) == n // 10 + 1


def test_one_that_is_earlier_than_its_part_said_is_told_when_it_comes() -> None:
    found = in_order([Page([event(1), event(9)], 10), Page([event(4, late=True), event(12)], inf)])
    assert names(found) == [(1, {}), (9, {}), (9, {"late": True}), (12, {})]


def test_more_than_may_wait_is_an_upstream_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posthog_snapshots, "MAX_WAITING", 10_000)
    kept = event(1, text="x" * 5_000)
    with pytest.raises(UpstreamError, match="across one another"):
        list(in_order(Page([kept], 0) for _ in range(3)))
    assert len(list(in_order(Page([kept], 2) for _ in range(3)))) == 3


def test_what_was_sent_twice_is_played_once() -> None:
    first, other_window = event(1, a=1), event(1, window="v", a=1)
    assert list(without_repeats([first, event(1, a=2), first, other_window, event(2, a=1), first])) == [
        first,
        event(1, a=2),
        other_window,
        event(2, a=1),
        first,
    ]


def test_the_window_whose_document_was_recorded_last_has_the_screen() -> None:
    told = [
        event(1, 3, "a", lost="no document yet"),
        event(2, 4, "a", width=1),
        event(3, 2, "a", whole="a"),
        event(4, 3, "a", change="a"),
        event(5, 4, "b", width=2),
        event(6, 3, "a", change="a again"),
        event(7, 3, "b", lost="not on the screen"),
        event(8, 5, "b", tag="seen anyway"),
        event(9, 2, "b", whole="b"),
        event(10, 3, "a", lost="no longer on the screen"),
        event(11, 3, "b", change="b"),
        event(12, 2, "b", whole="b anew"),
        event(13, 2, "a", whole="a anew"),
        event(14, 3, "a", change="a once more"),
    ]
    assert names(on_one_screen(told)) == [
        (3, {"width": 1}),
        (3, {"whole": "a"}),
        (4, {"change": "a"}),
        (6, {"change": "a again"}),
        (8, {"tag": "seen anyway"}),
        (9, {"tag": "window", "payload": {"number": 2}}),
        (9, {"width": 2}),
        (9, {"whole": "b"}),
        (11, {"change": "b"}),
        (12, {"whole": "b anew"}),
        (13, {"tag": "window", "payload": {"number": 1}}),
        (13, {"whole": "a anew"}),
        (14, {"change": "a once more"}),
    ]
