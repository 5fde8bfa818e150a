from __future__ import annotations

import pytest
from pytest_django import Settings

from ops_console.errors import InvalidInput
from ops_console.outbox.addresses import check_url


@pytest.mark.parametrize("url", ["http://127.0.0.1:9009/x", "https://127.0.0.1/", "http://localhost/"])
def test_the_setting_opens_loopback_to_webhooks(settings: Settings, url: str) -> None:
    with pytest.raises(InvalidInput):
        check_url(url)
    settings.WEBHOOK_ALLOW_LOOPBACK = True
    assert check_url(url).path in ("/", "/x")


def test_it_opens_nothing_else(settings: Settings) -> None:
    settings.WEBHOOK_ALLOW_LOOPBACK = True
    with pytest.raises(InvalidInput) as refusal:
        check_url("https://10.0.0.1/", path=("callbackUrl",))
    assert refusal.value.errors[0].path == ("callbackUrl",)
