"""A recording's events from PostHog's sources: fetched page by page, put in order, and on one screen."""

from __future__ import annotations

import heapq
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import count
from math import inf
from typing import Any

from campaigns.replay.events import CUSTOM, FULL_SNAPSHOT, INCREMENTAL, META
from campaigns.replay.posthog_calls import AnswerTooLarge, Calls
from campaigns.replay.posthog_events import Event, events_of, made, playable
from ops_console.errors import NotFound, UpstreamError

# Of one call for snapshots.
MAX_PAGE = 16 * 1024 * 1024
# Of events that wait for their turn.
MAX_WAITING = 64 * 1024 * 1024
# Seconds of a recording's calls together.
MAX_FETCHING_S = 300.0
# Of a recording, as it is played.
MAX_PLAYED = 256 * 1024 * 1024
# PostHog's own bound for a personal key.
MOST_KEYS = 20
MOST_SOURCES = 20_000
# Characters of a part's name.
KEY_LENGTH = 300
# Of one instant, in search of repetitions; and windows whose size is kept.
MOST_ALIKE, MOST_WINDOWS = 10_000, 100
NUMBER = re.compile(r"[0-9]{1,9}")
# Bytes an event costs beside its JSON.
OVERHEAD = 300


@dataclass(frozen=True)
class Source:
    """Where some of a recording's events are."""

    kind: str
    key: str
    # Milliseconds since 1970: no event in it is earlier.
    starts: float


@dataclass(frozen=True)
class Page:
    """Events of one call, and from when on all later pages are."""

    events: Sequence[Event]
    until: float


def sources_of(calls: Calls, path: str) -> list[Source]:
    """Where the recording is; one call.

    ``blob_v2`` is asked for, and is PostHog's default since 23 June 2025. Where it is, the older ``blob`` and
    ``realtime`` repeat what it holds.

    Raises:
        NotFound, UpstreamError: as ``Calls.document``.
    """
    listed = calls.document(path, {"blob_v2": "true"}).get("sources")
    if not isinstance(listed, list) or len(listed) > MOST_SOURCES:
        raise UpstreamError("PostHog does not say where the recording is.")
    found = [_source(each) for each in listed]
    for kinds in ({"blob_v2_lts"}, {"blob_v2"}, {"blob", "realtime"}):
        chosen = [source for source in found if source.kind in kinds]
        if chosen:
            return chosen
    if found:
        raise UpstreamError("PostHog keeps the recording in a way we do not know.", permanent=True)
    return []


def play(calls: Calls, path: str, sources: Sequence[Source]) -> Iterator[bytes]:
    """The events as JSON that rrweb's player takes, in the order of their timestamps.

    What is held of them at a time is bounded (MAX_WAITING, and one page).
    """
    n_played = 0
    for event in on_one_screen(without_repeats(in_order(Fetcher(calls, path).pages(sources)))):
        line = playable(event)
        n_played += len(line)
        if n_played > MAX_PLAYED:
            raise UpstreamError(f"The recording is larger than {MAX_PLAYED // 1024 // 1024} MiB.")
        yield line


# --- Fetching ------------------------------------------------------------------------------------------------------


def _source(listed: Any) -> Source:
    match listed:
        case {"source": str(kind)}:
            key = listed.get("blob_key")
            if kind == "blob_v2" and not (isinstance(key, str) and NUMBER.fullmatch(key)):
                raise UpstreamError("PostHog names a part of the recording by no number.")
            if isinstance(key, str) and len(key) > KEY_LENGTH:
                raise UpstreamError("PostHog names a part of the recording at too great a length.")
            return Source(kind, key if isinstance(key, str) else "", _starts(listed.get("start_timestamp")))
        case _:
            raise UpstreamError("PostHog names a part of the recording without its kind.")


def _starts(text: Any) -> float:
    if not isinstance(text, str):
        return -inf
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * 1000
    except (ValueError, OverflowError) as error:
        raise UpstreamError("PostHog tells a time that is none.") from error


