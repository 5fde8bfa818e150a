"""What a recording at PostHog shows, read from whichever sources a stand-in has, in order and in little memory."""

from __future__ import annotations

import json
import tracemalloc

import pytest

from campaigns.replay import posthog_calls, posthog_snapshots
from ops_console.errors import UpstreamError
from tests.fakes.posthog import FakePosthog, Line, packed, sources
from tests.fakes.webhook_receiver import Answer
from tests.posthogs import START_MS, events, line, parts, provider, times, visit


def test_a_recording_is_read_from_whichever_sources_posthog_has(
    posthog: FakePosthog, subtests: pytest.Subtests
) -> None:
    whole = parts(45)
    wanted = [1000 * part + 10 * at for part in range(45) for at in range(5)]
    for kind, n_calls in {"blob_v2": 1 + 3, "blob_v2_lts": 1 + 1, "blob": 1 + 45}.items():
        with subtests.test(kind):
            posthog.recordings = [visit(1, kind=kind, parts=whole)]
            posthog.received.clear()
            assert times(provider(posthog).snapshots("0190-0001")) == wanted
            assert len(posthog.received) == n_calls
    with subtests.test("20 parts a call"):
        posthog.recordings = [visit(1, parts=whole)]
        posthog.received.clear()
        list(provider(posthog).snapshots("0190-0001"))
        asked = [(query.get("start_blob_key"), query.get("end_blob_key")) for query in posthog.queries()]
        assert asked == [(None, None), ("0", "19"), ("20", "39"), ("40", "44")]
    with subtests.test("older sources beside the new one repeat it"):
        listed = [
            {"source": kind, "start_timestamp": None, "blob_key": "0"} for kind in ("realtime", "blob", "blob_v2")
        ]
        posthog.script.append(Answer(body=json.dumps({"sources": listed}).encode()))
        assert times(provider(posthog).snapshots("0190-0001")) == [0, 10, 20, 30, 40]
    with subtests.test("parts that do not follow one another are asked for apart"):
        numbers = ["4", "0", "1", "7", "1"]
        listed = [{"source": "blob_v2", "start_timestamp": None, "blob_key": number} for number in numbers]
        posthog.script.append(Answer(body=json.dumps({"sources": listed}).encode()))
        posthog.received.clear()
        assert len(times(provider(posthog).snapshots("0190-0001"))) == 4 * 5
        assert [query.get("end_blob_key") for query in posthog.queries()] == [None, "1", "4", "7"]
    with subtests.test("older parts in any order are fetched as they happened"):
        posthog.recordings = [visit(1, kind="blob", parts=whole)]
        listed = sources(posthog.recordings[0])[::-1]
        posthog.script.append(Answer(body=json.dumps({"sources": listed}).encode()))
        posthog.received.clear()
        lines = provider(posthog).snapshots("0190-0001")
        next(lines)
        assert len(posthog.received) == 2
        assert times(lines) == wanted[1:]
    with subtests.test("nothing is live any more"):
        posthog.recordings = [visit(1, kind="blob", parts=whole[:2])]
        posthog.script += [posthog.otherwise, posthog.otherwise, Answer(404)]
        assert times(provider(posthog).snapshots("0190-0001")) == [0, 10, 20, 30, 40]
    with subtests.test("nothing stored yet"):
        posthog.script.append(Answer(body=b'{"sources": []}'))
        assert list(provider(posthog).snapshots("0190-0001")) == []


def test_parts_that_overlap_are_played_in_order_and_only_as_far_as_is_asked(posthog: FakePosthog) -> None:
    """Each part reaches into the next 20: no call can be left out, and none made early."""
    overlapping = [[line(1000 * part + 3000 * at, part=part) for at in range(8)] for part in range(60)]
    overlapping[0].insert(0, line(0, 2, node={}))
    wanted = sorted(event["timestamp"] - START_MS for part in overlapping for _, event in part)
    # As they came, and stored in another order than they happened.
    for stored in (overlapping, overlapping[:20] + overlapping[40:] + overlapping[20:40]):
        posthog.recordings = [visit(1, parts=stored)]
        assert times(provider(posthog).snapshots("0190-0001")) == wanted

    posthog.received.clear()
    lines = provider(posthog).snapshots("0190-0001")
    assert len(posthog.received) == 1
    next(lines)
    assert len(posthog.received) == 2


