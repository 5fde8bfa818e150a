"""Web Push (RFC 8030), encrypted for the browser alone (RFC 8291), signed by the organization's key (RFC 8292).

The address is a browser's word: it goes through the address guard, and each call has a connection of its own.
"""

from __future__ import annotations

import asyncio
import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

import http_ece
import httpcore
import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings

from campaigns.channels.push.http import PASSING, Rests, Tokens, retry_after_s
from campaigns.channels.push.notes import Answer, Note, Target, accepted, gone, later, refused
from campaigns.push_keys import WebPushKey
from campaigns.services.push_credentials import Credentials
from campaigns.subscriptions import NoSubscription, Subscription, reach
from ops_console.outbound.addresses import Refused, parse, resolve_name
from ops_console.outbound.transport import Transport, reason_of

# How long the service keeps a notification for a browser that is closed.
KEEP_S = 7 * 24 * 3600
CLAIM_LIFE = timedelta(hours=12)
TOKEN_LIFE = timedelta(hours=6)
# Of a key other than the subscription's, or a token not in order (RFC 8292, 4.2): the same is never taken later. The
# device is kept, for its page subscribes anew.
UNAUTHORIZED = frozenset({401, 403})


class WebPush:
    name = "webpush"

    def __init__(self) -> None:
        # One for each call that is under way: nobody waits for a thread while his time runs.
        self._threads = ThreadPoolExecutor(settings.PUSH_CONCURRENCY, thread_name_prefix="webpush")
        self._tokens = Tokens()
        self._rests = Rests()

    async def push(self, note: Note, target: Target, credentials: Credentials | None, now: datetime) -> Answer:
        assert credentials is not None
        key = credentials.key
        assert isinstance(key, WebPushKey)
        try:
            subscription = Subscription.parse(target.token)
            address = parse(subscription.endpoint, reach())
        except (NoSubscription, Refused) as refusal:
            return gone(str(refusal))
        origin = f"{address.scheme}://{address.authority}"
        self._rests.check((credentials.id, origin))
        token = await self._tokens.get((credentials.id, origin), now, lambda: _new_token(key, origin, now))
        headers = headers_of(note, f"vapid t={token}, k={key.public_key}")
        # As few bytes as can be: services take no more than 4,096, sealed.
        payload = json.dumps(payload_of(note), ensure_ascii=False).encode()
        call = Call(subscription, headers, payload, now)
        answer = await asyncio.get_running_loop().run_in_executor(self._threads, call.make)
        self._rests.note((credentials.id, origin), answer.retry_after_s)
        return answer

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True)
class Call:
    """One POST to a browser's push service."""

    subscription: Subscription
    headers: dict[str, str]
    payload: bytes
    now: datetime

    def make(self) -> Answer:
        subscription = self.subscription
        sealed = http_ece.encrypt(
            self.payload,
            private_key=ec.generate_private_key(ec.SECP256R1()),
            dh=subscription.p256dh,
            auth_secret=subscription.auth,
            version="aes128gcm",
        )
        transport = Transport(resolve_name, time.monotonic() + settings.PUSH_TIMEOUT_S)
        try:
            with transport.request("POST", parse(subscription.endpoint, reach()), self.headers, sealed) as response:
                return answer_of(response, self.now)
        except Refused as refusal:
            return refused(str(refusal))
        except Exception as error:  # noqa: BLE001 - one bad service must not stop the others
            return later(reason_of(error, "push service"))


async def _new_token(key: WebPushKey, origin: str, now: datetime) -> tuple[str, datetime]:
    claims = {"aud": origin, "exp": now + CLAIM_LIFE, "sub": key.subject}
    return jwt.encode(claims, key.private_key, algorithm="ES256"), now + TOKEN_LIFE


def headers_of(note: Note, authorization: str) -> dict[str, str]:
    return {
        "Authorization": authorization,
        "Content-Encoding": "aes128gcm",
        "Content-Type": "application/octet-stream",
        "TTL": str(KEEP_S),
        "Urgency": "high" if note.is_critical else "normal",
        # At most 32 characters.
        "Topic": note.delivery_id.hex,
    }


def payload_of(note: Note) -> dict[str, str]:
    return {"title": note.title, "body": note.text, **note.data}


def answer_of(response: httpcore.Response, now: datetime) -> Answer:
    """By the status alone: the body is not read, for nobody knows whose it is."""
    status, detail = response.status, f"{response.status} from the push service"
    if 200 <= status < 300:
        return accepted(detail)
    if status in (404, 410):
        return gone(detail)
    if status in UNAUTHORIZED:
        return refused(f"{detail}: the browser subscribed with another key, or the organization's is not in order.")
    if status in PASSING:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
        return later(detail, retry_after_s(headers, now))
    return refused(detail)