class Fetcher:
    """Fetches one recording's parts, and gives up where all of it takes too long."""

    def __init__(self, calls: Calls, path: str) -> None:
        self._calls = calls
        self._path = path
        self._n_seconds = 0.0

    def pages(self, sources: Sequence[Source]) -> Iterator[Page]:
        if sources and sources[0].kind == "blob_v2":
            numbered = {int(source.key): source for source in sources}
            yield from self._numbered_pages([numbered[number] for number in sorted(numbered)])
            return
        # What is not stored yet comes last, whatever its times.
        sources = sorted(sources, key=lambda source: (source.kind == "realtime", source.starts))
        until = _earliest_from(sources)
        for at, source in enumerate(sources):
            query = {"source": source.kind} | ({"blob_key": source.key} if source.key else {})
            yield Page(self._fetch(query, may_lack=source.kind == "realtime"), until[at + 1])

    def _numbered_pages(self, sources: Sequence[Source]) -> Iterator[Page]:
        """Up to 20 parts a call, and half as many as long as they are too large together."""
        until = _earliest_from(sources)
        at, at_once = 0, MOST_KEYS
        while at < len(sources):
            some = _neighbours(sources[at : at + at_once])
            try:
                events = self._fetch({"source": "blob_v2", "start_blob_key": some[0].key, "end_blob_key": some[-1].key})
            except AnswerTooLarge:
                if len(some) == 1:
                    raise
                at_once = len(some) // 2
                continue
            at += len(some)
            yield Page(events, until[at])

    def _fetch(self, query: Mapping[str, str], *, may_lack: bool = False) -> list[Event]:
        if self._n_seconds > MAX_FETCHING_S:
            raise UpstreamError("PostHog takes too long for this recording.")
        started = time.monotonic()
        try:
            return self._calls.lines(self._path, query, take=_taken, max_bytes=MAX_PAGE)
        except NotFound as error:
            if may_lack:
                return []
            raise UpstreamError("PostHog no longer has a part of the recording.") from error
        finally:
            self._n_seconds += time.monotonic() - started


def _taken(lines: Iterable[bytes]) -> list[Event]:
    return [event for line in lines for event in events_of(line)]


def _earliest_from(sources: Sequence[Source]) -> list[float]:
    """For each place, and the end: the earliest start from there on."""
    found = [inf]
    for source in reversed(sources):
        found.append(min(found[-1], source.starts))
    return found[::-1]


def _neighbours(sources: Sequence[Source]) -> Sequence[Source]:
    """Those at the beginning whose numbers follow one another: a call names the first and the last."""
    first = int(sources[0].key)
    n = next((i for i, source in enumerate(sources) if int(source.key) != first + i), len(sources))
    return sources[:n]


# --- What is played ------------------------------------------------------------------------------------------------


def in_order(pages: Iterable[Page]) -> Iterator[Event]:
    """Every event once no later page can hold an earlier one.

    Raises:
        UpstreamError: too many wait.
    """
    waiting: list[tuple[float, int, Event]] = []
    numbers, n_waiting, last = count(), 0, -inf
    for page in pages:
        for event in page.events:
            heapq.heappush(waiting, (event.timestamp, next(numbers), event))
            n_waiting += len(event.packed) + OVERHEAD
        while waiting and waiting[0][0] < page.until:
            event = heapq.heappop(waiting)[2]
            n_waiting -= len(event.packed) + OVERHEAD
            # One that is earlier than its source said comes late, and so is played when it comes.
            last = max(last, event.timestamp)
            yield event._replace(timestamp=last)
        if n_waiting > MAX_WAITING:
            raise UpstreamError("The parts of the recording lie across one another too far.")


def without_repeats(events: Iterable[Event]) -> Iterator[Event]:
    """Without those that were sent twice: the same in every byte, at the same instant."""
    now, seen = -inf, set[bytes]()
    for event in events:
        if event.timestamp != now:
            now, seen = event.timestamp, set()
        digest = blake2b(event.packed, digest_size=16, key=event.window.encode(errors="replace")[:64]).digest()
        if digest in seen:
            continue
        if len(seen) < MOST_ALIKE:
            seen.add(digest)
        yield event


def on_one_screen(events: Iterable[Event]) -> Iterator[Event]:
    """Of several windows, what a player with one document can show.

    The window whose whole document was recorded last has the screen; changes to others are left out until theirs is.
    A custom event ``window`` says that another takes over.
    """
    holder: str | None = None
    sizes: dict[str, Event] = {}
    windows: dict[str, int] = {}
    for event in events:
        if event.type == FULL_SNAPSHOT and event.window != holder:
            number = windows.setdefault(event.window, len(windows) + 1)
            if holder is not None:
                payload = {"number": number}
                yield made(CUSTOM, event.timestamp, event.window, {"tag": "window", "payload": payload})
            if event.window in sizes:
                yield sizes.pop(event.window)._replace(timestamp=event.timestamp)
            holder = event.window
        elif event.type == META and event.window != holder:
            if event.window in sizes or len(sizes) < MOST_WINDOWS:
                sizes[event.window] = event
            continue
        elif event.type == INCREMENTAL and event.window != holder:
            continue
        yield event
