"""Recordings that an organization's PostHog project keeps, read and deleted by its public API.

What is used of that API, and where it is documented: docs/replay.md, "PostHog".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote
from uuid import UUID

from campaigns.heatmaps.screens import CAMPAIGN_PREFIX
from campaigns.replay.posthog_calls import CALL_TIMEOUT_S, Calls, WrongSetting
from campaigns.replay.posthog_snapshots import play, sources_of
from campaigns.replay.provider import Asked, Listed, Visit
from ops_console.errors import InvalidInput, NotFound, UpstreamError

# PostHog takes a session's id up to this length, of letters, digits and hyphens.
SESSION_ID = re.compile(r"[A-Za-z0-9-]{1,70}")
# The event by which apps tell PostHog that a screen was shown, and its property.
SCREEN_EVENT, SCREEN_NAME = "$screen", "$screen_name"
# As it stands in a URL, which may have 2,048 characters.
MOST_CURSOR = 500
USER_ID_LENGTH = 200
EMAIL_LENGTH = 254
YEARS = range(2000, 2200)
# PostHog ends sessions after a day.
MOST_LENGTH = timedelta(days=7)
# Numbers from here on are none that count seconds or clicks.
LARGE = 1e12


@dataclass(frozen=True)
class Place:
    """Where the next page begins: by PostHog's own cursor where it gives one, else by number."""

    after: str = ""
    offset: int = 0
    # The last visit told, by which those are known that new ones have pushed onto the next page.
    last_start: datetime | None = None
    last_id: str = ""

    def text(self) -> str:
        if self.after:
            return json.dumps({"after": self.after})
        start = self.last_start and self.last_start.isoformat()
        return json.dumps({"offset": self.offset, "start": start, "id": self.last_id})

    @classmethod
    def parse(cls, text: str) -> Place:
        """Raises: InvalidInput, at ``page_token``."""
        if not text:
            return cls()
        try:
            found = json.loads(text)
            if "after" in found:
                return cls(after=str(found["after"]))
            start = datetime.fromisoformat(found["start"]).astimezone(UTC)
            return cls(offset=max(int(found["offset"]), 0), last_start=start, last_id=str(found["id"]))
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise InvalidInput.field("page_token", message="This is no page token of ours.") from error

    def is_past(self, visit: Visit) -> bool:
        """Whether a visit was told before, or began after the first page was read."""
        return self.last_start is not None and (visit.started_at > self.last_start or visit.id == self.last_id)


class PosthogProvider:
    """One organization's project at PostHog; ``key`` is a personal API key, shown nowhere."""

    def __init__(
        self, *, host: str, project: str, key: str, organization_id: UUID, timeout_s: float = CALL_TIMEOUT_S
    ) -> None:
        self._calls = Calls(host, project, key, organization_id, timeout_s=timeout_s)

    def __repr__(self) -> str:
        return f"PosthogProvider({self._calls!r})"

    def check(self) -> None:
        """Ask PostHog whether the address, the project and the key go together. One call: outside transactions.

        Raises:
            InvalidInput: they do not; at the setting that is wrong.
            UpstreamError: PostHog did not answer as it should.
        """
        try:
            self._listed({"limit": "1"})
        except WrongSetting as error:
            raise InvalidInput.field(error.name, message=error.message) from error

    def list(self, asked: Asked, *, following: str, size: int) -> Listed:
        """One call. A page may hold fewer than ``size`` though another follows.

        Raises:
            InvalidInput: at ``page_token``, where ``following`` is none of ours.
            UpstreamError: PostHog did not answer as it should.
        """
        place = Place.parse(following)
        found = self._listed(_query(asked, place, size))
        visits = [_visit(each) for each in found["results"]]
        told = [visit for visit in visits if _is_asked(asked, visit) and not place.is_past(visit)]
        return Listed(told, _following(found, place, visits))

    def find(self, recording_id: str) -> Visit:
        """One call.

        Raises:
            NotFound: PostHog has none of that id.
            UpstreamError: as ``list``.
        """
        return _visit(self._calls.document(f"{_path_of(recording_id)}/"))

    def snapshots(self, recording_id: str) -> Iterator[bytes]:
        """One call at once, and one for each page of events as they are taken.

        Raises:
            NotFound: as ``find``; at once.
            UpstreamError: as ``list``; also while they are taken.
        """
        path = f"{_path_of(recording_id)}/snapshots"
        return play(self._calls, path, sources_of(self._calls, path))

    def delete(self, recording_id: str) -> None:
        """One call. Of one it never had, PostHog says that it is deleted.

        Raises:
            NotFound, UpstreamError: as ``find``.
        """
        self._calls.delete(f"{_path_of(recording_id)}/")

    def _listed(self, query: Mapping[str, str]) -> dict[str, Any]:
        try:
            found = self._calls.document("", query)
        except NotFound as error:
            raise WrongSetting("posthog_project", "PostHog has no project of that number at this address.") from error
        if not isinstance(found.get("results"), list):
            raise UpstreamError("PostHog's list of recordings is of a shape we do not know.")
        return found


