"""A PostHog that fails, or answers something else, is told of in words of ours."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from campaigns.replay.provider import Listed
from ops_console.errors import UpstreamError
from tests.fakes.posthog import KEY, FakePosthog
from tests.fakes.webhook_receiver import Answer, Behaviour, Drip, Drop, Flood, Garbage, Hang
from tests.posthogs import DAY, parts, provider, visit


def ids(listed: Listed) -> list[str]:
    return [each.id for each in listed.visits]


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
        # Of which nothing but the status is read.
        if "JSON" in why:
            del uses["delete"]
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
