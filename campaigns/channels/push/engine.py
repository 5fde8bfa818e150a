"""The thread in which a process talks to push providers, over connections it keeps from batch to batch."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Coroutine
from datetime import datetime
from typing import Any, TypeVar

import httpx
from django.conf import settings

from campaigns.channels.push.apns import Apns
from campaigns.channels.push.console import Console
from campaigns.channels.push.fcm import Fcm
from campaigns.channels.push.http import NotNow, new_client, reason_of
from campaigns.channels.push.notes import Answer, Note, Provider, Target, later
from campaigns.channels.push.webpush import WebPush
from campaigns.services.push_credentials import Credentials

T = TypeVar("T")
logger = logging.getLogger(__name__)
# Its lines hold addresses, and APNs' hold tokens.
logging.getLogger("httpx").setLevel(logging.WARNING)
logging.getLogger("hpack").setLevel(logging.WARNING)
logging.getLogger("h2").setLevel(logging.WARNING)


class Engine:
    """An event loop in a thread of its own, with the providers that live in it."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="push", daemon=True)
        self._thread.start()
        self._client = new_client()
        self._web_push = WebPush()
        providers: list[Provider] = [Fcm(self._client), Apns(self._client), self._web_push, Console()]
        self._providers = {provider.name: provider for provider in providers}

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do it in the loop, and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def push(
        self, carrier: str, note: Note, target: Target, credentials: Credentials | None, now: datetime
    ) -> Answer:
        """Hand one note over, within ``PUSH_TIMEOUT_S`` whatever the provider does."""
        try:
            async with asyncio.timeout(settings.PUSH_TIMEOUT_S):
                return await self._providers[carrier].push(note, target, credentials, now)
        except NotNow as refusal:
            return refusal.answer
        except (httpx.HTTPError, TimeoutError) as error:
            return later(reason_of(error))
        except Exception as error:
            logger.exception("push.unexpected", extra={"carrier": carrier})
            return later(reason_of(error))

    def close(self) -> None:
        self.run(self._client.aclose())
        self._web_push.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
