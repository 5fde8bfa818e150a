"""A Markdown parser whose work is bounded: some texts would take seconds, and a table's cells can be made of nothing.

Brackets that nothing closes are looked at again by each one before them, and a row that is too short gets the cells it
lacks. What grows so is counted, and above a number of steps that no letter comes near the text is refused.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, Literal

from markdown_it import MarkdownIt
from markdown_it.parser_block import ParserBlock
from markdown_it.parser_inline import ParserInline
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

# Pieces of markup made, and looks at what may be within a link. 50,000 characters of prose have some thousands.
MOST_STEPS = 20_000
STEPS = "steps"

Environment = MutableMapping[str, Any]
Nesting = Literal[-1, 0, 1]


class TooMuchMarkup(Exception):
    """Reading the text would take more than ``MOST_STEPS``."""


class BoundedMarkdown(MarkdownIt):
    """CommonMark with tables and strikethrough.

    ``parse`` raises TooMuchMarkup.
    """

    def __init__(self, *, html: bool = True) -> None:
        super().__init__()
        self.inline, self.block = _Inline(), _Block()
        self.configure("commonmark", options_update={"html": html})
        self.enable(["table", "strikethrough"])


class _BlockState(StateBlock):
    def push(self, ttype: str, tag: str, nesting: Nesting) -> Token:
        _step(self.env)
        return super().push(ttype, tag, nesting)


class _InlineState(StateInline):
    def push(self, ttype: str, tag: str, nesting: Nesting) -> Token:
        _step(self.env)
        return super().push(ttype, tag, nesting)


class _Block(ParserBlock):
    def parse(self, src: str, md: MarkdownIt, env: Environment, outTokens: list[Token]) -> list[Token] | None:  # noqa: N803 - the parser's own word
        if src:
            state = _BlockState(src, md, env, outTokens)
            self.tokenize(state, state.line, state.lineMax)
        return outTokens


class _Inline(ParserInline):
    def skipToken(self, state: StateInline) -> None:  # noqa: N802 - the parser's own word
        _step(state.env)
        super().skipToken(state)

    def parse(self, src: str, md: MarkdownIt, env: Environment, tokens: list[Token]) -> list[Token]:
        state = _InlineState(src, md, env, tokens)
        self.tokenize(state)
        for rule in self.ruler2.getRules(""):
            rule(state)
        return state.tokens


def _step(env: Environment) -> None:
    env[STEPS] = env.get(STEPS, 0) + 1
    if env[STEPS] > MOST_STEPS:
        raise TooMuchMarkup
