"""Apple Push Notification service: HTTP/2, and a token signed by the team's key."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx
import jwt
from django.conf import settings

from campaigns.channels.push.http import PASSING, Rests, Tokens, body_of, retry_after_s
from campaigns.channels.push.notes import Answer, Note, Target, accepted, gone, later, refused
from campaigns.push_keys import ApnsKey
from campaigns.services.push_credentials import Credentials

# Apple refuses tokens older than an hour, and new ones more often than every 20 minutes.
TOKEN_LIFE = timedelta(minutes=40)
# How long Apple keeps a notification for a device that is off.
KEEP = timedelta(days=7)
GONE = frozenset({"Unregistered", "ExpiredToken"})
# A token for another environment or app looks so, too: it says nothing about the device.
STALE_TOKEN = "ExpiredProviderToken"  # noqa: S105 - what Apple calls it


class Apns:
    name = "apns"

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._tokens = Tokens()
        self._rests = Rests()

    async def push(self, note: Note, target: Target, credentials: Credentials | None, now: datetime) -> Answer:
        assert credentials is not None
        key = credentials.key
        assert isinstance(key, ApnsKey)
        self._rests.check(credentials.id)
        token = await self._tokens.get(credentials.id, now, lambda: _new_token(key, now))
        base = settings.APNS_SANDBOX_URL if key.is_sandbox else settings.APNS_URL
        response = await self._client.post(
            f"{base}/3/device/{quote(target.token, safe='')}",
            headers=headers_of(note, key, token, now),
            content=json.dumps(payload_of(note), ensure_ascii=False).encode(),
        )
        answer, reason = answer_of(response, now)
        # Its 429 is about one device.
        if response.status_code >= 500:
            self._rests.note(credentials.id, answer.retry_after_s)
        if reason == STALE_TOKEN:
            self._tokens.drop(credentials.id, token)
        return answer


async def _new_token(key: ApnsKey, now: datetime) -> tuple[str, datetime]:
    claims = {"iss": key.team_id, "iat": now}
    return jwt.encode(claims, key.private_key, algorithm="ES256", headers={"kid": key.key_id}), now + TOKEN_LIFE


def headers_of(note: Note, key: ApnsKey, token: str, now: datetime) -> dict[str, str]:
    return {
        "authorization": f"bearer {token}",
        "apns-topic": key.topic,
        "apns-push-type": "alert",
        "apns-priority": "10",
        "apns-expiration": str(int((now + KEEP).timestamp())),
        "apns-collapse-id": str(note.delivery_id),
    }


def payload_of(note: Note) -> dict[str, Any]:
    level = "time-sensitive" if note.is_critical else "active"
    alert = {"title": note.title, "body": note.text}
    return {"aps": {"alert": alert, "sound": "default", "interruption-level": level}, **note.data}


def answer_of(response: httpx.Response, now: datetime) -> tuple[Answer, str]:
    """What came of it, and the reason Apple gave."""
    status = response.status_code
    if status == 200:
        return accepted(response.headers.get("apns-id", "")), ""
    reason = str(body_of(response).get("reason", ""))
    detail = f"{status} {reason}"
    if status == 410 or reason in GONE:
        return gone(detail), reason
    # A 403 is about the organization's key, which an operator can put right.
    if status in PASSING or status == 403:
        return later(detail, retry_after_s(response.headers, now)), reason
    return refused(detail), reason
