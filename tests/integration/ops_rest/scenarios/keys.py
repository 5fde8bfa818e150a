"""Keys of organizations and of services."""

from __future__ import annotations

from ops_console.access.models import ApiKey
from ops_console.organizations.models import Organization
from ops_console.organizations.rights import Right
from tests import bearers, tenants
from tests.integration.ops_rest.scenarios.registry import REASON, Request, lists, retrieves, scenario


def api_key(of: Organization) -> ApiKey:
    return bearers.api_key(tenants.member(of, Right.ORG_READ), Right.ORG_READ).api_key


lists("api-keys", api_key)
lists("service-keys", lambda of: bearers.service_key("render"))
retrieves("api-keys", lambda of: api_key(of).pk)


@scenario("api-keys", "create")
def create_api_key(of: Organization) -> Request:
    return Request("POST", "api-keys", {"name": "till", "permissions": ["ORG_WRITE"]})


@scenario("api-keys", "revoke")
def revoke_api_key(of: Organization) -> Request:
    return Request("POST", f"api-keys/{api_key(of).pk}/revoke", REASON)


@scenario("service-keys", "create")
def create_service_key(of: Organization) -> Request:
    return Request("POST", "service-keys", {"name": "biller", "scope": "organizations"})


@scenario("service-keys", "revoke")
def revoke_service_key(of: Organization) -> Request:
    return Request("POST", f"service-keys/{bearers.service_key('render').service_key.pk}/revoke", REASON)
