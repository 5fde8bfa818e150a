# Beside what is built: the version that the page puts in the address of each file, so that no browser takes what it has
# of the release before.
from __future__ import annotations

VERSION_FILE = "version.txt"
