from __future__ import annotations

import pytest

from ops_console.access.key_texts import ALPHABET, KeyKind, digest_of, kind_of, new_text

PLAIN = "pidgr_k_" + "a" * 43


@pytest.mark.parametrize("kind", KeyKind)
def test_a_new_key_is_of_its_kind_long_random_and_typeable(kind: KeyKind) -> None:
    texts = {new_text(kind) for _ in range(200)}
    assert len(texts) == 200
    for text in texts:
        assert kind_of(text) is kind
        assert len(text) == 57
        assert set(text.removeprefix(kind)) <= set(ALPHABET)
        assert len(digest_of(text)) == 32


def test_any_single_slip_is_seen() -> None:
    text = new_text(KeyKind.ORGANIZATION)
    for at in range(len(text)):
        other = "A" if text[at] != "A" else "B"
        assert kind_of(text[:at] + other + text[at + 1 :]) is None
        assert kind_of(text[:at] + text[at + 1 :]) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "pidgr_k_",
        "pidgr_x_" + "a" * 49,
        PLAIN,
        PLAIN + "000000",
        PLAIN + "0" * 400,
        "pidgr_k_" + "ä" * 49,
        "\0" * 57,
    ],
)
def test_what_is_no_key(text: str) -> None:
    assert kind_of(text) is None


def test_the_check_never_changes_for_keys_are_long_lived() -> None:
    assert kind_of(PLAIN + "39BIO7") is KeyKind.ORGANIZATION
