"""An organization's recordings at PostHog, read from a stand-in that speaks its API over a socket."""

from __future__ import annotations

import json
import logging
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
from pytest_django import Settings

from campaigns.replay import posthog_snapshots
from campaigns.replay.posthog import PosthogProvider
from campaigns.replay.provider import Asked, Listed, ReplayProvider, Visit
from ops_console.errors import InvalidInput, NotFound, UpstreamError
from tests.fakes.posthog import KEY, PROJECT, READ, FakePosthog, Line, Recorded, packed, recording_sessions, sources
from tests.fakes.webhook_receiver import Answer, Behaviour, Drip, Drop, Flood, Garbage, Hang

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
START_MS = 1_795_176_000_000
DAY = Asked(date_from=NOW - timedelta(days=1), date_to=NOW)
CAMPAIGN, OTHER = UUID(int=1), UUID(int=2)


@pytest.fixture
def posthog(settings: Settings) -> Iterator[FakePosthog]:
    settings.POSTHOG_ALLOW_LOOPBACK = True
    with recording_sessions() as fake:
        yield fake


def provider(posthog: FakePosthog, **otherwise: Any) -> PosthogProvider:
    given = {"host": posthog.url(""), "project": PROJECT, "key": KEY, "organization_id": uuid4(), **otherwise}
    return PosthogProvider(**given)


def visit(number: int, **otherwise: Any) -> Recorded:
    return Recorded(f"0190-{number:04}", NOW - timedelta(minutes=10 * number), **otherwise)


def line(at: int, type_: int = 3, window: str = "w", **data: Any) -> Line:
    return window, {"type": type_, "timestamp": START_MS + at, "data": data}


def parts(n: int, n_lines: int = 5, text: str = "") -> list[list[Line]]:
    """A document, and then changes to it: 1,000 ms a part."""
    made = [[line(1000 * part + 10 * at, text=text) for at in range(n_lines)] for part in range(n)]
    made[0][0] = line(0, 2, node={})
    return made


def events(lines: Iterator[bytes]) -> list[Any]:
    return [json.loads(each) for each in lines]


def times(lines: Iterator[bytes]) -> list[int]:
    return [event["timestamp"] - START_MS for event in events(lines)]


def ids(listed: Listed) -> list[str]:
    return [each.id for each in listed.visits]


def all_pages(from_: ReplayProvider, asked: Asked, size: int) -> list[list[str]]:
    found, following = [], ""
    while True:
        page = from_.list(asked, following=following, size=size)
        found.append(ids(page))
        following = page.following
        if not following:
            return found


def refuse(of: PosthogProvider, setting: str, why: str) -> None:
    """The check finds just this setting at fault, and says why."""
    with pytest.raises(InvalidInput) as refused:
        of.check()
    (found,) = refused.value.errors
    assert found.path == (setting,)
    assert why in found.message


# --- The list ------------------------------------------------------------------------------------------------------


