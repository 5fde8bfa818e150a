"""Reading JSON files that operators name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from ops_console.rest.parsers import parse_json
from ops_console.rest.problems import InvalidBody


def read_json(file: Path) -> Any:
    """The document in a file. Raises: CommandError."""
    try:
        return parse_json(file.read_bytes())
    except InvalidBody as error:
        raise CommandError(f"{file}: {error.errors[0].message}") from None
    except OSError as error:
        raise CommandError(str(error)) from None
