"""Templates."""

from __future__ import annotations

from ops_console.organizations.models import Organization
from tests import authoring
from tests.integration.ops_rest.scenarios.registry import REASON, Request, lists, retrieves, scenario

lists("templates", authoring.template)
retrieves("templates", lambda of: authoring.template(of).template_id)


@scenario("templates", "create")
def create(of: Organization) -> Request:
    variables = [{"name": "day", "required": True, "defaultValue": "Monday"}]
    body = {"organization": str(of.pk), "name": "Shift", "body": "You fly on {{day}}.", "variables": variables}
    return Request("POST", "templates", body)


@scenario("templates", "update")
def update(of: Organization) -> Request:
    path = f"templates/{authoring.template(of).template_id}"
    return Request("PATCH", path, {"body": "On {{day}}.", **REASON})
