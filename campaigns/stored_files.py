"""Files that belong to rows: a row's file is there before the row is, and goes with it.

Whatever becomes of the transaction, no row is without its file. A file without its row goes when the transaction is
rolled back; one that a killed process left, ``sweep`` finds.
"""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime, timedelta

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection, transaction

log = logging.getLogger(__name__)

# Younger files may belong to a transaction that is still under way.
TAKES_AT_MOST = timedelta(hours=1)
AT_ONCE = 500


class _Kept:
    """What the transaction calls when it is committed; one that is rolled back lets go of it instead."""

    def __init__(self, name: str) -> None:
        self._dropped = weakref.finalize(self, _drop, name)
        # A process that ends knows nothing of what became of the transaction.
        self._dropped.atexit = False

    def __call__(self) -> None:
        self._dropped.detach()


def save_with_rows(name: str, content: bytes) -> str:
    """Store a file for rows that this transaction, or an outer one, commits; return the name it got.

    To be called inside a transaction: where that is rolled back, even to a savepoint, the file is deleted.
    """
    saved = default_storage.save(name, ContentFile(content))
    transaction.on_commit(_Kept(saved))
    return saved


def delete_after_commit(names: Collection[str]) -> None:
    """Delete the files of rows that this transaction deletes."""
    transaction.on_commit(lambda: _delete(names))


def sweep(folder: str, *, rows_with: Callable[[Collection[str]], Collection[str]], now: datetime) -> int:
    """Delete files of a folder that are no row's, and older than a transaction takes; return how many.

    ``rows_with`` gives those of the names that belong to rows.
    """
    n = 0
    for names in _batches(_files_in(folder)):
        kept = set(rows_with(names))
        orphans = [name for name in names if name not in kept and _is_old(name, now)]
        _delete(orphans)
        n += len(orphans)
    return n


def _is_old(name: str, now: datetime) -> bool:
    try:
        return default_storage.get_modified_time(name) < now - TAKES_AT_MOST
    except FileNotFoundError:
        # Its row was deleted just now, and it with it.
        return False


def _drop(name: str) -> None:
    """Delete the file of a transaction that was rolled back, if that is certain."""
    used = connection.connection
    if used is None or used.closed:
        # The connection was lost, perhaps while committing: whoever sweeps looks at the rows.
        log.warning("Nobody knows whether %s is in use: the sweep will see.", name)
        return
    _delete([name])


def _delete(names: Iterable[str]) -> None:
    for name in names:
        try:
            default_storage.delete(name)
        except OSError as error:
            log.warning("%s is left to the sweep: %s", name, error)


def _files_in(folder: str) -> Iterator[str]:
    """Every file below a folder, by its whole name."""
    try:
        folders, files = default_storage.listdir(folder)
    except FileNotFoundError:
        return
    yield from (f"{folder}/{file}" for file in files)
    for inner in folders:
        yield from _files_in(f"{folder}/{inner}")


def _batches(names: Iterable[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    for name in names:
        batch.append(name)
        if len(batch) >= AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch
