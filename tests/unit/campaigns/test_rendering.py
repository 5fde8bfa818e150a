"""What a template becomes for one recipient."""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import UUID

import pytest

from campaigns.rendering import compiled as shelves
from campaigns.rendering.compiled import BodyTooLong, CannotRender, Compiled, MissingVariable, compile_template
from campaigns.rendering.contents import content_of
from campaigns.rendering.values import values_for
from ops_console.errors import InvalidInput


def variable(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "description": "", "required": False, "source": "custom", "default_value": "", **more}


def compiled(body: str, *names: str, kind: str = "markdown", title: str = "", **more: Any) -> Compiled:
    variables = [variable(name, **more) for name in names]
    return compile_template(type=kind, title=title, body=body, variables=variables)


def faults(body: str, *names: str, kind: str = "markdown", title: str = "") -> list[tuple[str, str]]:
    with pytest.raises(InvalidInput) as refused:
        compiled(body, *names, kind=kind, title=title)
    return [(str(fault.path[0]), fault.message) for fault in refused.value.errors]


def test_values_stand_where_their_placeholders_stood():
    made = compiled(
        "Dear {{name}},\n\nyour shift is on {{ day }}. Yours, {{name}}", "name", "day", title="For {{name}}"
    )
    rendered = made.render({"name": "Ann", "day": "Monday"})
    assert rendered.body == "Dear Ann,\n\nyour shift is on Monday. Yours, Ann"
    assert rendered.title == "For Ann"
    assert rendered.summary == "Dear Ann,"
    assert rendered.preview == "Dear Ann, your shift is on Monday. Yours, Ann"


def test_a_value_is_escaped_for_markdown_as_the_design_says():
    rendered = compiled("{{v}}", "v", title="{{v}}").render({"v": """& < > " ' *a*_b_ [c](d) 1. # `e` \\ |"""})
    assert rendered.body == (
        "&amp; &lt; &gt; &quot; &#39; \\*a\\*\\_b\\_ \\[c\\]\\(d\\) 1\\. \\# &#96;e&#96; \\\\ &#124;"
    )
    assert rendered.title == rendered.summary == rendered.preview == """& < > " ' *a*_b_ [c](d) 1. # `e` \\ |"""


def test_a_value_is_escaped_for_html():
    rendered = compiled('<p title="{{v}}">{{v}} *a*</p>', "v", kind="html").render({"v": """"><script>'&"""})
    escaped = "&quot;&gt;&lt;script&gt;&#x27;&amp;"
    assert rendered.body == f'<p title="{escaped}">{escaped} *a*</p>'
    assert rendered.summary == """"><script>'& *a*"""


def test_lines_and_control_characters_of_a_value_become_spaces():
    rendered = compiled("# {{v}}", "v", title="{{v}}").render({"v": "  a\n\n# b\x00\x1b\t\u2028c\ud800 "})
    assert (rendered.body, rendered.title) == ("# a \\# b c", "a # b c")


def test_html_is_sanitized():
    body = (
        '<h1 onclick="a()" style="color: red; position: fixed">Hi</h1><script>b()</script><style>c</style>'
        '<a href="javascript:d()">x</a><a href="https://roost.example/">y</a><iframe src="e"></iframe><!-- f -->'
    )
    assert compiled(body, kind="html").render({}).body == (
        '<h1 style="color:red">Hi</h1><a rel="noopener noreferrer">x</a>'
        '<a href="https://roost.example/" rel="noopener noreferrer">y</a>'
    )


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ("[x](https://roost.example/{{v}})", "the address of a link or image"),
        ("![x]({{v}})", "the address of a link or image"),
        ("<https://roost.example/{{v}}>", "the address of a link or image"),
        ("[x]\n\n[x]: {{v}}", "the address of a link or image"),
        ("[x]: {{v}}", "what defines a link"),
        ("[{{v}}]: /x", "what defines a link"),
        ("`{{v}}`", "code"),
        ("    {{v}}", "code"),
        ("```\n{{v}}\n```", "code"),
        ("```{{v}}\nx\n```", "the language of a code block"),
        ("<div>\n{{v}}\n</div>", "HTML"),
        ('a <b title="{{v}}">b</b>', "HTML"),
        ("<!-- {{v}} -->", "HTML"),
        ("<div>\n```\n\n{{v}}", "code"),
    ],
)
def test_a_placeholder_where_markdown_has_no_text_is_named_with_its_place(body: str, place: str):
    ((field, message),) = faults(body, "v")
    line = body[: body.index("{{")].count("\n") + 1
    assert field == "body"
    assert message.startswith(f"{{{{v}}}} (line {line}, column ")
    assert f"stands in {place}" in message


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ('<a href="{{v}}">x</a>', "the attribute href of <a>"),
        ('<a href="https://roost.example/{{v}}">x</a>', "the attribute href of <a>"),
        ("<img src='{{v}}'>", "the attribute src of <img>"),
        ('<blockquote cite="{{v}}">x</blockquote>', "the attribute cite of <blockquote>"),
        ('<p style="color: {{v}}">x</p>', "the attribute style of <p>"),
        ('<p onclick="{{v}}">x</p>', "the attribute onclick of <p>"),
        ("<p title={{v}}>x</p>", "the attribute title of <p>, which has no quotes"),
        ("<p title=a{{v}}>x</p>", "the attribute title of <p>, which has no quotes"),
        ("<p {{v}}>x</p>", "the tag <p>"),
        ('<p {{v}}="x">x</p>', "the tag <p>"),
        ("<{{v}}>x</p>", "the tag <"),
        ("<h{{v}}>x</h1>", "the tag <"),
        ("<script>{{v}}</script>", "script"),
        ("<style>{{v}}</style>", "style"),
        ("<!-- {{v}} -->", "a comment"),
        ('<p frobnicate="{{v}}">x</p>', "what the sanitizer takes away"),
        ("<textarea>{{v}}</textarea>", "what the sanitizer takes away"),
        ("<p></p {{v}}>", "the tag </p>"),
        ('<p title="{{v}}', "what the sanitizer takes away"),
        ("<svg><text>{{v}}</text></svg>", "what the sanitizer takes away"),
        ('<a href="&#113;1zq">{{v}}</a>', "the attribute href of <a>"),
    ],
)
def test_a_placeholder_where_html_is_not_safe_is_named_with_its_place(body: str, place: str):
    ((field, message),) = faults(body, "v", kind="html")
    assert field == "body"
    assert f"stands in {place}" in message
    assert message.startswith("{{v}} (line 1, column ")


def test_an_undeclared_placeholder_is_named_wherever_it_is():
    told = faults("Hello {{name}},\n\nsee {{ where }}. {{}}", "name", title="For {{whom}}")
    assert told == [
        ("title", "{{whom}} (line 1, column 5) is not among the template's variables."),
        ("body", "{{where}} (line 3, column 5) is not among the template's variables."),
        ("body", "{{}} (line 3, column 18) is not among the template's variables."),
    ]


def test_a_backslash_takes_the_meaning_of_braces_in_markdown_alone():
    made = compiled("\\{{a}} \\\\{{v}} {{{v}}}", "v")
    assert made.render({"v": "x"}).body == "\\{{a}} \\\\x {x}"
    assert compiled("<p>\\{{v}}</p>", "v", kind="html").render({"v": "x"}).body == "<p>\\x</p>"


def test_a_blank_value_is_none_and_the_default_takes_its_place():
    made = compiled("{{v}}", "v", default_value="friend", required=True)
    assert [made.render(values).body for values in ({}, {"v": ""}, {"v": " \n"}, {"v": "Ann"})] == [
        *["friend"] * 3,
        "Ann",
    ]


@pytest.mark.parametrize(
    ("body", "values", "wanted"),
    [
        ("**{{v}}**, _{{v}}_", ("Ann", "7"), ("**Ann**, _Ann_", "**7**, _7_")),
        ("**{{v}}**,", ("Inc.", "(x"), ("**Inc\\.~**,", "**~\\(x**,")),
        ("{{v}}. x", ("1", "a", "1b"), ("~1. x", "a. x", "1b. x")),
        ("x {{v}}. x", ("1",), ("x 1. x",)),
        ("[{{v}}](/x)", ("1", ".", ""), ("[1](/x)", "[\\.](/x)", "[~](/x)")),
        ("- [{{v}}] x", ("x",), ("- [~x~] x",)),
        ("*{{v}}*", ("",), ("*~*",)),
    ],
)
def test_only_where_a_value_would_mean_something_it_is_set_apart(
    body: str, values: tuple[str, ...], wanted: tuple[str, ...]
):
    made = compiled(body, "v")
    assert tuple(made.render({"v": value}).body.replace("\u200b", "~") for value in values) == wanted


def test_a_required_variable_without_a_value_is_named():
    made = compiled("Hello", "name", required=True)
    with pytest.raises(MissingVariable, match=r"There is no value for \{\{name\}\}\.") as missing:
        made.render({"name": " "})
    assert missing.value.name == "name"
    assert isinstance(missing.value, CannotRender)
    assert compiled("Hello", "name").render({}).body == "Hello"


def test_what_has_no_value_leaves_no_gap_in_plain_text():
    rendered = compiled("Dear {{title}} **{{name}}**", "title", "name").render({"name": "Ann"})
    assert rendered.preview == "Dear Ann"
    assert rendered.body == "Dear \u200b **Ann**"


def test_a_body_that_grows_too_long_is_refused_and_plain_texts_are_cut():
    made = compiled("{{v}} " * 100, "v", title="{{v}}")
    rendered = made.render({"v": "word " * 190})
    assert len(rendered.body) == 95_000
    assert rendered.summary == ("word " * 99) + "word…"
    assert len(rendered.summary) <= 500
    assert rendered.title == ("word " * 39) + "word…"
    assert made.render({"v": "x" * 999}).summary == "x" * 499 + "…"
    with pytest.raises(BodyTooLong):
        made.render({"v": "word " * 201})


