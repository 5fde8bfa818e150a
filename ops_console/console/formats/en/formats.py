"""How the console writes times and dates; all of them are UTC."""

from __future__ import annotations

DATETIME_FORMAT = "Y-m-d H:i:s"
DATE_FORMAT = "Y-m-d"
