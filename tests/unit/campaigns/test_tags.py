"""How a text is taken apart into tags, attributes, text and comments."""

from __future__ import annotations

import string
from html.parser import HTMLParser
from typing import Any

import nh3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.rendering.tags import Kind, pieces


def told(source: str) -> list[tuple[str, ...]]:
    return [
        (piece.kind, piece.tag, piece.name, piece.text, str(piece.is_quoted))
        if piece.kind is Kind.ATTRIBUTE
        else (piece.kind, piece.text)
        for piece in pieces(source)
    ]


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("a < b", [("text", "a "), ("text", "<"), ("text", " b")]),
        ("<P>x</p >", [("tag", "<P"), ("text", "x"), ("tag", "</p")]),
        (
            "<a b='1' C=\"2>\" d=3/4 e =\n5 f/>x",
            [
                ("tag", "<a"),
                ("tag", "b"),
                ("attribute", "a", "b", "1", "True"),
                ("tag", "C"),
                ("attribute", "a", "c", "2>", "True"),
                ("tag", "d"),
                ("attribute", "a", "d", "3/4", "False"),
                ("tag", "e"),
                ("attribute", "a", "e", "5", "False"),
                ("tag", "f"),
                ("text", "x"),
            ],
        ),
        ("<!-- <b> -->x<!-->y<!d>z<?p>", [*[("comment", "-- <b> ")], ("text", "x")]),
        ("<script>a<b</SCRIPT>c", [("tag", "<script"), ("raw", "a<b"), ("tag", "</SCRIPT"), ("text", "c")]),
        ("<a b='c", [("tag", "<a"), ("tag", "b"), ("attribute", "a", "b", "c", "True")]),
        ("<script>a", [("tag", "<script"), ("raw", "a")]),
        ("<!--a", [("comment", "--a")]),
    ],
)
def test_pieces(source: str, wanted: list[tuple[str, ...]]):
    assert told(source)[: len(wanted)] == wanted


class Peer(HTMLParser):
    """Python's own parser."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.found: list[Any] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.found += [tag, *(name for name, _ in attrs)]

    def handle_endtag(self, tag: str) -> None:
        self.found.append(f"/{tag}")


@given(
    st.lists(st.sampled_from([*"<>/='\" \n", "<p", "<b>", "</b>", "alt=", "title='", "<!--", "-->", "x"])).map("".join)
)
def test_what_the_sanitizer_writes_reads_as_by_another_parser(source: str):
    clean = nh3.clean(source)
    peer = Peer()
    peer.feed(clean)
    peer.close()
    ours = [piece.tag if piece.text[:1] == "<" else piece.text for piece in pieces(clean) if piece.kind is Kind.TAG]
    assert ours == peer.found


@given(st.text(alphabet=string.punctuation + "ab \n"))
def test_it_comes_to_an_end(source: str):
    assert sum(len(piece.text) for piece in pieces(source)) <= len(source)
