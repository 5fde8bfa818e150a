"""PostHog's session recording API on loopback, from its documented shapes (docs/replay.md, "PostHog").

It refuses what PostHog refuses: other keys, projects, scopes, filters it does not know, more than 20 parts at once.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.fakes.webhook_receiver import Answer, Behaviour, Received, WebhookReceiver

PROJECT = "4711"
# No real one; long enough that no other text holds it by chance.
KEY = "phx_ThisKeyBelongsToNoProjectAtAll0123456789"
READ, WRITE = "session_recording:read", "session_recording:write"
FILTERS = {"date_from", "date_to", "limit", "offset", "order", "events", "after"}
MOST_KEYS = 20
Event = dict[str, Any]
# A window's id, and what it recorded.
Line = tuple[str, Event]


@dataclass
class Recorded:
    """One session; ``parts`` are the files it is stored in."""

    id: str
    started_at: datetime
    seconds: int = 60
    distinct_id: str = "somebody"
    email: str | None = None
    # The names of its screens.
    screens: Sequence[str] = ()
    parts: Sequence[Sequence[Line]] = ()
    # blob_v2, blob_v2_lts, or blob with its last part still realtime.
    kind: str = "blob_v2"
    # Members of the answer that are otherwise.
    told: Mapping[str, Any] = field(default_factory=dict)
    is_deleted: bool = False

    def answer(self) -> dict[str, Any]:
        person = {"properties": {"email": self.email} if self.email else {}}
        return {
            "id": self.id,
            "distinct_id": self.distinct_id,
            "viewed": False,
            "recording_duration": self.seconds,
            "active_seconds": self.seconds // 2,
            "inactive_seconds": self.seconds - self.seconds // 2,
            "start_time": time_text(self.started_at),
            "end_time": time_text(self.started_at + timedelta(seconds=self.seconds)),
            "click_count": 3,
            "keypress_count": 7,
            "mouse_activity_count": 20,
            "console_log_count": 0,
            "console_warn_count": 0,
            "console_error_count": 0,
            "start_url": "https://app.example.com/inbox",
            "person": {"id": 1, "name": self.email or "", "distinct_ids": [self.distinct_id], **person},
            "snapshot_source": "web",
            "ongoing": False,
            "activity_score": 41.25,
            **self.told,
        }


class FakePosthog(WebhookReceiver):
    """``script`` holds what is said to the next requests; ``otherwise`` among it is what PostHog would say."""

    def __init__(self) -> None:
        super().__init__()
        self.recordings: list[Recorded] = []
        self.scopes = {READ, WRITE}
        # Newer PostHogs page by a cursor, older ones by numbers alone.
        self.gives_cursors = False

    def take(self, request: Received) -> Behaviour:
        told = super().take(request)
        return self.said(request) if told is self.otherwise else told

    def queries(self) -> list[dict[str, str]]:
        """Of each request, in the order they came."""
        return [dict(parse_qsl(urlsplit(request.path).query)) for request in self.received]

    def said(self, request: Received) -> Answer:
        if request.headers["Authorization"] != f"Bearer {KEY}":
            return refusal(401, "authentication_error", "Invalid Personal API key.")
        if (WRITE if request.method == "DELETE" else READ) not in self.scopes:
            return refusal(403, "permission_denied", "API key missing required scope")
        url = urlsplit(request.path)
        below = url.path.removeprefix(f"/api/projects/{PROJECT}/session_recordings/")
        if below == url.path:
            return refusal(404, "not_found", "Not found.")
        query = dict(parse_qsl(url.query))
        if not below:
            return self.listed(query)
        id_, _, action = below.partition("/")
        found = next((each for each in self.recordings if each.id == id_), None)
        if request.method == "DELETE":
            return self.deleted(found)
        if found is None:
            return refusal(404, "not_found", "Recording not found")
        return snapshots(found, query) if action == "snapshots" else as_json(found.answer())

    def listed(self, query: Mapping[str, str]) -> Answer:
        if set(query) - FILTERS or query.get("order", "start_time") != "start_time":
            return refusal(400, "validation_error", "Extra inputs are not permitted")
        found = [each for each in self.recordings if not each.is_deleted and is_asked(each, query)]
        found.sort(key=lambda each: (each.started_at, each.id), reverse=True)
        if "after" in query:
            start, id_ = json.loads(query["after"])
            found = [each for each in found if (time_text(each.started_at), each.id) < (start, id_)]
        first, size = int(query.get("offset", 0)), int(query.get("limit", 50))
        page, more = found[first : first + size], len(found) > first + size
        answer: dict[str, Any] = {"results": [each.answer() for each in page], "has_next": more, "version": 4}
        if self.gives_cursors and more:
            answer["next_cursor"] = json.dumps([time_text(page[-1].started_at), page[-1].id])
        return as_json(answer)

    def deleted(self, found: Recorded | None) -> Answer:
        """It does not say whether there was any."""
        if found:
            found.is_deleted = True
        return Answer(204, body=b"")


def is_asked(recorded: Recorded, query: Mapping[str, str]) -> bool:
    """The ends of the range are both within."""
    first = time_of(query["date_from"]) if "date_from" in query else recorded.started_at
    last = time_of(query["date_to"]) if "date_to" in query else recorded.started_at
    if not first <= recorded.started_at <= last:
        return False
    return all(shows(recorded, entity) for entity in json.loads(query.get("events", "[]")))


def shows(recorded: Recorded, entity: Mapping[str, Any]) -> bool:
    assert (entity["type"], entity["id"]) == ("events", "$screen")
    for wanted in entity["properties"]:
        assert (wanted["type"], wanted["key"], wanted["operator"]) == ("event", "$screen_name", "exact")
        if not set(wanted["value"]) & set(recorded.screens):
            return False
    return bool(recorded.screens)


def snapshots(recorded: Recorded, query: Mapping[str, str]) -> Answer:
    """The list of sources, or what one of them holds."""
    if recorded.is_deleted:
        return as_json({"error": "recording_deleted", "message": "This recording has been permanently deleted"}, 410)
    if "source" not in query:
        return as_json({"sources": sources(recorded)})
    if query["source"] == "blob_v2":
        return numbered(recorded, query)
    if query["source"] == "blob_v2_lts" and query.get("blob_key") == f"lts/{recorded.id}":
        return jsonl([line for part in recorded.parts for line in part])
    keys = [source.get("blob_key") for source in sources(recorded) if source["source"] == query["source"]]
    if query.get("blob_key") not in keys:
        return refusal(404, "not_found", "Snapshot file not found")
    at = len(recorded.parts) - 1 if query["source"] == "realtime" else keys.index(query["blob_key"])
    return by_window(recorded.parts[at])


def sources(recorded: Recorded) -> list[dict[str, Any]]:
    if recorded.kind == "blob_v2_lts":
        return [{"source": "blob_v2_lts", "blob_key": f"lts/{recorded.id}"}]
    found: list[dict[str, Any]] = []
    for number, part in enumerate(recorded.parts):
        times = [event["timestamp"] for _, event in part]
        span: dict[str, Any] = {"start_timestamp": ms_text(min(times)), "end_timestamp": ms_text(max(times))}
        key = str(number) if recorded.kind == "blob_v2" else f"{min(times)}-{max(times)}"
        found.append({"source": recorded.kind, **span, "blob_key": key})
    if recorded.kind == "blob":
        found[-1] = found[-1] | {"source": "realtime", "end_timestamp": None, "blob_key": None}
    return sorted(found, key=lambda source: str(source["start_timestamp"]))


def numbered(recorded: Recorded, query: Mapping[str, str]) -> Answer:
    if not query.get("start_blob_key") or not query.get("end_blob_key"):
        return refusal(400, "validation_error", "Must provide both start blob key and end blob key")
    first, last = int(query["start_blob_key"]), int(query["end_blob_key"])
    if last - first >= MOST_KEYS:
        return refusal(400, "validation_error", "Cannot request more than 20 blob keys at once")
    if last >= len(recorded.parts):
        return refusal(404, "not_found", "Block index out of range")
    return jsonl([line for part in recorded.parts[first : last + 1] for line in part])


def jsonl(lines: Sequence[Line]) -> Answer:
    body = "\n".join(json.dumps([window, event]) for window, event in lines)
    return Answer(headers={"Content-Type": "application/jsonl"}, body=body.encode())


def by_window(lines: Sequence[Line]) -> Answer:
    """As the older sources have it: a line for some events of one window."""
    windows = dict.fromkeys(window for window, _ in lines)
    grouped = [{"window_id": name, "data": [event for window, event in lines if window == name]} for name in windows]
    return Answer(body="\n".join(json.dumps(each) for each in grouped).encode())


def packed(value: Any) -> str:
    """As PostHog's recorder packs parts of events: gzip, each byte the character of that number."""
    return gzip.compress(json.dumps(value).encode()).decode("latin-1")


def refusal(status: int, type_: str, detail: str) -> Answer:
    return as_json({"type": type_, "code": type_, "detail": detail, "attr": None}, status)


def as_json(value: Any, status: int = 200) -> Answer:
    return Answer(status, {"Content-Type": "application/json"}, json.dumps(value).encode())


def time_text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def ms_text(milliseconds: float) -> str:
    return time_text(datetime.fromtimestamp(milliseconds / 1000, UTC))


def time_of(text: str) -> datetime:
    return datetime.fromisoformat(text)


@contextmanager
def recording_sessions() -> Iterator[FakePosthog]:
    fake = FakePosthog()
    fake.start()
    try:
        yield fake
    finally:
        fake.stop()
