"""PostgreSQL and Valkey out of wheels, for a machine that has neither. Production never imports this package.

Both wheels' own life-cycle helpers stay unused: they leave servers behind or open folders to others.
"""

from __future__ import annotations

from ops_console.embedded.postgres import Postgres
from ops_console.embedded.valkey import Valkey

__all__ = ["Postgres", "Valkey"]
