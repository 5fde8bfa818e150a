"""Firebase Cloud Messaging, HTTP v1: an access token for a service account's signed claim, then a call a device."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx
import jwt
from django.conf import settings

from campaigns.channels.push.http import PASSING, NoToken, Rests, Tokens, body_of, retry_after_s
from campaigns.channels.push.notes import Answer, Note, Target, accepted, as_object, gone, later, refused
from campaigns.push_keys import FcmKey
from campaigns.services.push_credentials import Credentials

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
CLAIM_LIFE = timedelta(hours=1)
# A token is not used in the last of its time.
MARGIN = timedelta(minutes=1)


class Fcm:
    name = "fcm"

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._tokens = Tokens()
        self._rests = Rests()

    async def push(self, note: Note, target: Target, credentials: Credentials | None, now: datetime) -> Answer:
        assert credentials is not None
        key = credentials.key
        assert isinstance(key, FcmKey)
        self._rests.check(credentials.id)
        token = await self._tokens.get(credentials.id, now, lambda: self._new_token(key, now))
        response = await self._client.post(
            f"{settings.FCM_URL}/v1/projects/{quote(key.project_id, safe='')}/messages:send",
            headers={"Authorization": f"Bearer {token}"},
            json={"message": message_of(note, target)},
        )
        if response.status_code == 401:
            self._tokens.drop(credentials.id, token)
        answer = answer_of(response, now)
        # Its quota is the project's.
        if response.status_code == 429 or response.status_code >= 500:
            self._rests.note(credentials.id, answer.retry_after_s)
        return answer

    async def _new_token(self, key: FcmKey, now: datetime) -> tuple[str, datetime]:
        response = await self._client.post(
            settings.FCM_TOKEN_URL, data={"grant_type": GRANT, "assertion": claim_of(key, now)}
        )
        found = body_of(response)
        token, life_s = found.get("access_token"), found.get("expires_in")
        if response.status_code != 200 or not isinstance(token, str) or not isinstance(life_s, (int, float)):
            why = str(found.get("error") or response.status_code)
            raise NoToken(later(f"The service account was not let in: {why}", retry_after_s(response.headers, now)))
        return token, now + timedelta(seconds=life_s) - MARGIN


def claim_of(key: FcmKey, now: datetime) -> str:
    claims = {
        "iss": key.client_email,
        "scope": SCOPE,
        "aud": settings.FCM_TOKEN_URL,
        "iat": now,
        "exp": now + CLAIM_LIFE,
    }
    return jwt.encode(claims, key.private_key, algorithm="RS256", headers={"kid": key.private_key_id})


def message_of(note: Note, target: Target) -> dict[str, Any]:
    return {
        "token": target.token,
        "notification": {"title": note.title, "body": note.text},
        "data": note.data,
        "android": {"priority": "HIGH", "notification": {"tag": str(note.delivery_id)}},
    }


def answer_of(response: httpx.Response, now: datetime) -> Answer:
    found = body_of(response)
    if response.status_code == 200:
        return accepted(str(found.get("name", "")))
    error = as_object(found.get("error"))
    code = _error_code(error)
    detail = f"{response.status_code} {code}: {error.get('message', '')}"
    if code == "UNREGISTERED" or (code == "INVALID_ARGUMENT" and _is_about_token(error)):
        return gone(detail)
    # What an operator can put right at the provider is tried again, too.
    if response.status_code in PASSING or (response.status_code in (401, 403) and code != "SENDER_ID_MISMATCH"):
        return later(detail, retry_after_s(response.headers, now))
    return refused(detail)


def _error_code(error: Mapping[str, Any]) -> str:
    codes = [detail.get("errorCode") for detail in _details(error)]
    return next((code for code in codes if isinstance(code, str)), str(error.get("status", "")))


def _is_about_token(error: Mapping[str, Any]) -> bool:
    violations = [violation for detail in _details(error) for violation in detail.get("fieldViolations") or ()]
    return any(as_object(violation).get("field") == "message.token" for violation in violations)


def _details(error: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    details = error.get("details")
    return [as_object(detail) for detail in details] if isinstance(details, list) else []
