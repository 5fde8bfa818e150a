from __future__ import annotations

import pytest

from campaigns.engine import sending
from tests.campaigning import Spy


@pytest.fixture
def spy(monkeypatch: pytest.MonkeyPatch) -> Spy:
    """What all channels lead to."""
    made = Spy()
    monkeypatch.setattr(sending, "channel", lambda name: made)
    return made
