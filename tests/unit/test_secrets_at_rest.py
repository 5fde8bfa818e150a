from __future__ import annotations

import pytest
from pytest_django import Settings

from ops_console.secrets_at_rest import Undecipherable, decrypt, encrypt, reencrypt


def test_what_is_encrypted_reads_back_and_does_not_show() -> None:
    assert decrypt(encrypt("whsec_ä")) == "whsec_ä"
    assert b"whsec" not in encrypt("whsec_ä")
    assert encrypt("x") != encrypt("x")


def test_a_replaced_key_still_opens_old_secrets_while_it_is_a_fallback(settings: Settings) -> None:
    old = encrypt("whsec_x")
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another-key"
    assert decrypt(old) == "whsec_x"
    new = reencrypt(old)
    settings.SECRET_KEY_FALLBACKS = []
    assert decrypt(new) == "whsec_x"
    with pytest.raises(Undecipherable):
        decrypt(old)
    with pytest.raises(Undecipherable):
        reencrypt(old)
