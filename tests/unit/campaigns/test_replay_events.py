"""Chunks of a visit, as bodies tell of them: taken whole, refused by name, decompressed no further than they may be."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.replay import events
from campaigns.replay.events import MOST_BYTES, chunk_in, decompressed
from campaigns.rpc.replay import cut
from ops_console.errors import InvalidInput, TooLarge
from tests import replays

FINE: dict[str, Any] = {"type": 3, "timestamp": 1, "data": {}}
# Ids of campaigns, and names that are none.
CAMPAIGN = UUID("01953f0e-7a2c-7000-8000-000000000001")


def refused(body: bytes) -> list[tuple[tuple[str | int, ...], str]]:
    with pytest.raises(InvalidInput) as error:
        chunk_in(body)
    return [(fault.path, fault.code) for fault in error.value.errors]


def test_a_chunk_tells_when_it_was_what_was_done_and_which_campaigns_were_shown() -> None:
    second = 1_792_598_400_000
    told = chunk_in(
        replays.body(
            3,
            [
                replays.moved(second + 2_999),
                *replays.beginning(second, "Größe 🕊"),
                replays.moved(second + 2_000, source=5),
                replays.moved(second + 5_000, source=0),
                replays.moved(second + 1_000.5, source=2),  # type: ignore[arg-type]
                replays.shown(second, CAMPAIGN),
                replays.shown(second, "x"),
                {"type": 5, "data": {"tag": "screen", "payload": ["x"]}, "timestamp": second},
                {"type": 5, "data": {"tag": "other", "payload": {"name": str(uuid4())}}, "timestamp": second},
                {"type": 3, "data": {"source": {}}, "timestamp": second, "delay": 7},
            ],
        )
    )
    assert (told.number, told.first_ms, told.last_ms) == (3, second, second + 5_000)
    # Mutations are the page's doing; a second counts once.
    assert told.active == [second // 1000 + 1, second // 1000 + 2]
    assert told.campaigns == {CAMPAIGN}
    kept = [json.loads(line) for line in told.lines.splitlines()]
    times = [event["timestamp"] for event in kept]
    assert times == sorted(times)
    assert kept[0]["type"] == 4
    assert "Größe 🕊".encode() in told.lines
    assert kept[-2]["timestamp"] == second + 2_999


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        (b"{", [((), "not_json")]),
        (b"\xff", [((), "not_json")]),
        (b'{"number": NaN}', [((), "not_json")]),
        (b'{"number": 0, "events": [{"type": 3, "timestamp": 1, "data": {"x": 1e999}}]}', [((), "not_json")]),
        (b"[" * 100_000, [((), "too_deep")]),
        (b"[]", [((), "invalid")]),
        (b"{}", [(("number",), "invalid"), (("events",), "invalid")]),
        (b'{"number": true, "events": []}', [(("number",), "invalid"), (("events",), "invalid")]),
        (replays.body(-1, [FINE]), [(("number",), "invalid")]),
        (replays.body(events.MOST_CHUNKS, [FINE]), [(("number",), "invalid")]),
        (b'{"number": 0, "events": [1], "more": 1}', [(("more",), "unknown")]),
        (b'{"number": 0, "events": [1]}', [(("events", 0), "invalid")]),
        (replays.body(0, [FINE, {**FINE, "type": 8}]), [(("events", 1, "type"), "invalid")]),
        (replays.body(0, [{**FINE, "type": True}]), [(("events", 0, "type"), "invalid")]),
        (replays.body(0, [{**FINE, "type": 3.5}]), [(("events", 0, "type"), "invalid")]),
        (replays.body(0, [{**FINE, "timestamp": "1"}]), [(("events", 0, "timestamp"), "invalid")]),
        (replays.body(0, [{**FINE, "timestamp": -1}]), [(("events", 0, "timestamp"), "invalid")]),
        (replays.body(0, [{**FINE, "timestamp": 10**16}]), [(("events", 0, "timestamp"), "invalid")]),
        (b'{"number":0,"events":[{"type":3,"data":{},"timestamp":1e999}]}', [(("events", 0, "timestamp"), "invalid")]),
        (replays.body(0, [{**FINE, "data": []}]), [(("events", 0, "data"), "invalid")]),
        (
            replays.body(0, [{}]),
            [(("events", 0, name), "invalid") for name in ("type", "timestamp", "data")],
        ),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_what_is_no_chunk_is_named(body: bytes, faults: list[Any]) -> None:
    assert refused(body) == faults


def test_not_more_faults_are_told_than_anybody_reads() -> None:
    assert len(refused(replays.body(0, [{}] * 1000))) == events.MOST_FAULTS


def test_half_of_a_surrogate_pair_is_kept_as_it_came() -> None:
    body = b'{"number":0,"events":[{"type":3,"timestamp":1,"data":{"text":"\\ud83d"}}]}'
    [line] = chunk_in(body).lines.splitlines()
    assert json.loads(line)["data"]["text"] == "\ud83d"


def test_no_more_is_decompressed_than_may_be() -> None:
    bomb = gzip.compress(bytes(200 * 2**20))
    assert len(bomb) < MOST_BYTES
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            decompressed(bomb)
        assert tracemalloc.get_traced_memory()[1] < 4 * MOST_BYTES
    finally:
        tracemalloc.stop()
    assert len(decompressed(gzip.compress(bytes(MOST_BYTES)))) == MOST_BYTES
    with pytest.raises(TooLarge):
        decompressed(gzip.compress(bytes(MOST_BYTES + 1)))


@pytest.mark.parametrize(
    "body",
    [b"", b"x", gzip.compress(b"{}")[:-1], gzip.compress(b"{}") + b"x", gzip.compress(b"{}") * 2],
    ids=["empty", "none", "cut", "more", "two"],
)
def test_only_one_whole_gzip_is_taken(body: bytes) -> None:
    with pytest.raises(InvalidInput):
        decompressed(body)


# --- What is cut ------------------------------------------------------------------------------------------------------


def lines(kinds: str) -> list[bytes]:
    """An event of each kind, of 30 bytes."""
    return [f'{{"type":{kind},"at":{place}}}'.encode().ljust(30) for place, kind in enumerate(kinds)]


def kinds_of(text: str) -> str:
    return "".join(str(event["type"]) for event in json.loads(text))


@pytest.mark.parametrize(
    ("kinds", "n_fitting", "kept"),
    [
        ("42333", 5, "42333"),
        # Before the last full snapshot, and its Meta event, of those that were read.
        ("4233423342333", 11, "42334233"),
        ("42334233", 7, "4233"),
        ("42334233", 6, "4233"),
        ("42334233", 5, "4233"),
        ("42334233", 4, "4233"),
        ("423323333", 7, "4233"),
        # There is only the first: before an event.
        ("42333333", 5, "42333"),
        ("3333", 2, "33"),
        ("42", 1, "4"),
        ("4", 0, ""),
    ],
)
def test_what_does_not_fit_is_cut_before_a_full_snapshot(kinds: str, n_fitting: int, kept: str) -> None:
    # Brackets, and a comma behind each but the last.
    assert kinds_of(cut(lines(kinds), 2 + 31 * n_fitting)) == kept


@settings(max_examples=100)
@given(kinds=st.lists(st.sampled_from(["42", "3", "3", "5", "2"]), max_size=30), most=st.integers(2, 700))
def test_the_longest_beginning_that_ends_at_a_border(kinds: list[str], most: int) -> None:
    given_kinds = "".join(kinds)
    text = cut(lines(given_kinds), most)
    kept = kinds_of(text)
    assert len(text.encode()) <= most
    assert given_kinds.startswith(kept)
    n_fitting = max(0, (most - 1) // 31)
    if n_fitting >= len(given_kinds):
        assert kept == given_kinds
        return
    first = given_kinds.find("2")
    # Each place before a full snapshot with its Meta event, but the first's, where all before it fits.
    borders = [
        place - (given_kinds[place - 1] == "4")
        for place in range(first + 1, len(given_kinds))
        if first >= 0 and given_kinds[place] == "2"
    ]
    fitting = [border for border in borders if border <= n_fitting]
    assert len(kept) == (max(fitting) if fitting else n_fitting)
