"""The platform every domain stands on, and the place where all is put together."""

from __future__ import annotations

import gc

# Python's own thresholds are for small programs: a process that starts would look through all it has imported again and
# again, for a fifth of the time until it is ready.
gc.set_threshold(10_000, 50, 50)
