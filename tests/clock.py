"""A wall clock that a test moves under real processes, whose own code knows nothing of it.

What time it is jumps, for all of them at once; waiting is counted by the monotonic clock, and takes as long as ever.
The test's own process, PostgreSQL and Valkey keep the real time, and so does what is not Python.
"""

from __future__ import annotations

import os
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path

STARTUP = Path(__file__).parent / "fakes" / "wall_clock"


class Clock:
    """Shows the real time until it is moved. Processes with ``variables`` in their environment go by it."""

    def __init__(self, file: Path) -> None:
        self.ahead = timedelta(0)
        self._file = file
        file.write_bytes(bytes(8))
        path = os.pathsep.join(filter(None, [str(STARTUP), os.environ.get("PYTHONPATH")]))
        self.variables = {"PYTHONPATH": path, "TESTS_CLOCK": str(file)}

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def advance(self, **span: float) -> None:
        """Have it jump forward: ``advance(hours=4)``."""
        self.ahead += timedelta(**span)
        # In place, for processes have it mapped.
        with self._file.open("r+b") as file:
            file.write(struct.pack("q", self.ahead // timedelta(microseconds=1) * 1000))
