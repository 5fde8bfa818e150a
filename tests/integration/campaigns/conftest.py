from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from campaigns.channels.push import Push
from campaigns.engine import sending
from ops_console.organizations.models import Organization
from tests import factories
from tests.campaigning import Spy
from tests.fakes import apns, fcm
from tests.fakes.certificates import CA_FILE, server_and_client_contexts
from tests.fakes.posthog import FakePosthog, recording_sessions
from tests.pushing import credential


@pytest.fixture
def spy(monkeypatch: pytest.MonkeyPatch) -> Spy:
    """What all channels lead to."""
    made = Spy()
    monkeypatch.setattr(sending, "channel", lambda name: made)
    return made


# --- Heatmaps and replay ----------------------------------------------------------------------------------------------


@pytest.fixture
def media(settings: Settings, tmp_path: Path) -> Path:
    """Where files are kept."""
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


@pytest.fixture
def posthog(settings: Settings) -> Iterator[FakePosthog]:
    settings.POSTHOG_ALLOW_LOOPBACK = True
    with recording_sessions() as fake:
        yield fake


# --- Push -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def house() -> Organization:
    return factories.organization()


@pytest.fixture
def google(settings: Settings) -> Iterator[fcm.FakeFcm]:
    with fcm.faking_fcm() as fake:
        settings.FCM_URL, settings.FCM_TOKEN_URL = fake.url, fake.token_url
        yield fake


@pytest.fixture
def apple(settings: Settings, tmp_path: Path) -> Iterator[apns.FakeApns]:
    server, _ = server_and_client_contexts(tmp_path, "apns.example")
    settings.PUSH_CA_FILE = str(tmp_path / CA_FILE)
    with apns.faking_apns(server) as fake:
        settings.APNS_URL = fake.url
        yield fake


@pytest.fixture
def push(settings: Settings) -> Iterator[Push]:
    settings.PUSH_CONSOLE = False
    # What should be answered is, however slow the machine; a test that waits for this to be over makes it short.
    settings.PUSH_TIMEOUT_S = 20.0
    made = Push()
    yield made
    made.close()


@pytest.fixture
def both(house: Organization, google: fcm.FakeFcm, apple: apns.FakeApns) -> dict[str, Any]:
    """The fakes by platform, the organization known to both."""
    credential(house, "fcm", fcm.service_account())
    credential(house, "apns", apns.signing_key())
    return {"android": google, "ios": apple}
