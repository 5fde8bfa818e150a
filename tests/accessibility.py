"""What axe-core finds wrong with a page."""

from __future__ import annotations

from playwright.sync_api import Page

from ops_console.var_dir import PROJECT
from tests.programs import program

AXE = PROJECT / "node_modules" / "axe-core" / "axe.min.js"


def violations(page: Page, *, within: str = "html") -> list[str]:
    """Each rule that is broken, with where; its script is put in by the browser's debugger, past the page's policy."""
    program("node")
    assert AXE.exists(), "run 'npm ci' first, as make test does"
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text())
    found = page.evaluate("async (within) => (await axe.run(within)).violations", within)
    return [f"{one['id']}: {node['target']} {node['failureSummary']}" for one in found for node in one["nodes"]]
