"""What the pages name is what there is: settings, prices, error codes, libraries, commands, files."""

from __future__ import annotations

import ast
import re
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import get_commands

from couriers.grid import great_circle_km
from messages import pricing
from messages.models import Priority
from ops_console.outbox import signing
from ops_console.regions import LOFTS, Region
from ops_console.rest.problems import STATUS
from ops_console.var_dir import PROJECT

DOCS = PROJECT / "docs"
OPERATIONS, PRICING, PROTOCOL, ARCHITECTURE, DECISIONS = (
    DOCS / name for name in ("operations.md", "pricing.md", "pigeon-protocol.md", "architecture.md", "decisions")
)
PAGES = sorted([*PROJECT.glob("*.md"), *DOCS.rglob("*.md")])
SETTINGS = PROJECT / "ops_console" / "settings.py"
OURS = [
    PROJECT / "manage.py",
    *(path for name in ("ops_console", "couriers") for path in (PROJECT / name).rglob("*.py")),
]
OURS += (PROJECT / "messages").rglob("*.py")
# Set by the system, not by whoever runs this.
NOT_SETTINGS = {"PATH", "LD_LIBRARY_PATH"}
READS = re.compile(
    r"""os\.environ(?:\.get\(|\[)["'](\w+)["']|is_set\(["'](\w+)["']\)|["'](\w+)["'] not in os\.environ"""
)


