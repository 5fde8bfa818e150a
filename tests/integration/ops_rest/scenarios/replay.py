"""Recordings, what members agree to, and what organizations say of both."""

from __future__ import annotations

from uuid import uuid4

from django.utils import timezone

from ops_console.organizations.models import Organization
from tests import replays, tenants
from tests.integration.ops_rest.scenarios.registry import REASON, Request, retrieves, scenario


def recording_of(of: Organization) -> str:
    return str(replays.recorded(tenants.member(of), now=timezone.now()).pk)


@scenario("recordings", "list")
def recordings(of: Organization) -> Request:
    recording_of(of)
    return Request("GET", f"recordings?organization={of.pk}")


retrieves("recordings", recording_of)


@scenario("recordings", "delete")
def delete(of: Organization) -> Request:
    return Request("DELETE", f"recordings/{recording_of(of)}")


@scenario("recordings", "record")
def record(of: Organization) -> Request:
    return Request("POST", f"recordings/{uuid4()}/chunks", {"number": 0, "events": replays.beginning(0)})


@scenario("consents", "own")
def consents(of: Organization) -> Request:
    return Request("PUT", "consents", {"touches": True})


@scenario("replay-settings", "retrieve")
def read_settings(of: Organization) -> Request:
    return Request("GET", f"replay-settings?organization={of.pk}")


@scenario("replay-settings", "update")
def set_settings(of: Organization) -> Request:
    body = {"provider": "local", "isOffered": False, "masksText": True, **REASON}
    return Request("PUT", f"replay-settings?organization={of.pk}", body)
