"""How the database is to plan the statements of a batch."""

from __future__ import annotations

from ops_console import planner


def plan_by_key() -> None:
    """Let the rest of this transaction go from arrays to tables by their keys only."""
    planner.avoid("seqscan", "bitmapscan", "hashjoin", "mergejoin")
