"""Our processes on a clock that the test moves, and the outside world they meet."""

from __future__ import annotations

from dataclasses import dataclass

from tests.clock import Clock
from tests.fakes.apns import FakeApns
from tests.fakes.fcm import FakeFcm
from tests.fakes.webhook_receiver import WebhookReceiver
from tests.faults.house import House
from tests.rpc_clients import ConnectCaller, NativeCaller


@dataclass(frozen=True)
class World:
    """``url`` is the web process's, which ``connect`` calls; ``native`` calls the grpc process."""

    house: House
    clock: Clock
    google: FakeFcm
    apple: FakeApns
    receiver: WebhookReceiver
    url: str
    connect: ConnectCaller
    native: NativeCaller