def test_a_recording_is_told_as_posthog_has_it(posthog: FakePosthog, subtests: pytest.Subtests) -> None:
    recorded = visit(1, distinct_id="ada", email="ada@example.com", seconds=90)
    posthog.recordings = [recorded]
    wanted = Visit(
        id="0190-0001",
        analytics_user_id="ada",
        started_at=recorded.started_at,
        ended_at=recorded.started_at + timedelta(seconds=90),
        activity_score=41.25,
        email="ada@example.com",
    )
    with subtests.test("listed and found alike"):
        listed = provider(posthog).list(DAY, following="", size=10)
        assert listed == Listed([wanted])
        assert provider(posthog).find("0190-0001") == wanted
        assert [request.headers["Authorization"] for request in posthog.received] == [f"Bearer {KEY}"] * 2
    told: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        "a score past 100": ({"activity_score": 131.5}, {"activity_score": 100.0}),
        "a score below 0": ({"activity_score": -3}, {"activity_score": 0.0}),
        # (45 active + 3 clicks + 7 keys) of (20 moves + 90 seconds)
        "no score": ({"activity_score": None}, {"activity_score": 50.0}),
        "no score, and the console": (
            {"activity_score": None, "console_error_count": 5, "console_log_count": 3, "console_warn_count": 2},
            {"activity_score": 50.0},
        ),
        "nothing to compute it of": (
            {"activity_score": "high", "mouse_activity_count": None, "recording_duration": 0, "active_seconds": True},
            {"activity_score": 0.0},
        ),
        "no number": ({"activity_score": 10**400}, {"activity_score": 50.0}),
        "no end": ({"end_time": None}, {}),
        "an end before the start": ({"end_time": "2020-01-01T00:00:00Z"}, {"ended_at": recorded.started_at}),
        "no end in sight": (
            {"end_time": "2199-01-01T00:00:00Z"},
            {"ended_at": recorded.started_at + timedelta(days=7)},
        ),
        "no person": ({"person": None}, {"email": ""}),
        "an address that is none": ({"person": {"properties": {"email": ["a"]}}}, {"email": ""}),
        "no properties": ({"person": {"properties": None}}, {"email": ""}),
        "nobody": ({"distinct_id": None}, {"analytics_user_id": ""}),
        "half of a pair": ({"distinct_id": "a\ud83d"}, {"analytics_user_id": "a?"}),
    }
    for name, (changed, shown) in told.items():
        with subtests.test(name):
            posthog.recordings = [replace(recorded, told=changed)]
            assert provider(posthog).find("0190-0001") == replace(wanted, **shown)


def test_only_what_began_in_the_range_and_showed_the_campaign_is_listed(posthog: FakePosthog) -> None:
    mine, others = f"MessageDetail::{CAMPAIGN}", f"MessageDetail::{OTHER}"
    posthog.recordings = [
        visit(1, screens=["Home", mine]),
        visit(2, screens=[others]),
        visit(3, screens=[others, mine]),
        visit(4),
        # At the end of the range, which PostHog takes in and we do not; and a microsecond before its beginning.
        visit(0, screens=[mine]),
        Recorded("early", DAY.date_from - timedelta(microseconds=1), screens=[mine]),
        Recorded("first", DAY.date_from, screens=[mine]),
    ]
    asked = replace(DAY, campaign_id=CAMPAIGN)
    assert ids(provider(posthog).list(asked, following="", size=10)) == ["0190-0001", "0190-0003", "first"]
    assert len(ids(provider(posthog).list(DAY, following="", size=10))) == 5
    assert posthog.queries()[1] == {
        "date_from": "2026-11-19T12:00:00.000000Z",
        "date_to": "2026-11-20T12:00:00.000000Z",
        "order": "start_time",
        "limit": "10",
    }


@pytest.mark.parametrize("has_cursors", [True, False])
def test_every_recording_is_on_one_page_though_new_ones_come_meanwhile(posthog: FakePosthog, has_cursors: bool) -> None:
    posthog.gives_cursors = has_cursors
    posthog.recordings = [visit(number) for number in range(1, 10)]
    wanted = [each.id for each in posthog.recordings]
    assert all_pages(provider(posthog), DAY, 4) == [wanted[:4], wanted[4:8], wanted[8:]]
    assert all_pages(provider(posthog), DAY, 9) == [wanted]

    first = provider(posthog).list(DAY, following="", size=4)
    posthog.recordings += [Recorded(f"new-{n}", NOW - timedelta(seconds=n + 1)) for n in range(3)]
    found, following = ids(first), first.following
    while following:
        page = provider(posthog).list(DAY, following=following, size=4)
        found, following = found + ids(page), page.following
    assert found == wanted
    assert any(("after" if has_cursors else "offset") in query for query in posthog.queries())


