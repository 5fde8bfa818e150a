"""The link to Valkey by which beat and web ring, and workers hear it."""

from __future__ import annotations

from kombu.transport import TRANSPORT_ALIASES, redis


class Channel(redis.Channel):
    """Kombu's, except that closing it puts nothing back into the queue.

    A ring that was heard and not yet answered may be lost: beat rings again. Kombu would put it back over a link that
    Valkey's death has cut, and the error ends the worker.
    """

    do_restore = False


class Transport(redis.Transport):
    Channel = Channel


def use() -> None:
    """Take this link for what kombu calls ``redis:`` and ``rediss:``."""
    TRANSPORT_ALIASES.update(dict.fromkeys(("redis", "rediss"), f"{__name__}:Transport"))
