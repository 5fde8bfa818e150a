from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.exceptions import UnsupportedMediaType

from ops_console.rest.parsers import MAX_BYTES, MAX_DEPTH, StrictJSONParser, parse_json
from ops_console.rest.problems import InvalidBody, PayloadTooLarge

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
DOCUMENTS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(DOCUMENTS, st.booleans())
def test_reads_what_the_standard_writes(document: object, ascii_only: bool) -> None:
    assert parse_json(json.dumps(document, ensure_ascii=ascii_only).encode()) == document


@pytest.mark.parametrize(
    ("body", "path", "code"),
    [
        (b'{"a": NaN}', ("a",), "not_a_number"),
        (b'{"a": [1, -Infinity]}', ("a", 1), "not_a_number"),
        (b'{"a": 1e999}', ("a",), "too_large"),
        (b'{"a": 9007199254740992}', ("a",), "too_large"),
        (b'{"a": -' + b"9" * 100_000 + b"}", ("a",), "too_large"),
        (b'{"a": {"b": 1, "b": 1}}', ("a", "b"), "duplicate"),
        (b'{"a": "x\\u0000"}', ("a",), "bad_character"),
        (b'{"a": ["x", "\\ud800"]}', ("a", 1), "bad_character"),
        (b'{"a\\u0000": 1}', (), "bad_character"),
        (b'"\\udfff"', (), "bad_character"),
        (b"{", (), "not_json"),
        (b"", (), "not_json"),
        (b"{'a': 1}", (), "not_json"),
        (b'{"a": 1} 2', (), "not_json"),
        (b'{"a": "\x00"}', (), "not_json"),
        (b'\xef\xbb\xbf{"a": 1}', (), "not_json"),
        (b'{"a": "\xff"}', (), "not_utf8"),
        (b'{"a": "\xed\xa0\x80"}', (), "not_utf8"),
        (b"[" * 100_000, (), "too_deep"),
    ],
)
def test_names_what_is_wrong(body: bytes, path: tuple[str | int, ...], code: str) -> None:
    with pytest.raises(InvalidBody) as caught:
        parse_json(body)
    assert [(fault.path, fault.code) for fault in caught.value.errors] == [(path, code)]


def test_takes_a_surrogate_pair() -> None:
    assert parse_json(b'"\\ud83d\\udd4a"') == "\N{DOVE OF PEACE}"


def test_takes_32_levels_and_no_more() -> None:
    parse_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    with pytest.raises(InvalidBody) as caught:
        parse_json(b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1))
    assert caught.value.errors[0].path == (0,) * MAX_DEPTH


def test_takes_1_mib_and_no_more() -> None:
    body = b'"' + b"x" * (MAX_BYTES - 2) + b'"'
    assert len(StrictJSONParser().parse(io.BytesIO(body), "application/json")) == MAX_BYTES - 2
    with pytest.raises(PayloadTooLarge):
        StrictJSONParser().parse(io.BytesIO(body + b" "), "application/json")


@pytest.mark.parametrize("charset", ["latin-1", "utf-16"])
def test_takes_utf_8_only(charset: str) -> None:
    with pytest.raises(UnsupportedMediaType):
        StrictJSONParser().parse(io.BytesIO(b"{}"), f"application/json; charset={charset}")
    assert StrictJSONParser().parse(io.BytesIO(b"{}"), "application/json; charset=UTF-8") == {}