def test_whatever_posthog_names_is_handed_back_to_it(posthog: FakePosthog) -> None:
    posthog.recordings = [visit(1), visit(2)]
    for cursor in ("&limit=1000#", "\ud83d", "ä" * 80, "ä" * 100):
        page = {"results": [visit(1).answer()], "has_next": True, "next_cursor": cursor}
        posthog.script += [Answer(body=json.dumps(page).encode()), Answer(body=b'{"results": []}')]
        following = provider(posthog).list(DAY, following="", size=1).following
        assert provider(posthog).list(DAY, following=following, size=1) == Listed([])
    sent = [(query.get("after"), query.get("offset"), query["limit"]) for query in posthog.queries()[1::2]]
    longest = provider(posthog, host=f"{posthog.url('')}/{'x' * 170}", project="/" * 100)
    asked = Asked(DAY.date_from, DAY.date_to, UUID(int=2**128 - 1))
    with pytest.raises(UpstreamError, match="no project"):
        longest.list(asked, following=json.dumps({"after": "x" * 500}), size=100)
    assert sent == [("&limit=1000#", None, "1"), ("?", None, "1"), ("ä" * 80, None, "1"), (None, "1", "1")]


def test_a_token_of_nobody_is_refused(posthog: FakePosthog) -> None:
    for text in ["x", "1", "[]", "{}", '{"offset": "x", "start": "2026-01-01T00:00:00Z", "id": ""}', '{"offset": 1}']:
        with pytest.raises(InvalidInput) as refused:
            provider(posthog).list(DAY, following=text, size=4)
        assert refused.value.errors[0].path == ("page_token",)
    assert posthog.received == []


# --- Snapshots -----------------------------------------------------------------------------------------------------


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
    """40 MiB in parts of 0.5, with pages of at most 2: 20 at once are too much, then 10 and 5, and 2 go."""
    monkeypatch.setattr(posthog_snapshots, "MAX_PAGE", 2 * 1024 * 1024)
    posthog.recordings = [visit(1, parts=parts(80, n_lines=8, text="x" * 65_536))]
    # The stand-in's answers are of this process, too.
    tracemalloc.start(1)
    try:
        n_events = sum(1 for _ in provider(posthog).snapshots("0190-0001"))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert n_events == 80 * 8
    widths = [int(q["end_blob_key"]) - int(q["start_blob_key"]) + 1 for q in posthog.queries()[1:]]
    assert widths[:4] == [20, 10, 5, 2]
    assert set(widths[3:]) == {2}
    assert peak < 35 * 1024 * 1024


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


# --- Deleting and checking -----------------------------------------------------------------------------------------


def test_what_is_deleted_is_gone_and_what_never_was_is_not_found(posthog: FakePosthog) -> None:
    posthog.recordings = [visit(1, parts=parts(1))]
    asked = provider(posthog)
    with pytest.raises(NotFound):
        asked.delete("0190-0002")
    assert [request.method for request in posthog.received] == ["GET"]
    asked.delete("0190-0001")
    assert posthog.recordings[0].is_deleted
    with pytest.raises(NotFound):
        asked.snapshots("0190-0001")
    n_calls = len(posthog.received)
    for id_ in ["", "../4712", "a/b", "a?b=1", "x" * 71, "ä"]:
        for use in (asked.find, asked.snapshots, asked.delete):
            with pytest.raises(NotFound):
                use(id_)
    assert len(posthog.received) == n_calls
    for use in (asked.find, asked.snapshots):
        with pytest.raises(NotFound):
            use("0190-0002")


