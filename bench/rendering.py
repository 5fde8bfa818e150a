"""(e) Rendering for one recipient after another, beside plain string replacement of the same body."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bench.report import ROUNDS, Comparison
from campaigns.models import TemplateType
from campaigns.rendering.compiled import Compiled, compile_template
from campaigns.rendering.values import values_for

LENGTH = 1_000
RECIPIENTS = 2_000
PASSES = 10
FIRST, LAST = "Dear **{{first_name}}**,\n\n", "\n\nSee you on {{day}}."
SENTENCE = "Pigeons of the Santa Fe loft fly north this week, and return on Sunday at noon. "
Values = Mapping[str, str]


def bench_rendering() -> list[Comparison]:
    """Messages a second: title, summary, preview and body of each, its values looked up and escaped."""
    body = FIRST + (SENTENCE * LENGTH)[: LENGTH - len(FIRST) - len(LAST)] + LAST
    recipients = [{"first_name": f"Ann O'Neill {n}", "day": f"the {n}th *sharp*"} for n in range(RECIPIENTS)]
    return [_compare(kind, body, recipients) for kind in TemplateType.values]


def _compare(type: str, body: str, recipients: Sequence[Values]) -> Comparison:  # noqa: A002 - the template's own word
    ready = compile_template(type=type, title="Your {{day}}", body=body, variables=list(map(_variable, recipients[0])))
    comparison = Comparison(f"render {type}, {len(body):,} characters, 2 variables", "messages/s", least=1 / 20)

    def ours(values: Values) -> object:
        return _rendered(ready, values)

    def peer(values: Values) -> object:
        return body.replace("{{first_name}}", values["first_name"]).replace("{{day}}", values["day"])

    for _ in range(ROUNDS):
        comparison.peer.append(_per_s(peer, recipients))
        comparison.ours.append(_per_s(ours, recipients))
    comparison.notes["each"] = f"{1e6 / max(comparison.ours):.1f} µs"
    return comparison


def _variable(name: str) -> dict[str, Any]:
    return {"name": name, "description": "", "required": True, "source": "custom", "default_value": ""}


def _rendered(ready: Compiled, values: Values) -> object:
    return ready.render(values_for(ready, audience=values, custom={}, profile={}, name="", email=""))


def _per_s(render: Callable[[Values], object], recipients: Sequence[Values]) -> float:
    started = time.perf_counter()
    for _ in range(PASSES):
        for values in recipients:
            render(values)
    return PASSES * len(recipients) / (time.perf_counter() - started)
