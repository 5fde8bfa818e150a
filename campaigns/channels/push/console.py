"""A provider for development: what would be pushed is written to the log."""

from __future__ import annotations

import logging
from datetime import datetime

from campaigns.channels.push.notes import Answer, Note, Target, accepted
from campaigns.services.push_credentials import Credentials

logger = logging.getLogger(__name__)


class Console:
    name = "console"

    async def push(self, note: Note, target: Target, credentials: Credentials | None, now: datetime) -> Answer:
        logger.info(
            "push.console",
            extra={
                "delivery": str(note.delivery_id),
                "device": str(target.id),
                "platform": target.platform,
                "title": note.title,
            },
        )
        return accepted()