def test_the_check_says_what_is_wrong_with_address_project_or_key(
    posthog: FakePosthog, settings: Settings, subtests: pytest.Subtests
) -> None:
    with subtests.test("right"):
        provider(posthog).check()
        assert posthog.queries() == [{"limit": "1"}]
        provider(posthog, host=posthog.url("/")).check()
    other_key = KEY[:-1] + "8"
    cases: dict[str, tuple[dict[str, Any], str, str]] = {
        "key": ({"key": other_key}, "posthog_key", "does not know the key"),
        "no key": ({"key": ""}, "posthog_key", "no key of PostHog's"),
        "a key of two lines": ({"key": f"{other_key}\r\nHost: else.example"}, "posthog_key", "no key of PostHog's"),
        "project": ({"project": "4712"}, "posthog_project", "no project of that number"),
        "a project that is a path": ({"project": "1/../4711 ?#"}, "posthog_project", "no project of that number"),
        "a query": ({"host": posthog.url("?a=")}, "posthog_host", "may not hold a query"),
        "no address": ({"host": "posthog"}, "posthog_host", "may not be called"),
        "a private address": ({"host": "https://10.0.0.1"}, "posthog_host", "may not be called"),
        "metadata": ({"host": "https://169.254.169.254"}, "posthog_host", "may not be called"),
        "plain": ({"host": "http://us.posthog.com"}, "posthog_host", "Plain http://"),
    }
    for name, (changed, setting, why) in cases.items():
        with subtests.test(name):
            refuse(provider(posthog, **changed), setting, why)
            with pytest.raises(UpstreamError, match=why) as failed:
                provider(posthog, **changed).list(DAY, following="", size=1)
            assert failed.value.permanent
            assert "phx_" not in failed.value.message
    with subtests.test("a host that sends elsewhere"):
        posthog.script.append(Answer(301, {"Location": "http://127.0.0.1:9/"}))
        refuse(provider(posthog), "posthog_host", "redirects are not followed")
    with subtests.test("scope"):
        posthog.scopes = set()
        refuse(provider(posthog), "posthog_key", "session_recording:read")
        posthog.scopes = {READ}
        posthog.recordings = [visit(1)]
        with pytest.raises(UpstreamError, match="session_recording:write"):
            provider(posthog).delete("0190-0001")
    with subtests.test("nothing is wrong with them where PostHog fails"):
        posthog.script += [Answer(503), Answer(body=b"<html>")]
        for _ in range(2):
            with pytest.raises(UpstreamError):
                provider(posthog).check()
    with subtests.test("loopback is closed unless the setting opens it"):
        settings.POSTHOG_ALLOW_LOOPBACK = False
        n_connections = posthog.n_connections
        for host in (posthog.url(""), posthog.url("").replace("http:", "https:"), "https://localhost"):
            refuse(provider(posthog, host=host), "posthog_host", "may not be called")
        assert posthog.n_connections == n_connections


# --- A PostHog that fails ------------------------------------------------------------------------------------------

BUSY = Answer(429, {"Retry-After": "0"})
FAILURES: dict[str, tuple[Behaviour, str, bool]] = {
    "busy": (Answer(429), "429", False),
    "busy for long": (Answer(429, {"Retry-After": "3"}), "429", False),
    "at no known time": (Answer(503, {"Retry-After": "Fri, 20 Nov 2026 12:00:00 GMT"}), "503", False),
    "broken": (Answer(500, body=b"<h1>phx_ of others</h1>"), "500", False),
    "bad request": (Answer(400), "400", True),
    "elsewhere": (Answer(301, {"Location": "http://127.0.0.1:9/"}), "301", True),
    "packed": (Answer(headers={"Content-Encoding": "gzip"}, body=b"{}"), "compressed", True),
    "no JSON": (Answer(body=b"<html>"), "no JSON", False),
    "NaN": (Answer(body=b'{"results": [NaN]}'), "no JSON", False),
    "a list": (Answer(body=b"[]"), "no JSON object", False),
    "deep": (Answer(body=b"[" * 200_000), "no JSON", False),
    "drop": (Drop(), "broke the connection", False),
    "garbage": (Garbage(), "broke the connection", False),
    "hang": (Hang(), "in time", False),
    "drip": (Drip(), "in time", False),
    "flood": (Flood(), "larger than", False),
}


