"""Whatever the template and whatever the values: a value is text, and changes no markup."""

from __future__ import annotations

import string
from collections.abc import Sequence
from html import escape
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from campaigns.rendering.compiled import Compiled, compile_template
from campaigns.rendering.html import SANITIZER
from campaigns.rendering.plain import one_line
from ops_console.errors import InvalidInput

NAMES = ("a", "b", "c")
# No value: what stands for one while the markup is looked at.
WORDS = {name: f"Wq{name}qW" for name in NAMES}
APART = "\u200b"
READERS = (
    MarkdownIt("commonmark").enable(["table", "strikethrough"]),
    MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]),
)
# Markup that a text may have around its placeholders, unbalanced as authors leave it.
OF_MARKDOWN = [
    *(
        "*",
        "**",
        "_",
        "__",
        "~~",
        "`",
        "``",
        "[",
        "]",
        "](/x)",
        '](/x "',
        '")',
        "![",
        "<b>",
        "</b>",
        "<",
        ">",
        "&",
        ";",
    ),
    *("\n", "\n\n", "# ", "- ", "* ", "+ ", "> ", "1. ", "1", ". ", ".\n", ") ", "    ", "\t", "---\n", "\n===\n", "|"),
    *(
        "\n|---|---|\n",
        "```\n",
        "~~~",
        "\\",
        "\\\\",
        " ",
        "  \n",
        "word",
        "W",
        "!",
        "#",
        "&#",
        "(",
        ")",
        ":",
        "[x]: /y\n",
    ),
    *("<!-- ", "-->", "<div>\n", "http://", "www.", "é", "—", "$", "=", "- [", "] "),
]
OF_HTML = [
    *("<p>", "</p>", '<p title="', "<p title='", '">', "'>", "<p title=", ">", "<a href=", '<a href="', '"', "'", "<"),
    *("&", "&#", ";", "<!--", "-->", "<script>", "</script>", "<style>", "<b>", "</b>", "<i>", "<table>", "<td>", " "),
    *("</table>", "<pre>\n", "<br>", "<svg>", "<math>", "<img alt='", "' src='x'>", "=", "word", "\n", "<textarea>"),
    *("<template>", "</p ", "<p ", "/>", " dir='", " class='", " onclick='", "<![CDATA[", "]]>", "<?", "<title>"),
]
PLACEHOLDERS = [f"{{{{{name}}}}}" for name in NAMES]
NASTY = st.text(alphabet=string.punctuation + "1x \n\t—é", max_size=8)
MARKS = st.sampled_from([*OF_MARKDOWN, *OF_HTML, "1", "12", "]", "](javascript:x)", "<script>", '" onclick="x', "x"])
VALUES = st.one_of(NASTY, MARKS, st.text(max_size=20), st.lists(MARKS, max_size=4).map("".join))
VALUE_OF = st.fixed_dictionaries(dict.fromkeys(NAMES, VALUES))


def templates(fragments: Sequence[str]) -> st.SearchStrategy[str]:
    pieces = st.one_of(st.sampled_from(fragments), st.sampled_from(PLACEHOLDERS))
    return st.lists(pieces, min_size=1, max_size=12).map("".join)


def compiled(kind: str, body: str) -> Compiled | None:
    """None for a template that is refused."""
    variables = [
        {"name": name, "description": "", "required": False, "source": "custom", "default_value": ""} for name in NAMES
    ]
    try:
        return compile_template(type=kind, title="", body=body, variables=variables)
    except InvalidInput:
        return None


def filled(markup: str, values: dict[str, str], *, is_escaped: bool) -> str:
    for name, word in WORDS.items():
        value = one_line(values[name])
        markup = markup.replace(word, escape(value, quote=True).replace("&#x27;", "'") if is_escaped else value)
    return markup.replace(APART, "")


def check_markdown(body: str, values: dict[str, str]) -> bool:
    """Whether the template was accepted; if so, that a reader makes the same of it, whatever the values."""
    made = compiled("markdown", body)
    if made is None:
        return False
    for reader in READERS:
        wanted = filled(reader.render(made.render(WORDS).body), values, is_escaped=True)
        assert reader.render(made.render(values).body).replace(APART, "") == wanted
    return True