def test_the_summary_is_the_first_block_and_the_preview_the_beginning_of_all():
    body = (
        "# {{v}} *news*\n\n- one\n- two\n\n| a | b |\n|---|---|\n| c | d |\n\n![alt](/x) end  \nlast\n\n```\ncode\n```"
    )
    rendered = compiled(body, "v").render({"v": "Big"})
    assert rendered.summary == "Big news"
    assert rendered.preview == "Big news one two a b c d alt end last code"
    body = (
        "<div><h1>{{v}} <em>news</em></h1><ul><li>one</li><li>two</li></ul>a&amp;b<br>c<img alt='alt' src='/x'></div>"
    )
    rendered = compiled(body, "v", kind="html").render({"v": "Big & old"})
    assert rendered.summary == "Big & old news"
    assert rendered.preview == "Big & old news one two a&b calt"


def test_values_come_from_the_audience_then_the_step_then_the_profile():
    variables = [variable(name, source="profile") for name in ("department", "firstName", "badge", "email", "name")]
    made = compile_template(type="markdown", title="", body="", variables=[*variables, variable("location")])
    profile = {"department": "Loft", "first_name": "Ann", "location": "Roost", "custom_attributes": {"badge": "7"}}
    known: dict[str, Any] = {"profile": profile, "name": "Ann Columba", "email": "ann@roost.example"}
    own = {"department": "Loft", "firstName": "Ann", "badge": "7", "email": "ann@roost.example", "name": "Ann Columba"}
    assert values_for(made, audience={}, custom={}, **known) == own
    given = values_for(made, audience={"badge": "8", "department": " "}, custom={"badge": "9", "name": "A"}, **known)
    assert given == {**own, "badge": "8", "name": "A"}
    assert values_for(made, audience={"location": "", "other": "x"}, custom={"location": "Ridge"}, **known) == {
        **own,
        "location": "Ridge",
    }


def test_equal_content_has_an_equal_id_and_other_content_another():
    rendered = compiled("{{v}}", "v", title="T").render({"v": "x"})
    action = {"id": "ack", "type": "ack", "label": "Got it"}
    plain = content_of(rendered, title="", actions=[])
    assert plain == content_of(rendered, title="T", actions=())
    assert plain.content_id == hashlib.sha256(b"T\0x\0x\0x\0[]").hexdigest()
    others = [content_of(rendered, title="U", actions=()), content_of(rendered, title="", actions=[action])]
    assert len({plain.digest, *(other.digest for other in others)}) == 3
    assert (others[0].title, others[1].title) == ("U", "T")


@pytest.mark.parametrize(
    "hostile",
    [
        "![" * 25_000,
        "[a\n" * 16_000,
        "[" * 1000 + "*a" * 24_000,
        # A row of one cell in a table of a thousand columns has a thousand.
        "|a" * 1000 + "\n" + "|-" * 1000 + "\n" + "a\n" * 20_000,
        "a|b\n-|-\n" + "a|b\n" * 12_000,
        "_a*b" * 12_000,
    ],
)
def test_a_body_that_would_take_seconds_to_read_is_refused(hostile: str):
    [(field, message)] = faults(f"{{{{v}}}}\n\n{hostile}", "v")
    assert field == "body"
    assert message.startswith("The markup is too much to be read: more than 20,000 ")


@pytest.mark.parametrize(
    "letter",
    [
        "Some *words* here are **bold**, and [one](https://example.com/abc) leads on.\n" * 600,
        "- an item of a long list\n" * 2000,
        "|day|loft|who|\n|-|-|-|\n" + "|monday|north|{{v}}|\n" * 900,
    ],
)
def test_the_longest_of_ordinary_bodies_are_read(letter: str):
    assert compiled(letter, "v").render({"v": "x"}).body == letter.replace("{{v}}", "x")


def test_the_versions_used_last_are_kept_as_far_as_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelves, "KEPT", 3)
    monkeypatch.setattr(shelves, "KEPT_CHARACTERS", 100)
    shelf = shelves.Shelf()
    made: list[Compiled] = []

    def get(version: int, length: int = 1) -> bool:
        """Whether it was kept."""
        n_before = len(made)

        def make() -> tuple[Compiled, int]:
            made.append(compile_template(type="markdown", title="", body="coo", variables=[]))
            return made[-1], length

        assert shelf.get((UUID(int=1), version), make) in made
        return len(made) == n_before

    assert [get(version) for version in (1, 2, 3, 1, 2, 3)] == [False] * 3 + [True] * 3
    assert [get(version) for version in (1, 4, 1, 3, 2)] == [True, False, True, True, False]
    # A long one takes the place of all that no longer fit, however long it is.
    assert [get(5, 98), get(2), get(3), get(1)] == [False, True, True, False]
    assert [get(6, 1000), get(6, 1000), get(1)] == [False, True, False]