def _path_of(recording_id: str) -> str:
    if not SESSION_ID.fullmatch(recording_id):
        raise NotFound
    return recording_id


# --- Asking --------------------------------------------------------------------------------------------------------


def _query(asked: Asked, place: Place, size: int) -> dict[str, str]:
    query = {
        "date_from": _time_text(asked.date_from),
        "date_to": _time_text(asked.date_to),
        "order": "start_time",
        "limit": str(size),
    }
    if place.after:
        query["after"] = place.after
    elif place.offset:
        query["offset"] = str(place.offset)
    if asked.campaign_id:
        query["events"] = json.dumps([_screen_filter(asked.campaign_id)])
    return query


def _screen_filter(campaign_id: UUID) -> dict[str, Any]:
    name = f"{CAMPAIGN_PREFIX}{campaign_id}"
    shown = {"key": SCREEN_NAME, "value": [name], "operator": "exact", "type": "event"}
    return {"id": SCREEN_EVENT, "name": SCREEN_EVENT, "type": "events", "order": 0, "properties": [shown]}


def _time_text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _is_asked(asked: Asked, visit: Visit) -> bool:
    """PostHog takes the end of the range in."""
    return asked.date_from <= visit.started_at < asked.date_to


def _following(found: Mapping[str, Any], place: Place, visits: Sequence[Visit]) -> str:
    if not visits or not (found.get("has_next") or found.get("next")):
        return ""
    cursor = found.get("next_cursor")
    if isinstance(cursor, str) and 0 < len(quote(cursor, errors="replace")) <= MOST_CURSOR:
        return Place(after=cursor).text()
    last = visits[-1]
    return Place("", place.offset + len(visits), last.started_at, last.id).text()


# --- What it answers -----------------------------------------------------------------------------------------------


def _visit(found: Any) -> Visit:
    match found:
        case {"id": str(id_), "start_time": str(started)} if SESSION_ID.fullmatch(id_):
            started_at = _time(started)
            return Visit(
                id=id_,
                analytics_user_id=_text(found.get("distinct_id"))[:USER_ID_LENGTH],
                started_at=started_at,
                ended_at=_end(found, started_at),
                activity_score=_score(found),
                email=_email(found.get("person")),
            )
        case _:
            raise UpstreamError("PostHog tells of a recording in a shape we do not know.")


def _time(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise UpstreamError("PostHog tells a time that is none.") from error
    if found.year not in YEARS:
        raise UpstreamError("PostHog tells a time that cannot be.")
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def _end(found: Mapping[str, Any], started_at: datetime) -> datetime:
    """Where PostHog tells none, its duration later; never before the start, nor much more than a day later."""
    end = found.get("end_time")
    length = _time(end) - started_at if isinstance(end, str) else timedelta(seconds=_count(found, "recording_duration"))
    return started_at + min(max(length, timedelta()), MOST_LENGTH)


def _score(found: Mapping[str, Any]) -> float:
    """PostHog's own where it gives one, else by the same formula; it may pass 100, ours does not."""
    score = _number(found.get("activity_score"))
    return min(max(_computed_score(found) if score is None else score, 0.0), 100.0)


def _computed_score(found: Mapping[str, Any]) -> float:
    n_errors = _count(found, "console_error_count")
    meant = _count(found, "active_seconds") + _count(found, "click_count") + _count(found, "keypress_count") + n_errors
    logged = _count(found, "console_log_count") + _count(found, "console_warn_count") + n_errors
    moved = _count(found, "mouse_activity_count") + _count(found, "recording_duration") + logged
    return round(100 * meant / moved, 2) if moved else 0.0


def _count(found: Mapping[str, Any], name: str) -> float:
    return max(_number(found.get(name)) or 0.0, 0.0)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < LARGE:
        return None
    return float(value)


def _email(person: Any) -> str:
    match person:
        case {"properties": {"email": str(email)}} if len(email) <= EMAIL_LENGTH:
            return _text(email)
        case _:
            return ""


def _text(value: Any) -> str:
    """Without halves of surrogate pairs, which JSON can hold and no answer of ours."""
    return str(value or "").encode(errors="replace").decode()
