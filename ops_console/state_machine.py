"""Moving rows from state to state: the only code that assigns a status.

A transition is an UPDATE filtered on the allowed old states, so of two racing movers one wins; the event rows are
written in the same transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar

from django.db import models, transaction

from ops_console.errors import InvalidTransition, NotFound

M = TypeVar("M", bound=models.Model)


class TransitionEvent(models.Model):
    """Who moved a row from where to where, when and why. Subclasses add ``subject``, a key to the row."""

    id = models.BigAutoField(primary_key=True)
    from_status = models.CharField(max_length=16, blank=True)
    to_status = models.CharField(max_length=16)
    actor = models.CharField(max_length=200)
    reason = models.CharField(max_length=200, blank=True)
    at = models.DateTimeField()

    class Meta:
        abstract = True


class StateMachine(Generic[M]):
    """One table of allowed moves over one model's ``status``, with its event model.

    ``allowed`` maps a target state to the states it may be reached from.
    """

    def __init__(self, model: type[M], events: type[TransitionEvent], allowed: Mapping[str, frozenset[str]]) -> None:
        self.model = model
        self.events = events
        self.allowed = allowed

    def move(
        self,
        ids: Sequence[Any],
        to: str,
        *,
        actor: str,
        reason: str = "",
        at: datetime,
        **changes: Any,
    ) -> dict[Any, str]:
        """Move the rows that may move, write their events, return each moved id with its old state.

        Must run inside a transaction. Two queries to lock and move, one for the events, whatever the number.
        """
        with transaction.atomic():
            old: dict[Any, str] = dict(
                self.model._default_manager.select_for_update(of=("self",))
                .filter(pk__in=ids, status__in=self.allowed[to])
                .order_by("pk")
                .values_list("pk", "status")
            )
            if not old:
                return old
            self.model._default_manager.filter(pk__in=list(old)).update(status=to, **changes)
            self.events._default_manager.bulk_create(
                self.events(**{"subject_id": pk}, from_status=status, to_status=to, actor=actor, reason=reason, at=at)
                for pk, status in old.items()
            )
        return old

    def move_one(self, pk: Any, to: str, *, actor: str, reason: str = "", at: datetime, **changes: Any) -> str:
        """Move one row and return its old state.

        Raises:
            InvalidTransition: its state does not allow it.
            NotFound: there is no such row.
        """
        moved = self.move([pk], to, actor=actor, reason=reason, at=at, **changes)
        if pk in moved:
            return moved[pk]
        current = self.model._default_manager.filter(pk=pk).values_list("status", flat=True).first()
        if current is None:
            raise NotFound()
        raise InvalidTransition(current=str(current), wanted=to)
