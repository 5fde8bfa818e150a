"""Devices and push credentials."""

from __future__ import annotations

from ops_console.organizations.models import Organization
from tests import pushing
from tests.fakes import apns
from tests.integration.ops_rest.scenarios.registry import Request, lists, retrieves, scenario

lists("devices", pushing.device)
retrieves("devices", lambda of: pushing.device(of).pk)
lists("push-credentials", pushing.credential)
retrieves("push-credentials", lambda of: pushing.credential(of).pk)


@scenario("devices", "own")
def read_vapid_key(of: Organization) -> Request:
    return Request("GET", "vapid-key")


@scenario("push-credentials", "create")
def set_credentials(of: Organization) -> Request:
    body = {"organization": str(of.pk), "provider": "apns", "secret": apns.signing_key()}
    return Request("POST", "push-credentials", body)


@scenario("push-credentials", "delete")
def delete_credentials(of: Organization) -> Request:
    return Request("DELETE", f"push-credentials/{pushing.credential(of).pk}")