def test_a_posthog_that_fails_is_an_upstream_error_in_words_of_ours(
    posthog: FakePosthog, subtests: pytest.Subtests, caplog: pytest.LogCaptureFixture
) -> None:
    posthog.recordings = [visit(1, parts=parts(2))]
    caplog.set_level(logging.DEBUG)
    for name, (behaviour, why, is_permanent) in FAILURES.items():
        asked = provider(posthog, timeout_s=0.4 if why == "in time" else 20)
        uses: dict[str, Callable[[], object]] = {
            "list": partial(asked.list, DAY, following="", size=1),
            "find": partial(asked.find, "0190-0001"),
            "snapshots": partial(asked.snapshots, "0190-0001"),
            "delete": partial(asked.delete, "0190-0001"),
        }
        # One that takes time, and one that sends much, are shown once.
        for use in list(uses)[:1] if isinstance(behaviour, Hang | Drip | Flood) else uses:
            with subtests.test(f"{name}: {use}"):
                posthog.script.append(behaviour)
                with pytest.raises(UpstreamError, match=why) as failed:
                    uses[use]()
                assert failed.value.permanent is is_permanent
                assert "phx_" not in failed.value.message
                assert not posthog.script
    told = [record for record in caplog.records if record.message == "replay.posthog_failed"]
    assert len(told) >= len(FAILURES)
    assert KEY not in repr([record.__dict__ for record in caplog.records])


def test_a_short_pause_is_kept_once_and_posthog_called_again(posthog: FakePosthog) -> None:
    posthog.recordings = [visit(1, parts=parts(25))]
    asked = provider(posthog)
    posthog.script.append(BUSY)
    assert len(ids(asked.list(DAY, following="", size=1))) == 1
    assert len(posthog.received) == 2
    posthog.script += [posthog.otherwise, BUSY, posthog.otherwise, Answer(502, {"Retry-After": "0"})]
    assert len(list(asked.snapshots("0190-0001"))) == 25 * 5
    posthog.script += [BUSY, BUSY]
    with pytest.raises(UpstreamError, match="429"):
        asked.check()


def test_answers_of_other_shapes_are_an_upstream_error(posthog: FakePosthog, subtests: pytest.Subtests) -> None:
    posthog.recordings = [visit(1, parts=parts(2))]
    lists: list[Any] = [
        {},
        {"results": {}},
        {"results": [1]},
        {"results": [{"id": "a"}]},
        {"results": [{"id": 5, "start_time": "2026-11-20T00:00:00Z"}]},
        {"results": [{"id": "a/b", "start_time": "2026-11-20T00:00:00Z"}]},
        {"results": [{"id": "a", "start_time": "yesterday"}]},
        {"results": [{"id": "a", "start_time": "9999-12-31T23:59:59Z"}]},
    ]
    for answer in lists:
        with subtests.test(f"list {answer}"):
            posthog.script.append(Answer(body=json.dumps(answer).encode()))
            with pytest.raises(UpstreamError):
                provider(posthog).list(DAY, following="", size=1)
    source: dict[str, Any] = {"source": "blob_v2", "start_timestamp": None, "blob_key": "0"}
    sources: list[Any] = [
        {},
        {"sources": {}},
        {"sources": [1]},
        {"sources": [{"blob_key": "0"}]},
        {"sources": [{"source": "blob_v3", "blob_key": "0"}]},
        {"sources": [source | {"blob_key": "0-1"}]},
        {"sources": [source | {"blob_key": None}]},
        {"sources": [source | {"start_timestamp": "then"}]},
        {"sources": [source] * 20_001},
        {"sources": [{"source": "blob_v2_lts", "blob_key": "x" * 301}]},
    ]
    for answer in sources:
        with subtests.test(f"sources {str(answer)[:80]}"):
            posthog.script.append(Answer(body=json.dumps(answer).encode()))
            with pytest.raises(UpstreamError):
                provider(posthog).snapshots("0190-0001")
    for status, body in {200: b'["w", {"type": 3}]', 404: b"", 410: b""}.items():
        with subtests.test(f"a part: {status}"):
            lines = provider(posthog).snapshots("0190-0001")
            posthog.script.append(Answer(status, body=body))
            with pytest.raises(UpstreamError):
                next(lines)


def test_the_key_is_in_no_text_of_the_provider(posthog: FakePosthog) -> None:
    for each in (provider(posthog), provider(posthog)._calls):
        assert KEY not in f"{each!r} {each}"