def rows(page: Path, heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, without its head."""
    text = f"\n{page.read_text()}".partition(f"\n{heading}\n")[2]
    lines = re.search(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert lines, f"{page.name} has no table below {heading}"
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[0].splitlines()[2:]]


def settings_read() -> Iterator[tuple[str, ast.expr | None]]:
    """Each variable that settings.py reads, with its default."""
    for node in ast.walk(ast.parse(SETTINGS.read_text())):
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
                if node.func.value.id == "env":
                    yield str(node.args[0].value), node.args[1] if len(node.args) > 1 else None
            elif isinstance(node.func, ast.Name) and node.func.id in {"required", "secret"}:
                yield str(node.args[0].value), None


def variables_read() -> set[str]:
    found = {name for name, _ in settings_read()}
    for path in OURS:
        found |= {name for names in READS.findall(path.read_text()) for name in names if name}
    found |= set(re.findall(r"\$\{(\w+)", (PROJECT / "Procfile").read_text()))
    return found - NOT_SETTINGS


def documented_variables() -> dict[str, str]:
    return {name.strip("`"): default for name, default, _ in rows(OPERATIONS, "## Environment variables")}


def doubles(cells: list[list[str]]) -> list[str]:
    return [name for name, count in Counter(name for name, *_ in cells).items() if count > 1]


def plain(default: ast.expr | None) -> str | None:
    """A default as the page writes it, if it is a plain value."""
    if isinstance(default, ast.Call) and isinstance(default.args[0], ast.Constant):
        return str(default.args[0].value)
    if isinstance(default, ast.Constant) and default.value != "":
        return str(int(default.value) if isinstance(default.value, bool) else default.value)
    return None


def test_the_table_of_variables_names_those_that_are_read():
    assert set(documented_variables()) == variables_read()


@pytest.mark.parametrize("heading", ["## Environment variables", "## Commands"])
def test_nothing_is_told_twice(heading):
    assert doubles(rows(OPERATIONS, heading)) == []


def test_every_page_is_named_where_things_live():
    named = set(re.findall(r"\]\(docs/([\w-]+\.md)\)", (PROJECT / "README.md").read_text()))
    assert {path.name for path in DOCS.glob("*.md")} == named


def test_the_reader_of_variables_finds_every_kind():
    assert {"SECRET_KEY", "RATE_PER_S", "VAR_DIR", "WEB_THREADS", "PROMETHEUS_MULTIPROC_DIR"} <= variables_read()


@pytest.mark.parametrize(("name", "default"), [(name, plain(node)) for name, node in settings_read() if plain(node)])
def test_the_table_of_variables_tells_the_default(name, default):
    assert f"`{default}`" in documented_variables()[name]


def number(cell: str) -> Decimal:
    return Decimal(cell.partition(" ")[0])


def test_the_parts_of_a_price():
    parts = [number(amount) for _, amount in rows(PRICING, "# Pricing")]
    assert parts == [
        pricing.BASE,
        pricing.PER_STARTED_100_KM,
        pricing.PER_STARTED_5_G,
        pricing.EXPRESS_FACTOR,
        pricing.INSURANCE_RATE,
    ]


@pytest.mark.parametrize("row", rows(PRICING, "## Examples"), ids=lambda row: f"{row[0]} to {row[1]}")
def test_the_examples_of_prices(row):
    region, destination, characters, priority, insured, km, grams, cost = row
    latitude, longitude = map(float, re.findall(r"-?\d+\.\d+", destination))
    loft = LOFTS[Region(region)]
    distance = great_circle_km(loft.latitude, loft.longitude, latitude, longitude)
    weight = pricing.weight_g(subject="", body="x" * int(characters))
    assert (round(distance), weight) == (int(km), float(grams))
    price = pricing.price(
        distance_km=distance, weight_g=weight, priority=Priority[priority.upper()], insured_value=Decimal(insured)
    )
    assert price == Decimal(cost)


def test_the_heaviest_message():
    assert "114,000 characters" in PRICING.read_text()
    assert pricing.weight_g(subject="", body="x" * 114_000) <= pricing.MAX_WEIGHT_G
    assert pricing.weight_g(subject="", body="x" * 114_001) > pricing.MAX_WEIGHT_G


def test_the_table_of_errors_names_every_code():
    told = {(int(status), code.strip("`")) for status, code, _ in rows(PROTOCOL, "## Errors")}
    # No endpoint of the Pigeon Protocol calls another service while a client waits, or gives names.
    elsewhere = {(502, "upstream"), (409, "already_exists")}
    assert {(status, kind.code) for kind, status in STATUS.items()} - told == elsewhere


def receiver() -> Any:
    """The function the page gives to those who receive webhooks."""
    code = re.search(r"```python\n(.*?)```", PROTOCOL.read_text(), re.DOTALL)
    assert code
    names: dict[str, Any] = {}
    exec(code[1], names)
    return names["is_ours"]


def test_webhooks_are_verified_as_the_page_says():
    old, new = signing.new_secret(), signing.new_secret()
    content = signing.body(event="message.delivered", at=datetime.now(UTC), payload='{"msgId":"4prDjddvmLpDA2A2"}')
    headers = signing.headers(webhook_id="an-id", at=datetime.now(UTC), content=content, secrets=[new, old])
    is_ours = receiver()
    assert is_ours(headers, content, new)
    assert is_ours(headers, content, old)
    assert not is_ours(headers, content, signing.new_secret())
    assert not is_ours(headers, content + b" ", new)
    late = headers | {"webhook-timestamp": str(int(time.time()) - 600)}
    assert not is_ours(late, content, new)


def test_every_library_is_explained():
    pinned = re.findall(r"^([\w-]+)", (PROJECT / "requirements.txt").read_text(), re.MULTILINE)
    explained = [name.strip("`") for cells in rows(ARCHITECTURE, "## Libraries") for name in cells[0].split(", ")]
    assert sorted(explained) == sorted(pinned)


def test_every_command_of_ours_is_in_the_table():
    ours = {name for name, app in get_commands().items() if (PROJECT / app.replace(".", "/")).is_dir()}
    assert {name.strip("`") for name, _ in rows(OPERATIONS, "## Commands")} == ours


def test_every_decision_is_listed():
    listed = set(re.findall(r"\]\(decisions/([\w-]+\.md)\)", ARCHITECTURE.read_text()))
    assert listed == {path.name for path in DECISIONS.glob("*.md")}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_links_and_files_named_exist(page):
    text = page.read_text()
    for link, anchor in re.findall(r"\]\((?!https?:|mailto:)([^)#]*)(#[^)]*)?\)", text):
        target = (page.parent / link).resolve() if link else page
        assert target.exists(), link
        if anchor:
            headings = re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE)
            assert anchor[1:] in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    for name in re.findall(r"`((?:ops_console|couriers|messages|tests|docs)/[\w/.-]*)`", text):
        assert (PROJECT / name).exists(), name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_lines_are_not_too_long(page):
    assert [line for line in page.read_text().splitlines() if len(line) > 120] == []
