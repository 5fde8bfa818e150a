"""Who is using the console."""

from __future__ import annotations

from django.http import HttpRequest

from ops_console.access import policy
from ops_console.access.actors import Actor
from ops_console.organizations.models import Person
from ops_console.rest.client_address import client_address


def actor_of(request: HttpRequest) -> Actor | None:
    """The signed-in person as an actor; None before sign-in."""
    if not isinstance(request.user, Person):
        return None
    return Actor.staff(request.user, client_address(request.META))


def may(request: HttpRequest, resource: str, action: str) -> bool:
    """Whether the policy lets the signed-in person do it."""
    actor = actor_of(request)
    return actor is not None and policy.may(actor, resource, action)