def test_packed_events_are_unpacked_and_other_windows_left_out(posthog: FakePosthog) -> None:
    document = {"node": {"type": 0, "childNodes": []}, "initialOffset": {"top": 0, "left": 0}}
    texts = [{"id": 4, "value": "read me"}]
    mutation = {
        "source": 0,
        "texts": packed(texts),
        "adds": packed([]),
        "removes": packed([]),
        "attributes": packed([]),
    }
    whole: list[Line] = [
        line(0, 4, width=800, height=600, href="https://app.example.com/inbox"),
        ("w", {"type": 2, "timestamp": START_MS + 1, "data": packed(document), "cv": "2024-10"}),
        line(2, 3, "another window", source=0),
        ("w", {"type": 3, "timestamp": START_MS + 3, "data": mutation, "cv": "2024-10"}),
        ("w", {"type": 3, "timestamp": START_MS + 3, "data": mutation, "cv": "2024-10"}),
        ("w", {"type": 3, "timestamp": START_MS + 4, "data": {"source": 0, "texts": "gone"}, "cv": "2024-10"}),
    ]
    for kind in ("blob_v2", "blob"):
        posthog.recordings = [visit(1, kind=kind, parts=[whole])]
        found = events(provider(posthog).snapshots("0190-0001"))
        assert [event["type"] for event in found] == [4, 2, 3, 5]
        assert found[1]["data"] == document
        assert found[2]["data"] == {"source": 0, "texts": texts, "adds": [], "removes": [], "attributes": []}
        assert found[3]["data"]["tag"] == "lost"


def test_memory_is_bounded_by_a_page_and_not_by_the_recording(
    posthog: FakePosthog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """20 MiB in parts of 0.5, two a page. The stand-in's answers are of this process, too."""
    monkeypatch.setattr(posthog_snapshots, "MOST_KEYS", 2)
    posthog.recordings = [visit(1, parts=parts(40, n_lines=8, text="x" * 65_536))]
    tracemalloc.start(1)
    try:
        assert sum(1 for _ in provider(posthog).snapshots("0190-0001")) == 40 * 8
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10 * 1024 * 1024


def test_what_would_take_much_more_memory_than_it_is_long_is_not_read(
    posthog: FakePosthog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posthog_calls, "MOST_VALUES", 1000)
    posthog.recordings = [visit(1, parts=[[line(0, 2, node=[[]] * 400)]])]
    assert times(provider(posthog).snapshots("0190-0001")) == [0]
    packing = {"type": 2, "timestamp": START_MS, "data": packed([[]] * 600), "cv": "2024-10"}
    posthog.recordings = [visit(1, parts=[[("w", packing)]])]
    [lost] = events(provider(posthog).snapshots("0190-0001"))
    assert (lost["data"]["tag"], lost["data"]["payload"]["reason"]) == ("lost", "PostHog's answer holds too much.")
    posthog.recordings = [visit(1, parts=[[line(0, 2, node=[[]] * 600)]])]
    with pytest.raises(UpstreamError, match="too much"):
        list(provider(posthog).snapshots("0190-0001"))


def test_fewer_parts_are_asked_for_where_twenty_are_too_large(
    posthog: FakePosthog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posthog_snapshots, "MAX_PAGE", 4000)
    posthog.recordings = [visit(1, parts=parts(40, n_lines=1, text="x" * 1000))]
    assert len(times(provider(posthog).snapshots("0190-0001"))) == 40
    widths = [int(query["end_blob_key"]) - int(query["start_blob_key"]) + 1 for query in posthog.queries()[1:]]
    assert widths == [20, 10, 5, *[2] * 20]


def test_what_is_too_large_is_an_upstream_error(posthog: FakePosthog, monkeypatch: pytest.MonkeyPatch) -> None:
    posthog.recordings = [visit(1, parts=parts(3, text="x" * 1000))]
    monkeypatch.setattr(posthog_snapshots, "MAX_PAGE", 2000)
    with pytest.raises(UpstreamError, match="larger than"):
        list(provider(posthog).snapshots("0190-0001"))
    monkeypatch.undo()
    monkeypatch.setattr(posthog_snapshots, "MAX_PLAYED", 8000)
    with pytest.raises(UpstreamError, match="larger than"):
        list(provider(posthog).snapshots("0190-0001"))
    monkeypatch.undo()
    monkeypatch.setattr(posthog_snapshots, "MAX_FETCHING_S", -1)
    with pytest.raises(UpstreamError, match="too long"):
        list(provider(posthog).snapshots("0190-0001"))
