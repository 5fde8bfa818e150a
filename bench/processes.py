"""What processes took."""

from __future__ import annotations

from pathlib import Path


def peak_mb(pid: int | str = "self") -> float:
    """The most memory that a process, or one it started, has had resident.

    Of the program it runs: ``getrusage`` would count its parent's from before the exec, too.
    """
    status = Path(f"/proc/{pid}/status").read_text()
    (peak_kb,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))
    return max([int(peak_kb) / 1024, *map(peak_mb, children(pid))])


def children(pid: int | str) -> list[str]:
    """The processes that were started by any of its threads."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return [child for thread in threads for child in (thread / "children").read_text().split()]