@given(templates(OF_MARKDOWN), VALUE_OF)
@settings(max_examples=600)
@example("{{a}}. foo", {"a": "1", "b": "", "c": ""})
@example("1{{a}}) foo", {"a": "2", "b": "", "c": ""})
@example("{{a}}{{b}}. foo", {"a": "1", "b": "2", "c": ""})
@example("x*{{a}}*y", {"a": ".", "b": "", "c": ""})
@example("{{a}}*{{b}}*", {"a": "w", "b": ".", "c": ""})
@example("`foo {{a}}", {"a": "`", "b": "", "c": ""})
@example("**{{a}}**", {"a": "", "b": "", "c": ""})
@example("[{{a}}]\n\n[home]: /x", {"a": "home", "b": "", "c": ""})
@example("one\n{{a}}\ntwo", {"a": "", "b": "", "c": ""})
@example("one\n{{a}}", {"a": "===", "b": "", "c": ""})
@example("|{{a}}|{{b}}|\n|---|---|\n|{{c}}|x|", {"a": "|", "b": "\\", "c": "\\|"})
@example("{{a}}\n---", {"a": "|", "b": "", "c": ""})
@example("\\{{a}}", {"a": "*x*", "b": "", "c": ""})
def test_no_value_changes_what_markdown_means(body: str, values: dict[str, str]):
    check_markdown(body, values)


@pytest.mark.parametrize(
    "body",
    [
        "Dear **{{a}}**, see *{{b}}* and _{{c}}_!",
        '# {{a}}\n\n- {{b}}\n- [{{c}}](/x "{{a}}")\n\n> {{b}}\n\n1. {{c}}',
        "{{a}}\n{{b}}\n\n{{c}}. x",
        "| {{a}} | b |\n|---|---|\n|{{b}}|{{c}}|",
        '({{a}}) "{{b}}" {{c}}% ~~{{a}}~~ ![{{b}}](/x)',
        "*{{a}}*{{b}}**{{c}}**",
    ],
)
@given(values=VALUE_OF)
@settings(max_examples=150)
def test_values_stay_text_in_templates_that_are_accepted(body: str, values: dict[str, str]):
    assert check_markdown(body, values)


class Events(HTMLParser):
    """What a document is made of: tags with their attributes, and text."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Any] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.found.append((tag, attrs))

    def handle_endtag(self, tag: str) -> None:
        self.found.append(tag)

    def handle_data(self, data: str) -> None:
        self.found.append(("", data))


def events(markup: str, values: dict[str, str]) -> list[Any]:
    """As a browser's parser reads it, with the values for the words."""
    reader = Events()
    reader.feed(SANITIZER.clean(markup))
    reader.close()
    found: list[Any] = []
    for event in reader.found:
        match event:
            case ("", data):
                # The first line break within <pre> is nothing.
                found.append(("", filled(data, values, is_escaped=False).lstrip("\n")))
            case (tag, attributes):
                found.append(
                    (tag, [(name, filled(value or "", values, is_escaped=False)) for name, value in attributes])
                )
            case _:
                found.append(event)
    return [event for event in found if event != ("", "")]


def check_html(body: str, values: dict[str, str]) -> bool:
    made = compiled("html", body)
    if made is None:
        return False
    assert events(made.render(values).body, values) == events(made.render(WORDS).body, values)
    return True


@given(templates(OF_HTML), VALUE_OF)
@settings(max_examples=600)
@example('<p title="{{a}}">{{b}}</p>', {"a": '" onclick="x', "b": "<script>x</script>", "c": ""})
@example("<p title='{{a}}'>{{b}}</p>", {"a": "' onclick='x", "b": "&lt;", "c": ""})
@example("&{{a}};", {"a": "lt", "b": "", "c": ""})
@example("<table>{{a}}</table>", {"a": "", "b": "", "c": ""})
def test_no_value_changes_what_html_means_or_leaves_its_attribute(body: str, values: dict[str, str]):
    check_html(body, values)


@pytest.mark.parametrize(
    "body",
    [
        "<h1>{{a}}</h1><p title=\"{{b}}\" class='x {{c}}'>Dear <b>{{c}}</b></p>",
        "<ul><li>{{a}}<li>{{b}}</ul><img alt='{{c}}' src='https://roost.example/x'>",
        "{{a}}<table><tr><td>{{b}}</td></tr></table><pre>{{c}}</pre>",
    ],
)
@given(values=VALUE_OF)
@settings(max_examples=150)
def test_values_stay_text_in_html_that_is_accepted(body: str, values: dict[str, str]):
    assert check_html(body, values)


@given(templates([*OF_MARKDOWN, *OF_HTML]), VALUE_OF)
@settings(max_examples=200)
def test_titles_summaries_and_previews_are_one_line_of_limited_length(body: str, values: dict[str, str]):
    for kind in ("markdown", "html"):
        made = compiled(kind, body)
        assume(made is not None)
        assert made is not None
        rendered = made.render({name: value * 60 for name, value in values.items()})
        for text in (rendered.summary, rendered.preview):
            assert len(text) <= 500
            assert "\n" not in text
