"""What was measured, as a table, JSON and a chart in ``bench/results``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import matplotlib as mpl

RESULTS = Path(__file__).parent / "results"
ROUNDS = 5


@dataclass
class Comparison:
    """Ours beside a peer, measured in turn; ``least`` is the ratio of the medians that is asked for.

    Units are those of ``unit``, more being better.
    """

    name: str
    unit: str
    least: float
    ours: list[float] = field(default_factory=list)
    peer: list[float] = field(default_factory=list)
    # Further figures, by name.
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def ratio(self) -> float:
        return median(self.ours) / median(self.peer)

    @property
    def holds(self) -> bool:
        return self.ratio >= self.least

    def row(self) -> str:
        verdict = "holds" if self.holds else "FAILS"
        return (
            f"| {self.name} | {median(self.ours):,.0f} {self.unit} | {median(self.peer):,.0f} {self.unit} | "
            f"{self.ratio:.2f} | {self.least:.2f} | {verdict} | {_told(self.notes)} |"
        )


@dataclass
class Limit:
    """One figure and the most it may be."""

    name: str
    value: float
    most: float
    unit: str
    # Further figures, by name.
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        return self.value <= self.most

    def row(self) -> str:
        verdict = "holds" if self.holds else "FAILS"
        return (
            f"| {self.name} | {self.value:,.1f} {self.unit} | at most {self.most:,.1f} {self.unit} | {verdict} | "
            f"{_told(self.notes)} |"
        )


def _told(notes: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in notes.items())


def table(comparisons: Sequence[Comparison], limits: Sequence[Limit]) -> str:
    return "\n".join(
        [
            "| what | ours | peer | ratio | at least | | |",
            "|---|---|---|---|---|---|---|",
            *(comparison.row() for comparison in comparisons),
            "",
            "| what | measured | limit | | |",
            "|---|---|---|---|---|",
            *(limit.row() for limit in limits),
        ]
    )


def write(comparisons: Sequence[Comparison], limits: Sequence[Limit]) -> str:
    """Write all three files and return the table."""
    RESULTS.mkdir(exist_ok=True)
    written = table(comparisons, limits)
    (RESULTS / "bench.md").write_text(written + "\n")
    data = {
        "comparisons": [asdict(c) | {"ratio": c.ratio, "holds": c.holds} for c in comparisons],
        "limits": [asdict(limit) | {"holds": limit.holds} for limit in limits],
    }
    (RESULTS / "bench.json").write_text(json.dumps(data, indent=2) + "\n")
    if comparisons:
        _draw(comparisons)
    return written


def _draw(comparisons: Sequence[Comparison]) -> None:
    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(9, 1 + 0.8 * len(comparisons)))
    names = [comparison.name for comparison in comparisons]
    axes.barh(names, [comparison.ratio for comparison in comparisons], color="#3b6ea5", label="measured")
    axes.scatter([c.least for c in comparisons], names, color="#c0392b", marker="|", s=600, label="at least")
    axes.set_xlabel("ours / peer, medians of five")
    axes.invert_yaxis()
    axes.legend(loc="lower right")
    figure.tight_layout()
    figure.savefig(RESULTS / "bench.png", dpi=120)
    pyplot.close(figure)
