"""Revoking a key by whatever one has of it, without knowing whose it is."""

from __future__ import annotations

from datetime import datetime

from ops_console.access.actors import Actor
from ops_console.access.key_texts import SHOWN_LENGTH, kind_of
from ops_console.access.models import ApiKey, ServiceKey
from ops_console.access.services.api_keys import revoke_api_key
from ops_console.access.services.service_keys import revoke_service_key
from ops_console.errors import Conflict, NotFound


def revoke_key(*, called: str, actor: Actor, now: datetime, reason: str = "") -> str:
    """Refuse the key of that id, shown beginning or whole text from its next request on; return its beginning.

    Raises:
        Conflict: several begin so.
        Forbidden: the actor may not revoke keys.
        InvalidTransition: it is revoked already.
        NotFound: there is none.
    """
    called = called[:SHOWN_LENGTH] if kind_of(called) else called
    found: list[ApiKey | ServiceKey] = [
        *ApiKey.objects.visible_to(actor).called(called).for_list()[:2],
        *ServiceKey.objects.called(called).for_list()[:2],
    ]
    if not found:
        raise NotFound(f"There is no key {called}.")
    if len(found) > 1:
        raise Conflict(f"Several keys begin with {called}: give the id.")
    (key,) = found
    if isinstance(key, ApiKey):
        revoke_api_key(api_key_id=key.pk, actor=actor, now=now, reason=reason)
    else:
        revoke_service_key(service_key_id=key.pk, actor=actor, now=now, reason=reason)
    return key.key_prefix
