"""The id of a request: the caller's if it is sane, else a new one."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

_SANE = re.compile(r"[A-Za-z0-9._:-]{8,128}")


def request_id_of(meta: dict[str, Any]) -> str:
    given = meta.get("HTTP_X_REQUEST_ID", "")
    return given if _SANE.fullmatch(given) else uuid4().hex
